//! The requirements for every driver, as functions that run against a real server.
//!
//! A test crate calls [`contract_suite!`](crate::contract_suite) with a function that opens an empty bucket. Each
//! case becomes a separate test. Cases skip features that a driver's [`Capabilities`](crate::driver::Capabilities)
//! exclude. They leave their bucket behind, because the server is discarded.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these functions are the bodies of tests: they fail by panicking"
)]

pub mod keys;
pub mod lists;
pub mod multipart;
pub mod objects;

use bytes::Bytes;

use crate::driver::{Driver, GetRequest, ListPage, ListRequest, PutRequest, Stored};
use crate::error::{ErrorKind, ProviderError};
use crate::payload::Payload;

/// Defines a test for every case of the contract, except
/// [`path_like_keys_are_kept_byte_for_byte`](keys::path_like_keys_are_kept_byte_for_byte), which many servers don't
/// pass. `$open` is an async function that takes the case's name and returns a
/// [`SharedDriver`](crate::driver::SharedDriver) for an empty bucket. `without multipart` leaves out the multipart
/// cases, for servers that lack a feature that the provider has.
#[macro_export]
macro_rules! contract_suite {
    ($open:path) => {
        $crate::contract_suite! { $open, without multipart }
        $crate::contract_suite! { @cases $open;
            multipart: parts_become_an_object, stored_parts_are_listed, an_aborted_upload_is_gone;
        }
    };
    ($open:path, without multipart) => {
        $crate::contract_suite! { @cases $open;
            keys: odd_keys_are_kept_byte_for_byte, notations_of_one_name_are_different_objects,
                the_longest_key_is_accepted, an_empty_key_is_refused_before_it_is_sent;
            objects: what_is_put_can_be_read_and_deleted, an_empty_object_is_an_object, ranges_are_read,
                reading_is_conditional, writing_is_conditional, attributes_and_metadata_come_back,
                a_copy_keeps_or_replaces_attributes, large_bodies_are_streamed,
                a_source_that_ends_early_stores_nothing, what_is_missing_is_told_apart;
            lists: an_empty_bucket_lists_nothing, a_delimiter_folds_keys, pages_join_without_gaps,
                ten_thousand_keys_are_listed_once, a_list_starts_after_a_key, listed_objects_carry_size_tag_and_time;
        }
    };
    (@cases $open:path; $($module:ident: $($case:ident),+;)+) => {$($(
        #[tokio::test]
        async fn $case() {
            let driver = $open(stringify!($case)).await;
            $crate::contract::$module::$case(&*driver).await;
        }
    )+)+};
}

async fn put(driver: &dyn Driver, key: &str, content: impl Into<Bytes>) -> Stored {
    let content = content.into();
    let mut outcome = driver.put(key, Payload::bytes(content.clone()), &PutRequest::default()).await;
    // Under load, Azurite breaks off one of thousands of connections.
    if let Err(ProviderError::BrokenOff) = outcome {
        outcome = driver.put(key, Payload::bytes(content), &PutRequest::default()).await;
    }
    outcome.unwrap_or_else(|error| panic!("putting {key:?}: {error:?}"))
}

async fn get(driver: &dyn Driver, key: &str) -> Bytes {
    let read = driver.get(key, &GetRequest::default()).await;
    let read = read.unwrap_or_else(|error| panic!("getting {key:?}: {error:?}"));
    content(read).await
}

async fn content(read: crate::driver::ObjectRead) -> Bytes {
    use http_body_util::BodyExt;
    read.body.collect().await.expect("the body is read to its end").to_bytes()
}

async fn list(driver: &dyn Driver, request: ListRequest) -> ListPage {
    driver.list(&request).await.unwrap_or_else(|error| panic!("listing {request:?}: {error:?}"))
}

fn keys(page: &ListPage) -> Vec<&str> {
    page.objects.iter().map(|object| object.key.as_str()).collect()
}

/// The kind of the error in `outcome`. Panics if there is none.
fn kind<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) -> ErrorKind {
    let error = outcome.expect_err("the provider must refuse this");
    error.kind().unwrap_or_else(|| panic!("expected a response of the provider, got {error:?}"))
}
