//! Cells of the matrix of provider, kind of credential and outcome: what a diagnosis must report.
//!
//! The name of a test is its cell: `provider__credential__outcome`. The outcome is an error code in lower case or
//! `healthy`. If an outcome has several causes, `__cause` follows. With `--nocapture`, each test prints the message
//! that the user sees.
#![expect(clippy::print_stdout, reason = "the output is for runs with --nocapture")]
#![expect(clippy::expect_used, clippy::panic, reason = "test helpers fail by panicking")]

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

/// Connections that may reach loopback.
pub(crate) fn private() -> Connections {
    with(|_| ())
}

/// Connections that may reach loopback, with other settings changed.
pub(crate) fn with(change: impl FnOnce(&mut ConnectionSettings)) -> Connections {
    let mut settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    change(&mut settings);
    Connections::new(settings).expect("the settings are valid")
}

/// Connections with short timeouts, for servers that never respond.
pub(crate) fn impatient() -> Connections {
    with(|settings| settings.answer_timeout = Duration::from_millis(300))
}

/// A server that gives one response to every request.
pub(crate) async fn answering(answer: Answer) -> FaultProxy {
    failing(Fault::Answer(answer)).await
}

/// A server with a fault.
pub(crate) async fn failing(fault: Fault) -> FaultProxy {
    FaultProxy::alone(fault).await.expect("a port is free")
}

/// The address of a server.
pub(crate) fn endpoint(server: &FaultProxy) -> Endpoint {
    Endpoint::parse(&server.endpoint()).expect("an address")
}

/// An https address with a listener that doesn't speak TLS.
pub(crate) async fn plain_https() -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
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
    let address = listener.local_addr().expect("the listener is bound");
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

/// Asserts that every check passes.
pub(crate) async fn healthy(target: &BucketTarget, connections: &Connections) {
    let response = diagnosed(target, connections).await;
    assert!(response.is_healthy(), "{response:?}");
    let names: Vec<_> = response.checks.iter().map(|check| check.name).collect();
    assert!(names.ends_with(&[CheckName::List, CheckName::Write, CheckName::Read, CheckName::Delete]));
    let probed = probe(&*open(target, connections).expect("the bucket opens"), DEADLINE).await;
    assert_eq!(probed.outcome, Ok(()));
}

/// Asserts that check `name` fails with `code`, and that its message or hint contains `words` but no text of the
/// remote side. A probe must report the same code and must never report the bucket as online.
pub(crate) async fn tells(
    target: &BucketTarget,
    connections: &Connections,
    (name, code): (CheckName, CheckCode),
    words: &str,
) {
    let response = diagnosed(target, connections).await;
    let found = response.checks.iter().find(|check| check.error_code == Some(code));
    let check = found.unwrap_or_else(|| panic!("{code:?} is not reported: {response:?}"));
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
        // A key that may look up the bucket but not list it sees the bucket as available.
        if !(code == CheckCode::AccessDeniedList && outcome.is_ok()) {
            assert_eq!(outcome.expect_err("the probe must fail").code, code);
        }
    }
}
