//! The agent's own metrics.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bucketry_model::node_protocol::StatusCounts;
use bucketry_provider::probe::Probe;
use jiff::Timestamp;

/// The upper bounds of the latency histogram's buckets, in milliseconds.
pub const LATENCY_BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// Counters since the agent's start, and its state at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Probes that succeeded.
    pub probes_succeeded: u64,
    /// Probes that failed.
    pub probes_failed: u64,
    /// The number of successful probes by latency: one count per bound of [`LATENCY_BOUNDS_MS`], of probes above
    /// the previous bound, then the count of those above the last bound.
    pub probe_latency_counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// The sum of the latencies of successful probes, in microseconds.
    pub probe_latency_sum_us: u64,
    /// The number of buckets per status.
    pub buckets: StatusCounts,
    /// Heartbeats that were delivered.
    pub heartbeats_sent: u64,
    /// Heartbeats that failed.
    pub heartbeats_failed: u64,
    /// Samples waiting for a heartbeat.
    pub samples_waiting: u64,
    /// Samples that were dropped because too many were waiting.
    pub samples_forgotten: u64,
    /// Usage batches waiting to be reported.
    pub usage_batches_waiting: u64,
    /// How often traffic couldn't be written to the spool and stayed in memory for the next attempt.
    pub usage_writes_failed: u64,
    /// Usage rows that were lost because memory or the spool was full, or because writing them panicked.
    pub usage_rows_lost: u64,
    /// When the control plane last answered a sync request.
    pub last_sync: Option<Timestamp>,
    /// Whether the node knows what to serve: from the control plane, or from its disk.
    pub configured: bool,
    /// Whether the control plane has been away for so long that the gateway refuses requests.
    pub stale: bool,
    /// Whether the node is registered with the control plane.
    pub registered: bool,
    /// Whether all tasks of the agent are running.
    pub running: bool,
}

/// The counters behind [`MetricsSnapshot`].
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
    pub(crate) configured: AtomicBool,
    pub(crate) stale: AtomicBool,
    /// Unix milliseconds. 0 before the first sync.
    last_sync_ms: AtomicI64,
}

impl Metrics {
    pub(crate) fn count_probe(&self, probe: &Probe) {
        if probe.outcome.is_err() {
            add(&self.probes_failed, 1);
            return;
        }
        add(&self.probes_succeeded, 1);
        let fits = |bound: &u64| probe.latency <= Duration::from_millis(*bound);
        let bucket = LATENCY_BOUNDS_MS.iter().position(fits).unwrap_or(LATENCY_BOUNDS_MS.len());
        add(&self.latency_counts[bucket], 1);
        add(&self.latency_sum_us, u64::try_from(probe.latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn note_sync(&self, now: Timestamp) {
        self.last_sync_ms.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Returns the counters. The caller fills in the rest (states and queues).
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
            configured: self.configured.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
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
            metrics.count_probe(&Probe { latency: Duration::from_millis(ms), outcome: Ok(()) });
        }
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot.probe_latency_counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((snapshot.probes_succeeded, snapshot.probe_latency_sum_us), (5, 10_013_000));
    }
}
