//! Changes of the status of buckets.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_model::status::ProbedStatus;
use bucketry_model::status_event::StatusEvent;
use jiff::Timestamp;

use crate::Result;

/// The position in a newest-first list of events after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPosition {
    /// The time of the last event on the previous page, in microseconds since 1970.
    pub at: i64,
    /// The number of that event.
    pub number: i64,
}

impl EventPosition {
    /// The position of an event.
    pub fn of(event: &StatusEvent) -> Self {
        Self { at: bucketry_model::time::to_micros(event.at), number: event.number }
    }
}

/// Whose events to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventScope {
    /// Those of one bucket, deleted or not. The caller checks the access.
    Bucket(BucketId),
    /// Those of all buckets of an organization that were in visible workspaces at the time.
    Visible(Visibility),
}

/// Which events to list.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// The organization.
    pub org_id: OrgId,
    /// Whose events.
    pub scope: EventScope,
    /// Only changes to this status.
    pub to: Option<ProbedStatus>,
    /// No events before this time.
    pub since: Option<Timestamp>,
    /// No events after this time.
    pub until: Option<Timestamp>,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<EventPosition>,
    /// The most events to read.
    pub limit: u32,
}

/// Reads and prunes changes of statuses. `StatusStore::record_probes` adds them.
#[async_trait]
pub trait StatusEventStore {
    /// A page of events, newest first.
    async fn status_events(&self, query: &EventQuery) -> Result<Vec<StatusEvent>>;

    /// Removes events from before the given time, at most `at_most` at a time. Returns how many.
    async fn purge_status_events(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
