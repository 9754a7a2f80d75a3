//! Refused uses of access keys, grouped until they are reported.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use bucketry_gateway::KeyRefusal;
use bucketry_model::id::RepoKeyId;
use bucketry_model::node_protocol::{KeyRefusals, OTHER_KEY_REFUSALS};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long refusals are counted before they are reported.
const INTERVAL: Duration = Duration::from_mins(1);
/// How many groups have an address. Refusals beyond them are grouped without it.
const MOST_WITH_ADDRESS: usize = 100;
/// How many groups there are, apart from one for all others.
const MOST_GROUPS: usize = 200;

/// What makes refusals equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RefusalGroup {
    /// `None` for keys that the node doesn't know. They are one group, because a client can make up any number.
    key_id: Option<RepoKeyId>,
    code: &'static str,
    address: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct RefusalCounts {
    groups: HashMap<RefusalGroup, KeyRefusals>,
    /// When the interval began.
    began: Option<Instant>,
    /// Those of ended intervals, until they are delivered.
    due: Vec<KeyRefusals>,
}

/// Counts refusals. The memory is bounded, whatever clients send and however long the control plane is away.
#[derive(Debug, Default)]
pub(crate) struct RefusedKeys(Mutex<RefusalCounts>);

impl RefusedKeys {
    /// Counts a refusal.
    pub(crate) fn note(&self, refusal: KeyRefusal) {
        let KeyRefusal { key_id, code, address, at } = refusal;
        let mut counted = self.0.lock();
        let address = address.filter(|_| key_id.is_some());
        let exact = (RefusalGroup { key_id, code, address }, MOST_WITH_ADDRESS);
        let without_address = (RefusalGroup { key_id, code, address: None }, MOST_GROUPS);
        let others = RefusalGroup { key_id: None, code: OTHER_KEY_REFUSALS, address: None };
        let groups = &mut counted.groups;
        let fits = |(group, most): &(RefusalGroup, usize)| groups.len() < *most || groups.contains_key(group);
        let group = [exact, without_address].into_iter().find(fits).map_or(others, |(group, _)| group);
        let first = || {
            let RefusalGroup { key_id, code, address } = group;
            KeyRefusals { key_id, code: code.into(), address, count: 0, at }
        };
        let refusals = groups.entry(group).or_insert_with(first);
        refusals.count = refusals.count.saturating_add(1);
        refusals.at = at;
    }

    /// Ends the interval if it is over, or if `at_once`. Returns whether there is something to report.
    pub(crate) fn end_interval(&self, now: Instant, at_once: bool) -> bool {
        let mut counted = self.0.lock();
        if counted.groups.is_empty() {
            return !counted.due.is_empty();
        }
        let began = *counted.began.get_or_insert(now);
        // While earlier ones wait, counting continues in the same groups.
        if counted.due.is_empty() && (at_once || now.duration_since(began) >= INTERVAL) {
            counted.began = None;
            counted.due = std::mem::take(&mut counted.groups).into_values().collect();
        }
        !counted.due.is_empty()
    }

    /// What is to be reported. It stays until it is confirmed, so a report that is cancelled loses nothing.
    pub(crate) fn due(&self) -> Vec<KeyRefusals> {
        self.0.lock().due.clone()
    }

    /// Removes what was delivered, or will never be accepted.
    pub(crate) fn confirm(&self) {
        self.0.lock().due.clear();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn refusal(key: Option<u8>, address: u32) -> KeyRefusal {
        KeyRefusal {
            key_id: key.map(|key| RepoKeyId::new(Timestamp::UNIX_EPOCH, [key; 10])),
            code: if key.is_some() { "SignatureDoesNotMatch" } else { "InvalidAccessKeyId" },
            address: Some(IpAddr::from(address.to_be_bytes())),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn all(refused: &RefusedKeys) -> Vec<KeyRefusals> {
        assert!(refused.end_interval(Instant::now(), true));
        let due = refused.due();
        refused.confirm();
        due
    }

    #[tokio::test(start_paused = true)]
    async fn equal_refusals_are_one_report_a_minute() {
        let refused = RefusedKeys::default();
        assert!(!refused.end_interval(Instant::now(), true), "nothing was refused");
        for _ in 0..1_000 {
            refused.note(refusal(Some(1), 1));
        }
        refused.note(refusal(Some(1), 2));
        refused.note(refusal(Some(2), 1));
        assert!(!refused.end_interval(Instant::now(), false), "the minute has begun");
        tokio::time::advance(INTERVAL).await;
        assert!(refused.end_interval(Instant::now(), false));
        let mut counts: Vec<u32> = refused.due().iter().map(|one| one.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 1_000]);
        refused.confirm();
        assert!(refused.due().is_empty() && !refused.end_interval(Instant::now(), true));
    }

    #[test]
    fn unknown_keys_are_one_group_wherever_they_come_from() {
        let refused = RefusedKeys::default();
        (0..10_000).for_each(|address| refused.note(refusal(None, address)));
        let reported = all(&refused);
        assert_eq!(reported.len(), 1);
        assert_eq!((reported[0].key_id, reported[0].address, reported[0].count), (None, None, 10_000));
    }

    #[test]
    fn many_keys_and_addresses_are_bounded_and_all_are_counted() {
        let refused = RefusedKeys::default();
        for address in 0..20_000 {
            refused.note(refusal(Some(u8::try_from(address % 250).unwrap()), address));
        }
        let reported = all(&refused);
        assert_eq!(reported.len(), MOST_GROUPS + 1);
        assert_eq!(reported.iter().map(|one| one.count).sum::<u32>(), 20_000);
        assert_eq!(reported.iter().filter(|one| one.code == OTHER_KEY_REFUSALS).count(), 1);
        assert_eq!(reported.iter().filter(|one| one.address.is_some()).count(), MOST_WITH_ADDRESS);
    }

    #[test]
    fn what_could_not_be_reported_waits_and_counting_goes_on() {
        let refused = RefusedKeys::default();
        refused.note(refusal(Some(1), 1));
        assert!(refused.end_interval(Instant::now(), true));
        let lost = refused.due();
        refused.note(refusal(Some(1), 1));
        assert!(refused.end_interval(Instant::now(), true));
        assert_eq!(refused.due(), lost, "the newer one waits behind it");
        refused.confirm();
        assert_eq!(all(&refused).len(), 1);
    }
}
