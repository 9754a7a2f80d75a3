//! Stored responses for requests that may arrive twice (`Idempotency-Key`).

use async_trait::async_trait;
use bucketry_model::id::TokenId;
use jiff::Timestamp;

use crate::Result;

/// Identifies a request: the same token, the same route, the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName {
    /// The session or API token of the request. Another token of the same user may have fewer permissions.
    pub token_id: TokenId,
    /// The method and the path.
    pub route: String,
    /// The value of `Idempotency-Key`, which the client chose.
    pub key: String,
}

/// What is known about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing. The request is now reserved for the caller, who must complete or abandon it.
    New,
    /// The request was answered before.
    Answered {
        /// The HTTP status of the stored response.
        status: u16,
        /// The body of the stored response.
        body: String,
    },
    /// The same key came with a different body.
    OtherBody,
    /// The request is in progress.
    InProgress,
}

/// Stores responses.
#[async_trait]
pub trait IdempotencyStore {
    /// Reserves a request, or returns what is known about it.
    ///
    /// A reservation is taken over if it is older than `stale` (its process died), or further ahead of `now` than
    /// clocks may differ. A stored response is returned regardless of its age.
    async fn begin_request(
        &self,
        name: &RequestName,
        body_hash: &[u8; 32],
        stale: Timestamp,
        now: Timestamp,
    ) -> Result<Begun>;

    /// Stores the response.
    async fn complete_request(&self, name: &RequestName, status: u16, body: &str) -> Result<()>;

    /// Removes the reservation, so that the request can be tried again.
    async fn abandon_request(&self, name: &RequestName) -> Result<()>;

    /// Removes requests from before the given time. Returns how many.
    async fn purge_requests(&self, before: Timestamp) -> Result<u64>;
}
