//! The validations that callers follow, in this process's memory.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bucketry_model::diagnosis::CheckScope;
use bucketry_model::id::{BucketId, OrgId, UserId, ValidationId};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::end::ValidationEnd;
use crate::check_progress::CheckProgress;

/// How long the outcome of a validation can be read after its end.
pub(super) const KEPT: SignedDuration = SignedDuration::from_mins(5);
/// How many validations of an organization are remembered. The oldest that have ended are forgotten first.
pub(super) const MOST_PER_ORGANIZATION: usize = 64;
/// How many validations are remembered altogether.
const MOST: usize = 10_000;

/// What is validated, and so who may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ValidationSubject {
    /// A registered bucket: callers that may validate it.
    Bucket(BucketId),
    /// A bucket that isn't registered: the user who began.
    NewBucket(UserId),
}

/// A validation that is in progress or has ended lately.
#[derive(Clone)]
pub(super) struct FollowedValidation {
    pub(super) org_id: OrgId,
    pub(super) subject: ValidationSubject,
    pub(super) scope: CheckScope,
    pub(super) progress: watch::Receiver<CheckProgress>,
    /// How it ended, and when. Set before the progress is over.
    pub(super) end: Arc<OnceLock<(ValidationEnd, Timestamp)>>,
}

impl FollowedValidation {
    fn is_running(&self) -> bool {
        // Without a sender, whatever made the checks is gone.
        self.end.get().is_none() && self.progress.has_changed().is_ok()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        match self.end.get() {
            Some((_, at)) => now.duration_since(*at) > KEPT,
            None => self.progress.has_changed().is_err(),
        }
    }
}

/// All validations that callers follow.
#[derive(Default)]
pub(crate) struct Validations {
    // Ids begin with the time of their creation, so the oldest come first.
    followed: Mutex<BTreeMap<ValidationId, FollowedValidation>>,
}

impl Validations {
    /// Remembers a validation. Returns false if `at_once` of the organization are in progress, or too many altogether.
    pub(super) fn add(
        &self,
        id: ValidationId,
        validation: FollowedValidation,
        at_once: usize,
        now: Timestamp,
    ) -> bool {
        let mut followed = self.followed.lock();
        followed.retain(|_, one| !one.is_over(now));
        let org_id = validation.org_id;
        let of_org: Vec<_> = followed.iter().filter(|(_, one)| one.org_id == org_id).collect();
        let running = of_org.iter().filter(|(_, one)| one.is_running()).count();
        if running >= at_once {
            return false;
        }
        let oldest = |all: &[(&ValidationId, &FollowedValidation)]| {
            all.iter().find(|(_, one)| !one.is_running()).map(|(id, _)| **id)
        };
        let mut forgotten = None;
        if of_org.len() >= MOST_PER_ORGANIZATION {
            forgotten = oldest(&of_org);
        } else if followed.len() >= MOST {
            forgotten = oldest(&followed.iter().collect::<Vec<_>>());
            if forgotten.is_none() {
                return false;
            }
        }
        if let Some(id) = forgotten {
            followed.remove(&id);
        }
        followed.insert(id, validation);
        true
    }

    /// The validation of this organization with this id.
    pub(super) fn find(&self, org_id: OrgId, id: ValidationId) -> Option<FollowedValidation> {
        self.followed.lock().get(&id).filter(|one| one.org_id == org_id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::check_progress::ProgressSink;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    fn id(number: u16) -> ValidationId {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.to_be_bytes());
        ValidationId::new(now() + SignedDuration::from_millis(number.into()), random)
    }

    fn begun(org: u8) -> (ProgressSink, FollowedValidation) {
        let (sink, progress) = ProgressSink::new();
        let org_id = OrgId::new(now(), [org; 10]);
        let subject = ValidationSubject::NewBucket(UserId::new(now(), [1; 10]));
        let (scope, end) = (CheckScope::Full, Arc::default());
        (sink, FollowedValidation { org_id, subject, scope, progress, end })
    }

    fn end(validation: &FollowedValidation) {
        validation.end.set((ValidationEnd::Failed(Error::NodeTimeout.into()), now())).unwrap();
    }

    #[test]
    fn an_organization_has_only_so_many_in_progress_and_only_its_own() {
        let all = Validations::default();
        let ((_first, one), (_second, two), (_third, three)) = (begun(1), begun(1), begun(2));
        let org_id = one.org_id;
        assert!(all.add(id(1), one.clone(), 1, now()));
        assert!(!all.add(id(2), two.clone(), 1, now()));
        assert!(all.add(id(3), three, 1, now()), "another organization");
        assert!(all.find(org_id, id(1)).is_some() && all.find(org_id, id(3)).is_none());
        end(&one);
        assert!(all.add(id(2), two, 1, now()), "the first has ended");
    }

    #[test]
    fn what_has_ended_is_forgotten_after_a_while_or_for_want_of_room() {
        let all = Validations::default();
        let mut org_id = None;
        for number in 0..200 {
            let (_sink, one) = begun(1);
            org_id = Some(one.org_id);
            assert!(all.add(id(number), one.clone(), 1, now()));
            end(&one);
        }
        assert_eq!(all.followed.lock().len(), MOST_PER_ORGANIZATION);
        assert!(all.find(org_id.unwrap(), id(199)).is_some());
        let (_sink, one) = begun(2);
        assert!(all.add(id(300), one, 1, now() + KEPT + SignedDuration::from_secs(1)));
        assert_eq!(all.followed.lock().len(), 1);
    }

    #[test]
    fn one_whose_checks_were_given_up_does_not_count() {
        let all = Validations::default();
        let (sink, one) = begun(1);
        assert!(all.add(id(1), one, 1, now()));
        drop(sink);
        let (_sink, two) = begun(1);
        assert!(all.add(id(2), two, 1, now()));
    }
}
