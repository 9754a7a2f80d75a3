//! What the agent counts about itself.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bucketry_model::node_protocol::StatusCounts;
use jiff::Timestamp;

use crate::cloud::Probed;

/// The upper bounds of the buckets of the latency histogram, in milliseconds.
pub const LATENCY_BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// What the agent did since its start, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Probes that found their bucket.
    pub probes_succeeded: u64,
    /// Probes that didn't.
    pub probes_failed: u64,
    /// Latencies of the successful probes: how many were within each of [`LATENCY_BOUNDS_MS`] and not within the one
    /// before, then how many were beyond the last.
    pub probe_latency_counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// The sum of the latencies of the successful probes, in microseconds.
    pub probe_latency_sum_us: u64,
    /// How many buckets are in which state.
    pub buckets: StatusCounts,
    /// Heartbeats that arrived.
    pub heartbeats_sent: u64,
    /// Heartbeats that didn't.
    pub heartbeats_failed: u64,
    /// Samples that wait for a heartbeat.
    pub samples_waiting: u64,
    /// Samples that were forgotten because too many waited.
    pub samples_forgotten: u64,
    /// Batches of traffic that wait to be reported.
    pub usage_batches_waiting: u64,
    /// How often traffic could not be written to the spool and was kept in memory for the next try.
    pub usage_writes_failed: u64,
    /// Rows of traffic that were lost because there was no room to keep them.
    pub usage_rows_lost: u64,
    /// When the control plane last answered a synchronisation.
    pub last_sync: Option<Timestamp>,
    /// Whether the control plane knows the node.
    pub registered: bool,
    /// Whether all of the agent's tasks run.
    pub running: bool,
}

/// The counters behind the snapshot.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    probes_succeeded: AtomicU64,
    probes_failed: AtomicU64,
    latency_counts: [AtomicU64; LATENCY_BOUNDS_MS.len() + 1],
    latency_sum_us: AtomicU64,
    pub(crate) heartbeats_sent: AtomicU64,
    pub(crate) heartbeats_failed: AtomicU64,
    pub(crate) usage_batches_waiting: AtomicU64,
    pub(crate) usage_writes_failed: AtomicU64,
    pub(crate) usage_rows_lost: AtomicU64,
    /// Unix milliseconds; 0 where there was none.
    last_sync_ms: AtomicI64,
}

impl Metrics {
    pub(crate) fn count_probe(&self, probed: &Probed) {
        if probed.outcome.is_err() {
            add(&self.probes_failed, 1);
            return;
        }
        add(&self.probes_succeeded, 1);
        let fits = |bound: &u64| probed.latency <= Duration::from_millis(*bound);
        let bucket = LATENCY_BOUNDS_MS.iter().position(fits).unwrap_or(LATENCY_BOUNDS_MS.len());
        add(&self.latency_counts[bucket], 1);
        add(&self.latency_sum_us, u64::try_from(probed.latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn note_sync(&self, now: Timestamp) {
        self.last_sync_ms.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// The counters; what others know (states, queues) is filled in by the caller.
    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last_sync_ms = self.last_sync_ms.load(Ordering::Relaxed);
        MetricsSnapshot {
            probes_succeeded: read(&self.probes_succeeded),
            probes_failed: read(&self.probes_failed),
            probe_latency_counts: std::array::from_fn(|n| read(&self.latency_counts[n])),
            probe_latency_sum_us: read(&self.latency_sum_us),
            buckets: StatusCounts::default(),
            heartbeats_sent: read(&self.heartbeats_sent),
            heartbeats_failed: read(&self.heartbeats_failed),
            samples_waiting: 0,
            samples_forgotten: 0,
            usage_batches_waiting: read(&self.usage_batches_waiting),
            usage_writes_failed: read(&self.usage_writes_failed),
            usage_rows_lost: read(&self.usage_rows_lost),
            last_sync: (last_sync_ms != 0)
                .then(|| Timestamp::from_millisecond(last_sync_ms).unwrap_or(Timestamp::MAX)),
            registered: false,
            running: false,
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_their_buckets() {
        let metrics = Metrics::default();
        for ms in [1, 5, 6, 5_000, 5_001] {
            metrics.count_probe(&Probed { latency: Duration::from_millis(ms), outcome: Ok(()) });
        }
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot.probe_latency_counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((snapshot.probes_succeeded, snapshot.probe_latency_sum_us), (5, 10_013_000));
    }
}
