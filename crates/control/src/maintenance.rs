//! Periodic maintenance: prunes old rows in small batches, so that no request waits for it, and logs warnings that
//! need an operator's attention. Of several control planes, one prunes and warns.

use std::time::Duration;

use bucketry_model::time::Day;
use bucketry_store::lease::LeaseName;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::{Control, Result};

/// How often maintenance runs.
const INTERVAL: Duration = Duration::from_mins(5);
/// How often a control plane looks whether it must take over from another one.
const STANDBY_INTERVAL: Duration = Duration::from_mins(1);
/// The maximum number of rows that a statement deletes.
const AT_MOST: u32 = 1_000;
/// How long change events are retained. A node that was away for longer gets a new snapshot.
const KEEP_CHANGES: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long responses to idempotent requests are retained.
const KEEP_REQUESTS: SignedDuration = SignedDuration::from_hours(24);
/// How long facets that no bucket has are retained, so that a transaction that has just found one can still use it.
const KEEP_FACETS: SignedDuration = SignedDuration::from_hours(24);
/// How long ended sessions are retained, so that reuse of a refresh token is still detected.
const KEEP_TOKENS: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Control {
    /// Runs maintenance periodically until the future is dropped. A deletion in progress then completes or is
    /// rolled back.
    pub async fn run_maintenance(&self) {
        loop {
            let interval = match self.tidy_if_responsible().await {
                Ok(true) => INTERVAL,
                Ok(false) => STANDBY_INTERVAL,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "maintenance failed and will be retried"
                    );
                    INTERVAL
                }
            };
            tokio::time::sleep(interval).await;
        }
    }

    /// Runs maintenance once.
    pub async fn tidy(&self) -> Result<()> {
        self.tidy_if_responsible().await.map(drop)
    }

    /// Runs maintenance once. Returns whether this control plane is the one that maintains the registry.
    async fn tidy_if_responsible(&self) -> Result<bool> {
        // In each process, because these are about its own memory.
        self.inner.replays.tidy(self.inner.environment.now());
        self.inner.node_clocks.tidy(Instant::now());
        self.record_due_refusals().await;
        let tidied = self.under_lease(LeaseName::Maintenance, |_| self.tidy_registry()).await?;
        // What is found is in the memory of the process, for its own responses. Finding it changes nothing.
        self.find_hourly().await?;
        Ok(tidied.is_some())
    }

    /// Tidies the registry. Two processes that did so at the same time would do no harm, because whatever one has deleted,
    /// planned or created, the other one doesn't find any more. So these writes don't need the lease's store.
    async fn tidy_registry(&self) -> Result<()> {
        let now = self.inner.environment.now();
        let settings = &self.inner.settings;
        let store = &self.inner.store;
        self.make_missing_sealing_keys().await?;
        store.purge_requests(now - KEEP_REQUESTS).await?;
        store.purge_tokens(now - KEEP_TOKENS).await?;
        let full = u64::from(AT_MOST);
        while store.purge_signatures(now, AT_MOST).await? >= full {}
        while store.purge_login_failures(now, AT_MOST).await? >= full {}
        while store.purge_changes(now - KEEP_CHANGES, AT_MOST).await? >= full {}
        let first_minute = now.as_second() - settings.keep_minutes_for_days * 86_400;
        while store.purge_usage_minutes(first_minute, AT_MOST).await? >= full {}
        let first_hour = now.as_second() - settings.keep_hours_for_days * 86_400;
        while store.purge_usage_hours(first_hour, AT_MOST).await? >= full {}
        let first_record = now - SignedDuration::from_hours(settings.keep_audit_for_days * 24);
        while store.purge_audit(first_record, AT_MOST).await? >= full {}
        let first_day = Day::from_number(Day::of(now).number() - settings.keep_days);
        while store.purge_day_records(first_day, AT_MOST).await? >= full {}
        let first_event = now - SignedDuration::from_hours(settings.keep_events_for_days * 24);
        while store.purge_status_events(first_event, AT_MOST).await? >= full {}
        while store.purge_node_silences(first_event, AT_MOST).await? >= full {}
        while store.purge_report_withdrawals(first_event, AT_MOST).await? >= full {}
        let first_message = now - SignedDuration::from_hours(settings.keep_notifications_for_days * 24);
        while store.purge_notifications(first_message, AT_MOST).await? >= full {}
        while store.purge_channels(AT_MOST).await? > 0 {}
        while store.purge_notification_silences(now, AT_MOST).await? >= full {}
        store.purge_facets(now - KEEP_FACETS).await?;
        self.plan_inventories(AT_MOST).await?;
        self.warn_of_ending_credentials().await?;
        Ok(())
    }
}
