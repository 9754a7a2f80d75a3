//! The use cases over a real store, with a clock that is moved by hand and a node in the test's hands.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod accounts;
mod clocks;
mod credentials;
mod moved_buckets;
mod nodes;
mod registry;
mod repositories;
mod repository_keys;
mod sealing_keys;
mod sessions;
mod support;
