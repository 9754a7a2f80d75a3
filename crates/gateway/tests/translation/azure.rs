//! Against an Azure Blob server.

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::azure::AzureDriver;

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
    upload_checksums: what_is_declared_about_an_upload_is_verified, a_declared_completion_may_be_repeated,
        an_unknown_algorithm_begins_no_upload;
    tags: tags_are_replaced_and_taken_away, malformed_tags_change_nothing;
}
