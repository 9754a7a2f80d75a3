//! When stored secrets end: told to operators before it happens, as figures and in the log.

use std::sync::{Mutex, PoisonError};

use bucketry_model::time::is_ahead;
use bucketry_store::bucket::EndingCredential;
use jiff::{SignedDuration, Timestamp};

use crate::{Control, Result};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long before its end a secret is warned of.
const AHEAD: [SignedDuration; 2] = [SignedDuration::from_hours(14 * 24), DAY];
/// How many secrets are named at once; of the others only the number is told.
const NAMED: u32 = 50;
/// How old the figures may be.
const REMEMBER: SignedDuration = SignedDuration::from_secs(30);

/// How many buckets have a secret that ends soon. Each figure holds those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndingCredentials {
    /// It has ended.
    pub ended: u64,
    /// It ends within 7 days, or has ended.
    pub within_7_days: u64,
    /// It ends within 30 days, or has ended.
    pub within_30_days: u64,
}

/// What is remembered of ending secrets.
#[derive(Debug, Default)]
pub(crate) struct CredentialWatch {
    counted: Mutex<Option<(Timestamp, EndingCredentials)>>,
    warned: Mutex<Option<Timestamp>>,
}

impl Control {
    /// How many buckets have a secret that ends soon, as of half a minute ago at most.
    pub async fn ending_credentials(&self) -> Result<EndingCredentials> {
        let now = self.inner.environment.now();
        let watch = &self.inner.credential_watch.counted;
        if let Some((at, known)) = *watch.lock().unwrap_or_else(PoisonError::into_inner)
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
        *watch.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, counted));
        Ok(counted)
    }

    /// Secrets that came so close to their end since the last call that somebody has to be told; at the first call
    /// after a start, all of them.
    pub async fn newly_ending_credentials(&self) -> Result<Vec<EndingCredential>> {
        let now = self.inner.environment.now();
        let before = *self.inner.credential_watch.warned.lock().unwrap_or_else(PoisonError::into_inner);
        // The last call was in the future: nobody would be warned until then.
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
        *self.inner.credential_watch.warned.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(ending)
    }

    /// Writes the warnings into the log.
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
