//! Answers kept for requests that may arrive twice (`Idempotency-Key`).

use async_trait::async_trait;
use bucketry_model::id::TokenId;
use jiff::Timestamp;

use crate::Result;

/// Names a request: the same token, the same path, the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName {
    /// The session or API token that it came with. Another token of the same user may be allowed less.
    pub token_id: TokenId,
    /// Method and path.
    pub route: String,
    /// The key that the client chose.
    pub key: String,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is reserved for the caller now, who must complete or abandon it.
    New,
    /// It was answered before.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The same key came with another body.
    OtherBody,
    /// It is being worked on.
    InProgress,
}

/// Keeps answers.
#[async_trait]
pub trait IdempotencyStore {
    /// Reserves a request, or tells what is known of it. A reservation from before `stale` (its process died), or from
    /// further ahead of `now` than clocks may differ, is taken over. An answer is given again whatever its time.
    async fn begin_request(
        &self,
        name: &RequestName,
        body_hash: &[u8; 32],
        stale: Timestamp,
        now: Timestamp,
    ) -> Result<Begun>;

    /// Keeps the answer.
    async fn complete_request(&self, name: &RequestName, status: u16, body: &str) -> Result<()>;

    /// Forgets the reservation, so that the request can be tried again.
    async fn abandon_request(&self, name: &RequestName) -> Result<()>;

    /// Removes what is from before the given time. Returns how many.
    async fn purge_requests(&self, before: Timestamp) -> Result<u64>;
}
