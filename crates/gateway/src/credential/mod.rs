//! What the keys of repositories are verified with.

mod signing_secret;

pub use signing_secret::SigningSecret;
