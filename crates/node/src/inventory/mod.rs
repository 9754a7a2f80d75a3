//! Walks through the lists of buckets, to find out how full they are.
//!
//! The control plane decides which walks are due and gives them to nodes. A node reports its walks every few seconds,
//! with their states, so that a walk survives the end of the node and of the control plane. Walks that the control
//! plane no longer acknowledges are dropped, because another node may continue them.

mod failure;
mod walk;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::inventory::WalkState;
use bucketry_model::node_protocol::{
    ABANDONED_AFTER_DAYS, InventoryOrders, InventoryReport, MAX_WALKS, UploadsFound, WALK_LEASE_SECONDS,
    WalkEnd, WalkOrder, WalkReport,
};
use bucketry_model::time::Clock;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::{InventoryConfig, NodeInfo};
use crate::control_plane::{ControlPlane, ControlPlaneError};
use crate::jitter::Jitter;
use crate::open_buckets::OpenBuckets;
use crate::registration::Registration;
use crate::uploads;
use walk::Walk;

/// How long the last report may take while the node stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the search for abandoned uploads may take after a walk.
const UPLOADS_WITHIN: Duration = Duration::from_secs(30);
/// A walk that wasn't acknowledged for this long is dropped, before another node gets it.
const UNACKNOWLEDGED: Duration = Duration::from_secs(WALK_LEASE_SECONDS.unsigned_abs() * 3 / 4);
/// The longest wait after a failed report. Control planes of older versions refuse all of them.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

struct RunningWalk {
    started_at: Timestamp,
    state: Arc<Mutex<WalkState>>,
    /// The requests of the state that was acknowledged last.
    acknowledged: Option<u64>,
    end: Option<WalkEnd>,
    abandoned_uploads: Option<UploadsFound>,
    task: AbortHandle,
}

struct EndedWalk {
    bucket_id: BucketId,
    started_at: Timestamp,
    end: WalkEnd,
    abandoned_uploads: Option<UploadsFound>,
}

/// The state of the task that runs walks.
pub(crate) struct InventoryWalks {
    control_plane: Arc<dyn ControlPlane>,
    registration: Arc<Registration>,
    buckets: Arc<OpenBuckets>,
    node: NodeInfo,
    config: InventoryConfig,
    clock: Arc<dyn Clock>,
    running: HashMap<BucketId, RunningWalk>,
    tasks: JoinSet<EndedWalk>,
}

impl InventoryWalks {
    pub(crate) fn new(
        control_plane: Arc<dyn ControlPlane>,
        registration: Arc<Registration>,
        buckets: Arc<OpenBuckets>,
        node: NodeInfo,
        config: InventoryConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (running, tasks) = (HashMap::new(), JoinSet::new());
        Self { control_plane, registration, buckets, node, config, clock, running, tasks }
    }

    /// Runs walks until it is stopped, then tries to report where they were.
    pub(crate) async fn run(mut self, jitter: Jitter, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow(jitter)).await;
        self.tasks.shutdown().await;
        for walk in self.running.values_mut() {
            walk.end.get_or_insert(WalkEnd::Paused);
        }
        if !self.running.is_empty() {
            _ = tokio::time::timeout(FAREWELL, self.report(0)).await;
        }
    }

    async fn follow(&mut self, jitter: Jitter) {
        let mut backoff = Backoff::new(self.config.report_interval, LONGEST_WAIT, jitter);
        let mut acknowledged = Instant::now();
        loop {
            self.registration.wait().await;
            let most = self.config.max_walks.min(MAX_WALKS);
            let free = u32::try_from(most.saturating_sub(self.running.len())).unwrap_or(0);
            let wait = match self.report(free).await {
                Ok(orders) => {
                    backoff.reset();
                    acknowledged = Instant::now();
                    self.follow_orders(orders);
                    self.config.report_interval
                }
                // Heartbeats take care of the registration.
                Err(error) => {
                    tracing::debug!(%error, "can't report inventories");
                    backoff.after_failure()
                }
            };
            if acknowledged.elapsed() > UNACKNOWLEDGED && !self.running.is_empty() {
                tracing::warn!(
                    walks = self.running.len(),
                    "dropped walks that the control plane doesn't acknowledge"
                );
                self.running.drain().for_each(|(_, walk)| walk.task.abort());
            }
            self.wait(wait).await;
        }
    }

    /// Waits for the time of the next report. A walk that ends is reported soon.
    async fn wait(&mut self, longest: Duration) {
        let time = sleep(longest);
        tokio::pin!(time);
        loop {
            tokio::select! {
                () = &mut time => return,
                Some(ended) = self.tasks.join_next() => {
                    // Walks that were aborted have no end to report.
                    let Ok(EndedWalk { bucket_id, started_at, end, abandoned_uploads }) = ended else { continue };
                    if let Some(walk) = self.running.get_mut(&bucket_id)
                        && walk.started_at == started_at
                    {
                        walk.end = Some(end);
                        walk.abandoned_uploads = abandoned_uploads;
                        let soon = Instant::now() + Duration::from_millis(200);
                        if time.deadline() > soon {
                            time.as_mut().reset(soon);
                        }
                    }
                }
            }
        }
    }

    /// Reports all walks. Those that have ended are forgotten when the control plane has acknowledged them.
    async fn report(&mut self, free: u32) -> Result<InventoryOrders, ControlPlaneError> {
        let mut reported = Vec::new();
        let mut walks = Vec::new();
        for (bucket_id, walk) in &self.running {
            let state = walk.state.lock();
            let is_new = walk.acknowledged != Some(state.requests) || walk.end.is_some();
            reported.push((*bucket_id, state.requests, walk.end.is_some()));
            walks.push(WalkReport {
                bucket_id: *bucket_id,
                started_at: walk.started_at,
                state: if is_new { state.to_text() } else { None },
                end: walk.end.clone(),
                abandoned_uploads: walk.abandoned_uploads,
            });
        }
        let report = InventoryReport { ip: self.node.name.clone(), id_org: self.node.id_org, walks, free };
        let orders = self.control_plane.inventory(&report).await?;
        for (bucket_id, requests, has_ended) in reported {
            if has_ended {
                self.running.remove(&bucket_id);
            } else if let Some(walk) = self.running.get_mut(&bucket_id) {
                walk.acknowledged = Some(requests);
            }
        }
        Ok(orders)
    }

    fn follow_orders(&mut self, orders: InventoryOrders) {
        for bucket_id in orders.stop {
            if let Some(walk) = self.running.remove(&bucket_id) {
                walk.task.abort();
            }
        }
        for order in orders.walks {
            if self.running.len() < self.config.max_walks.min(MAX_WALKS)
                && !self.running.contains_key(&order.bucket_id)
            {
                self.start(order);
            }
        }
    }

    fn start(&mut self, order: WalkOrder) {
        let WalkOrder { bucket_id, started_at, requests_per_second, state, for_seconds } = order;
        let state = state.as_deref().and_then(WalkState::from_text).unwrap_or_default();
        let state = Arc::new(Mutex::new(state));
        let walk = Walk::new(
            bucket_id,
            Arc::clone(&self.buckets),
            Arc::clone(&state),
            requests_per_second,
            for_seconds.map(Duration::from_secs),
        );
        let buckets = Arc::clone(&self.buckets);
        let begun_before = self.clock.now() - SignedDuration::from_hours(24 * ABANDONED_AFTER_DAYS);
        let task = self.tasks.spawn(async move {
            let walk = async {
                let end = walk.run().await;
                let open = buckets.get(bucket_id).filter(|_| end == WalkEnd::Finished);
                let abandoned_uploads = match open {
                    Some(open) => uploads::abandoned(&*open.driver, begun_before, UPLOADS_WITHIN).await,
                    None => None,
                };
                (end, abandoned_uploads)
            };
            let (end, abandoned_uploads) = AssertUnwindSafe(walk).catch_unwind().await.unwrap_or_else(|_| {
                let reason = "the node failed while it listed the bucket; its log has the details";
                (WalkEnd::Abandoned { reason: reason.to_owned() }, None)
            });
            EndedWalk { bucket_id, started_at, end, abandoned_uploads }
        });
        let walk =
            RunningWalk { started_at, state, acknowledged: None, end: None, abandoned_uploads: None, task };
        self.running.insert(bucket_id, walk);
    }
}
