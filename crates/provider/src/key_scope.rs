//! Whether a bucket's key opens more than its bucket.
//!
//! One request asks for the list of the account's buckets. It changes nothing. A key for one bucket may not list others,
//! or gets a list of that bucket only. The names in the list are counted and forgotten: they may be secret from people
//! who use this bucket.

use std::time::Duration;

use tokio::time::timeout;

use crate::driver::Driver;
use crate::error::ErrorKind;

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Only its bucket, as far as the provider shows.
    Bucket,
    /// Also others: this many are in the list, as far as they are counted.
    Wider(u64),
    /// The provider doesn't say, or there is no key.
    Unknown,
}

/// Asks within `deadline` what the bucket's key opens. Dropping the future cancels the request.
pub async fn check_key_scope(driver: &dyn Driver, deadline: Duration) -> KeyScope {
    match timeout(deadline, driver.other_buckets()).await {
        Ok(Ok(Some(0))) => KeyScope::Bucket,
        Ok(Ok(Some(others))) => KeyScope::Wider(others),
        Ok(Err(error)) if error.kind() == Some(ErrorKind::AccessDenied) => KeyScope::Bucket,
        Ok(Ok(None) | Err(_)) | Err(_) => KeyScope::Unknown,
    }
}
