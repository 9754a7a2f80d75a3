//! Buckets that can't be opened: the errors when a server refuses, is broken, or isn't there. Nothing is stored.

use std::time::Duration;

use bucketry_e2e::{
    NO_LIST, OPEN_BUCKET, Person, READ_ONLY, Result, SCOPED_BUCKET, Server, WRITE_ONLY, list, opened_by,
    options, s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Answer, Fault, FaultProxy};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The checks take at most 10 s in total; the rest is a reserve for a busy machine.
const BOUND: Duration = Duration::from_secs(15);

async fn deployment() -> Result<(Server, Person, Value)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    Ok((server, owner, body))
}

/// Registers a bucket, which must be refused. Returns the name of the first failed check and the codes of all
/// failed ones.
async fn refused(owner: &Person, body: &Value) -> Result<(String, Vec<String>)> {
    let answer = owner.post("/bucket", body).send().await?;
    let response = answer.json_with_status(400)?;
    assert_eq!(response["error_code"], "VALIDATION_FAILED", "{response}");
    let checks = list(&response["checks"]);
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] == false).collect();
    let first = failed.first().ok_or_else(|| answer.unlike("a failed check"))?;
    // The response's message is that of the check, followed by what to change.
    let message = text(&response["message"]);
    assert!(message.starts_with(text(&first["message"])), "{response}");
    assert!(message.contains(text(&first["hint"])), "{response}");
    assert!(!answer.text().contains(text(&body["secret"])), "{response}");
    let codes = failed.iter().map(|check| text(&check["error_code"]).to_owned()).collect();
    Ok((text(&first["name"]).to_owned(), codes))
}

fn failure(name: &str, codes: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), codes.iter().map(|code| (*code).to_owned()).collect())
}

#[tokio::test]
async fn a_real_server_that_refuses_is_understood() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let scoped = with(&body, &json!({ "bucket": SCOPED_BUCKET }));
    for (members, name, codes) in [
        (json!({ "secret": "this-is-not-its-secret" }), "authenticate", ["SECRET_WRONG"]),
        (json!({ "key": "AKIDNOBODY" }), "authenticate", ["KEY_UNKNOWN"]),
        (json!({ "bucket": "there-is-no-such" }), "bucket", ["BUCKET_NOT_FOUND"]),
    ] {
        assert_eq!(refused(&owner, &with(&body, &members)).await?, failure(name, &codes), "{members}");
    }
    assert_eq!(
        refused(&owner, &opened_by(&scoped, READ_ONLY)).await?,
        failure("write", &["ACCESS_DENIED_WRITE"])
    );
    assert_eq!(
        refused(&owner, &opened_by(&scoped, WRITE_ONLY)).await?,
        failure("list", &["ACCESS_DENIED_LIST", "ACCESS_DENIED_READ"])
    );
    assert_eq!(
        refused(&owner, &opened_by(&scoped, NO_LIST)).await?,
        failure("list", &["ACCESS_DENIED_LIST"])
    );
    assert_eq!(
        refused(&owner, &opened_by(&body, READ_ONLY)).await?.1[0],
        "ACCESS_DENIED_LIST",
        "a bucket that the key has no access to"
    );
    assert_eq!(owner.buckets().await?.len(), 0);

    let read_only = with(&opened_by(&scoped, READ_ONLY), &json!({ "checks": "read-only" }));
    owner.register(&read_only).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_is_no_object_store() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let at = |endpoint: &str| with(&body, &json!({ "endpoint": endpoint }));
    // A port on which nothing listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        refused(&owner, &at(&format!("http://{closed}"))).await?,
        failure("connect", &["CONNECTION_REFUSED"])
    );
    assert_eq!(refused(&owner, &at("http://no-such-host.invalid")).await?, failure("dns", &["DNS_FAILED"]));
    let plain = shared_s3_endpoint()?.replace("http://", "https://");
    assert_eq!(refused(&owner, &at(&plain)).await?, failure("tls", &["TLS_FAILED"]));

    let web = FaultProxy::alone(Fault::Answer(Answer::html_page())).await.unwrap();
    assert_eq!(
        refused(&owner, &at(&web.endpoint())).await?,
        failure("authenticate", &["NOT_AN_OBJECT_STORE"])
    );
    web.set(Fault::Garbage);
    let (name, codes) = refused(&owner, &at(&web.endpoint())).await?;
    assert_eq!(name, "authenticate");
    assert!(["NOT_AN_OBJECT_STORE", "PROVIDER_ERROR"].contains(&codes[0].as_str()), "{codes:?}");
    assert_eq!(owner.buckets().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_server_in_trouble_is_understood() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let store = FaultProxy::alone(Fault::Answer(Answer::slow_down(1))).await.unwrap();
    let body = with(&body, &json!({ "endpoint": store.endpoint() }));
    for (fault, code) in [
        (Fault::Answer(Answer::slow_down(1)), "PROVIDER_THROTTLED"),
        (Fault::Answer(Answer::too_many_requests(1)), "PROVIDER_THROTTLED"),
        (Fault::Answer(Answer::clock_skew()), "CLOCK_SKEW"),
        (Fault::Answer(Answer::internal_error()), "PROVIDER_ERROR"),
        (Fault::Answer(Answer::wrong_region("eu-north-1")), "WRONG_REGION"),
        (Fault::Reset, "PROVIDER_ERROR"),
        (Fault::CloseEarly, "PROVIDER_ERROR"),
        (Fault::CloseMidBody, "PROVIDER_ERROR"),
    ] {
        store.set(fault.clone());
        let (_, codes) = refused(&owner, &body).await?;
        assert_eq!(codes, [code], "{fault:?}");
    }
    store.set(Fault::Answer(Answer::wrong_region("eu-north-1")));
    let response = owner.post("/bucket", &body).send().await?.json_with_status(400)?;
    assert!(text(&response["message"]).contains("eu-north-1"), "the right region is shown: {response}");
    assert!(
        !response.to_string().contains("text of the remote side"),
        "the remote side's text is not passed on"
    );
    assert_eq!(owner.buckets().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let inner = FaultProxy::alone(Fault::Answer(Answer::html_page())).await.unwrap();
    let store = FaultProxy::alone(Fault::Answer(Answer::redirect_to(&inner.endpoint()))).await.unwrap();
    let (_, codes) = refused(&owner, &with(&body, &json!({ "endpoint": store.endpoint() }))).await?;
    assert_eq!(codes, ["NOT_AN_OBJECT_STORE"]);
    assert!(store.faults_met() >= 1);
    assert_eq!(inner.faults_met(), 0);
    Ok(())
}

#[tokio::test]
async fn a_server_that_stalls_holds_nobody_up_for_long() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let mut stores = Vec::new();
    for fault in [Fault::StallBeforeHeaders, Fault::StallReading, Fault::StallMidBody { after: 20 }] {
        stores.push(FaultProxy::alone(fault).await.unwrap());
    }
    let started = Instant::now();
    let attempts = stores.iter().enumerate().map(|(number, store)| {
        let body =
            with(&body, &json!({ "endpoint": store.endpoint(), "name": format!("Stalling {number}") }));
        let owner = owner.clone();
        tokio::spawn(async move { refused(&owner, &body).await })
    });
    let attempts: Vec<_> = attempts.collect();
    // A bucket at a responsive server isn't delayed by them.
    let other = Instant::now();
    owner.register(&body).await?;
    assert!(other.elapsed() < Duration::from_secs(5), "{:?}", other.elapsed());
    for attempt in attempts {
        let (_, codes) = attempt.await.unwrap()?;
        assert_eq!(codes, ["CONNECT_TIMEOUT"]);
    }
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    assert_eq!(owner.buckets().await?.len(), 1);
    Ok(())
}
