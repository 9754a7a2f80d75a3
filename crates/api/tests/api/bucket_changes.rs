//! What a change of a bucket requires, and what is reported about the bucket right after it.

use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};

fn response(answer: &Answer) -> (u16, &str, Vec<&str>) {
    let fields = answer.fields();
    (answer.status.as_u16(), answer.code(), fields)
}

/// The fields of one registered bucket per storage type, each with a secret of that type.
async fn buckets_of_all_types(deployment: &Deployment) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (storage_type, key, secret) in [
        ("S3", "AKIA", "hunter2"),
        ("GCS", "robot@project.iam.gserviceaccount.com", "-----BEGIN PRIVATE KEY-----"),
        ("BLOB", "account", "c2VjcmV0"),
    ] {
        let mut fields = deployment.bucket_fields(storage_type);
        for (field, value) in [("storageType", storage_type), ("key", key), ("secret", secret)] {
            fields[field] = value.into();
        }
        let created = deployment.post("/bucket", fields.clone()).await;
        assert_eq!(created.status, 200, "{}", created.text);
        all.push((created.body["bucketId"].as_str().unwrap().to_owned(), fields));
    }
    all
}

#[tokio::test]
async fn a_stored_secret_is_not_used_elsewhere_whatever_the_type() {
    let deployment = Deployment::start().await;
    for (id, fields) in buckets_of_all_types(&deployment).await {
        let (path, trial) = (format!("/bucket/{id}"), format!("/bucket/{id}/validate"));
        let other_type = if fields["storageType"] == "S3" { "BLOB" } else { "S3" };
        for (field, value) in [
            ("bucket", json!("films")),
            ("endpoint", json!("https://elsewhere.example.com")),
            ("endpoint", json!("http://s3.example.com")),
            ("endpoint", json!("https://s3.example.com/tenant")),
            ("endpoint", json!("")),
            ("key", json!("somebody@else.iam.gserviceaccount.com")),
            ("storageType", json!(other_type)),
        ] {
            for secret in [None, Some(Value::Null)] {
                let mut change = json!({ field: value, "skipValidation": true });
                if let Some(secret) = secret {
                    change["secret"] = secret;
                }
                let refusals =
                    [deployment.put(&path, change.clone()).await, deployment.post(&trial, change).await];
                for refused in &refusals {
                    let expected = (400, "INVALID_REQUEST", vec!["secret"]);
                    assert_eq!(response(refused), expected, "{field} {value}: {}", refused.text);
                    let message = refused.body["fields"][0]["message"].as_str().unwrap();
                    assert!(message.contains(&format!("`{field}` changes")), "{message}");
                }
            }
            let mut change = json!({ field: value, "secret": fields["secret"] });
            if field == "storageType" {
                (change["key"], change["secret"]) = ("AKIA".into(), "c2VjcmV0".into());
            }
            let tried = deployment.post(&trial, change).await;
            assert_eq!(tried.status, 200, "{field} {value}: {}", tried.text);
        }
        let stored = deployment.get("/bucket").await.body;
        let stored =
            stored["buckets"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap();
        assert_eq!((&stored["bucket"], &stored["key"]), (&json!("photos"), &fields["key"]));
    }
}

#[tokio::test]
async fn a_form_that_sends_everything_back_needs_no_secret_while_the_place_is_the_same() {
    let deployment = Deployment::start().await;
    for (id, fields) in buckets_of_all_types(&deployment).await {
        let path = format!("/bucket/{id}");
        let spelled =
            if fields["storageType"] == "BLOB" { json!("AZURE") } else { fields["storageType"].clone() };
        for endpoint in ["https://s3.example.com", "s3.example.com", " HTTPS://S3.Example.com:443/ "] {
            let whole = json!({
                "name": fields["name"], "bucket": " photos ", "storageType": spelled, "key": fields["key"],
                "endpoint": endpoint, "region": fields["region"], "workspaceId": fields["workspaceId"],
            });
            let updated = deployment.put(&path, whole).await;
            assert_eq!(
                (updated.status.as_u16(), &updated.body["status"]),
                (200, &json!("ONLINE")),
                "{}",
                updated.text
            );
            assert!(
                updated.body["checks"].is_null(),
                "nothing changed, so nothing is validated: {}",
                updated.text
            );
        }
    }
}

#[tokio::test]
async fn an_empty_key_or_secret_that_a_bucket_needs_means_unchanged() {
    let deployment = Deployment::start().await;
    for (id, fields) in buckets_of_all_types(&deployment).await {
        if fields["storageType"] == "GCS" {
            continue;
        }
        let path = format!("/bucket/{id}");
        for _again in 0..2 {
            let form = json!({ "name": fields["name"], "key": "", "secret": " " });
            let updated = deployment.put(&path, form).await;
            assert_eq!(updated.status, 200, "{}", updated.text);
            assert!(updated.body["checks"].is_null(), "{}", updated.text);
        }
        let trial = deployment.post(&format!("{path}/validate"), json!({ "key": "", "secret": "" })).await;
        assert_eq!(trial.status, 200, "{}", trial.text);
        let moved = deployment.put(&path, json!({ "bucket": "films", "key": "", "secret": "" })).await;
        assert_eq!(
            response(&moved),
            (400, "INVALID_REQUEST", vec!["secret"]),
            "an empty secret does not count"
        );
        let stored = deployment.get("/bucket").await.body;
        let stored =
            stored["buckets"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap();
        assert_eq!((&stored["key"], &stored["hasSecret"]), (&fields["key"], &json!(true)));
    }
}

#[tokio::test]
async fn what_was_validated_is_online_at_once_wherever_it_is_shown() {
    let deployment = Deployment::start().await;
    let before = deployment.get("/bucket").await;
    assert_eq!(before.body["buckets"], json!([]));
    let created = deployment.post("/bucket", deployment.bucket_fields("Photos")).await.body;
    let id = created["bucketId"].as_str().unwrap().to_owned();
    let online = async || {
        let listed = deployment.get("/bucket").await.body["buckets"][0].clone();
        assert_eq!((&listed["status"], &listed["latency_ms"]), (&json!("ONLINE"), &json!(3)), "{listed}");
        let nodes = deployment.get(&format!("/bucket/{id}/status")).await.body["nodeStatus"].clone();
        assert_eq!((&nodes[0]["ip"], &nodes[0]["status"]), (&json!("node-1"), &json!("ONLINE")), "{nodes}");
        assert_eq!(nodes[0]["lastUpdated"], listed["lastStatusAt"]);
        let day = json!({ "day": listed["lastStatusAt"] });
        let days = deployment.post(&format!("/bucket/{id}/stats"), day).await.body["nodeStats"].clone();
        assert_eq!(
            (&days[0]["perc_uptime"], &days[0]["avg_latency_ms"]),
            (&json!(100.0), &json!(3.0)),
            "{days}"
        );
        days[0]["probes"].as_i64().unwrap()
    };
    assert_eq!(online().await, 1);

    let path = format!("/bucket/{id}");
    let renamed = deployment.put(&path, json!({ "name": "Pictures" })).await;
    assert_eq!(renamed.body["status"], "ONLINE");
    assert_eq!(online().await, 1, "renaming is not a report");
    deployment.clock.advance(jiff::SignedDuration::from_secs(5));
    let moved = deployment.put(&path, json!({ "bucket": "films", "secret": "hunter2" })).await;
    assert_eq!((&moved.body["status"], &moved.body["latency_ms"]), (&json!("ONLINE"), &json!(3)));
    assert_eq!(online().await, 2);
}

#[tokio::test]
async fn what_was_changed_unchecked_is_disconnected_until_a_node_reports() {
    let deployment = Deployment::start().await;
    let created = deployment.post("/bucket", deployment.bucket_fields("Photos")).await.body;
    let path = format!("/bucket/{}", created["bucketId"].as_str().unwrap());
    for change in [
        json!({ "secret": "another" }),
        json!({ "bucket": "films", "secret": "hunter2" }),
        json!({ "region": "eu-west-1" }),
    ] {
        deployment.clock.advance(jiff::SignedDuration::from_secs(1));
        let validated = deployment.put(&path, json!({ "secret": "hunter2" })).await;
        assert_eq!(validated.body["status"], "ONLINE", "{}", validated.text);
        let mut change = change;
        change["skipValidation"] = true.into();
        let changed = deployment.put(&path, change.clone()).await;
        assert_eq!(changed.body["status"], "DISCONNECTED", "{change}: {}", changed.text);
        assert!(changed.body.get("latency_ms").is_none(), "{}", changed.text);
        let listed = deployment.get("/bucket").await.body["buckets"][0].clone();
        assert_eq!(listed["status"], "DISCONNECTED", "{listed}");
        assert!(listed.get("latency_ms").is_none() && listed.get("lastStatusAt").is_none(), "{listed}");
        assert_eq!(deployment.get(&format!("{path}/status")).await.body["nodeStatus"], json!([]));
    }
}

#[tokio::test]
async fn more_validations_than_may_be_at_once_are_429_with_their_number() {
    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let deployment = Deployment::with(api, Settings { validations_at_once: 0, ..Settings::default() }).await;
    let refused = deployment.post("/bucket", deployment.bucket_fields("Photos")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "TOO_MANY_VALIDATIONS"), "{}", refused.text);
    assert_eq!(
        (&refused.body["bucketId"], &refused.headers["retry-after"]),
        (&json!(""), &"1".parse().unwrap())
    );
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains("the limit is 0"), "{}", refused.text);
}

#[tokio::test]
async fn a_provider_key_is_refused_in_every_call_because_there_are_none() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("Photos").await;
    let path = format!("/bucket/{id}");
    let named = json!({ "apiKeyUuid": "0197a3b0-0000-7000-8000-0000000000aa" });
    let mut new = deployment.bucket_fields("Films");
    new["apiKeyUuid"] = named["apiKeyUuid"].clone();
    for refused in [
        deployment.post("/bucket", new).await,
        deployment.put(&path, named.clone()).await,
        deployment.post(&format!("{path}/validate"), named).await,
    ] {
        assert_eq!(response(&refused), (400, "INVALID_REQUEST", vec!["apiKeyUuid"]), "{}", refused.text);
    }
    for absent in [json!({ "apiKeyUuid": null }), json!({ "apiKeyUuid": "" }), json!({ "apiKeyUuid": " " })] {
        assert_eq!(deployment.put(&path, absent).await.status, 200);
    }
}

#[test]
fn the_document_promises_only_what_can_be_used_and_marks_what_is_old() {
    let text = bucketry_api::openapi_json();
    assert!(!text.contains("apiKeyUuid"));
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths = &document["paths"];
    assert_eq!(paths["/unit/stats"]["get"]["deprecated"], true);
    let parameters = paths["/bucket"]["get"]["parameters"].as_array().unwrap();
    let wallet = parameters.iter().find(|one| one["name"] == "walletAddress").unwrap();
    assert_eq!(wallet["deprecated"], true);
    let limits = paths["/bucket"]["post"]["responses"]["429"]["description"].as_str().unwrap();
    for said in
        ["RATE_LIMITED", "TOO_MANY_VALIDATIONS", "QUOTA_EXCEEDED", "Retry-After", "8 buckets", "6,000"]
    {
        assert!(limits.contains(said), "{said}: {limits}");
    }
}
