//! Against an Azure Blob server.

use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::azure::AzureDriver;
use http::Method;

use crate::context::{TestContext, connections, new_name, setting};

async fn new_container(case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: new_name(case),
            key: Some(setting("BUCKETRY_TEST_AZURE_ACCOUNT")),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_AZURE_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting("BUCKETRY_TEST_AZURE_KEY"))),
    };
    AzureDriver::open(&target, &connections()).unwrap().create_container().await.unwrap();
    target
}

async fn context(case: &str) -> TestContext {
    TestContext::new(&new_container(case).await, &new_container(case).await, "")
}

crate::cases_of_all! { crate::azure::context }
crate::cases! { crate::azure::context;
    multipart: parts_become_an_object, an_aborted_upload_is_gone, a_completion_that_is_repeated_has_the_same_result,
        a_completed_upload_is_gone, a_completion_may_need_an_object, a_wrong_part_is_named, an_aborted_upload_is_gone_beside_an_object, an_upload_outlasts_a_write_to_its_key, a_listed_upload_can_be_completed, an_empty_last_part_is_stored;
    forwarded: uploads_that_go_on_are_listed_in_the_folder_only, pages_of_uploads_join_without_gaps;
    copies: a_copy_may_lose_all_metadata;
    upload_checksums: what_is_declared_about_an_upload_is_verified,
        a_repeated_completion_verifies_and_returns_the_checksum,
        a_completion_without_a_checksum_returns_that_of_the_parts, a_declared_completion_may_be_repeated,
        an_unknown_algorithm_begins_no_upload;
    tags: tags_are_replaced_and_taken_away, malformed_tags_change_nothing, tags_are_stored_along_with_an_object,
        metadata_and_tags_of_a_copy_are_replaced_separately, an_upload_in_parts_may_have_tags, reserved_metadata_is_refused;
    checksums: a_checksum_is_stored_with_the_object, a_refused_checksum_stores_nothing,
        a_copy_has_the_checksum_of_its_source, an_object_without_parts_is_its_first_part, parts_are_read_and_described;
}

#[tokio::test]
async fn tags_that_the_service_does_not_allow_are_refused() {
    let context = context("tags").await;
    context.put("/one/key", "content").await;
    let source = ("x-amz-copy-source", "one/key");
    for wrong in ["a=%C3%BC", "a=1%262", "a%2A="] {
        let tagged = ("x-amz-tagging", wrong);
        let copy = [source, ("x-amz-tagging-directive", "REPLACE"), tagged];
        for (method, path, headers) in [
            (Method::PUT, "/one/key", &[tagged][..]),
            (Method::POST, "/one/key?uploads", &[tagged]),
            (Method::PUT, "/one/copy", &copy),
            (Method::PUT, "/two/copy", &copy),
        ] {
            assert_eq!(context.refused(method, path, headers).await.code, Code::InvalidTag, "{path} {wrong}");
        }
    }
    assert_eq!(context.get("/one/key").await.text(), "content");
    assert_eq!(context.refused(Method::GET, "/one/copy", &[]).await.code, Code::NoSuchKey);
}
