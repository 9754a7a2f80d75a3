//! Numbers that change with every change to an organization's buckets that this process makes.
//!
//! There are two for each organization: one changes with everything that a response contains, so that responses can be cached,
//! and one only with what open pages are to show at once. Heartbeats of many nodes change the first all the time.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bucketry_model::id::OrgId;
use parking_lot::RwLock;

/// Counters in memory. Each start begins at a random number, so that numbers of an earlier start don't come again. An engine
/// that several processes share adds what the others change.
#[derive(Debug)]
pub(in super::super) struct Generations {
    start: u64,
    process: String,
    every_change: ChangeCounts,
    shown: ChangeCounts,
}

/// One counter per organization, and one for changes that concern all of them.
#[derive(Debug, Default)]
struct ChangeCounts {
    all: AtomicU64,
    by_org: RwLock<HashMap<OrgId, AtomicU64>>,
}

impl ChangeCounts {
    fn of(&self, org_id: OrgId) -> u64 {
        let by_org = self.by_org.read();
        let own = by_org.get(&org_id).map_or(0, |count| count.load(Ordering::Acquire));
        self.all.load(Ordering::Acquire).wrapping_add(own)
    }

    fn raise(&self, org_id: OrgId) {
        {
            let by_org = self.by_org.read();
            if let Some(count) = by_org.get(&org_id) {
                count.fetch_add(1, Ordering::AcqRel);
                return;
            }
        }
        let mut by_org = self.by_org.write();
        by_org.entry(org_id).or_default().fetch_add(1, Ordering::AcqRel);
    }

    fn raise_touched(&self, touched: &TouchedOrgs) {
        if touched.all {
            self.all.fetch_add(1, Ordering::AcqRel);
        }
        for org_id in &touched.orgs {
            self.raise(*org_id);
        }
    }
}

impl Generations {
    pub(in super::super) fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self {
            start: random(),
            process: format!("{:016x}", random()),
            every_change: ChangeCounts::default(),
            shown: ChangeCounts::default(),
        }
    }

    /// Names this process in its signals.
    pub(in super::super) fn process(&self) -> &str {
        &self.process
    }

    /// Changes with every change.
    pub(in super::super) fn of(&self, org_id: OrgId) -> u64 {
        self.start.wrapping_add(self.every_change.of(org_id))
    }

    /// Changes with what open pages are to show at once.
    pub(in super::super) fn shown_of(&self, org_id: OrgId) -> u64 {
        self.start.wrapping_add(self.shown.of(org_id))
    }

    /// The name of a shown generation in a database that processes share, by the id of the organization. No id has this form.
    pub(in super::super) fn name_of_shown(id: &str) -> String {
        format!("shown:{id}")
    }

    /// Raises the counters of what a transaction touched.
    pub(super) fn raise_touched(&self, touched: &Touched) {
        self.every_change.raise_touched(&touched.every_change);
        self.shown.raise_touched(&touched.shown);
    }
}

/// The organizations whose buckets a transaction touches.
#[derive(Debug, Default)]
pub(super) struct Touched {
    every_change: TouchedOrgs,
    /// Those of which open pages are to show it at once.
    shown: TouchedOrgs,
}

#[derive(Debug, Default)]
struct TouchedOrgs {
    all: bool,
    orgs: Vec<OrgId>,
}

impl TouchedOrgs {
    fn add(&mut self, org_id: Option<OrgId>) {
        match org_id {
            None => self.all = true,
            Some(org_id) if !self.orgs.contains(&org_id) => self.orgs.push(org_id),
            Some(_) => {}
        }
    }

    fn is_empty(&self) -> bool {
        !self.all && self.orgs.is_empty()
    }

    /// The ids as texts. The empty text means all organizations.
    fn texts(&self) -> impl Iterator<Item = String> {
        let all = self.all.then(String::new);
        all.into_iter().chain(self.orgs.iter().map(ToString::to_string))
    }
}

impl Touched {
    /// Adds one organization. `None` for all.
    pub(super) fn add(&mut self, org_id: Option<OrgId>) {
        self.add_quietly(org_id);
        self.shown.add(org_id);
    }

    /// Adds one organization, but not to those of which open pages show it at once. `None` for all.
    pub(super) fn add_quietly(&mut self, org_id: Option<OrgId>) {
        self.every_change.add(org_id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.every_change.is_empty()
    }

    /// The names of the generations to raise, sorted, so that transactions don't wait for each other in a circle.
    pub(super) fn names(&self) -> Vec<String> {
        let shown = self.shown.texts().map(|id| Generations::name_of_shown(&id));
        let mut names: Vec<String> = self.every_change.texts().chain(shown).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn an_organization_has_its_own_count_and_a_change_for_all_raises_each() {
        let generations = Generations::new();
        let [a, b] = [1, 2].map(|n| OrgId::new(Timestamp::UNIX_EPOCH, [n; 10]));
        let before = (generations.of(a), generations.of(b));

        let mut touched = Touched::default();
        touched.add(Some(a));
        generations.raise_touched(&touched);
        assert_ne!(generations.of(a), before.0);
        assert_eq!(generations.of(b), before.1);

        touched.add(None);
        generations.raise_touched(&touched);
        assert_ne!(generations.of(b), before.1);
    }

    #[test]
    fn a_quiet_change_outdates_responses_and_is_not_shown_at_once() {
        let generations = Generations::new();
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let before = (generations.of(org), generations.shown_of(org));
        let mut touched = Touched::default();
        touched.add_quietly(Some(org));
        assert_eq!(touched.names(), [org.to_string()]);
        generations.raise_touched(&touched);
        assert_ne!(generations.of(org), before.0);
        assert_eq!(generations.shown_of(org), before.1);
        touched.add(Some(org));
        assert_eq!(touched.names(), [org.to_string(), format!("shown:{org}")]);
        generations.raise_touched(&touched);
        assert_ne!(generations.shown_of(org), before.1);
    }

    #[test]
    fn two_starts_count_from_different_numbers() {
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        assert_ne!(Generations::new().of(org), Generations::new().of(org));
    }
}
