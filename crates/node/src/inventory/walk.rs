//! One walk through the whole list of a bucket.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::inventory::WalkState;
use bucketry_model::node_protocol::WalkEnd;
use bucketry_provider::driver::{Driver, ListPage, ListRequest, PageToken};
use bucketry_provider::error::ProviderError;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::failure::{NextStep, describe, next_step};
use crate::open_buckets::{OpenBuckets, OpenDriver};

/// The largest number of requests of a walk. At most two billion keys.
const MAX_REQUESTS: u64 = 2_000_000;
/// After this many pages without a key, one after the other, a list counts as endless.
const MAX_EMPTY_PAGES: u32 = 1_000;
/// How often a request is repeated.
const MAX_RETRIES: u32 = 5;
/// How often a walk starts over.
const MAX_RESTARTS: u32 = 3;
/// How long a page may take in total.
const PAGE_TIMEOUT: Duration = Duration::from_mins(2);
/// The longest wait before a request is repeated.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A walk. Dropping its future loses nothing that is in the state, which always is that after a whole page.
pub(super) struct Walk {
    bucket_id: BucketId,
    buckets: Arc<OpenBuckets>,
    state: Arc<Mutex<WalkState>>,
    requests_per_second: u16,
    until: Option<Instant>,
    failures: u32,
    empty_pages: u32,
    cycle: CycleDetector,
    /// The end of the time that is in the state.
    counted_until: Instant,
}

impl Walk {
    pub(super) fn new(
        bucket_id: BucketId,
        buckets: Arc<OpenBuckets>,
        state: Arc<Mutex<WalkState>>,
        requests_per_second: u16,
        longest: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Self {
            bucket_id,
            buckets,
            state,
            requests_per_second: requests_per_second.max(1),
            until: longest.and_then(|longest| now.checked_add(longest)),
            failures: 0,
            empty_pages: 0,
            cycle: CycleDetector::default(),
            counted_until: now,
        }
    }

    /// Walks until the list ends, or the walk has to stop.
    pub(super) async fn run(mut self) -> WalkEnd {
        let mut pace = interval(Duration::from_secs(1) / u32::from(self.requests_per_second));
        // A slow page isn't made up for by a burst.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut config_version = None;
        loop {
            pace.tick().await;
            if self.until.is_some_and(|until| until <= Instant::now()) {
                return WalkEnd::Paused;
            }
            let Some(OpenDriver { config_version: version, driver }) = self.buckets.get(self.bucket_id)
            else {
                let reason = "The node doesn't serve the bucket, or can't open it.".to_owned();
                return WalkEnd::Failed { reason };
            };
            if *config_version.get_or_insert(version) != version {
                // The control plane decides whether it still is the same place.
                return WalkEnd::Paused;
            }
            if let Some(end) = self.step(&*driver).await {
                return end;
            }
        }
    }

    /// Reads a page. Returns how the walk ends, if it does.
    async fn step(&mut self, driver: &dyn Driver) -> Option<WalkEnd> {
        if self.state.lock().requests >= MAX_REQUESTS {
            let reason = format!("The list didn't end within {MAX_REQUESTS} requests.");
            return Some(WalkEnd::Abandoned { reason });
        }
        let request = self.request(driver);
        let page = timeout(PAGE_TIMEOUT, driver.list(&request)).await;
        self.note_request();
        match page.unwrap_or(Err(ProviderError::TimedOut)) {
            Ok(page) => {
                self.failures = 0;
                self.take(&page)
            }
            Err(error) => self.recover(&error, driver, &request).await,
        }
    }

    fn request(&self, driver: &dyn Driver) -> ListRequest {
        let mut state = self.state.lock();
        let token = state.token.clone().map(PageToken::new);
        if let Some(Ok(token)) = token {
            return ListRequest { token: Some(token), ..ListRequest::default() };
        }
        // Either nothing was read yet, or the provider didn't accept the token.
        let start_after = state.sum.last_key.clone();
        if start_after.is_some() && !can_start_after(&state, driver) {
            state.start_over();
            return ListRequest::default();
        }
        ListRequest { start_after, ..ListRequest::default() }
    }

    fn note_request(&mut self) {
        let now = Instant::now();
        let passed = now.duration_since(self.counted_until).as_millis();
        self.counted_until = now;
        let mut state = self.state.lock();
        state.requests += 1;
        state.active_ms = state.active_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
    }

    fn take(&mut self, page: &ListPage) -> Option<WalkEnd> {
        self.empty_pages = if page.objects.is_empty() { self.empty_pages + 1 } else { 0 };
        let repeats = page.next.as_ref().is_some_and(|next| self.cycle.repeats(next));
        if repeats || self.empty_pages > MAX_EMPTY_PAGES {
            let reason = "The provider's list doesn't end: it repeats a page, or has no keys in many pages.";
            return Some(WalkEnd::Abandoned { reason: reason.to_owned() });
        }
        let mut state = self.state.lock();
        for object in &page.objects {
            state.sum.add(&object.key, object.size, object.storage_class.as_deref());
        }
        state.token = page.next.as_ref().map(|token| token.as_str().to_owned());
        state.token.is_none().then_some(WalkEnd::Finished)
    }

    async fn recover(
        &mut self,
        error: &ProviderError,
        driver: &dyn Driver,
        request: &ListRequest,
    ) -> Option<WalkEnd> {
        self.failures += 1;
        let is_last = self.failures > MAX_RETRIES;
        match next_step(error, request.token.is_some()) {
            NextStep::Retry(after) if !is_last => {
                let wait = Duration::from_secs(1 << self.failures.min(5));
                sleep(after.unwrap_or(wait).min(LONGEST_WAIT)).await;
                None
            }
            NextStep::WithoutToken if !is_last => self.without_token(driver),
            _ => Some(WalkEnd::Failed { reason: describe(error, &driver.site()) }),
        }
    }

    /// Continues after the last key if the provider can, or else with the first page.
    fn without_token(&self, driver: &dyn Driver) -> Option<WalkEnd> {
        let mut state = self.state.lock();
        if can_start_after(&state, driver) {
            state.token = None;
            return None;
        }
        if state.restarts >= MAX_RESTARTS {
            let reason =
                "The provider's page tokens expire before the list ends: raise the requests per second.";
            return Some(WalkEnd::Abandoned { reason: reason.to_owned() });
        }
        state.start_over();
        None
    }
}

/// Finds out that page tokens repeat, with two tokens of memory (Brent's algorithm). A list with a cycle of pages is
/// noticed after at most three rounds.
#[derive(Default)]
struct CycleDetector {
    landmark: Option<PageToken>,
    since: u64,
    length: u64,
}

impl CycleDetector {
    fn repeats(&mut self, token: &PageToken) -> bool {
        if self.landmark.as_ref() == Some(token) {
            return true;
        }
        self.since += 1;
        if self.since >= self.length {
            (self.landmark, self.since, self.length) = (Some(token.clone()), 0, (self.length * 2).max(1));
        }
        false
    }
}

/// Whether the list can continue after the last key: otherwise, keys would be missed or counted twice.
fn can_start_after(state: &WalkState, driver: &dyn Driver) -> bool {
    driver.capabilities().list_start_after && state.sum.is_ordered && state.sum.last_key.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_after(tokens: impl Iterator<Item = u32>) -> Option<usize> {
        let mut cycle = CycleDetector::default();
        tokens
            .map(|number| PageToken::new(format!("t{number}")).unwrap())
            .position(|token| cycle.repeats(&token))
    }

    #[test]
    fn a_list_that_repeats_pages_is_noticed_and_a_long_one_is_not() {
        assert_eq!(found_after(0..10_000), None);
        assert_eq!(found_after(std::iter::repeat_n(7, 10)), Some(1));
        for length in [2, 3, 10, 1_000] {
            let found = found_after((0..20_000).map(|number| number % length)).unwrap();
            assert!(found < 3 * length as usize + 3, "{length}: {found}");
        }
        // Pages before the cycle don't hide it.
        assert!(found_after((0..100).chain((0..1_000).map(|number| 100 + number % 7))).is_some());
    }
}
