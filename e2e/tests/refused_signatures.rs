//! Invalid presigned URLs created with boto3: each is refused with the reason, and none reaches the provider.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Person, RepositoryAccess, Result, Server, eventually, list, options, s3_bucket,
    shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

async fn provider_requests(server: &Server) -> Result<u64> {
    let metrics = server.get("/metrics").send().await?.text();
    let lines = metrics.lines().filter(|line| line.starts_with("bucketry_provider_requests_total{"));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

#[tokio::test]
async fn presigned_urls_that_do_not_hold_are_refused_with_the_reason() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let folder = format!("refused-{}", std::process::id());
    let place = json!([{ "bucketId": id, "folder": folder, "master": false }]);
    let fields = json!({ "name": "Refused", "repoBuckets": place });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    let put = async || Ok(access.object(Method::PUT, "there").raw("text/plain", "x").send().await?.status);
    eventually("an object being stored", SOON, put, |status| *status == 200).await?;
    let look = async || owner.status_of(&id).await;
    eventually("the bucket being ONLINE", SOON, look, |status| status == "ONLINE").await?;

    let before = provider_requests(&server).await?;
    let response = access.run_script("refused_signatures.py", &["there", "missing"]).await?;
    assert_eq!(response["good"], json!([200, null, "x"]));
    assert_eq!(
        response["old and alive"],
        json!([200, null, "x"]),
        "an hour-old URL is accepted until it expires"
    );
    assert_eq!(response["usual form"], "v2", "boto3 uses the old form by default: {response}");
    for case in ["v2 get", "v2 put"] {
        refused(&response, case, (400, "InvalidRequest"), &["Version 2", "signature_version='s3v4'"]);
    }
    for case in ["expired get", "expired put"] {
        refused(&response, case, (403, "AccessDenied"), &["Request has expired", "for 1 seconds"]);
    }
    for case in [
        "other key",
        "longer life",
        "parameter added",
        "parameter changed",
        "other method",
        "put to another key",
        "get as put",
    ] {
        refused(&response, case, (403, "SignatureDoesNotMatch"), &[]);
    }
    let after = provider_requests(&server).await?;
    assert_eq!(after - before, 2, "only the two valid ones reached the provider");
    for (key, status) in [("there", 200), ("missing", 404), ("missing-2", 404)] {
        assert_eq!(access.object(Method::GET, key).send().await?.status, status, "{key}");
    }
    Ok(())
}

fn refused(response: &Value, case: &str, (status, code): (u16, &str), words: &[&str]) {
    let answer = &response[case];
    assert_eq!((&answer[0], &answer[1]), (&json!(status), &json!(code)), "{case}: {answer}");
    for word in words {
        assert!(text(&answer[2]).contains(word), "{case}: {word}: {answer}");
    }
}

/// The records of refused uses of keys, by code.
async fn refused_uses(owner: &Person) -> Result<Vec<Value>> {
    let found = owner.get("/audit?kind=repokey&action=used&limit=100").send().await?.json_with_status(200)?;
    Ok(list(&found["records"]).to_vec())
}

#[tokio::test]
async fn refused_uses_of_keys_are_in_the_audit_before_the_server_stops() -> Result<()> {
    let mut server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let place = json!([{ "bucketId": id, "folder": "refused-uses", "master": false }]);
    let fields = json!({ "name": "Refused", "repoBuckets": place });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    let get = async || Ok(access.object(Method::GET, "missing").send().await?.status);
    eventually("the key being known", SOON, get, |status| *status == 404).await?;
    let secret = "another-secret-key-of-forty-characters!!".to_owned();
    let wrong = RepositoryAccess { secret, ..access.clone() };
    for _ in 0..5 {
        assert_eq!(wrong.object(Method::GET, "missing").send().await?.status, 403);
    }
    for number in 0..5 {
        let key = format!("BKTNOBODYNOBODYNOB{number:02}");
        let nobody = RepositoryAccess { key, ..access.clone() };
        assert_eq!(nobody.object(Method::GET, "missing").send().await?.status, 403);
    }
    // A node reports what it counted once a minute, and when it stops.
    server.terminate().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    let look = async || refused_uses(&owner).await;
    let find = |records: &[Value], code: &str| records.iter().find(|one| one["errorCode"] == code).cloned();
    let (wrong, unknown) = ("SignatureDoesNotMatch", "InvalidAccessKeyId");
    let both = |records: &Vec<Value>| find(records, wrong).and(find(records, unknown)).is_some();
    let records = eventually("a record of each kind", SOON, look, both).await?;
    let known = find(&records, wrong).unwrap();
    // The test library finds out with wrong signatures whether the gateway knows the key.
    assert!(known["repeats"].as_u64() >= Some(5) && known["address"] == "127.0.0.1", "{known}");
    assert!(known["targetId"].is_string(), "{known}");
    let unknown = find(&records, unknown).unwrap();
    assert!(unknown["repeats"].as_u64() >= Some(5) && unknown["actor"] == "embedded", "{unknown}");
    Ok(())
}
