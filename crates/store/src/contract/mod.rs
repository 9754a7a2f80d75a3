//! What every engine must do, as stories that run against any [`Store`](crate::Store).
//!
//! [`contract_tests!`](crate::contract_tests) turns each story into a test of one engine:
//!
//! ```ignore
//! bucketry_store::contract_tests!(crate::open_an_empty_store);
//! ```
//!
//! `open_an_empty_store` is an async function without parameters that returns a new, empty store. A story fails by
//! panicking.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a story that fails panics, which fails the test that runs it"
)]
#![expect(
    clippy::missing_panics_doc,
    missing_docs,
    reason = "the names of the stories say what they are about"
)]

mod fixture;
pub use fixture::audit as change;

pub mod audit;
pub mod bucket;
pub mod bucket_list;
pub mod credential;
pub mod first_report;
pub mod freshness;
pub mod idempotency;
pub mod inventory;
pub mod job;
pub mod key_check;
pub mod lease;
pub mod listing;
pub mod login_failure;
pub mod monitoring;
pub mod node;
pub mod node_signature;
pub mod notification;
pub mod notification_channel;
pub mod organization;
pub mod overview;
pub mod pin;
pub mod repository;
pub mod repository_key;
pub mod repository_use;
pub mod status;
pub mod status_event;
pub mod sync;
pub mod token;
pub mod usage;
pub mod usage_hours;
pub mod usage_series;
pub mod user;
pub mod validation;
pub mod vault;
pub mod workspace;

/// Calls a macro with all stories, area by area: `area { story story … } …`, after an argument if one is given.
#[macro_export]
macro_rules! contract_stories {
    ($($call:ident)::+ $(, $argument:path)?) => {
        $($call)::+! {
            $($argument;)?
            organization {
                an_organization_comes_with_its_owner_and_first_workspace
                an_organization_whose_owner_has_a_taken_address_is_not_made
                organizations_are_listed_in_the_order_in_which_they_were_made
                a_quota_is_set_and_lifted
                writes_are_found_to_be_taken
                the_latest_backup_is_remembered
            }
            user {
                a_user_reads_back
                addresses_are_unique_without_letter_case_until_the_user_is_removed
                two_users_with_one_address_at_once_give_one_user
                users_are_paged_newest_first
                users_are_found_by_their_role
                a_user_changes
                a_new_password_ends_the_other_sessions_and_leaves_api_tokens
                a_password_that_must_be_changed_is_remembered_until_it_is
                a_change_that_was_checked_against_an_older_password_or_session_is_refused
                of_two_changes_of_one_password_at_once_one_is_refused
                a_session_is_not_opened_with_a_password_that_was_replaced_meanwhile
                a_user_of_another_organization_is_not_found
                the_last_owner_is_neither_lowered_nor_removed
                two_owners_who_lower_each_other_at_once_leave_one
                the_last_admin_of_a_workspace_is_not_removed
                removing_a_user_ends_memberships_and_tokens
            }
            workspace {
                a_workspace_reads_back_with_its_creator_as_admin
                workspaces_are_paged_newest_first_and_only_where_visible
                a_workspace_is_renamed
                a_workspace_with_buckets_stays
                removing_a_workspace_ends_memberships_and_tokens_scoped_to_it
                members_are_added_once_and_listed_newest_first
                members_are_paged_by_account
                the_last_admin_stays
                two_admins_who_remove_each_other_at_once_leave_one
            }
            token {
                a_caller_is_known_with_memberships_and_scope
                an_expired_or_revoked_token_has_no_caller
                an_api_token_is_found_by_its_hash
                a_browser_is_known_by_its_value_until_the_session_ends
                a_browsers_session_is_extended_once_in_a_while
                a_refresh_token_is_exchanged_once
                a_refresh_token_that_comes_again_ends_the_session
                two_exchanges_of_one_refresh_token_at_once_succeed_at_most_once
                an_expired_session_is_not_renewed
                a_session_is_renewed_until_it_is_as_old_as_it_may_become
                networks_that_a_user_signed_in_from_are_remembered
                a_session_from_the_future_is_not_renewed
                tokens_are_listed_newest_first_and_revoked_by_their_owner_only
                ended_tokens_are_purged
            }
            bucket {
                a_bucket_reads_back
                names_are_unique_without_letter_case_until_the_bucket_is_removed
                two_creations_of_one_name_give_one_bucket
                the_quota_holds_for_creations_at_once
                the_workspace_must_be_a_live_one_of_the_organization
                a_bucket_is_changed_from_the_version_that_was_read
                of_two_changes_from_one_version_one_is_refused
                a_change_to_a_taken_name_or_a_foreign_workspace_is_refused
                a_secret_is_kept_replaced_or_cleared
                a_removed_bucket_is_gone_and_frees_name_and_quota
                workspaces_of_buckets_are_known_for_live_and_deleted_buckets_of_the_organization
                deleted_buckets_are_still_known_by_their_ids
                the_generation_changes_with_the_organizations_buckets_only
                reports_without_news_outdate_responses_and_are_not_shown_at_once
                a_write_that_is_given_up_leaves_nothing_behind
            }
            first_report {
                a_validated_bucket_has_a_status_and_a_day_from_the_start
                a_refused_registration_reports_nothing
                a_node_that_was_removed_while_it_validated_reports_nothing
                a_change_of_the_configuration_ends_what_nodes_reported_before
                a_validated_change_leaves_the_report_of_the_node_that_validated
                a_new_name_and_a_new_seal_leave_reports_as_they_are
                buckets_that_share_a_name_or_a_key_are_found_in_the_organization
            }
            audit {
                a_record_reads_back
                a_change_and_its_record_are_stored_together
                records_are_listed_newest_first_by_what_a_reader_looks_for
                a_cursor_walks_all_records_once
                a_member_sees_own_records_and_those_of_the_workspaces_once
                read_marks_belong_to_a_user_and_an_organization
                old_records_are_purged_in_slices_with_their_read_marks
                a_stream_continues_where_it_was
            }
            credential {
                age_and_end_of_a_secret_go_with_the_secret
                a_bucket_without_a_secret_has_no_age_and_no_end
                ending_secrets_are_told_earliest_first_and_counted
                ending_secrets_are_listed_where_they_are_visible
                an_organization_keeps_its_first_external_id
                two_external_ids_at_once_give_one
            }
            bucket_list {
                a_list_shows_buckets_without_secrets_with_the_words_of_nodes
                only_visible_workspaces_are_listed
                a_cursor_walks_a_thousand_buckets_of_merged_workspaces_without_gap_or_repetition
                a_cursor_walks_more_workspaces_than_one_statement_merges
                buckets_made_in_the_same_moment_are_listed_by_id
                totals_are_listed_like_buckets
                buckets_are_walked_by_their_names_at_the_provider
            }
            overview {
                buckets_are_counted_by_status
                hours_of_traffic_are_summed_over_workspaces_and_nodes
                the_busiest_buckets_come_first
                sizes_of_measured_buckets_are_summed
            }
            listing {
                buckets_are_found_by_the_beginnings_of_all_words
                a_bucket_is_found_by_what_it_is_called_now
                a_status_is_what_connected_nodes_report_now
                filters_and_orders_walk_all_pages_without_gap_or_repetition
                results_are_in_the_order_of_words_and_few_can_be_sorted
                repositories_are_found_and_listed_by_name
                unused_facets_are_purged
                buckets_are_counted_by_what_they_have_in_common
            }
            pin {
                pins_read_back_until_they_are_cleared
                a_change_of_pins_is_announced_with_the_repositories_and_is_no_other_configuration
                reports_of_nodes_that_serve_a_bucket_no_longer_do_not_count
                walks_of_buckets_that_are_pinned_to_others_are_left_out
            }
            monitoring {
                the_oldest_buckets_of_all_organizations_are_monitored
                buckets_of_one_workspace_are_monitored
            }
            repository {
                a_repository_reads_back_with_its_buckets_in_order
                repository_names_are_unique_without_letter_case_until_the_repository_is_removed
                the_quota_of_repositories_holds_for_creations_at_once
                buckets_must_be_live_ones_of_the_same_workspace
                a_folder_belongs_to_one_repository
                a_folder_that_two_repositories_take_at_once_goes_to_one
                a_mirror_shares_its_buckets_with_no_other_repository
                a_repository_is_changed_from_the_version_that_was_read
                a_change_of_a_repository_that_breaks_a_rule_is_refused
                a_removed_repository_frees_name_buckets_and_quota
                a_proposal_is_checked_and_not_stored
                repositories_are_paged_newest_first_and_only_where_visible
            }
            repository_use {
                a_bucket_in_use_stays_and_stays_where_it_is
                a_bucket_takes_no_name_that_its_repository_has
                a_workspace_with_repositories_stays
                repositories_of_buckets_are_told
                buckets_of_mirrors_are_not_available
                every_change_of_a_repository_raises_its_version_and_is_announced
                repositories_are_walked_by_id_with_buckets_and_live_keys
                the_generation_changes_with_what_repositories_hold
            }
            repository_key {
                a_key_reads_back_without_its_secret
                keys_are_bounded_in_number
                a_key_is_changed_and_revoked_within_its_repository_only
                the_keys_of_a_removed_repository_are_revoked
                the_latest_use_of_a_key_is_kept
                a_use_from_the_future_gives_way
                the_owner_of_a_key_is_found_even_if_it_was_revoked
            }
            status {
                probes_become_last_words_and_days
                a_failure_keeps_the_latency_of_the_last_success
                the_reason_is_kept_while_a_bucket_is_offline
                late_and_repeated_samples_are_passed_over
                a_word_from_the_future_is_none
                samples_of_unknown_foreign_and_removed_buckets_are_passed_over
                a_node_that_is_not_registered_is_not_believed
                time_over_midnight_counts_for_both_days
                a_heartbeat_of_five_thousand_samples_is_taken
                words_and_days_of_several_nodes_are_told_by_node_name
                old_days_are_purged_a_few_at_a_time
                the_days_of_several_buckets_are_read_at_once
                the_hours_of_the_latest_days_are_kept
                hours_of_several_buckets_are_read_at_once
                a_clock_that_was_ahead_ends_no_hours
            }
            status_event {
                a_change_of_the_status_is_an_event_and_moves_since
                events_are_filtered_and_paged_newest_first
                events_are_seen_in_the_workspace_of_their_time_only
                old_events_are_purged_a_few_at_a_time
                the_latest_diagnosis_of_a_bucket_is_kept
            }
            usage {
                a_batch_is_added_to_the_totals
                a_batch_that_arrives_twice_counts_once
                a_batch_that_arrives_twice_at_once_counts_once
                reports_of_two_nodes_at_once_are_both_counted
                a_gap_in_the_numbers_is_refused
                rows_of_foreign_and_unknown_buckets_are_passed_over
                rows_that_cannot_be_added_up_are_passed_over
                removed_buckets_still_count
                old_minutes_are_purged_and_totals_stay
                sizes_beyond_all_measure_stop_no_counting
                spools_that_ended_long_ago_are_forgotten
                totals_of_repositories_are_kept_by_organization
                the_minutes_of_failing_buckets_are_found
            }
            usage_series {
                a_series_tells_minutes_and_days_newest_first
                a_day_that_has_ended_stays_and_may_still_grow
                traffic_is_counted_in_its_minute_after_a_minute_of_the_future
                a_report_of_more_rows_than_a_statement_takes_counts_as_a_whole
                a_series_is_cut_down_to_buckets_repositories_and_hosts
                a_series_holds_what_is_visible_and_what_was_removed
                a_series_of_another_organization_is_not_told
                a_cursor_walks_a_series_without_gap_or_repetition
            }
            usage_hours {
                traffic_is_summed_by_hour_and_workspace
                traffic_of_a_bucket_that_moved_counts_where_it_is
                reports_and_a_move_at_once_are_all_counted
                a_cursor_walks_hours_without_gap_or_repetition
                old_hours_are_purged_a_few_at_a_time
            }
            node {
                a_node_registers_and_is_updated_by_name
                a_name_belongs_to_one_organization
                two_registrations_of_one_name_at_once_give_one_node
                a_node_that_comes_back_gets_its_id_back
                removing_a_node_takes_its_words_and_keeps_its_days
                the_last_heartbeat_of_a_node_reads_back_until_the_node_is_removed
                heartbeats_at_the_same_time_lose_no_process
                a_node_is_touched_while_it_is_registered
                keys_are_kept_by_organization
                each_deleted_key_has_a_record
                an_organization_has_a_bounded_number_of_keys
                nodes_of_a_removed_key_must_register_again
                a_deleted_node_comes_back_with_a_newer_key_only
                an_organization_has_as_many_live_nodes_as_its_quota
                a_silence_is_stored_when_the_node_is_heard_from_again
                a_removal_is_stored_when_the_node_registers_again
                a_withdrawn_report_no_longer_counts_and_is_remembered
                secrets_are_sealed_to_approved_keys_only
                an_approved_node_is_not_displaced_while_it_is_connected
                a_node_that_was_observed_to_be_silent_is_displaced_whatever_the_clocks_say
                a_rewrap_that_is_requested_again_begins_again
                an_approval_survives_a_registration_at_the_same_time
            }
            node_signature {
                a_signature_is_new_once_until_its_time_has_passed
                of_two_processes_that_get_one_signature_one_accepts_it
                signatures_are_forgotten_when_their_time_has_passed
            }
            sync {
                every_change_of_a_bucket_is_announced_in_order
                nodes_of_an_organization_see_its_changes_only
                removed_events_ask_for_a_new_start
                buckets_are_walked_by_id
                single_buckets_are_given_where_they_are_served
            }
            validation {
                a_validation_is_shown_as_it_was_last_stored
                only_so_many_validations_of_an_organization_are_remembered
                old_validations_are_purged
            }
            vault {
                secrets_are_walked_by_id_buckets_first
                a_secret_is_replaced_only_where_the_old_one_is_in_place
                a_repository_is_given_its_sealing_key_once
                the_state_of_a_rotation_reads_back
            }
            inventory {
                settings_and_schedules_read_back
                a_walk_is_given_to_one_node_saved_and_finished
                a_walk_whose_node_fell_silent_continues_elsewhere
                a_node_of_an_organization_gets_its_walks_only
                failures_are_counted_and_forgiven
                buckets_of_an_organization_are_planned_in_slices
                old_results_are_dropped
                a_bucket_that_moves_or_is_removed_loses_its_sizes
                lists_show_sizes
                late_and_failed_walks_are_found
            }
            freshness {
                a_rule_is_set_replaced_and_removed
                a_bucket_has_a_limited_number_of_rules
                a_due_check_is_made_by_one_process_and_recorded
                what_was_found_in_a_bucket_goes_with_its_place
            }
            job {
                a_job_is_taken_once_and_only_for_its_node
                a_report_is_read_by_whoever_wants_the_result
                reports_of_other_nodes_and_on_jobs_that_ended_change_nothing
                a_withdrawn_job_is_gone_and_so_is_one_that_nobody_waits_for
                a_job_that_was_taken_is_not_removed_as_one_that_waits
                only_so_many_jobs_wait_for_one_node
                only_so_many_validations_of_one_organization_are_in_progress
                validations_that_begin_at_once_do_not_exceed_the_limit
            }
            login_failure {
                failures_add_up_until_the_allowance_is_complete_again
                failures_at_once_are_all_counted
                an_allowance_is_never_overdrawn_by_more_than_its_limit
                failures_are_forgotten_when_the_allowance_is_complete
            }
            key_check {
                each_key_is_checked_once_a_day
                a_new_bucket_is_checked_soon_and_not_again_in_the_next_round
                a_broad_key_is_known_until_it_is_narrow_replaced_or_gone
            }
            lease {
                a_token_grows_whenever_a_lease_changes_hands
                a_former_holder_stores_nothing
            }
            notification_channel {
                a_channel_reads_back_without_its_secret
                channels_are_bounded_and_in_a_workspace_of_the_organization
                a_channel_changes_and_its_secret_is_kept_replaced_or_erased
                a_deleted_channel_is_gone_at_once_and_so_are_those_of_a_deleted_workspace
                a_silence_reads_back_until_it_has_ended
            }
            notification {
                a_condition_and_its_message_are_stored_together_and_once
                a_condition_ends_once_and_only_if_it_was_cleared
                a_channel_has_a_bounded_number_of_conditions
                messages_are_claimed_in_order_by_one_process_at_a_time
                later_messages_wait_for_one_that_fails_but_tests_do_not
                a_message_that_is_stored_during_an_attempt_is_not_overlooked
                a_disabled_channel_sends_nothing_until_it_is_enabled
                messages_are_counted_and_pruned_once_they_no_longer_wait
            }
            idempotency {
                an_answer_is_given_again
                one_key_with_another_body_is_told
                an_abandoned_request_can_be_tried_again
                of_two_requests_at_once_one_is_new
                a_stale_reservation_is_taken_over
                a_reservation_from_the_future_is_taken_over_and_an_answer_stays
                old_answers_are_purged
            }
        }
    };
}

/// Turns every story into a test of one engine. Takes the path, from `crate`, of an async function that opens a
/// new, empty store.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_stories! { bucketry_store::contract_tests, $open }
    };
    ($open:path; $($area:ident { $($story:ident)* })*) => {
        $(mod $area {
            $(#[tokio::test]
            async fn $story() {
                let store = $open().await;
                $crate::contract::$area::$story(&store).await;
            })*
        })*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_story_is_in_the_list() {
        let list = include_str!("mod.rs");
        for area in [
            include_str!("audit.rs"),
            include_str!("bucket.rs"),
            include_str!("bucket_list.rs"),
            include_str!("credential.rs"),
            include_str!("first_report.rs"),
            include_str!("freshness.rs"),
            include_str!("idempotency.rs"),
            include_str!("inventory.rs"),
            include_str!("job.rs"),
            include_str!("key_check.rs"),
            include_str!("lease.rs"),
            include_str!("node.rs"),
            include_str!("node_signature.rs"),
            include_str!("notification.rs"),
            include_str!("notification_channel.rs"),
            include_str!("organization.rs"),
            include_str!("repository.rs"),
            include_str!("repository_key.rs"),
            include_str!("repository_use.rs"),
            include_str!("status.rs"),
            include_str!("status_event.rs"),
            include_str!("sync.rs"),
            include_str!("token.rs"),
            include_str!("usage.rs"),
            include_str!("usage_hours.rs"),
            include_str!("usage_series.rs"),
            include_str!("user.rs"),
            include_str!("validation.rs"),
            include_str!("vault.rs"),
            include_str!("workspace.rs"),
        ] {
            for story in area.split("\npub async fn ").skip(1) {
                let name = story.split('(').next().unwrap();
                assert!(list.contains(&format!(" {name}\n")), "{name} is not run");
            }
        }
    }
}
