//! What other processes on the same database change. They raise a number with each commit, which is read again when
//! the last value read is too old.

use std::collections::HashMap;
use std::iter;
use std::time::Duration;

use bucketry_model::id::OrgId;
use parking_lot::Mutex;
use sqlx::Row as _;
use tokio::time::Instant;

use super::sql::Generations;
use super::{PostgresStore, dialect};
use crate::Result;

/// How long a response may count as current after another process has outdated it. Changes by this process take
/// effect immediately.
pub const GENERATION_FRESH_FOR: Duration = Duration::from_millis(500);

/// The numbers as they were last read.
#[derive(Debug, Default)]
pub(super) struct SharedGenerations(Mutex<HashMap<OrgId, Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    number: i64,
    /// The number that changes only with what open pages are to show at once.
    shown: i64,
    since: Instant,
}

impl SharedGenerations {
    fn fresh(&self, org_id: OrgId) -> Option<Seen> {
        let seen = self.0.lock();
        seen.get(&org_id).filter(|seen| seen.since.elapsed() < GENERATION_FRESH_FOR).copied()
    }

    /// Forgets the numbers, because another process has raised some.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// If two read at the same time, the later read wins.
    fn keep(&self, org_id: OrgId, read: Seen) -> Seen {
        let mut seen = self.0.lock();
        let kept = seen.entry(org_id).or_insert(read);
        if kept.since < read.since {
            *kept = read;
        }
        Seen { number: kept.number.max(read.number), shown: kept.shown.max(read.shown), ..*kept }
    }
}

impl PostgresStore {
    /// A number that changes with every change to the organization's buckets.
    pub(super) async fn generation(&self, org_id: OrgId) -> Result<u64> {
        let number = self.seen(org_id).await?.map_or(0, |seen| seen.number.unsigned_abs());
        Ok(self.generations.of(org_id).wrapping_add(number))
    }

    /// A number that changes with those changes that open pages are to show at once.
    pub(super) async fn generation_of_shown(&self, org_id: OrgId) -> Result<u64> {
        let number = self.seen(org_id).await?.map_or(0, |seen| seen.shown.unsigned_abs());
        Ok(self.generations.shown_of(org_id).wrapping_add(number))
    }

    async fn seen(&self, org_id: OrgId) -> Result<Option<Seen>> {
        match self.shared.fresh(org_id) {
            Some(seen) => Ok(Some(seen)),
            None => Ok(self.read_generations(&[org_id]).await?.first().copied()),
        }
    }

    /// The same numbers of several organizations, in their order.
    pub(super) async fn generations_of(&self, org_ids: &[OrgId]) -> Result<Vec<u64>> {
        let fresh: Vec<Option<Seen>> = org_ids.iter().map(|org_id| self.shared.fresh(*org_id)).collect();
        let known = || org_ids.iter().copied().zip(fresh.iter().copied());
        let old: Vec<OrgId> = known().filter(|(_, number)| number.is_none()).map(|(id, _)| id).collect();
        let read = if old.is_empty() { Vec::new() } else { self.read_generations(&old).await? };
        let mut read = read.into_iter();
        let numbers = known().map(|(org_id, number)| {
            let number = number.or_else(|| read.next()).map_or(0, |seen| seen.number.unsigned_abs());
            self.generations.of(org_id).wrapping_add(number)
        });
        Ok(numbers.collect())
    }

    async fn read_generations(&self, org_ids: &[OrgId]) -> Result<Vec<Seen>> {
        // Taken before the query: the result may lack what is committed while it runs.
        let since = Instant::now();
        // An empty id stands for all organizations.
        let ids: Vec<String> =
            org_ids.iter().map(ToString::to_string).chain(iter::once(String::new())).collect();
        let shown = ids.iter().map(|id| Generations::name_of_shown(id));
        let texts: Vec<String> = ids.iter().cloned().chain(shown).collect();
        let sql = "SELECT g.org_id, g.number FROM generations g WHERE g.org_id = ANY($1)";
        let rows = sqlx::query(sql).bind(texts).fetch_all(&self.readers).await.map_err(dialect::error)?;
        let mut numbers: HashMap<String, i64> = HashMap::with_capacity(rows.len());
        for row in rows {
            let of: String = row.try_get(0).map_err(dialect::error)?;
            numbers.insert(of, row.try_get(1).map_err(dialect::error)?);
        }
        let of = |text: &str| numbers.get(text).copied().unwrap_or_default();
        // Both numbers only ever grow, so their sum identifies a state of both.
        let sums = org_ids.iter().zip(&ids).map(|(org_id, id)| {
            let (number, shown) =
                (of(id) + of(""), of(&Generations::name_of_shown(id)) + of(&Generations::name_of_shown("")));
            self.shared.keep(*org_id, Seen { number, shown, since })
        });
        Ok(sums.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[tokio::test]
    async fn what_was_asked_last_is_kept_while_it_is_fresh() {
        let shared = SharedGenerations::default();
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        assert!(shared.fresh(org).is_none());
        let now = Instant::now();
        shared.keep(org, Seen { number: 7, shown: 3, since: now });
        shared.keep(
            org,
            Seen { number: 5, shown: 2, since: now.checked_sub(Duration::from_millis(100)).unwrap() },
        );
        assert_eq!(shared.fresh(org).map(|seen| (seen.number, seen.shown)), Some((7, 3)));
        shared.forget();
        assert!(shared.fresh(org).is_none());
        let old = SharedGenerations::default();
        old.keep(org, Seen { number: 7, shown: 3, since: now.checked_sub(GENERATION_FRESH_FOR).unwrap() });
        assert!(old.fresh(org).is_none());
    }
}
