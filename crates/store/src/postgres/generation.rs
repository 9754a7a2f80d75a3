//! What other processes on the same database change. They raise a number with each commit, which is read again when
//! the last value read is too old.

use std::collections::HashMap;
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
            None => self.read_generation(org_id).await?,
        };
        Ok(self.generations.of(org_id).wrapping_add(number.unsigned_abs()))
    }

    async fn read_generation(&self, org_id: OrgId) -> Result<i64> {
        // Taken before the query: the result may lack what is committed while it runs.
        let since = Instant::now();
        // Both numbers only ever grow, so their sum identifies a state of both.
        let sql = "SELECT COALESCE((SELECT g.number FROM generations g WHERE g.org_id = $1), 0) \
                   + COALESCE((SELECT a.number FROM generations a WHERE a.org_id = ''), 0)";
        let row = sqlx::query(sql)
            .bind(org_id.to_string())
            .fetch_one(&self.readers)
            .await
            .map_err(dialect::error)?;
        let number = row.try_get(0).map_err(dialect::error)?;
        Ok(self.shared.keep(org_id, Seen { number, since }))
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
        let old = SharedGenerations::default();
        old.keep(org, Seen { number: 7, since: now.checked_sub(GENERATION_FRESH_FOR).unwrap() });
        assert_eq!(old.fresh(org), None);
    }
}
