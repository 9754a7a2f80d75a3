//! Names that a node wants and another one has. When the other was last seen is dated by the clock of the process that heard from
//! it, which may be minutes ahead of this one's. What this process observes itself depends on no clock: whether there was
//! further contact.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::id::OrgId;
use bucketry_model::status::SILENCE;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How many names are remembered.
const REMEMBERED_AT_MOST: usize = 1_000;
/// A name that nobody asked for again in this time is forgotten. A refused node asks at least once per minute.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// The names for which registrations were refused, by the organization of the node.
#[derive(Default)]
pub(crate) struct TakenNames {
    by_name: Mutex<HashMap<(Option<OrgId>, String), LastContact>>,
}

/// The last contact with the node that has a name.
struct LastContact {
    /// As it is stored.
    last_seen: Timestamp,
    /// Since when there was no further one.
    since: Instant,
    asked_at: Instant,
}

impl TakenNames {
    /// Records that a registration was refused, because a node with this name was last seen at this time.
    pub(super) fn note(&self, org_id: Option<OrgId>, name: &str, last_seen: Timestamp, at: Instant) {
        let mut by_name = self.by_name.lock();
        by_name.retain(|_, contact| at.saturating_duration_since(contact.asked_at) < FORGOTTEN_AFTER);
        let key = (org_id, name.to_owned());
        let known = by_name.get(&key).filter(|contact| contact.last_seen == last_seen);
        let since = known.map_or(at, |contact| contact.since);
        if by_name.len() < REMEMBERED_AT_MOST || by_name.contains_key(&key) {
            by_name.insert(key, LastContact { last_seen, since, asked_at: at });
        }
    }

    /// The last contact with the node that has the name, if it has been silent since for so long that it isn't connected.
    pub(super) fn silent_at(&self, org_id: Option<OrgId>, name: &str, at: Instant) -> Option<Timestamp> {
        let by_name = self.by_name.lock();
        let contact = by_name.get(&(org_id, name.to_owned()))?;
        (at.saturating_duration_since(contact.since) >= SILENCE.unsigned_abs()).then_some(contact.last_seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_silent_once_it_was_observed_for_a_minute_whatever_the_time_of_the_last_contact() {
        let (names, begin) = (TakenNames::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let ahead = Timestamp::from_second(1_800_000_300).unwrap();
        assert_eq!(names.silent_at(None, "n", at(0)), None);
        names.note(None, "n", ahead, at(0));
        names.note(None, "n", ahead, at(30));
        assert_eq!(names.silent_at(None, "n", at(59)), None);
        assert_eq!(names.silent_at(None, "n", at(60)), Some(ahead));
        assert_eq!(names.silent_at(None, "another", at(60)), None);
        let later = Timestamp::from_second(1_800_000_320).unwrap();
        names.note(None, "n", later, at(61));
        assert_eq!(names.silent_at(None, "n", at(120)), None, "it was heard from again");
        assert_eq!(names.silent_at(None, "n", at(121)), Some(later));
        names.note(None, "another", later, at(61 + 600));
        assert_eq!(names.silent_at(None, "n", at(61 + 600)), None, "nobody asks for it any more");
    }
}
