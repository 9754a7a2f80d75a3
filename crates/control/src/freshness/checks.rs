//! Checks of freshness rules: a node that serves the bucket lists the prefix.

use std::time::Duration;

use bucketry_model::node_protocol::{NewestSearch, Outcome, Task};
use bucketry_model::time::is_ahead;
use bucketry_store::freshness::{FreshnessCheck, StoredFreshness};
use jiff::{SignedDuration, Timestamp};

use crate::bucket_jobs::BucketJobFailure;
use crate::{Control, Result};

/// How often to look for checks that are due.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How many checks run at the same time.
const AT_ONCE: u32 = 4;
/// How long a node may take.
const WITHIN: Duration = Duration::from_mins(1);
/// How long a check belongs to the process that makes it. Then another one may.
const LEASE: SignedDuration = SignedDuration::from_secs(150);
/// The longest stored reason, in characters.
const LONGEST_REASON: usize = 300;

impl Control {
    /// Makes checks when they are due, until the future is dropped.
    pub async fn run_freshness_checks(&self) {
        loop {
            match self.make_due_checks().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "freshness checks failed");
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Makes the checks that are due, a few at the same time. Returns how many.
    pub async fn make_due_checks(&self) -> Result<usize> {
        let now = self.inner.environment.now();
        let mut running = tokio::task::JoinSet::new();
        for rule in self.inner.store.due_freshness(now, AT_ONCE).await? {
            if self.inner.store.claim_freshness(&rule, now + LEASE).await? {
                let control = self.clone();
                running.spawn(async move { control.check_freshness(&rule).await });
            }
        }
        let mut made = 0;
        while let Some(done) = running.join_next().await {
            made += 1;
            if let Ok(Err(error)) = done {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a freshness check was not recorded"
                );
            }
        }
        Ok(made)
    }

    async fn check_freshness(&self, rule: &StoredFreshness) -> Result<()> {
        let started_at = self.inner.environment.now();
        let task = Task::FindNewest(NewestSearch {
            bucket_id: rule.bucket_id,
            prefix: rule.rule.prefix.clone(),
            min_bytes: rule.rule.min_bytes,
            // Whatever is newer than this is fresh until the next check.
            fresh_since: started_at - rule.rule.max_age + rule.rule.interval(),
            deadline_ms: u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX),
        });
        let pins = self.inner.store.pins_of(&[rule.bucket_id]).await?.remove(&rule.bucket_id);
        let outcome = self.run_bucket_job(rule.org_id, &pins.unwrap_or_default(), task, WITHIN).await?;
        let check = judge(rule, outcome, self.inner.environment.now());
        self.inner.store.record_freshness(rule, &check).await?;
        Ok(())
    }
}

/// What the outcome of a check means.
fn judge(
    rule: &StoredFreshness,
    outcome: std::result::Result<Outcome, BucketJobFailure>,
    now: Timestamp,
) -> FreshnessCheck {
    let found = match outcome {
        // A time in the future comes from a wrong clock at the provider, but the object is new.
        Ok(Outcome::FoundNewest { newest }) => {
            Ok(newest.map(|newest| if is_ahead(newest, now) { now } else { newest }))
        }
        Err(failure) => Err(failure.reason),
        Ok(_) => Err("The node's answer was not the result of a check.".to_owned()),
    };
    match found {
        Ok(newest_at) => FreshnessCheck {
            at: now,
            newest_at,
            stale_since: rule.rule.stale_since(newest_at, rule.set_at, now),
            error: None,
            due_at: rule.rule.next_check(newest_at, now),
        },
        // What was found before may have become stale since. Nobody knows of anything newer.
        Err(reason) => FreshnessCheck {
            at: now,
            newest_at: rule.newest_at,
            stale_since: match rule.newest_at {
                Some(newest) => rule.rule.stale_since(Some(newest), rule.set_at, now),
                None => rule.stale_since,
            },
            error: Some(reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()),
            due_at: rule.rule.next_check(None, now),
        },
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::freshness::FreshnessRule;
    use bucketry_model::id::{BucketId, OrgId};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(newest: Option<i64>) -> StoredFreshness {
        StoredFreshness {
            bucket_id: BucketId::new(at(0), [1; 10]),
            org_id: OrgId::new(at(0), [1; 10]),
            rule: FreshnessRule::new("backups/", 1, 3_600).unwrap(),
            set_at: at(1_000),
            due_at: at(1_000),
            checked_at: None,
            newest_at: newest.map(at),
            stale_since: None,
            error: None,
        }
    }

    #[test]
    fn a_check_that_fails_keeps_what_was_known_and_lets_it_age() {
        let failed =
            |newest, now| judge(&stored(newest), Err(BucketJobFailure::of_node("No\u{7} node.")), at(now));
        let check = failed(Some(2_000), 5_599);
        assert_eq!((check.stale_since, check.error.as_deref()), (None, Some("No node.")));
        assert_eq!(failed(Some(2_000), 5_600).stale_since, Some(at(5_600)));
        assert_eq!(failed(None, 9_000).stale_since, None, "nothing is known yet");
    }

    #[test]
    fn an_object_of_the_future_is_new() {
        let found = |newest: i64| {
            judge(&stored(None), Ok(Outcome::FoundNewest { newest: Some(at(newest)) }), at(5_000))
        };
        assert_eq!(found(5_010).newest_at, Some(at(5_010)), "clocks differ a little");
        assert_eq!(found(90_000).newest_at, Some(at(5_000)));
        assert_eq!(found(1_400).stale_since, Some(at(5_000)));
        let nothing = judge(&stored(None), Ok(Outcome::FoundNewest { newest: None }), at(5_000));
        assert_eq!(nothing.stale_since, Some(at(1_000)), "since the rule was set");
    }
}
