//! Warns operators before stored secrets expire, in metrics and in the log.

use bucketry_model::time::is_ahead;
use bucketry_store::bucket::EndingCredential;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::{Control, Result};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long before its expiry a secret is reported.
const AHEAD: [SignedDuration; 2] = [SignedDuration::from_hours(14 * 24), DAY];
/// The maximum number of secrets per query that are logged individually.
const NAMED: u32 = 50;
/// How long counts are cached.
const REMEMBER: SignedDuration = SignedDuration::from_secs(30);

/// How many buckets have a secret that expires soon. Each count includes the previous ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndingCredentials {
    /// Already expired.
    pub ended: u64,
    /// Expired, or expires within 7 days.
    pub within_7_days: u64,
    /// Expired, or expires within 30 days.
    pub within_30_days: u64,
}

/// Cached counts, and the time of the last warnings.
#[derive(Debug, Default)]
pub(crate) struct CredentialWatch {
    counted: Mutex<Option<(Timestamp, EndingCredentials)>>,
    warned: Mutex<Option<Timestamp>>,
}

impl Control {
    /// How many buckets have a secret that expires soon, at most 30 seconds ago.
    pub async fn ending_credentials(&self) -> Result<EndingCredentials> {
        let now = self.inner.environment.now();
        let watch = &self.inner.credential_watch.counted;
        if let Some((at, known)) = *watch.lock()
            && now.duration_since(at).abs() < REMEMBER
        {
            return Ok(known);
        }
        let store = &self.inner.store;
        let counted = EndingCredentials {
            ended: store.count_credentials_ending(now).await?,
            within_7_days: store.count_credentials_ending(now + 7 * DAY).await?,
            within_30_days: store.count_credentials_ending(now + 30 * DAY).await?,
        };
        *watch.lock() = Some((now, counted));
        Ok(counted)
    }

    /// Secrets that have come close enough to their expiry since the last call to be reported. The first call after
    /// a start returns all of them.
    pub async fn newly_ending_credentials(&self) -> Result<Vec<EndingCredential>> {
        let now = self.inner.environment.now();
        let before = *self.inner.credential_watch.warned.lock();
        // If the last call was in the future, nobody would be warned until then.
        let before = before.filter(|before| !is_ahead(*before, now));
        let mut ending = Vec::new();
        match before {
            None => {
                let until = now + AHEAD[0];
                ending = self.inner.store.credentials_ending(Timestamp::MIN, until, NAMED).await?;
            }
            Some(before) => {
                for ahead in AHEAD.into_iter().chain([SignedDuration::ZERO]) {
                    let (after, until) = (before + ahead, now + ahead);
                    ending.extend(self.inner.store.credentials_ending(after, until, NAMED).await?);
                }
            }
        }
        *self.inner.credential_watch.warned.lock() = Some(now);
        Ok(ending)
    }

    /// Logs the warnings.
    pub(crate) async fn warn_of_ending_credentials(&self) -> Result<()> {
        let now = self.inner.environment.now();
        for one in self.newly_ending_credentials().await? {
            let (bucket_id, org_id, expires_at) = (one.id, one.org_id, one.expires_at);
            if expires_at <= now {
                tracing::warn!(%bucket_id, %org_id, %expires_at, "a bucket's credential has expired: replace it");
            } else {
                tracing::warn!(%bucket_id, %org_id, %expires_at, "a bucket's credential expires soon: replace it");
            }
        }
        Ok(())
    }
}
