//! Reads what people paste: addresses of buckets, credentials as tools print them, and values with quotes, names or
//! invisible characters around them.
//!
//! **Invariant:** an error says what form a text seems to have and what to do, and never repeats any of it, because it may
//! be a secret in the wrong place.

pub mod address;
mod assignments;
pub mod clean;
mod connection_string;
mod console;
pub mod credential;
mod csv;
pub mod document;
pub mod fields;
mod json;
pub mod mismatch;
pub mod pasted_address;
pub mod pasted_credential;
pub mod pasted_text;
pub mod region;
pub mod shape;

/// A name in lower case without `_`, `-` and spaces, for comparisons.
fn normal_name(name: &str) -> String {
    name.to_ascii_lowercase().chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect()
}
