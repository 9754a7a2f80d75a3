//! Validations that a client follows check by check.

use serde_json::{Value, json};

use crate::deployment::{Deployment, MISSING_BUCKET};

/// Follows a validation until its end.
async fn follow(deployment: &Deployment, path: &str) -> Value {
    let mut after = 0;
    loop {
        let answer = deployment.get(&format!("{path}?after={after}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        if answer.body["done"] == true {
            return answer.body;
        }
        after = answer.body["revision"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn all_checks_are_listed_and_those_that_were_made_have_an_outcome() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("photos").await;
    let begun = deployment.post(&format!("/bucket/{id}/validation"), json!({ "checks": "read-only" })).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let path = format!("/bucket/{id}/validation/{}", begun.body["validationId"].as_str().unwrap());
    let ended = follow(&deployment, &path).await;
    assert_eq!((&ended["status"], ended["checks"].as_array().unwrap().len()), (&json!("ONLINE"), 7));
    let states: Vec<_> = ended["checks"].as_array().unwrap().iter().map(|check| &check["state"]).collect();
    assert_eq!(states[..2], [&json!("NOT_TRIED"), &json!("PASSED")]);
    assert!(ended.get("failure").is_none(), "{ended}");
}

#[tokio::test]
async fn a_failed_check_is_no_error_of_the_call_and_wrong_fields_are_one_at_once() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("photos").await;
    let path = format!("/bucket/{id}/validation");
    let trial = json!({ "bucket": MISSING_BUCKET, "secret": "hunter2" });
    let begun = deployment.post(&path, trial).await;
    let path = format!("{path}/{}", begun.body["validationId"].as_str().unwrap());
    let ended = follow(&deployment, &path).await;
    assert_eq!((&ended["success"], &ended["status"]), (&json!(true), &json!("OFFLINE")), "{ended}");
    assert!(!ended.to_string().contains("hunter2"));
    let failed = ended["checks"].as_array().unwrap().iter().find(|check| check["state"] == "FAILED").unwrap();
    assert_eq!(failed["error_code"], "BUCKET_NOT_FOUND");

    let wrong = deployment.post(&format!("/bucket/{id}/validation"), json!({ "bucket": "films" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.fields()), (400, vec!["secret"]), "{}", wrong.text);
    for query in ["wait=11", "wait=x", "after=-1", "seen=1"] {
        let refused = deployment.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.text);
    }
    let other = deployment.add_bucket("films").await;
    let elsewhere = path.replace(&id, &other);
    assert_eq!(deployment.get(&elsewhere).await.status, 404);
    assert_eq!(deployment.get(&format!("/bucket/{id}/validation/x")).await.status, 404);
}

#[tokio::test]
async fn a_registration_that_is_followed_is_recorded_and_has_the_bucket_at_its_end() {
    let deployment = Deployment::start().await;
    let begin = async |name: &str, bucket: &str| {
        let body = json!({
            "name": name, "bucket": bucket, "storageType": "S3", "key": "AKIA", "secret": "hunter2",
            "workspaceId": deployment.first.workspace_id,
        });
        let begun = deployment.post("/bucket/registration", body).await;
        assert_eq!(begun.status, 200, "{}", begun.text);
        format!("/bucket/registration/{}", begun.body["validationId"].as_str().unwrap())
    };
    let ended = follow(&deployment, &begin("Photos", "photos").await).await;
    assert_eq!(ended["status"], "ONLINE", "{ended}");
    let path = format!("/bucket/{}", ended["bucketId"].as_str().unwrap());
    let bucket = deployment.get(&path).await;
    assert_eq!((bucket.status.as_u16(), bucket.text.contains("Photos")), (200, true), "{}", bucket.text);
    let records = deployment.get("/audit?kind=bucket&action=created").await.text;
    assert!(records.contains("Photos") && !records.contains("hunter2"), "{records}");

    let path = begin("Films", MISSING_BUCKET).await;
    let ended = follow(&deployment, &path).await;
    assert_eq!((&ended["status"], ended.get("bucketId")), (&json!("OFFLINE"), None), "{ended}");
    let taken = follow(&deployment, &begin("photos", "others").await).await;
    assert_eq!((&taken["failure"]["error_code"], taken.get("status")), (&json!("NAME_ALREADY_USED"), None));
    let wrong = deployment.post("/bucket/registration", json!({ "name": "x" })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert_eq!(deployment.get(&format!("{path}?wait=11")).await.status, 400);
    assert_eq!(deployment.get("/bucket/registration/x").await.status, 404);
}
