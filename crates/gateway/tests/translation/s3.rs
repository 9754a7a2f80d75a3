//! Against an S3 server.

use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::error::ProviderError;
use bucketry_provider::s3::S3Driver;
use http::Method;

use crate::context::{TestContext, connections, new_name, setting};
use crate::gcs;

/// A bucket as seen by the identity `who`, or by the administrator if it is empty.
pub(crate) fn target(bucket: &str, who: &str) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: bucket.to_owned(),
            key: Some(setting(&format!("BUCKETRY_TEST_S3_{who}KEY"))),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_S3_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting(&format!("BUCKETRY_TEST_S3_{who}SECRET")))),
    }
}

/// A bucket that all tests share, because each bucket takes up much space on this server.
pub(crate) async fn bucket(name: &str) -> BucketTarget {
    let target = target(name, "");
    match S3Driver::open(&target, &connections()).unwrap().create_bucket().await {
        Ok(()) => target,
        Err(ProviderError::Answer(answer)) if answer.status == 409 => target,
        Err(error) => panic!("the test bucket can't be created: {error:?}"),
    }
}

async fn context(case: &str) -> TestContext {
    TestContext::new(
        &bucket("gateway-one").await,
        &bucket("gateway-two").await,
        &format!("{}/", new_name(case)),
    )
}

crate::cases_of_all! { crate::s3::context }
crate::cases! { crate::s3::context;
    multipart: parts_become_an_object, an_aborted_upload_is_gone, a_completion_may_need_an_object;
    copies: a_copy_may_lose_all_metadata;
    upload_checksums: what_is_declared_about_an_upload_is_verified,
        a_repeated_completion_verifies_and_returns_the_checksum,
        a_completion_without_a_checksum_returns_that_of_the_parts, an_unknown_algorithm_begins_no_upload;
    tags: tags_are_replaced_and_taken_away, malformed_tags_change_nothing;
    forwarded: tags_are_kept_with_the_object, what_is_kept_at_s3_passes_both_ways,
        a_checksum_behind_a_small_payload_is_kept, parts_are_read_by_number, parts_are_copied_by_the_provider,
        uploads_that_go_on_are_listed_in_the_folder_only, pages_of_uploads_join_without_gaps,
        attributes_are_the_providers_own, a_copy_keeps_or_replaces_tags;
}

/// A context on a bucket with versioning.
async fn versioned_bucket(case: &str) -> TestContext {
    let target = bucket("gateway-versions").await;
    S3Driver::open(&target, &connections()).unwrap().keep_versions().await.unwrap();
    TestContext::new(&target, &target, &format!("{}/", new_name(case)))
}

crate::cases! { crate::s3::versioned_bucket;
    forwarded: versions_are_read_and_copied, another_version_than_null_is_not_deleted_permanently;
}

/// Google stores no `Expires`, and its objects have no tags.
#[tokio::test]
async fn a_copy_to_another_provider_names_what_it_lacks() {
    let dir = format!("{}/", new_name("providers"));
    let context = TestContext::new(&gcs::new_bucket("lacks").await, &bucket("gateway-two").await, &dir);
    let kept = [
        ("expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("cache-control", "no-store"),
        ("x-amz-tagging", "a=1"),
    ];
    context.ok(Method::PUT, "/two/key", &kept, "content").await;
    let source = ("x-amz-copy-source", "two/key");
    let copied = context.ok(Method::PUT, "/one/copy", &[source], "").await;
    assert_eq!(copied.header("x-bucketry-not-copied"), "Expires, tags");
    assert_eq!(copied.size_change, 7);
    let read = context.get("/one/copy").await;
    assert_eq!((read.text().as_str(), read.header("cache-control")), ("content", "no-store"));
    let replacing = [source, ("x-amz-metadata-directive", "REPLACE")];
    let copied = context.ok(Method::PUT, "/one/copy", &replacing, "").await;
    assert_eq!(copied.header("x-bucketry-not-copied"), "tags");
    let back = context.ok(Method::PUT, "/two/back", &[("x-amz-copy-source", "one/copy")], "").await;
    assert_eq!(back.header("x-bucketry-not-copied"), "");
}

#[tokio::test]
async fn a_copy_between_accounts_is_streamed() {
    let dir = format!("{}/", new_name("accounts"));
    let scoped = TestContext::new(&target("scoped", ""), &target("scoped", ""), &dir);
    scoped.put("/two/from", "content").await;
    let context = TestContext::new(&bucket("gateway-one").await, &target("scoped", "READONLY_"), &dir);
    let source = ("x-amz-copy-source", "two/from");
    assert_eq!(context.ok(Method::PUT, "/one/copy", &[source], "").await.size_change, 7);
    assert_eq!(context.get("/one/copy").await.text(), "content");
    // Options that only the provider could implement are refused, not ignored.
    let replacing = [source, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "a=1")];
    assert_eq!(context.refused(Method::PUT, "/one/copy", &replacing).await.code, Code::NotImplemented);
}
