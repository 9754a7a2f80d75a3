//! Numbers that change with every change to an organization's buckets that this process makes.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bucketry_model::id::OrgId;
use parking_lot::RwLock;

/// One counter per organization, in memory. Each start begins at a random number, so that numbers of an earlier
/// start don't come again. An engine that several processes share adds what the others change.
#[derive(Debug)]
pub(in super::super) struct Generations {
    start: u64,
    process: String,
    all: AtomicU64,
    by_org: RwLock<HashMap<OrgId, AtomicU64>>,
}

impl Generations {
    pub(in super::super) fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self {
            start: random(),
            process: format!("{:016x}", random()),
            all: AtomicU64::new(0),
            by_org: RwLock::default(),
        }
    }

    /// Names this process in its signals.
    pub(in super::super) fn process(&self) -> &str {
        &self.process
    }

    pub(in super::super) fn of(&self, org_id: OrgId) -> u64 {
        let by_org = self.by_org.read();
        let own = by_org.get(&org_id).map_or(0, |count| count.load(Ordering::Acquire));
        self.start.wrapping_add(self.all.load(Ordering::Acquire)).wrapping_add(own)
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

    /// Raises the counters of what a transaction touched.
    pub(super) fn raise_touched(&self, touched: &Touched) {
        if touched.all {
            self.all.fetch_add(1, Ordering::AcqRel);
        }
        for org_id in &touched.orgs {
            self.raise(*org_id);
        }
    }
}

/// The organizations whose buckets a transaction touches.
#[derive(Debug, Default)]
pub(super) struct Touched {
    all: bool,
    orgs: Vec<OrgId>,
}

impl Touched {
    /// Adds one organization. `None` for all.
    pub(super) fn add(&mut self, org_id: Option<OrgId>) {
        match org_id {
            None => self.all = true,
            Some(org_id) if !self.orgs.contains(&org_id) => self.orgs.push(org_id),
            Some(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.orgs.is_empty()
    }

    /// The ids as sorted texts. The empty text means all organizations.
    pub(super) fn texts(&self) -> Vec<String> {
        let all = self.all.then(String::new);
        let mut texts: Vec<String> =
            all.into_iter().chain(self.orgs.iter().map(ToString::to_string)).collect();
        texts.sort_unstable();
        texts
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
    fn two_starts_count_from_different_numbers() {
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        assert_ne!(Generations::new().of(org), Generations::new().of(org));
    }
}
