//! A cell of the matrix of providers, kinds of credentials and outcomes: what a diagnosis must tell there.
//!
//! A test's name is the cell: `provider__credential__outcome`, where the outcome is an error code in lower case or
//! `healthy`, and `__cause` may follow where one outcome has several. With `--nocapture` each prints what a person is
//! told.
#![expect(clippy::print_stdout, reason = "shown to who asks for it with --nocapture")]
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::diagnose::diagnose;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;
use tokio::io::AsyncWriteExt;

const DEADLINE: Duration = Duration::from_secs(10);

/// Connections to loopback.
pub(crate) fn private() -> Connections {
    with(|_| ())
}

/// Connections to loopback with other settings.
pub(crate) fn with(change: impl FnOnce(&mut ConnectionSettings)) -> Connections {
    let mut settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    change(&mut settings);
    Connections::new(settings).expect("the settings are sound")
}

/// Connections of little patience, for servers that never answer.
pub(crate) fn impatient() -> Connections {
    with(|settings| settings.answer_timeout = Duration::from_millis(300))
}

/// A server that gives one answer, whatever is asked.
pub(crate) async fn answering(answer: Answer) -> FaultProxy {
    failing(Fault::Answer(answer)).await
}

/// A server with a fault.
pub(crate) async fn failing(fault: Fault) -> FaultProxy {
    FaultProxy::alone(fault).await.expect("a port is free")
}

/// A server's address.
pub(crate) fn endpoint(server: &FaultProxy) -> Endpoint {
    Endpoint::parse(&server.endpoint()).expect("an address")
}

/// An https address where somebody listens who speaks no TLS.
pub(crate) async fn plain_https() -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    Endpoint::parse(&format!("https://{address}")).expect("an address")
}

/// An address where nothing listens.
pub(crate) async fn nobody() -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    Endpoint::parse(&format!("http://{address}")).expect("an address")
}

async fn diagnosed(target: &BucketTarget, connections: &Connections) -> Diagnosis {
    let response = diagnose(target, connections, CheckScope::Full, DEADLINE).await;
    let cell = std::thread::current().name().unwrap_or_default().to_owned();
    match response.failure() {
        Some(check) => println!(
            "{cell}: {} {}\n  {}\n  {}",
            serde_json::json!(check.name),
            check.error_code.map_or("", CheckCode::as_str),
            check.message,
            check.hint.as_deref().unwrap_or("-"),
        ),
        None => println!("{cell}: healthy"),
    }
    response
}

/// Every check passes.
pub(crate) async fn healthy(target: &BucketTarget, connections: &Connections) {
    let response = diagnosed(target, connections).await;
    assert!(response.is_healthy(), "{response:?}");
    let names: Vec<_> = response.checks.iter().map(|check| check.name).collect();
    assert!(names.ends_with(&[CheckName::List, CheckName::Write, CheckName::Read, CheckName::Delete]));
    let probed = probe(&*open(target, connections).expect("it opens"), DEADLINE).await;
    assert_eq!(probed.outcome, Ok(()));
}

/// The check fails with the code, and what a person is told contains `words`; nothing of it comes from the remote
/// side. A probe tells the same, and never that such a bucket is online.
pub(crate) async fn tells(
    target: &BucketTarget,
    connections: &Connections,
    (name, code): (CheckName, CheckCode),
    words: &str,
) {
    let response = diagnosed(target, connections).await;
    let found = response.checks.iter().find(|check| check.error_code == Some(code));
    let check = found.unwrap_or_else(|| panic!("{code:?} is not told: {response:?}"));
    assert_eq!(check.name, name, "{response:?}");
    assert!(!response.is_healthy());
    let text = format!("{} {}", check.message, check.hint.as_deref().unwrap_or_default());
    assert!(text.contains(words), "{words:?} is missing: {text}");
    let shown = serde_json::to_string(&response).expect("JSON");
    assert!(!shown.contains("remote side") && !shown.contains("hunter2"), "{shown}");
    if name <= CheckName::List
        && let Ok(driver) = open(target, connections)
    {
        let outcome = probe(&*driver, DEADLINE).await.outcome;
        // A key that may ask for the bucket and not list it sees that it is there.
        if !(code == CheckCode::AccessDeniedList && outcome.is_ok()) {
            assert_eq!(outcome.expect_err("it is not online").code, code);
        }
    }
}
