//! The nine bucket calls of the public contract.

use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::{Clock as _, Day};
use bucketry_model::uptime::ProbeSample;
use bucketry_model::usage::UsageRow;
use bucketry_store::status::ProbeBatch;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use crate::deployment::{Deployment, MISSING_BUCKET};
use crate::snapshot::Redactions;

#[tokio::test]
async fn a_registered_bucket_is_listed_with_every_field_of_the_contract() {
    let deployment = Deployment::start().await;
    let created = deployment.post("/bucket", deployment.bucket_fields("Holiday photos")).await;
    assert_eq!(created.status, 200, "{}", created.text);
    let mut redactions = Redactions::default();
    insta::assert_compact_json_snapshot!(redactions.apply(&created.body), @r#"{"bucketId": "id 1", "success": true}"#);

    let list = deployment.get("/bucket?workspaceId=undefined&walletAddress=undefined").await;
    assert_eq!(list.status, 200);
    assert_eq!(
        list.body,
        json!({ "success": true, "buckets": [{
            "id": created.body["bucketId"], "name": "Holiday photos", "bucket": "photos", "storageType": "S3",
            "key": "AKIA", "hasSecret": true, "endpoint": "https://s3.example.com", "region": "eu-central-1",
            "provider": "OTHER", "status": "ONLINE", "onlineSince": "2026-03-01T12:00:00.000Z", "latency_ms": 3,
            "lastStatusAt": "2026-03-01T12:00:00.000Z", "createdAt": "2026-03-01T12:00:00.000Z",
            "updatedAt": "2026-03-01T12:00:00.000Z", "credentialSetAt": "2026-03-01T12:00:00.000Z",
            "workspaceId": deployment.first.workspace_id, "repos": [],
        }] })
    );
    assert!(!list.text.contains("hunter2"), "secrets are never returned");
    let id = created.body["bucketId"].as_str().unwrap_or_default();
    let one = deployment.get(&format!("/bucket/{id}")).await;
    assert_eq!(one.body, json!({ "success": true, "bucket": list.body["buckets"][0] }), "{}", one.text);

    let available = deployment.get("/bucket/available?").await;
    insta::assert_compact_json_snapshot!(redactions.apply(&available.body), @r#"
    [
      {
        "bucket": "photos",
        "createdAt": "2026-03-01T12:00:00.000Z",
        "id": "id 1",
        "key": "AKIA",
        "name": "Holiday photos",
        "status": "ONLINE",
        "storageType": "S3",
        "workspaceId": "id 2"
      }
    ]
    "#);
}

#[tokio::test]
async fn another_registration_is_named_to_those_who_may_see_it() {
    let deployment = Deployment::start().await;
    let first = deployment.add_bucket("First").await;
    let second = deployment.post("/bucket", deployment.bucket_fields("Second")).await;
    assert_eq!(
        second.body["alsoRegistered"],
        json!([{ "bucketId": first, "name": "First" }]),
        "{}",
        second.text
    );

    // In a workspace where the first isn't visible to its members.
    let workspace = deployment.post("/workspace", json!({ "name": "Apart" })).await;
    let workspace = &workspace.body["workspace"]["id"];
    let mut apart = deployment.bucket_fields("Third");
    apart["workspaceId"] = workspace.clone();
    let third = deployment.post("/bucket", apart).await;
    assert_eq!(third.body["alsoRegistered"].as_array().map(Vec::len), Some(2), "{}", third.text);

    let token = json!({ "name": "of one workspace", "workspaceId": workspace, "role": "WRITE" });
    let token = deployment.post("/token", token).await.body["token"].as_str().unwrap().to_owned();
    let mut blind = deployment.bucket_fields("Blind");
    blind["workspaceId"] = workspace.clone();
    let blind = deployment.ask_as(Some(&token), Method::POST, "/bucket", Some(blind)).await;
    assert_eq!(blind.body["alsoRegistered"][0]["name"], "Third", "{}", blind.text);
    assert_eq!(blind.body["alsoRegistered"].as_array().map(Vec::len), Some(1), "others are not disclosed");

    let mut elsewhere = deployment.bucket_fields("Fourth");
    elsewhere["endpoint"] = "https://s3.other.example".into();
    let fourth = deployment.post("/bucket", elsewhere.clone()).await;
    assert_eq!(fourth.body["alsoRegistered"], json!(null), "{}", fourth.text);
    let path = format!("/bucket/{}", fourth.body["bucketId"].as_str().unwrap());
    let renamed = deployment.put(&path, json!({ "name": "Fifth" })).await;
    assert_eq!(renamed.body["alsoRegistered"], json!(null), "the place is the same");
    elsewhere["endpoint"] = "https://s3.example.com".into();
    let moved = deployment.put(&path, elsewhere).await;
    assert_eq!(moved.body["alsoRegistered"].as_array().map(Vec::len), Some(4), "{}", moved.text);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_opened_is_not_registered_and_the_checks_are_told() {
    let deployment = Deployment::start().await;
    let mut fields = deployment.bucket_fields("a");
    fields["bucket"] = MISSING_BUCKET.into();
    let refused = deployment.post("/bucket", fields).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_FAILED"), "{}", refused.text);
    assert_eq!(refused.body["checks"][1]["error_code"], "BUCKET_NOT_FOUND");
    assert_eq!(refused.body["checks"][1]["hint"], "create it");
    assert_eq!(refused.body["success"], false);
    assert_eq!(deployment.get("/bucket").await.body["buckets"], json!([]));
}

#[tokio::test]
async fn registering_changing_and_validating_answer_the_same_checks_when_they_refuse() {
    let deployment = Deployment::start().await;
    let mut fields = deployment.bucket_fields("Photos");
    let created = deployment.post("/bucket", fields.clone()).await.body;
    fields["name"] = "Other".into();
    fields["bucket"] = MISSING_BUCKET.into();
    let trial = json!({ "bucket": MISSING_BUCKET, "secret": fields["secret"] });
    let path = format!("/bucket/{}", created["bucketId"].as_str().unwrap());
    let refusals = [
        deployment.post("/bucket", fields).await,
        deployment.put(&path, trial.clone()).await,
        deployment.post(&format!("{path}/validate"), trial).await,
    ];
    for refused in &refusals {
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_FAILED"), "{}", refused.text);
        assert_eq!(refused.body["checks"][1]["error_code"], "BUCKET_NOT_FOUND", "{}", refused.text);
        assert_eq!(refused.body["checks"], refusals[0].body["checks"]);
        assert_eq!(refused.body["message"], refusals[0].body["message"]);
    }
}

#[tokio::test]
async fn without_a_node_nothing_is_registered_unless_unchecked() {
    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let deployment = Deployment::without_node(api, Settings::default()).await;
    let refused = deployment.post("/bucket", deployment.bucket_fields("a")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "NO_NODE_ONLINE"), "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_full_quota_answers_429_with_an_empty_bucket_id() {
    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let deployment = Deployment::with(api, Settings { bucket_quota: Some(1), ..Settings::default() }).await;
    deployment.add_bucket("first").await;
    let refused = deployment.post("/bucket", deployment.bucket_fields("second")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "QUOTA_EXCEEDED"));
    assert_eq!(refused.body["bucketId"], "");
}

#[tokio::test]
async fn names_are_unique_without_letter_case_and_free_again_after_deletion() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("Photos").await;
    let refused = deployment.post("/bucket", deployment.bucket_fields(" pHOTOS ")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "NAME_ALREADY_USED"));
    let path = format!("/bucket/{id}");
    assert_eq!(deployment.delete(&path).await.body, json!({ "success": true }));
    assert_eq!(deployment.delete(&path).await.status, 404);
    assert_eq!(deployment.post("/bucket", deployment.bucket_fields("photos")).await.status, 200);
}

#[tokio::test]
async fn every_wrong_field_of_a_bucket_is_told_at_once() {
    let deployment = Deployment::start().await;
    let refused = deployment.post("/bucket", json!({ "endpoint": "ftp://x", "key": "a b" })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_REQUEST"));
    let mut fields = refused.fields();
    fields.sort_unstable();
    assert_eq!(fields, ["bucket", "endpoint", "key", "name", "storageType", "workspaceId"]);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(300))),
        ("name", json!("a\u{7}b")),
        ("name", json!(7)),
        ("storageType", json!("FTP")),
        ("endpoint", json!("https://user:pw@host")),
        ("endpoint", json!("http://2130706433")),
        ("workspaceId", json!("undefined")),
        ("skipValidation", json!("yes")),
        ("checks", json!("some")),
    ] {
        let mut body = deployment.bucket_fields("a");
        body[field] = value.clone();
        let refused = deployment.post("/bucket", body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.fields()),
            (400, vec![field]),
            "{field} {value}: {}",
            refused.text
        );
    }
}

#[tokio::test]
async fn azure_is_read_as_blob_and_unknown_fields_are_ignored() {
    let deployment = Deployment::start().await;
    let mut body = deployment.bucket_fields("a");
    body["storageType"] = "AZURE".into();
    body["endpoint"] = "".into();
    body["walletAddress"] = "x".into();
    assert_eq!(deployment.post("/bucket", body).await.status, 200);
    let bucket = &deployment.get("/bucket").await.body["buckets"][0];
    assert_eq!((&bucket["storageType"], &bucket["provider"]), (&json!("BLOB"), &json!("AZURE")));
    assert!(bucket.get("endpoint").is_none());
}

#[tokio::test]
async fn an_update_that_fails_leaves_everything_as_it_was() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("a").await;
    let path = format!("/bucket/{id}");
    let elsewhere = json!({ "name": "b", "bucket": MISSING_BUCKET, "secret": "hunter2" });
    let refused = deployment.put(&path, elsewhere).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_FAILED"));
    let bucket = deployment.get("/bucket").await.body["buckets"][0].clone();
    assert_eq!((&bucket["name"], &bucket["bucket"]), (&json!("a"), &json!("photos")));

    let updated = deployment.put(&path, json!({ "name": "b", "region": "" })).await;
    assert_eq!(updated.status, 200, "{}", updated.text);
    let online = json!({ "success": true, "bucketId": id, "status": "ONLINE", "latency_ms": 3 });
    assert_eq!(updated.body["checks"].as_array().unwrap().len(), 2);
    let mut unchecked = updated.body.clone();
    unchecked.as_object_mut().unwrap().remove("checks");
    assert_eq!(unchecked, online);
    let bucket = deployment.get("/bucket").await.body["buckets"][0].clone();
    assert_eq!(bucket["name"], "b");
    assert!(bucket.get("region").is_none());

    let renamed = deployment.put(&path, json!({ "name": "c" })).await;
    assert_eq!(renamed.body, online, "renaming needs no validation");
}

#[tokio::test]
async fn validation_takes_no_body_an_empty_one_or_fields_to_try() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("a").await;
    let path = format!("/bucket/{id}/validate");
    let healthy = deployment.ask(Method::POST, &path, None).await;
    assert_eq!(healthy.status, 200, "{}", healthy.text);
    insta::assert_compact_json_snapshot!(healthy.body, @r#"
    {
      "checks": [
        {
          "latency_ms": 3,
          "message": "fine",
          "name": "connect",
          "ok": true
        },
        {
          "latency_ms": 3,
          "message": "fine",
          "name": "bucket",
          "ok": true
        }
      ],
      "latency_ms": 3,
      "message": "the bucket is reachable and allows everything that was checked",
      "status": "ONLINE",
      "success": true
    }
    "#);
    assert_eq!(deployment.post(&path, json!({ "checks": "read-only" })).await.status, 200);
    let elsewhere = json!({ "bucket": MISSING_BUCKET, "secret": "hunter2" });
    let refused = deployment.post(&path, elsewhere).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_FAILED"));
    assert_eq!((&refused.body["status"], &refused.body["latency_ms"]), (&json!("OFFLINE"), &json!(3)));
    assert_eq!(refused.body["checks"].as_array().unwrap().len(), 2);
    assert_eq!(deployment.get("/bucket").await.body["buckets"][0]["bucket"], "photos", "nothing was stored");
}

#[tokio::test]
async fn status_and_day_tell_what_nodes_saw() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("a").await;
    let before = deployment.get(&format!("/bucket/{id}/status")).await;
    assert_eq!(before.body, json!({ "bucketId": id, "nodeStatus": [] }));

    let nodes = deployment.control.node_views().await.unwrap();
    let now = deployment.clock.now();
    let sample = |seconds: i64, latency: Option<u32>| ProbeSample {
        at: now + SignedDuration::from_secs(seconds),
        status: ProbedStatus::Online,
        latency_ms: latency,
        failure: latency
            .is_none()
            .then(|| ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".into() }),
        version: None,
    };
    let batch = ProbeBatch {
        node_id: nodes[0].node.id,
        org_id: None,
        now,
        longest_gap: SignedDuration::from_secs(150),
        samples: vec![
            (id.parse().unwrap(), sample(-20, Some(7))),
            (id.parse().unwrap(), sample(-10, None)),
            (id.parse().unwrap(), sample(0, Some(9))),
        ],
    };
    deployment.control.store().record_probes(&batch).await.unwrap();

    let status = deployment.get(&format!("/bucket/{id}/status")).await;
    assert_eq!(
        status.body["nodeStatus"],
        json!([{
            "ip": "node-1", "region": "eu", "version": "1", "status": "ONLINE", "latency_ms": 9, "latencyMs": 9,
            "lastUpdated": "2026-03-01T12:00:00.000Z", "onlineSince": "2026-03-01T11:59:40.000Z",
        }])
    );
    let listed = deployment.get("/bucket").await.body["buckets"][0].clone();
    assert_eq!(
        (&listed["status"], &listed["latency_ms"], &listed["lastStatusAt"]),
        (&json!("ONLINE"), &json!(9), &json!("2026-03-01T12:00:00.000Z"))
    );

    let day = deployment.post(&format!("/bucket/{id}/stats"), json!({ "day": "2026-03-01" })).await;
    insta::assert_compact_json_snapshot!(day.body, @r#"
    {
      "nodeStats": [
        {
          "avg_latency_ms": 8.0,
          "failures": 1,
          "host": "*-eu-aws.node-1",
          "ip": "node-1",
          "last_error": {
            "error_code": "CONNECTION_REFUSED",
            "message": "nothing listens"
          },
          "last_latency_ms": 9,
          "last_updated": "2026-03-01T12:00:00.000Z",
          "node_status": "ONLINE",
          "p50_latency_ms": 7,
          "p99_latency_ms": 9,
          "perc_uptime": 100.0,
          "probes": 3,
          "version": "1"
        }
      ],
      "success": true
    }
    "#);
    let time = json!({ "day": "2026-03-01T23:59:59.999Z" });
    assert_eq!(deployment.post(&format!("/bucket/{id}/stats"), time).await.body, day.body);
    let empty = deployment.post(&format!("/bucket/{id}/stats"), json!({ "day": "9999-12-30" })).await;
    assert_eq!(empty.body, json!({ "success": true, "nodeStats": [] }));
    for wrong in [json!({ "day": "yesterday" }), json!({}), json!({ "day": 5 })] {
        let refused = deployment.post(&format!("/bucket/{id}/stats"), wrong).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["day"]), "{}", refused.text);
    }
    assert!(Day::parse("2026-03-01").is_ok());
}

#[tokio::test]
async fn totals_are_decimal_texts_in_both_spellings() {
    let deployment = Deployment::start().await;
    let (quiet, busy) = (deployment.add_bucket("quiet").await, deployment.add_bucket("busy").await);
    let nodes = deployment.control.node_views().await.unwrap();
    let row = UsageRow {
        minute: 1_772_366_400,
        bucket_id: busy.parse().unwrap(),
        repo_id: None,
        requests: 3,
        errors: 0,
        upload_bytes: 1 << 40,
        download_bytes: 5,
        size_change: -7,
        latency_sum_ms: 1,
        ..UsageRow::empty(1_772_366_400, busy.parse().unwrap(), None)
    };
    let batch = bucketry_model::node_protocol::UsageBatch { spool: "s".into(), number: 1, rows: vec![row] };
    let now = deployment.clock.now();
    deployment.control.store().add_usage(nodes[0].node.id, None, &batch, now).await.unwrap();

    let all = deployment.get("/bucket/stats").await;
    let of_busy = json!({
        "bucketId": busy, "totalCount": "3", "totalUploadBytes": "1099511627776", "totalDownloadBytes": "5",
        "totalSizeChange": "-7",
    });
    let stats = all.body["stats"].as_array().unwrap();
    assert_eq!(stats.len(), 2);
    assert!(stats.contains(&of_busy), "{}", all.text);
    let named = deployment.get(&format!("/bucket/stats?bucketId={quiet}%2C{busy}")).await;
    assert_eq!(named.body["stats"][1], of_busy);
    assert_eq!(named.body["stats"][0]["totalCount"], "0");
    let units = deployment.get(&format!("/unit/stats?unitId={busy}")).await;
    assert_eq!(units.body["stats"][0]["unitId"], json!(busy));
    assert!(units.body["stats"][0].get("bucketId").is_none());
}
