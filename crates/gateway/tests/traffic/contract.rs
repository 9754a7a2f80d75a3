//! An S3 client of the gateway passes the contract suite for drivers.

use std::mem::ManuallyDrop;

use bucketry_provider::body::Payload;
use bucketry_provider::contract::keys::ODD_KEYS;
use bucketry_provider::contract_suite;
use bucketry_provider::driver::{Conditions, GetRequest, ListRequest, PutRequest, SharedDriver};
use http_body_util::BodyExt as _;

use crate::context::TestContext;

async fn through_the_gateway(case: &str) -> SharedDriver {
    // The gateway runs until the test process ends.
    let context = ManuallyDrop::new(TestContext::start(case).await);
    context.client()
}

// Left out: the longest key, which doesn't fit with a folder, and odd keys, some of which the gateway refuses.
contract_suite! {
    @cases super::contract::through_the_gateway;
    keys: notations_of_one_name_are_different_objects, an_empty_key_is_refused_before_it_is_sent;
    objects: what_is_put_can_be_read_and_deleted, an_empty_object_is_an_object, ranges_are_read,
        reading_is_conditional, writing_is_conditional, attributes_and_metadata_come_back,
        a_copy_keeps_or_replaces_attributes, large_bodies_are_streamed,
        a_source_that_ends_early_stores_nothing, what_is_missing_is_told_apart;
    lists: an_empty_bucket_lists_nothing, a_delimiter_folds_keys, pages_join_without_gaps,
        a_list_starts_after_a_key, listed_objects_carry_size_tag_and_time;
    multipart: parts_become_an_object, stored_parts_are_listed, an_aborted_upload_is_gone;
}

/// A key that can't be stored as it is is refused, never stored as another one.
#[tokio::test]
async fn odd_keys_are_kept_or_refused() {
    let context = TestContext::start("oddkeys").await;
    let client = context.client();
    let put = PutRequest::default();
    let mut kept = Vec::new();
    for key in ODD_KEYS {
        match client.put(key, Payload::bytes(*key), &put).await {
            Ok(_) => kept.push(*key),
            Err(error) => assert_eq!(error.answer().unwrap().status.as_u16(), 400, "{key:?}: {error:?}"),
        }
    }
    assert!(kept.len() + 2 >= ODD_KEYS.len(), "{kept:?}");
    for key in &kept {
        let read = client.get(key, &GetRequest::default()).await.unwrap();
        assert_eq!(read.body.collect().await.unwrap().to_bytes(), *key);
        assert!(context.direct.head(&context.stored(key), &Conditions::default()).await.is_ok(), "{key:?}");
    }
    let page = client.list(&ListRequest::default()).await.unwrap();
    let mut listed: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
    listed.sort_unstable();
    kept.sort_unstable();
    assert_eq!(listed, kept);
}
