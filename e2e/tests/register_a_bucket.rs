//! The product's main job: a bucket that exists at an S3 server is registered, seen, measured, changed and deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, OPEN_BUCKET, Options, Person, READ_ONLY, Result, SCOPED_BUCKET, Server, WRITE_ONLY, each,
    eventually, list, members, opened_by, options, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn probing_often() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1"))
}

/// A server, its owner, and the request that registers a bucket in the owner's workspace.
async fn deployment() -> Result<(Server, Person, Value)> {
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    let body = s3_bucket("Holiday photos", OPEN_BUCKET, &shared_s3_endpoint()?, &workspace);
    Ok((server, owner, body))
}

async fn online(owner: &Person, id: &str) -> Result<Value> {
    let look = async || owner.bucket(id).await;
    eventually("the bucket being ONLINE", SOON, look, |bucket| bucket["status"] == "ONLINE").await
}

/// The bucket, once it is listed with this value. Another control plane may list it as it was a moment ago.
async fn listed_with(owner: &Person, id: &str, field: &str, value: &Value) -> Result<Value> {
    let look = async || owner.bucket(id).await;
    eventually("the change being listed", SOON, look, |bucket| bucket[field] == *value).await
}

fn is_time(value: &Value) -> bool {
    let time = text(value);
    // Times have milliseconds and Z, as in JavaScript.
    time.len() == "2026-01-31T00:00:00.000Z".len()
        && time.ends_with('Z')
        && time.parse::<jiff::Timestamp>().is_ok()
}

fn failed_code(refusal: &Value) -> &str {
    let failed = list(&refusal["checks"]).iter().find(|check| check["ok"] == false);
    failed.map(|check| text(&check["error_code"])).unwrap_or_default()
}

fn is_listed_as_registered(bucket: &Value, body: &Value) {
    assert_eq!(
        members(bucket),
        BTreeSet::from([
            "bucket",
            "createdAt",
            "credentialSetAt",
            "endpoint",
            "hasSecret",
            "id",
            "key",
            "lastStatusAt",
            "latency_ms",
            "onlineSince",
            "name",
            "provider",
            "region",
            "repos",
            "status",
            "storageType",
            "updatedAt",
            "workspaceId",
        ])
    );
    for field in ["name", "bucket", "storageType", "key", "endpoint", "region", "workspaceId"] {
        assert_eq!(bucket[field], body[field], "{field}");
    }
    assert_eq!(bucket["hasSecret"], true);
    assert_eq!(bucket["provider"], "OTHER");
    assert_eq!(bucket["repos"], json!([]));
    assert!(bucket["latency_ms"].is_u64(), "{bucket}");
    for field in ["createdAt", "updatedAt", "lastStatusAt"] {
        assert!(is_time(&bucket[field]), "{field} of {bucket}");
    }
}

#[tokio::test]
async fn a_registered_bucket_is_listed_and_measured() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let answer = owner.post("/bucket", &body).send().await?;
    let created = answer.json_with_status(200)?;
    assert_eq!(members(&created), BTreeSet::from(["bucketId", "success"]), "{created}");
    let id = text(&created["bucketId"]);

    let bucket = online(&owner, id).await?;
    is_listed_as_registered(&bucket, &body);
    let list = owner.get("/bucket").send().await?.text();
    assert!(list.starts_with(r#"{"success":true,"#), "{list}");
    assert!(!list.contains(ADMIN.secret) && !list.contains("BEGIN AGE"), "{list}");

    let response = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    assert_eq!(
        members(&response),
        BTreeSet::from(["bucketId", "nodeStatus"]),
        "the contract has no `success` here"
    );
    let node = &response["nodeStatus"][0];
    assert_eq!((&node["ip"], &node["status"]), (&json!("embedded"), &json!("ONLINE")));
    assert!(node["region"].is_string() && node["version"].is_string(), "{node}");
    assert!(node["latency_ms"].is_u64() && node["latency_ms"] == node["latencyMs"], "{node}");
    assert!(is_time(&node["lastUpdated"]), "{node}");

    let day = json!({ "day": bucket["lastStatusAt"] });
    let response = owner.post(&format!("/bucket/{id}/stats"), &day).send().await?.json_with_status(200)?;
    let node = &response["nodeStats"][0];
    assert_eq!((&node["ip"], &node["node_status"]), (&json!("embedded"), &json!("ONLINE")));
    assert_eq!((&node["perc_uptime"], &node["failures"]), (&json!(100.0), &json!(0)));
    assert!(text(&node["host"]).starts_with("*-"), "{node}");
    assert!(node["avg_latency_ms"].is_number() && node["last_latency_ms"].is_number(), "{node}");
    assert!(node["p50_latency_ms"].is_number() && node["p99_latency_ms"].is_number(), "{node}");
    assert!(node["probes"].as_u64() >= Some(1) && node["last_error"].is_null(), "{node}");
    assert!(is_time(&node["last_updated"]) && node["version"].is_string(), "{node}");
    Ok(())
}

#[tokio::test]
async fn totals_and_available_buckets_have_the_shapes_of_the_contract() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let id = owner.register(&body).await?;
    let other = owner.register(&with(&body, &json!({ "name": "Other" }))).await?;

    let zeros = |id: &str, field: &str| {
        json!({
            field: id, "totalCount": "0", "totalUploadBytes": "0", "totalDownloadBytes": "0", "totalSizeChange": "0",
        })
    };
    for (path, expected) in [
        ("/bucket/stats".to_owned(), vec![zeros(&other, "bucketId"), zeros(&id, "bucketId")]),
        (format!("/bucket/stats?bucketId={id}"), vec![zeros(&id, "bucketId")]),
        (
            format!("/bucket/stats?bucketId={id}%2C{other}"),
            vec![zeros(&id, "bucketId"), zeros(&other, "bucketId")],
        ),
        ("/bucket/stats?bucketId=undefined&limit=1".to_owned(), vec![zeros(&other, "bucketId")]),
        ("/unit/stats".to_owned(), vec![zeros(&other, "unitId"), zeros(&id, "unitId")]),
        (format!("/unit/stats?unitId={id}"), vec![zeros(&id, "unitId")]),
    ] {
        let response = owner.get(&path).send().await?.json_with_status(200)?;
        assert_eq!((&response["success"], &response["stats"]), (&json!(true), &json!(expected)), "{path}");
    }

    let answer = owner.get("/bucket/available?").send().await?;
    let response = answer.json_with_status(200)?;
    let listed = response.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        members(&listed[1]),
        BTreeSet::from(["bucket", "createdAt", "id", "key", "name", "status", "storageType", "workspaceId"])
    );
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&json!(other), &json!(id)), "newest first");

    let first = owner.get("/bucket?limit=1").send().await?.json_with_status(200)?;
    assert_eq!(first["buckets"][0]["id"], json!(other));
    let cursor = text(&first["nextCursor"]);
    let second =
        owner.get(&format!("/bucket?limit=1&cursor={cursor}")).send().await?.json_with_status(200)?;
    assert_eq!((&second["buckets"][0]["id"], &second["nextCursor"]), (&json!(id), &Value::Null));
    let first = owner.get("/bucket/available?limit=1").send().await?;
    let cursor = first.header("x-next-cursor").unwrap();
    let path = format!("/bucket/available?limit=1&cursor={cursor}");
    let second = owner.get(&path).send().await?;
    assert_eq!(second.json_with_status(200)?[0]["id"], json!(id));
    assert_eq!(second.header("x-next-cursor"), None);
    Ok(())
}

#[tokio::test]
async fn an_update_is_tried_before_it_is_stored() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let id = owner.register(&body).await?;
    let path = format!("/bucket/{id}");
    let before = online(&owner, &id).await?;

    let renamed = owner.put(&path, &json!({ "name": "Renamed" })).send().await?.json_with_status(200)?;
    assert_eq!((&renamed["success"], &renamed["bucketId"]), (&json!(true), &json!(id)));
    assert_eq!(renamed["status"], "ONLINE");
    assert!(renamed["checks"].is_null(), "renaming needs no validation: {renamed}");
    let after = listed_with(&owner, &id, "name", &json!("Renamed")).await?;
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str(), "{after}");

    let wrong = json!({ "name": "Lost", "secret": "not-the-secret-of-this-key", "bucket": SCOPED_BUCKET });
    let refused = owner.put(&path, &wrong).send().await?.json_with_status(400)?;
    assert_eq!(refused["error_code"], "VALIDATION_FAILED");
    assert_eq!(failed_code(&refused), "SECRET_WRONG", "{refused}");
    let unchanged = listed_with(&owner, &id, "name", &json!("Renamed")).await?;
    for field in ["name", "bucket", "key", "updatedAt"] {
        assert_eq!(unchanged[field], after[field], "{field}");
    }
    let still = owner.call(Method::POST, &format!("{path}/validate")).send().await?;
    assert_eq!(still.json_with_status(200)?["status"], "ONLINE", "the stored secret is unchanged");

    let right = json!({ "bucket": SCOPED_BUCKET, "secret": ADMIN.secret, "endpoint": body["endpoint"] });
    let updated = owner.put(&path, &right).send().await?.json_with_status(200)?;
    assert_eq!(updated["status"], "ONLINE");
    assert!(updated["latency_ms"].is_u64(), "{updated}");
    listed_with(&owner, &id, "bucket", &json!(SCOPED_BUCKET)).await?;

    // The public client always sends these four fields, changed or not.
    let same = json!({
        "name": "Renamed", "bucket": SCOPED_BUCKET, "storageType": "S3", "workspaceId": body["workspaceId"],
    });
    owner.put(&path, &same).send().await?.json_with_status(200)?;

    let cleared = owner.put(&path, &json!({ "region": "" })).send().await?.json_with_status(200)?;
    assert_eq!(cleared["status"], "ONLINE");
    listed_with(&owner, &id, "region", &Value::Null).await?;
    Ok(())
}

#[tokio::test]
async fn a_validation_uses_what_is_stored_and_what_is_sent_in_its_place() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let body = with(&body, &json!({ "bucket": SCOPED_BUCKET }));
    let path = format!("/bucket/{}/validate", owner.register(&body).await?);

    // The contract's call without a body has no content type either.
    let response = owner.call(Method::POST, &path).send().await?.json_with_status(200)?;
    assert_eq!((&response["success"], &response["status"]), (&json!(true), &json!("ONLINE")));
    assert!(response["message"].is_string() && response["latency_ms"].is_u64(), "{response}");
    assert_eq!(
        each(&response["checks"], "name"),
        ["dns", "connect", "authenticate", "bucket", "list", "write", "read", "delete"]
    );
    for check in list(&response["checks"]) {
        assert!(
            check["ok"] == true && check["latency_ms"].is_u64() && check["message"].is_string(),
            "{check}"
        );
    }

    let trial = |body: Value| owner.post(&path, &body).send();
    let refused = trial(json!({ "secret": "something-else" })).await?.json_with_status(400)?;
    assert_eq!(
        (&refused["error_code"], failed_code(&refused)),
        (&json!("VALIDATION_FAILED"), "SECRET_WRONG")
    );
    assert_eq!(refused["status"], "OFFLINE");
    let elsewhere = json!({ "bucket": "there-is-no-such", "secret": ADMIN.secret });
    let refused = trial(elsewhere).await?.json_with_status(400)?;
    assert_eq!(failed_code(&refused), "BUCKET_NOT_FOUND");

    let reader = opened_by(&json!({}), READ_ONLY);
    let refused = trial(reader.clone()).await?.json_with_status(400)?;
    assert_eq!(failed_code(&refused), "ACCESS_DENIED_WRITE");
    let response = trial(with(&reader, &json!({ "checks": "read-only" }))).await?.json_with_status(200)?;
    assert_eq!(
        each(&response["checks"], "name"),
        ["dns", "connect", "authenticate", "bucket", "list", "read"]
    );
    let refused = trial(opened_by(&json!({}), WRITE_ONLY)).await?.json_with_status(400)?;
    assert_eq!(failed_code(&refused), "ACCESS_DENIED_LIST");

    let response = owner.call(Method::POST, &path).send().await?.json_with_status(200)?;
    assert_eq!(response["status"], "ONLINE", "none of this was stored");
    Ok(())
}

#[tokio::test]
async fn a_deleted_bucket_is_gone_and_its_name_is_free() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let id = owner.register(&body).await?;
    let path = format!("/bucket/{id}");
    let again = owner.post("/bucket", &with(&body, &json!({ "name": " HOLIDAY photos " }))).send().await?;
    assert_eq!(again.json_with_status(400)?["error_code"], "NAME_ALREADY_USED");

    let response = owner.delete(&path).send().await?.json_with_status(200)?;
    assert_eq!(response, json!({ "success": true }));
    assert_eq!(owner.buckets().await?, Vec::<Value>::new());
    let day = json!({ "day": "2026-01-31" });
    for (call, what) in [
        (owner.delete(&path), "delete again"),
        (owner.put(&path, &json!({ "name": "x" })), "update"),
        (owner.get(&format!("{path}/status")), "status"),
        (owner.call(Method::POST, &format!("{path}/validate")), "validate"),
    ] {
        let refused = call.send().await?.json_with_status(404)?;
        assert_eq!(
            (&refused["success"], &refused["error_code"]),
            (&json!(false), &json!("NOT_FOUND")),
            "{what}"
        );
    }
    // Measurements are retained and can be read by the bucket's id.
    let day = owner.post(&format!("{path}/stats"), &day).send().await?.json_with_status(200)?;
    assert_eq!(day["nodeStats"], json!([]));
    let totals = owner.get(&format!("/bucket/stats?bucketId={id}")).send().await?.json_with_status(200)?;
    assert_eq!(each(&totals["stats"], "bucketId"), [id.as_str()]);

    let new = owner.register(&body).await?;
    assert_ne!(new, id);
    online(&owner, &new).await?;
    Ok(())
}
