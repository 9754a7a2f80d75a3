//! Removing what is no longer needed, a bounded number of rows at a time, so that nobody waits for it, and warning of
//! what needs somebody's hand.

use std::time::Duration;

use bucketry_model::time::Day;
use jiff::SignedDuration;

use crate::{Control, Result};

/// How often it is done.
const INTERVAL: Duration = Duration::from_mins(5);
/// How many rows a statement removes at most.
const AT_MOST: u32 = 5_000;
/// How long change events are kept: a node that was away for longer starts over with a snapshot.
const KEEP_CHANGES: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long answers to repeated requests are kept.
const KEEP_REQUESTS: SignedDuration = SignedDuration::from_hours(24);
/// How long ended sessions are kept, so that a refresh token that is used again is still recognised.
const KEEP_TOKENS: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Control {
    /// Does the housekeeping from time to time until the future is dropped; a removal that is under way then ends or
    /// is rolled back.
    pub async fn run_maintenance(&self) {
        loop {
            if let Err(error) = self.tidy().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping will be tried again");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Does the housekeeping once.
    pub async fn tidy(&self) -> Result<()> {
        let now = self.inner.environment.now();
        let settings = &self.inner.settings;
        let store = &self.inner.store;
        self.make_missing_sealing_keys().await?;
        self.inner.replays.tidy(now);
        store.purge_requests(now - KEEP_REQUESTS).await?;
        store.purge_tokens(now - KEEP_TOKENS).await?;
        let full = u64::from(AT_MOST);
        while store.purge_changes(now - KEEP_CHANGES, AT_MOST).await? >= full {}
        let first_minute = now.as_second() - settings.keep_minutes_for_days * 86_400;
        while store.purge_usage_minutes(first_minute, AT_MOST).await? >= full {}
        let first_day = Day::from_number(Day::of(now).number() - settings.keep_days);
        while store.purge_day_records(first_day, AT_MOST).await? >= full {}
        self.warn_of_ending_credentials().await?;
        Ok(())
    }
}
