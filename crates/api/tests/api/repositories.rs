//! Repositories and their keys, as the public contract defines them.

use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::Clock as _;
use bucketry_model::usage::UsageRow;
use http::Method;
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};
use crate::snapshot::Redactions;

fn response(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.code())
}

impl Deployment {
    /// Registers a bucket with this name at its provider.
    async fn bucket_called(&self, name: &str) -> String {
        let mut fields = self.bucket_fields(name);
        (fields["bucket"], fields["skipValidation"]) = (name.into(), true.into());
        self.post("/bucket", fields).await.body["bucketId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_repository_is_listed_with_its_buckets_and_keys_and_no_secret() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("Photos").await;
    // What the public client sends: nested buckets, and members that only other editions know.
    let body = json!({
        "name": "Media", "storageType": "S3", "mode": "NORMAL", "workspaceId": deployment.first.workspace_id,
        "repoBuckets": [{ "bucketId": bucket, "folder": "/2026/", "master": false, "bucket": { "id": "other", "key": 7 } }],
        "repoAiLlms": [{ "aiLlmId": "x" }], "walletAddress": null,
    });
    let made = deployment.post("/repo", body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let mut redactions = Redactions::hiding(&["key", "secret"]);
    insta::assert_compact_json_snapshot!(redactions.apply(&made.body), @r#"{"repoId": "id 1", "success": true}"#);
    let id = made.body["repoId"].as_str().unwrap();
    let new_key = json!({ "name": "job", "accessType": "WRITE", "repoId": id });
    let key = deployment.post(&format!("/repo/{id}/apikey"), new_key).await;
    insta::assert_compact_json_snapshot!(redactions.apply(&key.body), @r#"{"id": "id 2", "key": "hidden", "secret": "hidden", "success": true}"#);

    let list = deployment.get("/repo?workspaceId=undefined&walletAddress=undefined").await;
    let repo = &list.body["repos"][0];
    let expected_bucket = &deployment.get("/bucket").await.body["buckets"][0];
    assert_eq!(
        list.body,
        json!({ "success": true, "repos": [{
            "id": id, "name": "Media", "storageType": "S3", "mode": "NORMAL",
            "workspaceId": deployment.first.workspace_id, "status": "DISCONNECTED",
            "buckets": [{ "bucketId": bucket, "folder": "2026", "master": false, "bucket": expected_bucket }],
            "apiKeys": [{
                "id": key.body["id"], "name": "job", "accessType": "WRITE", "key": key.body["key"],
                "createdAt": "2026-03-01T12:00:00.000Z",
            }],
            "createdAt": "2026-03-01T12:00:00.000Z", "updatedAt": repo["updatedAt"],
        }] })
    );
    assert!(!list.text.contains(key.body["secret"].as_str().unwrap()) && !list.text.contains("hunter2"));
    assert_eq!(
        expected_bucket["repos"],
        json!([{ "id": id, "name": "Media", "storageType": "S3", "createdAt": "2026-03-01T12:00:00.000Z" }])
    );
    let named = deployment.get(&format!("/repo?repoId={id}")).await;
    assert_eq!(named.body, list.body);
    let page = deployment.get("/repo?limit=1").await;
    assert_eq!((&page.body["repos"], &page.body["nextCursor"]), (&list.body["repos"], &Value::Null));
}

#[tokio::test]
async fn refusals_have_the_contracts_codes_statuses_and_members() {
    let deployment = Deployment::with(
        ApiSettings { rate_limits: None, ..ApiSettings::default() },
        Settings { repo_quota: Some(2), ..Settings::default() },
    )
    .await;
    let (a, b) = (deployment.bucket_called("a").await, deployment.bucket_called("b").await);
    deployment.add_repository("first", json!([{ "bucketId": a, "folder": "x" }])).await;
    let fields = |name: &str, mode: &str, fixtures: Value| {
        json!({
            "name": name, "storageType": "S3", "mode": mode, "workspaceId": deployment.first.workspace_id,
            "repoBuckets": fixtures,
        })
    };
    let ownership = |bucket: &str, folder: &str, master: bool| json!({ "bucketId": bucket, "folder": folder, "master": master });
    let missing = deployment.first.workspace_id.to_string();
    for (body, status, code) in [
        (fields("FIRST ", "NORMAL", json!([])), 400, "NAME_ALREADY_USED"),
        (fields("n", "NORMAL", json!([ownership(&missing, "", false)])), 404, "NOT_FOUND"),
        (fields("n", "NORMAL", json!([ownership(&a, "x/y", false)])), 400, "NORMAL_UNIT_FOLDER_ALREADY_USED"),
        (fields("n", "MIRROR", json!([ownership(&b, "", false)])), 400, "MIRROR_MASTER_UNIT_MISSING"),
        (
            fields("n", "MIRROR", json!([ownership(&a, "", true), ownership(&b, "", true)])),
            400,
            "MIRROR_MASTER_UNIT_COUNT_INVALID",
        ),
        (fields("n", "MIRROR", json!([ownership(&a, "", true)])), 400, "MIRROR_UNIT_ALREADY_IN_OTHER_REPO"),
        (fields("n", "BACKUP", json!([])), 400, "INVALID_REQUEST"),
    ] {
        let refused = deployment.post("/repo", body.clone()).await;
        assert_eq!(response(&refused), (status, code), "{body}: {}", refused.text);
        assert_eq!((&refused.body["success"], &refused.body["repoId"]), (&json!(false), &json!("")));
        assert_eq!(refused.body["error_message"], refused.body["message"]);
        if code != "NAME_ALREADY_USED" {
            let refused = deployment.post("/repo/validate", body.clone()).await;
            assert_eq!(response(&refused), (status, code), "{body}: {}", refused.text);
        }
    }
    let backup = deployment.post("/repo", fields("n", "BACKUP", json!([]))).await;
    let message = backup.body["message"].as_str().unwrap();
    assert!(message.contains("NORMAL") && message.contains("MIRROR"), "{message}");
    deployment.add_repository("second", json!([])).await;
    let refused = deployment.post("/repo", fields("third", "NORMAL", json!([]))).await;
    assert_eq!((response(&refused), &refused.body["repoId"]), ((429, "QUOTA_EXCEEDED"), &json!("")));
    let anonymous = deployment.ask_as(None, Method::POST, "/repo", Some(json!({}))).await;
    assert_eq!((response(&anonymous), &anonymous.body["repoId"]), ((401, "UNAUTHENTICATED"), &json!("")));
}

#[tokio::test]
async fn a_repository_is_changed_validated_and_deleted_and_its_buckets_are_in_use_meanwhile() {
    let deployment = Deployment::start().await;
    let (a, b) = (deployment.bucket_called("a").await, deployment.bucket_called("b").await);
    let id = deployment.add_repository("media", json!([{ "bucketId": a, "folder": "x" }])).await;
    let path = format!("/repo/{id}");

    let moved = json!({ "repoUnits": [{ "unitId": a, "folder": "y" }] });
    let refused = deployment.put(&path, moved.clone()).await;
    assert_eq!(response(&refused), (400, "NORMAL_UNIT_CANNOT_EDIT_FOLDER"), "{}", refused.text);
    let refused = deployment.post(&format!("{path}/validate"), moved).await;
    assert_eq!(response(&refused), (400, "NORMAL_UNIT_CANNOT_EDIT_FOLDER"));
    let fine = json!({ "repoId": id, "mode": "NORMAL", "repoUnits": [{ "unitId": a, "folder": "x" }, { "unitId": b }] });
    assert_eq!(
        deployment.post(&format!("{path}/validate"), fine.clone()).await.body,
        json!({ "success": true })
    );
    let changed = deployment.put(&path, fine).await;
    assert_eq!(changed.body, json!({ "success": true, "repoId": id }));
    let listed = deployment.get(&format!("/repo?repoId={id}")).await.body;
    assert_eq!(listed["repos"][0]["buckets"].as_array().unwrap().len(), 2);

    let refused = deployment.delete(&format!("/bucket/{a}")).await;
    assert_eq!(response(&refused), (403, "BUCKET_IN_USE"), "{}", refused.text);
    assert!(refused.body["message"].as_str().unwrap().contains("media"));
    let mirror =
        json!({ "mode": "MIRROR", "repoBuckets": [{ "bucketId": a, "folder": "x", "master": true }] });
    let mirrored = deployment.put(&path, mirror).await;
    assert!(mirrored.body["message"].as_str().unwrap().contains("replicas"), "{}", mirrored.text);
    let available = deployment.get("/bucket/available").await.body;
    assert_eq!(available.as_array().unwrap().len(), 1, "{available}");

    assert_eq!(deployment.delete(&path).await.body, json!({ "success": true }));
    assert_eq!(response(&deployment.delete(&path).await), (404, "NOT_FOUND"));
    assert_eq!(deployment.delete(&format!("/bucket/{a}")).await.status, 200);
    assert_eq!(deployment.get("/repo").await.body["repos"], json!([]));
}

#[tokio::test]
async fn keys_are_listed_changed_and_revoked() {
    let deployment = Deployment::start().await;
    let id = deployment.add_repository("media", json!([])).await;
    let path = format!("/repo/{id}/apikey");
    for wrong in [json!({}), json!({ "name": "", "accessType": "OWNER" })] {
        let refused = deployment.post(&path, wrong).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["name", "accessType"]));
    }
    let made = deployment.post(&path, json!({ "name": "job", "accessType": "READ" })).await;
    let (key, secret) = (made.body["key"].as_str().unwrap(), made.body["secret"].as_str().unwrap());
    assert_eq!((key.len(), secret.len(), key.starts_with("BKT")), (20, 40, true));
    let one = format!("{path}/{}", made.body["id"].as_str().unwrap());
    let changed = deployment.put(&one, json!({ "name": "nightly", "accessType": "ADMIN" })).await;
    insta::assert_compact_json_snapshot!(changed.body, @r#"{"message": "the key was changed", "success": true}"#);
    let listed = deployment.get(&path).await.body;
    insta::assert_compact_json_snapshot!(Redactions::hiding(&["key"]).apply(&listed), @r#"
    {
      "keys": [
        {
          "accessType": "ADMIN",
          "createdAt": "2026-03-01T12:00:00.000Z",
          "id": "id 1",
          "key": "hidden",
          "name": "nightly"
        }
      ],
      "success": true
    }
    "#);
    assert_eq!(deployment.delete(&one).await.status, 200);
    assert_eq!(response(&deployment.delete(&one).await), (404, "NOT_FOUND"));
    assert_eq!(deployment.get(&path).await.body, json!({ "success": true, "keys": [] }));
}

#[tokio::test]
async fn totals_are_decimal_texts_without_a_count() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let busy = deployment.add_repository("busy", json!([{ "bucketId": bucket }])).await;
    let quiet = deployment.add_repository("quiet", json!([])).await;
    let node = deployment.control.node_views().await.unwrap()[0].node.id;
    let empty = UsageRow::empty(1_772_366_400, bucket.parse().unwrap(), Some(busy.parse().unwrap()));
    let row = UsageRow { requests: 1, upload_bytes: 1 << 40, download_bytes: 2, size_change: -3, ..empty };
    let batch = UsageBatch { spool: "s".into(), number: 1, rows: vec![row] };
    deployment.control.store().add_usage(node, None, &batch, deployment.clock.now()).await.unwrap();

    let of = |repo: &str, up: &str, down: &str, change: &str| json!({ "repoId": repo, "totalUploadBytes": up, "totalDownloadBytes": down, "totalSizeChange": change });
    let (of_busy, of_quiet) = (of(&busy, "1099511627776", "2", "-3"), of(&quiet, "0", "0", "0"));
    let named = deployment.get(&format!("/repo/stats?repoId={quiet}%2C{busy}")).await;
    assert_eq!(named.body, json!({ "success": true, "stats": [of_quiet, of_busy] }), "{}", named.text);
    let all = deployment.get("/repo/stats").await.body;
    assert!(
        all["stats"].as_array().unwrap().contains(&of_busy) && all["stats"].as_array().unwrap().len() == 2
    );
    let series = deployment.get(&format!("/stats/daily?repoId={busy}")).await.body;
    assert_eq!(series["data"][0]["upl_bytes"], "1099511627776");
    assert_eq!(deployment.get(&format!("/stats/daily?repoId={quiet}")).await.body["data"], json!([]));
}
