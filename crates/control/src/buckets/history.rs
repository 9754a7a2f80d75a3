//! The history of buckets: changes of their status, and the outages that follow from them.

use std::collections::{BTreeSet, HashMap};

use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::node_silence::NodeSilence;
use bucketry_model::role::Caller;
use bucketry_model::status::ProbedStatus;
use bucketry_model::status_event::{Outage, StatusEvent, outages};
use bucketry_model::time::is_ahead;
use bucketry_store::status_event::{EventPosition, EventQuery, EventScope};
use jiff::Timestamp;

use crate::{Control, Error, ResourceKind, Result};

/// The most events that outages are derived from.
const MOST_EVENTS: u32 = 10_000;

/// Which events a caller asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter {
    /// Only changes to this status.
    pub to: Option<ProbedStatus>,
    /// No events before this time.
    pub since: Option<Timestamp>,
    /// No events after this time.
    pub until: Option<Timestamp>,
}

/// An event with the names of what it is about.
#[derive(Debug, Clone)]
pub struct EventView {
    /// The event.
    pub event: StatusEvent,
    /// The name of the bucket now.
    pub bucket_name: String,
    /// The name of the node. `None` if the node was removed.
    pub node_name: Option<String>,
}

/// The outages of a bucket.
#[derive(Debug, Clone)]
pub struct BucketOutages {
    /// Newest first.
    pub outages: Vec<Outage>,
    /// Whether all events of the range were considered.
    pub complete: bool,
    /// The time up to which an outage without an end has lasted.
    pub now: Timestamp,
}

impl Control {
    /// Returns a page of a bucket's events, newest first. Those of deleted buckets are retained.
    pub async fn bucket_events(
        &self,
        caller: &Caller,
        id: BucketId,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<EventView>> {
        self.may_read_history(caller, id).await?;
        self.event_views(caller, EventScope::Bucket(id), filter, after, limit).await
    }

    /// Returns a page of the events in the workspaces that the caller may see, or in one of them, newest first.
    pub async fn events(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<EventView>> {
        let visible = self.visible(caller, workspace).await?;
        self.event_views(caller, EventScope::Visible(visible), filter, after, limit).await
    }

    /// Returns the outages of a bucket in a range of time.
    pub async fn bucket_outages(
        &self,
        caller: &Caller,
        id: BucketId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<BucketOutages> {
        self.may_read_history(caller, id).await?;
        let query = EventQuery {
            org_id: caller.org_id,
            scope: EventScope::Bucket(id),
            to: None,
            since,
            until,
            after: None,
            limit: MOST_EVENTS,
        };
        let mut events = self.inner.store.status_events(&query).await?;
        let complete = events.len() < MOST_EVENTS as usize;
        events.reverse();
        let now = self.inner.environment.now();
        let silences = self.silences(id, &events, until, now).await?;
        let mut outages = outages(&events, &silences);
        outages.reverse();
        Ok(BucketOutages { outages, complete, now })
    }

    /// The times in which the nodes of a bucket's events weren't connected or stopped to probe it, as far as they matter
    /// for these events.
    async fn silences(
        &self,
        id: BucketId,
        events: &[StatusEvent],
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<NodeSilence>> {
        let Some(first) = events.first() else { return Ok(Vec::new()) };
        let nodes: BTreeSet<NodeId> = events.iter().map(|event| event.node_id).collect();
        let store = &self.inner.store;
        let mut silences = store.report_withdrawals(id, first.at, MOST_EVENTS).await?;
        for node in nodes {
            silences.extend(store.node_silences(node, first.at, now, MOST_EVENTS).await?);
        }
        // One that seems to have ended in the future is the work of a wrong clock.
        silences.retain(|one| {
            !is_ahead(one.until.unwrap_or(one.from), now) && until.is_none_or(|until| one.from <= until)
        });
        Ok(silences)
    }

    /// Whether the caller may read what is retained about a bucket, even if it was deleted.
    async fn may_read_history(&self, caller: &Caller, id: BucketId) -> Result<()> {
        if self.named_buckets(caller, &[id], None).await?.is_empty() {
            return Err(Error::NotFound(ResourceKind::Bucket));
        }
        Ok(())
    }

    async fn event_views(
        &self,
        caller: &Caller,
        scope: EventScope,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<EventView>> {
        let EventFilter { to, since, until } = filter;
        let query = EventQuery { org_id: caller.org_id, scope, to, since, until, after, limit };
        let events = self.inner.store.status_events(&query).await?;
        let mut ids: Vec<BucketId> = events.iter().map(|event| event.bucket_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let buckets = self.inner.store.buckets_ever(caller.org_id, &ids).await?;
        let buckets: HashMap<BucketId, String> =
            buckets.into_iter().map(|bucket| (bucket.id, bucket.name.as_str().to_owned())).collect();
        let nodes = self.known_nodes().await?;
        let nodes: HashMap<NodeId, &str> = nodes.iter().map(|node| (node.id, node.name.as_str())).collect();
        let view = |event: StatusEvent| EventView {
            bucket_name: buckets.get(&event.bucket_id).cloned().unwrap_or_default(),
            node_name: nodes.get(&event.node_id).map(|name| (*name).to_owned()),
            event,
        };
        Ok(events.into_iter().map(view).collect())
    }
}
