//! Signatures of accepted messages of nodes, so that a message is accepted once, whichever control plane gets it.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Result;

/// Remembers signatures for as long as their messages would be accepted again.
#[async_trait]
pub trait NodeSignatureStore {
    /// Remembers the hash of a signature until a time. Returns whether it is new, which a hash whose time has passed is
    /// too. Of several processes that remember it at the same time, one is told that it is new.
    async fn remember_signature(&self, hash: &[u8; 32], now: Timestamp, until: Timestamp) -> Result<bool>;

    /// Forgets hashes whose time has passed, at most `at_most` at a time. Returns how many.
    async fn purge_signatures(&self, now: Timestamp, at_most: u32) -> Result<u64>;
}
