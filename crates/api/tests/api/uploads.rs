//! Cleaning multipart uploads, where a node can't.

use bucketry_model::diagnosis::{Check, CheckCode, CheckName};
use bucketry_model::node_protocol::{Outcome, UploadsFound};
use serde_json::json;

use crate::deployment::{Answer, Deployment};

async fn clean(deployment: &Deployment, bucket: &str, outcome: Outcome) -> Answer {
    *deployment.cleaning.lock().unwrap() = outcome;
    let body = json!({ "olderThanSeconds": 604_800, "dryRun": true });
    deployment.post(&format!("/bucket/{bucket}/uploads/clean"), body).await
}

fn failed(check: Option<Check>) -> Outcome {
    Outcome::Failed { reason: "the uploads can't be listed".to_owned(), check: check.map(Box::new) }
}

#[tokio::test]
async fn what_the_provider_refuses_is_the_fault_of_the_bucket_and_the_rest_that_of_the_node() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("Photos").await;
    let check = Check {
        name: CheckName::Authenticate,
        ok: false,
        latency_ms: 7,
        message: "The secret does not match the access key.".to_owned(),
        error_code: Some(CheckCode::SecretWrong),
        hint: Some("Enter the whole secret again.".to_owned()),
    };
    let refused = clean(&deployment, &bucket, failed(Some(check.clone()))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_FAILED"), "{}", refused.text);
    assert_eq!(
        refused.body["message"],
        "The secret does not match the access key. Enter the whole secret again."
    );
    assert_eq!(refused.body["checks"], json!([check]));
    assert!(!refused.headers.contains_key("retry-after"), "waiting doesn't help");

    let failed = clean(&deployment, &bucket, failed(None)).await;
    assert_eq!((failed.status.as_u16(), failed.code()), (503, "NODE_FAILED"), "{}", failed.text);
    assert!(failed.headers.contains_key("retry-after"));

    let found = UploadsFound { complete: true, ..UploadsFound::default() };
    let cleaned = Outcome::CleanedUploads { found, aborted: 0, failure: None };
    assert_eq!(clean(&deployment, &bucket, cleaned).await.status, 200);
}
