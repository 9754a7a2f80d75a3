//! What the gateway did, for metrics. Every label is of a short list; nothing that clients choose becomes one.

use std::sync::atomic::{AtomicU64, Ordering};

/// The classes that requests are counted in, in the order of [`Stats::requests`].
pub const CLASSES: [&str; 5] = ["read", "write", "list", "bucket", "refused"];
/// The classes of statuses, in the order of [`Stats::requests`].
pub const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Counters of all requests.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; STATUSES.len()]; CLASSES.len()],
    in_flight: AtomicU64,
    broken_off: AtomicU64,
    uploaded: AtomicU64,
    downloaded: AtomicU64,
}

/// What the gateway did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests that were answered, by [`CLASSES`] and [`STATUSES`]. What is refused before it is known what it asks
    /// for is of the class `refused`.
    pub requests: [[u64; STATUSES.len()]; CLASSES.len()],
    /// Requests being answered.
    pub in_flight: u64,
    /// Requests that ended before their answer did: the client went away, or the provider.
    pub broken_off: u64,
    /// Bytes of content that clients sent.
    pub uploaded: u64,
    /// Bytes of content that clients received.
    pub downloaded: u64,
}

impl Counters {
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request ended; `status` is missing where it was given up before it was answered.
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
