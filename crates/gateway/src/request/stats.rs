//! Counters for metrics. Every label comes from a short list; clients can't create labels.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::request::latency::{Histogram, LatencyCounts};

/// The classes that requests are counted by, in the order of [`Stats::requests`] and [`Stats::latency`].
pub const CLASSES: [&str; 6] = ["read", "write", "list", "delete", "other", "refused"];
/// The classes of response statuses, in the order of [`Stats::requests`].
pub const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The counters of all requests since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; STATUSES.len()]; CLASSES.len()],
    latency: [Histogram; CLASSES.len()],
    in_flight: AtomicU64,
    broken_off: AtomicU64,
    uploaded: AtomicU64,
    downloaded: AtomicU64,
}

/// How a request ended.
pub(crate) struct RequestEnd {
    /// The index in [`CLASSES`].
    pub(crate) class: usize,
    /// The status, and the time until the head of the response was ready. `None` if the request was abandoned before.
    pub(crate) answered: Option<(u16, Duration)>,
    /// Whether the response was sent completely.
    pub(crate) whole: bool,
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
}

/// A snapshot of the gateway's counters since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests that were answered, by [`CLASSES`] and [`STATUSES`]. The class `refused` contains requests that
    /// were refused before their operation was known.
    pub requests: [[u64; STATUSES.len()]; CLASSES.len()],
    /// The times until the head of the response was ready, by [`CLASSES`].
    pub latency: [LatencyCounts; CLASSES.len()],
    /// Requests that are being served.
    pub in_flight: u64,
    /// Requests that ended before their response was complete, because the client or the provider disconnected.
    pub broken_off: u64,
    /// Bytes of content received from clients.
    pub uploaded: u64,
    /// Bytes of content sent to clients.
    pub downloaded: u64,
}

impl Counters {
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that has ended.
    pub(crate) fn end(&self, end: &RequestEnd) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some((status, latency)) = end.answered {
            let class = end.class.min(CLASSES.len() - 1);
            let status = usize::from(status / 100).clamp(2, 5) - 2;
            self.requests[class][status].fetch_add(1, Ordering::Relaxed);
            self.latency[class].record(latency);
        }
        if !end.whole {
            self.broken_off.fetch_add(1, Ordering::Relaxed);
        }
        // Most requests transfer content in one direction only, and an addition locks the memory bus.
        for (counter, bytes) in [(&self.uploaded, end.uploaded), (&self.downloaded, end.downloaded)] {
            if bytes > 0 {
                counter.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: std::array::from_fn(|class| {
                std::array::from_fn(|status| read(&self.requests[class][status]))
            }),
            latency: std::array::from_fn(|class| self.latency[class].read()),
            in_flight: read(&self.in_flight),
            broken_off: read(&self.broken_off),
            uploaded: read(&self.uploaded),
            downloaded: read(&self.downloaded),
        }
    }
}
