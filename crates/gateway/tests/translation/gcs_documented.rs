//! Against a server that has the multipart uploads that Google documents and its emulator lacks.

use bucketry_faults::GcsUploadsStub;
use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;

use crate::context::TestContext;
use crate::multipart;

async fn stub() -> (GcsUploadsStub, TestContext) {
    let stub = GcsUploadsStub::start().await.unwrap();
    let target = |bucket: &str| BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: bucket.to_owned(),
            key: None,
            endpoint: Some(Endpoint::parse(&stub.endpoint()).unwrap()),
            region: None,
        },
        secret: None,
    };
    let context = TestContext::new(&target("one"), &target("two"), "");
    (stub, context)
}

#[tokio::test]
async fn a_completion_that_is_repeated_has_the_same_result() {
    let (_stub, context) = stub().await;
    multipart::a_completion_that_is_repeated_has_the_same_result(&context).await;
}

#[tokio::test]
async fn a_completed_upload_is_gone() {
    let (_stub, context) = stub().await;
    multipart::a_completed_upload_is_gone(&context).await;
}

#[tokio::test]
async fn an_upload_in_parts_may_have_tags() {
    let (_stub, context) = stub().await;
    crate::tags::an_upload_in_parts_may_have_tags(&context).await;
}

#[tokio::test]
async fn parts_are_read_and_described() {
    let (_stub, context) = stub().await;
    crate::checksums::parts_are_read_and_described(&context).await;
}

/// The service would ignore them.
#[tokio::test]
async fn conditions_on_a_completion_are_refused() {
    let (_stub, context) = stub().await;
    let upload = multipart::begin(&context, "key").await;
    let parts = multipart::part(&context, "key", &upload, 1, "content").await;
    for condition in [("if-none-match", "*"), ("if-match", "\"e\"")] {
        let error = multipart::complete(&context, "key", &upload, &[condition], &parts).await.unwrap_err();
        assert_eq!(error, Code::NotImplemented, "{condition:?}");
    }
    multipart::complete(&context, "key", &upload, &[], &parts).await.unwrap();
    assert_eq!(context.get("/one/key").await.text(), "content");
}
