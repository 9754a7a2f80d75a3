//! The latest changes, which are read once for all nodes that wait for them.
//!
//! A change wakes the waiting requests of all nodes, and it concerns few of them. If each queried the store, a thousand nodes
//! would cause thousands of queries per change, and as many per second without any.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bucketry_model::id::OrgId;
use bucketry_store::sync::{Change, Changes};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::shared_read::SharedRead;
use crate::{Control, Result};

/// How many changes are retained. A node that is further behind queries the store.
const RETAINED: usize = 10_000;
/// How many changes are read in one query.
const READ_AT_ONCE: u32 = 1_000;
/// How many such queries are made before the older changes are left to the nodes that need them.
const MOST_PAGES: usize = RETAINED / READ_AT_ONCE as usize;
/// How old a read may be that serves a request which looks again although no change was signalled.
const FRESH_FOR: Duration = Duration::from_millis(250);

/// Wakes those who wait for changes, and counts how often.
#[derive(Default)]
pub(crate) struct ChangeSignal {
    notify: Notify,
    count: AtomicU64,
}

impl ChangeSignal {
    /// Wakes all who wait. To be called after the commit of a change.
    pub(crate) fn notify_waiters(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Waits for the next signal.
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

/// Which reads of the changes are recent enough for a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recency {
    /// The read began after this number of signals.
    signals: u64,
    /// The read began at this time or later.
    since: Instant,
}

/// The changes that were read last.
#[derive(Default)]
pub(crate) struct RecentChanges {
    reads: SharedRead,
    known: Mutex<Option<KnownChanges>>,
}

impl RecentChanges {
    /// Forgets all changes. To be called when the database may be another one, after a failover.
    pub(crate) fn forget(&self) {
        *self.known.lock() = None;
    }
}

/// The changes of what a node serves.
#[derive(Debug)]
pub(super) struct ChangesOfNode {
    pub(super) changes: Vec<Change>,
    /// The number up to which the changes are complete, unless there are as many as were requested.
    pub(super) through: i64,
}

/// All changes with numbers above `after`, up to `through`.
struct KnownChanges {
    changes: VecDeque<Change>,
    after: i64,
    through: i64,
    /// The state before the last read that reached the latest change.
    read: Recency,
}

impl KnownChanges {
    /// No changes, except that they will follow `sequence`.
    fn from(sequence: i64, read: Recency) -> Self {
        Self { changes: VecDeque::new(), after: sequence, through: sequence, read }
    }

    fn satisfies(&self, needed: Recency) -> bool {
        self.read.signals >= needed.signals && self.read.since >= needed.since
    }

    /// Adds the changes that follow, and drops the oldest ones beyond `retained`.
    fn extend(&mut self, changes: Vec<Change>, retained: usize) {
        self.through = changes.last().map_or(self.through, |last| last.sequence);
        self.changes.extend(changes);
        while self.changes.len() > retained {
            let Some(dropped) = self.changes.pop_front() else { break };
            self.after = dropped.sequence;
        }
    }

    /// The changes after a number, for a node of an organization or of the deployment. `None` if not all of them are known.
    fn since(&self, org_id: Option<OrgId>, sequence: i64, limit: usize) -> Option<ChangesOfNode> {
        if sequence < self.after || sequence > self.through {
            return None;
        }
        let start = self.changes.partition_point(|change| change.sequence <= sequence);
        let is_served = |change: &&Change| org_id.is_none_or(|own| own == change.org_id);
        let changes = self.changes.range(start..).filter(is_served).take(limit).copied().collect();
        Some(ChangesOfNode { changes, through: self.through })
    }
}

impl Control {
    /// What a request needs that has just arrived: everything that was committed before.
    pub(super) fn latest_changes(&self) -> Recency {
        Recency { signals: self.inner.changes.count(), since: Instant::now() }
    }

    /// What a request needs that has already looked: everything that was signalled. What wasn't signalled may be missed by a
    /// fraction of a second.
    pub(super) fn signalled_changes(&self) -> Recency {
        let now = Instant::now();
        Recency { signals: self.inner.changes.count(), since: now.checked_sub(FRESH_FOR).unwrap_or(now) }
    }

    /// The changes after a number that concern a node of this organization, or of the deployment, at most `limit`. `None` if
    /// the caller has to query the store: the node is too far behind, its number is of another database, or a read failed.
    pub(super) async fn recent_changes(
        &self,
        org_id: Option<OrgId>,
        sequence: i64,
        limit: usize,
        needed: Recency,
    ) -> Option<ChangesOfNode> {
        let recent = &self.inner.recent_changes;
        let find = |known: &KnownChanges| known.since(org_id, sequence, limit);
        let known = || recent.known.lock().as_ref().filter(|known| known.satisfies(needed)).map(find);
        let read = async {
            self.read_changes().await?;
            Ok(recent.known.lock().as_ref().and_then(find))
        };
        recent.reads.get(known, read).await.flatten()
    }

    /// Reads the changes that follow those that are known. Only one request does this at a time.
    ///
    /// Dropping the future in between is safe, because what is known has no gaps at any time.
    async fn read_changes(&self) -> Result<()> {
        let (store, known) = (&self.inner.store, &self.inner.recent_changes.known);
        // Before the first query: changes that are signalled later may be missing.
        let read = self.latest_changes();
        for _ in 0..MOST_PAGES {
            let Some(through) = known.lock().as_ref().map(|known| known.through) else { break };
            let Changes::Since(changes) = store.changes_after(None, through, READ_AT_ONCE).await? else {
                break;
            };
            let is_last = changes.len() < READ_AT_ONCE as usize;
            let mut known = known.lock();
            // They may have been forgotten meanwhile.
            let Some(known) = known.as_mut().filter(|known| known.through == through) else { break };
            known.extend(changes, RETAINED);
            if is_last {
                known.read = read;
                return Ok(());
            }
        }
        let latest = store.latest_change().await?;
        *known.lock() = Some(KnownChanges::from(latest, read));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::id::BucketId;
    use bucketry_store::sync::Subject;
    use jiff::Timestamp;

    fn org(number: u8) -> OrgId {
        OrgId::new(Timestamp::UNIX_EPOCH, [number; 10])
    }

    fn change(sequence: i64, of: u8) -> Change {
        let subject = Subject::Bucket(BucketId::new(Timestamp::UNIX_EPOCH, [0; 10]));
        Change { sequence, org_id: org(of), subject }
    }

    fn known(after: i64, changes: &[(i64, u8)]) -> KnownChanges {
        let mut known = KnownChanges::from(after, Recency { signals: 7, since: Instant::now() });
        known.extend(changes.iter().map(|(sequence, of)| change(*sequence, *of)).collect(), RETAINED);
        known
    }

    fn numbers(found: Option<ChangesOfNode>) -> Option<Vec<i64>> {
        found.map(|found| found.changes.iter().map(|change| change.sequence).collect())
    }

    #[test]
    fn each_node_gets_the_changes_of_what_it_serves_from_where_it_is() {
        let known = known(10, &[(11, 1), (12, 2), (14, 1)]);
        assert_eq!(numbers(known.since(None, 10, 9)), Some(vec![11, 12, 14]));
        assert_eq!(numbers(known.since(Some(org(1)), 11, 9)), Some(vec![14]));
        assert_eq!(numbers(known.since(Some(org(3)), 10, 9)), Some(vec![]));
        assert_eq!(numbers(known.since(None, 10, 2)), Some(vec![11, 12]), "not more than a page");
        assert_eq!(numbers(known.since(None, 14, 9)), Some(vec![]));
        assert_eq!(numbers(known.since(None, 9, 9)), None, "it is further behind");
        assert_eq!(numbers(known.since(None, 15, 9)), None, "its number is of another database");
    }

    #[test]
    fn a_node_that_needs_changes_which_were_dropped_queries_the_store() {
        let mut known = known(10, &[(11, 1)]);
        known.extend(vec![change(12, 1), change(15, 2)], 2);
        assert_eq!((known.after, known.through), (11, 15));
        assert_eq!(numbers(known.since(None, 10, 9)), None);
        assert_eq!(numbers(known.since(None, 11, 9)), Some(vec![12, 15]));
        known.extend(vec![], 2);
        assert_eq!((known.after, known.through), (11, 15));
    }

    #[test]
    fn a_read_serves_requests_that_began_before_it() {
        let known = known(0, &[]);
        let Recency { signals, since } = known.read;
        assert!(known.satisfies(Recency { signals, since }));
        assert!(known.satisfies(Recency { signals: signals - 1, since }), "a change was signalled before");
        assert!(
            !known.satisfies(Recency { signals: signals + 1, since }),
            "a change was signalled afterwards"
        );
        let later = since + Duration::from_millis(1);
        assert!(!known.satisfies(Recency { signals, since: later }), "the request arrived afterwards");
    }
}
