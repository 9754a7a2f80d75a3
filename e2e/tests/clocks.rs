//! A clock is wrong, at the client, at the server or at the provider: nothing is done, and it is said what to set right.

use std::time::Duration;

use bucketry_e2e::{
    CommandLine, OPEN_BUCKET, Person, Result, Server, eventually, list, options, s3_bucket,
    shared_s3_endpoint, text, with,
};
use bucketry_faults::{Answer, Fault, FaultProxy};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// How many requests were sent to providers, once the bucket was probed and before it is again.
async fn provider_requests(server: &Server) -> Result<u64> {
    let metrics = server.get("/metrics").send().await?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("bucketry_provider_requests_total "));
    Ok(line.and_then(|count| count.parse().ok()).unwrap_or_default())
}

async fn online(owner: &Person, id: &str) -> Result<()> {
    let look = async || owner.status_of(id).await;
    eventually("the bucket being ONLINE", SOON, look, |status| status == "ONLINE").await.map(drop)
}

#[tokio::test]
async fn a_request_signed_an_hour_off_is_refused_before_it_gets_to_the_provider() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Clocks", &[(&id, OPEN_BUCKET)]).await?;
    online(&owner, &id).await?;
    let path = format!("/{OPEN_BUCKET}/clocks-{}", std::process::id());
    let put = async |ahead| access.signed(Method::PUT, &path, ahead).raw("text/plain", "x").send().await;

    let before = provider_requests(&server).await?;
    for hours in [-1, 1] {
        let told = put(SignedDuration::from_hours(hours)).await?;
        assert_eq!(told.status, 403, "{}", told.text());
        assert!(told.text().contains("<Code>RequestTimeTooSkewed</Code>"), "{}", told.text());
        assert!(told.text().contains("Set the clock"), "{}", told.text());
    }
    assert_eq!(provider_requests(&server).await?, before, "nothing went to the provider");
    let missing = access.signed(Method::GET, &path, SignedDuration::ZERO).send().await?;
    assert_eq!(missing.status, 404, "{}", missing.text());

    // Less than the window is nobody's concern.
    assert_eq!(put(SignedDuration::from_mins(14)).await?.status, 200);
    assert!(provider_requests(&server).await? > before, "the count would have shown it");
    assert_eq!(access.signed(Method::DELETE, &path, SignedDuration::ZERO).send().await?.status, 204);
    Ok(())
}

/// What `doctor` found in a check.
fn finding<'a>(findings: &'a Value, check: &str) -> &'a Value {
    list(findings).iter().find(|finding| finding["check"] == check).unwrap_or(&Value::Null)
}

async fn doctor(terminal: &CommandLine, args: &[&str]) -> Result<Value> {
    let ended = terminal.run(&[&["doctor", "--json"], args].concat()).await?;
    serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("findings"))
}

#[tokio::test]
async fn doctor_tells_a_clock_that_differs_from_the_servers() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    assert_eq!(finding(&doctor(&terminal, &[]).await?, "clock")["ok"], true);

    let health = server.get("/health").send().await?.json_with_status(200)?;
    for (hours, how) in [(-1, "behind"), (1, "ahead of")] {
        let now: Timestamp = text(&health["time"]).parse().unwrap();
        let other = (now + SignedDuration::from_hours(hours)).to_string();
        let answer = Answer::new(200)
            .header("content-type", "application/json")
            .body(&with(&health, &json!({ "time": other })).to_string());
        let stub = FaultProxy::alone(Fault::Answer(answer)).await.unwrap();
        let findings = doctor(&terminal, &["--url", &stub.endpoint()]).await?;
        let clock = finding(&findings, "clock");
        assert_eq!(clock["ok"], false, "{findings}");
        for word in [how, "NTP", "RequestTimeTooSkewed"] {
            assert!(text(&clock["message"]).contains(word), "{word}: {clock}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn doctor_tells_a_provider_that_refuses_the_servers_clock() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    online(&owner, &id).await?;
    assert_eq!(finding(&doctor(&terminal, &[]).await?, "provider clock")["ok"], true);

    let store = FaultProxy::alone(Fault::Answer(Answer::clock_skew())).await.unwrap();
    let elsewhere =
        with(&body, &json!({ "name": "Films", "endpoint": store.endpoint(), "skipValidation": true }));
    owner.register(&elsewhere).await?;
    let look = async || Ok(finding(&doctor(&terminal, &[]).await?, "provider clock").clone());
    let told = eventually("doctor telling it", SOON, look, |told| told["ok"] == false).await?;
    for word in ["\"Films\"", "NTP"] {
        assert!(text(&told["message"]).contains(word), "{word}: {told}");
    }
    assert!(!text(&told["message"]).contains("Photos"), "{told}");
    Ok(())
}
