//! How many findings there are, for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use bucketry_model::finding::{FindingCode, Severity};
use bucketry_store::notification::WaitingNotifications;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout};

use crate::{Control, Result};

/// How long the numbers are used for further scrapes.
const REMEMBER: Duration = Duration::from_secs(10);
/// How long a scrape waits for them. What was looked at until then is cached.
const WAIT: Duration = Duration::from_secs(3);
/// How many waiting messages are counted.
const MOST_COUNTED: u32 = 100_000;

/// The numbers of findings by code and severity.
pub type FindingCounts = BTreeMap<(FindingCode, Severity), u64>;

/// The last numbers of findings.
#[derive(Debug, Default)]
pub(crate) struct CountCache(tokio::sync::Mutex<Option<(Instant, FindingCounts)>>);

/// The notifications that wait to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotificationOutbox {
    /// How many there are, at most 100,000.
    pub waiting: u64,
    /// For how long the oldest has waited. Zero if none waits.
    pub oldest_age: SignedDuration,
}

impl Control {
    /// The numbers of findings that `bucketry doctor` lists, of all organizations together. For metrics, which have no
    /// caller. A few seconds old. `None` if they take too long.
    pub async fn finding_counts(&self) -> Result<Option<FindingCounts>> {
        let mut last = self.inner.findings.counts.0.lock().await;
        if let Some((_, counts)) = last.as_ref().filter(|(at, _)| at.elapsed() < REMEMBER) {
            return Ok(Some(counts.clone()));
        }
        let Ok(all) = timeout(WAIT, self.all_findings()).await else { return Ok(None) };
        let now = self.inner.environment.now();
        let mut counts = FindingCounts::new();
        for one in all? {
            for finding in one.scan.shown(now, |_| true).findings {
                *counts.entry((finding.key.code, finding.severity)).or_default() += 1;
            }
        }
        *last = Some((Instant::now(), counts.clone()));
        Ok(Some(counts))
    }

    /// The notifications of all organizations that wait to be sent. For metrics, which have no caller.
    pub async fn notification_outbox(&self) -> Result<NotificationOutbox> {
        let WaitingNotifications { waiting, oldest } = self.inner.store.outbox(MOST_COUNTED).await?;
        let now = self.inner.environment.now();
        let age = |at: Timestamp| now.duration_since(at).max(SignedDuration::ZERO);
        Ok(NotificationOutbox { waiting, oldest_age: oldest.map_or(SignedDuration::ZERO, age) })
    }
}
