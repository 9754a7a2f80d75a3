//! Failed attempts to enter a password, so that their limits apply to all control planes together.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::Result;

/// A keyed hash of what an allowance is for, such as an account and a network.
pub type AllowanceHash = [u8; 32];

/// What a failed attempt uses of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The allowance.
    pub hash: AllowanceHash,
    /// How much later the allowance is complete again because of the attempt.
    pub recovers_in: SignedDuration,
    /// If the allowance would be complete again only after more than this time, it is moved back to this time. Only a wrong
    /// clock causes that.
    pub overdrawn_at_most: SignedDuration,
}

/// Stores what failed attempts have used.
#[async_trait]
pub trait LoginFailureStore {
    /// When these allowances will be complete again, in any order. Without those that are complete.
    async fn login_failures(
        &self,
        hashes: &[AllowanceHash],
        now: Timestamp,
    ) -> Result<Vec<(AllowanceHash, Timestamp)>>;

    /// Records an attempt that failed now. It may use several allowances, each once.
    async fn record_login_failure(&self, used: &[FailedAttempt], now: Timestamp) -> Result<()>;

    /// Forgets allowances that were complete before a time, at most `at_most` at a time. Returns how many.
    async fn purge_login_failures(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
