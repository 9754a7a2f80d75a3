//! What other processes on the same database change. They raise a number with each commit, which is read again when
//! the last value read is too old.

use std::collections::HashMap;
use std::iter;
use std::time::Duration;

use bucketry_model::id::OrgId;
use parking_lot::Mutex;
use sqlx::Row as _;
use tokio::time::Instant;

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
    since: Instant,
}

impl SharedGenerations {
    fn fresh(&self, org_id: OrgId) -> Option<i64> {
        let seen = self.0.lock();
        seen.get(&org_id).filter(|seen| seen.since.elapsed() < GENERATION_FRESH_FOR).map(|seen| seen.number)
    }

    /// Forgets the numbers, because another process has raised some.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// If two read at the same time, the later read wins.
    fn keep(&self, org_id: OrgId, read: Seen) -> i64 {
        let mut seen = self.0.lock();
        let kept = seen.entry(org_id).or_insert(read);
        if kept.since < read.since {
            *kept = read;
        }
        kept.number.max(read.number)
    }
}

impl PostgresStore {
    /// A number that changes with every change to the organization's buckets.
    pub(super) async fn generation(&self, org_id: OrgId) -> Result<u64> {
        let number = match self.shared.fresh(org_id) {
            Some(number) => number,
            None => self.read_generations(&[org_id]).await?.first().copied().unwrap_or_default(),
        };
        Ok(self.generations.of(org_id).wrapping_add(number.unsigned_abs()))
    }

    /// The same numbers of several organizations, in their order.
    pub(super) async fn generations_of(&self, org_ids: &[OrgId]) -> Result<Vec<u64>> {
        let fresh: Vec<Option<i64>> = org_ids.iter().map(|org_id| self.shared.fresh(*org_id)).collect();
        let known = || org_ids.iter().copied().zip(fresh.iter().copied());
        let old: Vec<OrgId> = known().filter(|(_, number)| number.is_none()).map(|(id, _)| id).collect();
        let read = if old.is_empty() { Vec::new() } else { self.read_generations(&old).await? };
        let mut read = read.into_iter();
        let numbers = known().map(|(org_id, number)| {
            let number = number.or_else(|| read.next()).unwrap_or_default();
            self.generations.of(org_id).wrapping_add(number.unsigned_abs())
        });
        Ok(numbers.collect())
    }

    async fn read_generations(&self, org_ids: &[OrgId]) -> Result<Vec<i64>> {
        // Taken before the query: the result may lack what is committed while it runs.
        let since = Instant::now();
        // An empty id stands for all organizations.
        let texts: Vec<String> =
            org_ids.iter().map(ToString::to_string).chain(iter::once(String::new())).collect();
        let sql = "SELECT g.org_id, g.number FROM generations g WHERE g.org_id = ANY($1)";
        let rows =
            sqlx::query(sql).bind(texts.clone()).fetch_all(&self.readers).await.map_err(dialect::error)?;
        let mut numbers: HashMap<String, i64> = HashMap::with_capacity(rows.len());
        for row in rows {
            let of: String = row.try_get(0).map_err(dialect::error)?;
            numbers.insert(of, row.try_get(1).map_err(dialect::error)?);
        }
        let of = |text: &str| numbers.get(text).copied().unwrap_or_default();
        // Both numbers only ever grow, so their sum identifies a state of both.
        let sums = org_ids.iter().zip(&texts).map(|(org_id, text)| {
            let number = of(text) + of("");
            self.shared.keep(*org_id, Seen { number, since })
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
        assert_eq!(shared.fresh(org), None);
        let now = Instant::now();
        shared.keep(org, Seen { number: 7, since: now });
        shared.keep(org, Seen { number: 5, since: now.checked_sub(Duration::from_millis(100)).unwrap() });
        assert_eq!(shared.fresh(org), Some(7));
        shared.forget();
        assert_eq!(shared.fresh(org), None);
        let old = SharedGenerations::default();
        old.keep(org, Seen { number: 7, since: now.checked_sub(GENERATION_FRESH_FOR).unwrap() });
        assert_eq!(old.fresh(org), None);
    }
}
