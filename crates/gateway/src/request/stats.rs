//! Counters for metrics. Every label comes from a short list; clients can't create labels.

use std::sync::atomic::{AtomicU64, Ordering};

/// The classes that requests are counted by, in the order of [`Stats::requests`].
pub const CLASSES: [&str; 5] = ["read", "write", "list", "bucket", "refused"];
/// The classes of response statuses, in the order of [`Stats::requests`].
pub const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The counters of all requests since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; STATUSES.len()]; CLASSES.len()],
    in_flight: AtomicU64,
    broken_off: AtomicU64,
    uploaded: AtomicU64,
    downloaded: AtomicU64,
}

/// A snapshot of the gateway's counters since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests that were answered, by [`CLASSES`] and [`STATUSES`]. The class `refused` contains requests that
    /// were refused before their operation was known.
    pub requests: [[u64; STATUSES.len()]; CLASSES.len()],
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

    /// Counts a request that has ended. `status` is `None` if it was abandoned before it was answered.
    pub(crate) fn end(&self, class: usize, status: Option<u16>, whole: bool, uploaded: u64, downloaded: u64) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(status) = status {
            let status = usize::from(status / 100).clamp(2, 5) - 2;
            self.requests[class.min(CLASSES.len() - 1)][status].fetch_add(1, Ordering::Relaxed);
        }
        if !whole {
            self.broken_off.fetch_add(1, Ordering::Relaxed);
        }
        self.uploaded.fetch_add(uploaded, Ordering::Relaxed);
        self.downloaded.fetch_add(downloaded, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: std::array::from_fn(|class| {
                std::array::from_fn(|status| read(&self.requests[class][status]))
            }),
            in_flight: read(&self.in_flight),
            broken_off: read(&self.broken_off),
            uploaded: read(&self.uploaded),
            downloaded: read(&self.downloaded),
        }
    }
}
