//! Lets one request read from the store for all that need the same at that moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Result;

/// How long a read may take before the requests that wait for it read on their own.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Makes requests that need the same take turns, so that most of them find what an earlier one has read.
#[derive(Default)]
pub(crate) struct SharedRead {
    turn: Mutex<()>,
    failures: AtomicU64,
}

impl SharedRead {
    /// Returns what is known, or the result of `read`, which also makes it known.
    ///
    /// `None` if a read failed or took too long: callers then read on their own, and report their own error. Otherwise, each
    /// caller would wait until all before it had failed one after the other.
    ///
    /// If the future is dropped, the next caller reads.
    pub(crate) async fn get<T>(
        &self,
        known: impl Fn() -> Option<T>,
        read: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        if let Some(found) = known() {
            return Some(found);
        }
        let failures = self.failures.load(Ordering::Acquire);
        let _turn = self.turn.lock().await;
        if let Some(found) = known() {
            return Some(found);
        }
        if self.failures.load(Ordering::Acquire) != failures {
            return None;
        }
        if let Ok(Ok(found)) = timeout(READ_WITHIN, read).await {
            return Some(found);
        }
        self.failures.fetch_add(1, Ordering::Release);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use parking_lot::Mutex;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::Error;

    /// Something that is read, and how often that was done.
    #[derive(Default)]
    struct Source {
        reads: SharedRead,
        known: Mutex<Option<u32>>,
        begun: AtomicUsize,
    }

    impl Source {
        async fn get(&self, read: impl Future<Output = Result<u32>>) -> Option<u32> {
            let read = async {
                self.begun.fetch_add(1, Ordering::SeqCst);
                let found = read.await?;
                *self.known.lock() = Some(found);
                Ok(found)
            };
            self.reads.get(|| *self.known.lock(), read).await
        }
    }

    async fn a_second_later(result: Result<u32>) -> Result<u32> {
        sleep(Duration::from_secs(1)).await;
        result
    }

    fn failure() -> Error {
        Error::field("any", "is wrong")
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_many_requests_reads_for_all() {
        let source = Arc::new(Source::default());
        let mut requests = JoinSet::new();
        for _ in 0..100 {
            let source = Arc::clone(&source);
            requests.spawn(async move { source.get(a_second_later(Ok(7))).await });
        }
        assert!(requests.join_all().await.iter().all(|found| *found == Some(7)));
        assert_eq!(source.begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_waited_for_a_failed_read_do_not_wait_for_each_other() {
        let source = Arc::new(Source::default());
        let start = Instant::now();
        let mut requests = JoinSet::new();
        for _ in 0..100 {
            let source = Arc::clone(&source);
            requests.spawn(async move { source.get(a_second_later(Err(failure()))).await });
        }
        assert!(requests.join_all().await.iter().all(Option::is_none));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!(source.get(async { Ok(8) }).await, Some(8), "later requests read again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_delays_the_others_by_seconds_only() {
        let source = Arc::new(Source::default());
        let start = Instant::now();
        let hanging = source.get(pending());
        let waiting = source.get(async { Ok(9) });
        assert_eq!(tokio::join!(hanging, waiting), (None, None));
        assert!(start.elapsed() < READ_WITHIN * 2, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_is_dropped_is_made_by_the_next_request() {
        let source = Source::default();
        let dropped = timeout(Duration::from_millis(10), source.get(pending()));
        let next = source.get(async { Ok(10) });
        let (dropped, next) = tokio::join!(dropped, next);
        assert!(dropped.is_err());
        assert_eq!(next, Some(10));
    }
}
