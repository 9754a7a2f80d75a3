//! Tests of the use cases, with a real store, a clock that tests set by hand, and a fake node.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod accounts;
mod approvals;
mod backups;
mod browser_sessions;
mod change_feed;
mod clocks;
mod contents;
mod credentials;
mod event_storm;
mod findings;
mod inventories;
mod leaving_nodes;
mod login_failures;
mod monitoring;
mod moved_buckets;
mod newer_values;
mod node_clocks;
mod node_versions;
mod nodes;
mod notifications;
mod outages;
mod pins;
mod probe_shares;
mod registry;
mod repositories;
mod repository_keys;
mod sealing_keys;
mod sessions;
mod support;
mod traffic_findings;
mod validations;
