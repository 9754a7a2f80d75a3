//! Forms that browsers send (`PostObject`), through a gateway to real servers of the three kinds.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod context;
mod draft;
mod large;
mod refusals;
mod stored;

/// Makes each case a test with a new context of each provider.
macro_rules! cases {
    ($($provider:ident { $($module:ident: $($case:ident),+;)+ })+) => {$(
        mod $provider {
            $($(
                #[tokio::test]
                async fn $case() {
                    let context = $crate::context::TestContext::start(
                        stringify!($case), $crate::context::$provider(stringify!($case)).await,
                    ).await;
                    crate::$module::$case(&context).await;
                }
            )+)+
        }
    )+};
}

// Files that aren't small are stored as multipart uploads, which Cloud Storage's test server lacks. A stand-in has them.
cases! {
    s3 {
        stored: a_form_stores_its_file, the_form_chooses_the_response, fields_after_the_file_are_ignored,
            a_form_that_is_sent_twice_replaces_the_object, what_is_stored_is_counted;
        large: a_large_file_is_streamed, a_large_form_that_breaks_off_stores_nothing,
            a_large_file_outside_of_its_range_is_not_stored;
        refusals: a_policy_is_kept_to_the_letter, a_form_needs_a_valid_signature, a_damaged_form_stores_nothing,
            a_key_allows_no_more_than_it_may, what_a_provider_lacks_is_refused;
    }
    azure {
        stored: a_form_stores_its_file, fields_after_the_file_are_ignored, a_form_may_have_tags,
            a_form_that_is_sent_twice_replaces_the_object, what_is_stored_is_counted;
        large: a_large_file_is_streamed, a_large_form_that_breaks_off_stores_nothing;
        refusals: a_damaged_form_stores_nothing, what_a_provider_lacks_is_refused;
    }
    gcs {
        stored: a_form_stores_its_file, fields_after_the_file_are_ignored, a_form_may_have_tags,
            a_form_that_is_sent_twice_replaces_the_object, what_is_stored_is_counted;
        refusals: a_damaged_form_stores_nothing, what_a_provider_lacks_is_refused;
    }
    gcs_uploads {
        large: a_large_file_is_streamed, a_large_form_that_breaks_off_stores_nothing,
            a_large_file_outside_of_its_range_is_not_stored;
    }
}
