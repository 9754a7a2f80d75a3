//! Operations on real servers of the three kinds. Most cases run for each kind, a few for only one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod azure;
mod azure_documented;
mod checksums;
mod context;
mod copies;
mod failures;
mod forwarded;
mod gcs;
mod gcs_documented;
mod google_documented;
mod ids;
mod lists;
mod multipart;
mod objects;
mod recorded;
mod s3;
#[path = "../requests/client.rs"]
#[expect(dead_code, reason = "these tests use only a part of the client")]
mod signing;
mod tags;
mod upload_checksums;

/// Makes each case a test with a new context of a provider.
#[macro_export]
macro_rules! cases {
    ($context:path; $($module:ident: $($case:ident),+;)+) => {$($(
        #[tokio::test]
        async fn $case() {
            $crate::$module::$case(&$context(stringify!($case)).await).await;
        }
    )+)+};
}

/// The cases that must pass for every provider.
#[macro_export]
macro_rules! cases_of_all {
    ($context:path) => {
        $crate::cases! { $context;
            objects: objects_lie_under_the_folder_and_come_back, odd_keys_come_back_byte_for_byte, ranges_are_read,
                what_is_kept_with_an_object_comes_back, conditions_hold_or_refuse, an_unchanged_object_is_named,
                what_other_tools_store_comes_back_encoded, a_condition_on_a_missing_object_finds_none, the_change_of_size_is_measured,
                several_objects_are_deleted_at_once, the_bucket_is_asked, what_is_not_offered_changes_nothing,
                buckets_are_listed_in_pages, the_private_acl_changes_nothing_and_others_are_refused, buckets_are_neither_created_nor_deleted,
                an_acl_that_s3_does_not_have_is_invalid,
                unknown_headers_are_ignored_and_owners_compared, a_download_resumes_if_the_object_is_the_same,
                tags_are_refused_where_the_provider_has_none, the_version_null_is_deleted;
            lists: lists_show_the_folder_only, the_marker_of_the_folder_is_not_listed,
                pages_join_without_gaps_in_every_form,
                the_next_marker_is_the_last_name, a_list_starts_after_a_key, tokens_are_good_for_their_list_only, a_list_of_nothing_is_empty;
            copies: copies_within_a_bucket_and_between_two, a_copy_needs_a_source_of_the_repository,
                what_the_provider_can_not_store_is_refused;
        }
    };
}
