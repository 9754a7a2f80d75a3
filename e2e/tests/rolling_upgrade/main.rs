//! A deployment is upgraded process by process while it serves: servers and nodes of two versions work together.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a long test says how far it has come, or why it is skipped")]

mod between_binaries;
mod deployment;
mod newer_database;
