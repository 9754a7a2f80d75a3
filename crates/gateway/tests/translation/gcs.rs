//! Against a Cloud Storage server, which has no multipart uploads.

use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::gcs::GcsDriver;
use http::Method;

use crate::context::{TestContext, connections, new_name, setting};

pub(crate) async fn new_bucket(case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: new_name(case),
            key: None,
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_GCS_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: None,
    };
    GcsDriver::open(&target, &connections()).unwrap().create_bucket().await.unwrap();
    target
}

async fn context(case: &str) -> TestContext {
    TestContext::new(&new_bucket(case).await, &new_bucket(case).await, "")
}

crate::cases_of_all! { crate::gcs::context }
crate::cases! { crate::gcs::context;
    tags: tags_are_replaced_and_taken_away, malformed_tags_change_nothing, tags_are_stored_along_with_an_object,
        metadata_and_tags_of_a_copy_are_replaced_separately, reserved_metadata_is_refused;
    checksums: a_checksum_is_stored_with_the_object, a_refused_checksum_stores_nothing,
        a_copy_has_the_checksum_of_its_source, an_object_without_parts_is_its_first_part;
}

#[tokio::test]
async fn tags_too_long_for_the_metadata_of_an_object_are_refused() {
    let context = context("tags").await;
    context.put("/one/key", "content").await;
    let value = "%F0%9F%AA%A3".repeat(200);
    let tags: Vec<_> = (0..2).map(|n| format!("{n}={value}")).collect();
    context.ok(Method::PUT, "/one/key", &[("x-amz-tagging", &tags[0])], "content").await;
    for (method, path) in [(Method::PUT, "/one/key"), (Method::POST, "/one/key?uploads")] {
        let error = context.refused(method, path, &[("x-amz-tagging", &tags.join("&"))]).await;
        assert_eq!(error.code, Code::InvalidTag, "{path}");
    }
    assert_eq!(context.get("/one/key").await.header("x-amz-tagging-count"), "1");
}
