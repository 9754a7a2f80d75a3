//! Which buckets the node serves, and in which version: what answers of the control plane add up to.

use std::collections::{HashMap, HashSet};

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{NodeBucket, SyncAnswer};

/// The node's side of the synchronisation.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    known: HashMap<BucketId, Known>,
    snapshot: Option<Snapshot>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    version: i64,
    usable: bool,
}

/// A snapshot on its way.
#[derive(Debug, Default)]
struct Snapshot {
    seen: HashSet<BucketId>,
    last: Option<BucketId>,
}

/// What follows from an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Buckets to be opened anew.
    pub(crate) open: Vec<NodeBucket>,
    /// Buckets to be forgotten.
    pub(crate) forget: Vec<BucketId>,
}

impl Catalog {
    /// Takes in an answer's buckets.
    ///
    /// Of a bucket the highest version counts. The same version again is of interest only where the bucket couldn't
    /// be opened: its secret may have been sealed anew.
    pub(crate) fn take(&mut self, answer: SyncAnswer) -> Changes {
        let mut changes = Changes::default();
        if answer.snapshot {
            self.note_page(&answer.buckets);
        } else {
            self.snapshot = None;
        }
        for bucket in answer.buckets {
            let stale = self.known.get(&bucket.id).is_some_and(|known| {
                bucket.version < known.version || (bucket.version == known.version && known.usable)
            });
            if !stale {
                self.known.insert(bucket.id, Known { version: bucket.version, usable: true });
                changes.open.push(bucket);
            }
        }
        changes.forget.extend(answer.removed.into_iter().filter(|id| self.known.remove(id).is_some()));
        if answer.snapshot && !answer.more {
            let seen = self.snapshot.take().unwrap_or_default().seen;
            changes.forget.extend(self.known.extract_if(|id, _| !seen.contains(id)).map(|(id, _)| id));
        }
        changes
    }

    /// Notes that a bucket couldn't be opened.
    pub(crate) fn note_unusable(&mut self, id: BucketId) {
        if let Some(known) = self.known.get_mut(&id) {
            known.usable = false;
        }
    }

    fn note_page(&mut self, page: &[NodeBucket]) {
        let snapshot = self.snapshot.get_or_insert_default();
        // Pages come in the order of ids. One that doesn't go on where the last ended begins another snapshot (the
        // cursor became too old in between): what the broken one showed may be gone by now.
        if page.first().is_some_and(|first| snapshot.last.is_some_and(|last| first.id <= last)) {
            *snapshot = Snapshot::default();
        }
        snapshot.seen.extend(page.iter().map(|bucket| bucket.id));
        snapshot.last = page.last().map(|bucket| bucket.id).or(snapshot.last);
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, StorageType};
    use bucketry_model::id::OrgId;
    use jiff::Timestamp;

    use super::*;

    fn id(n: u8) -> BucketId {
        BucketId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn bucket(n: u8, version: i64) -> NodeBucket {
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: format!("b{n}"),
            key: None,
            endpoint: None,
            region: None,
        };
        NodeBucket {
            id: id(n),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version,
            location,
            secret: None,
        }
    }

    fn page(buckets: &[(u8, i64)], more: bool) -> SyncAnswer {
        SyncAnswer {
            success: true,
            cursor: String::new(),
            snapshot: true,
            more,
            buckets: buckets.iter().map(|(n, version)| bucket(*n, *version)).collect(),
            removed: vec![],
            repositories: Vec::new(),
            removed_repositories: Vec::new(),
            jobs: vec![],
        }
    }

    fn changed(buckets: &[(u8, i64)], removed: &[u8]) -> SyncAnswer {
        let removed = removed.iter().map(|n| id(*n)).collect();
        SyncAnswer { snapshot: false, removed, ..page(buckets, false) }
    }

    fn opened(changes: &Changes) -> Vec<BucketId> {
        changes.open.iter().map(|bucket| bucket.id).collect()
    }

    #[test]
    fn a_snapshot_replaces_everything_at_its_end_and_not_before() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 1), (2, 1), (3, 1)], false));
        let first = catalog.take(page(&[(1, 1), (2, 2)], true));
        assert_eq!((opened(&first), first.forget), (vec![id(2)], vec![]));
        let last = catalog.take(page(&[(4, 1)], false));
        assert_eq!((opened(&last), last.forget), (vec![id(4)], vec![id(3)]));
    }

    #[test]
    fn an_empty_snapshot_forgets_all() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 1)], false));
        assert_eq!(catalog.take(page(&[], false)).forget, [id(1)]);
    }

    #[test]
    fn a_snapshot_that_begins_again_forgets_what_only_the_broken_one_showed() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 1), (2, 1)], true));
        catalog.take(page(&[(2, 1)], true));
        assert_eq!(catalog.take(page(&[(3, 1)], false)).forget, [id(1)]);
    }

    #[test]
    fn the_highest_version_counts_whatever_the_order() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 3)], false));
        assert!(opened(&catalog.take(changed(&[(1, 2), (1, 3)], &[]))).is_empty());
        assert_eq!(opened(&catalog.take(changed(&[(1, 4)], &[]))), [id(1)]);
    }

    #[test]
    fn a_bucket_that_could_not_be_opened_is_tried_again_in_the_same_version() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 3)], false));
        catalog.note_unusable(id(1));
        assert_eq!(opened(&catalog.take(changed(&[(1, 3)], &[]))), [id(1)]);
    }

    #[test]
    fn removed_buckets_are_forgotten_once_and_may_come_back() {
        let mut catalog = Catalog::default();
        catalog.take(page(&[(1, 3)], false));
        assert_eq!(catalog.take(changed(&[], &[1, 2])).forget, [id(1)]);
        assert!(catalog.take(changed(&[], &[1])).forget.is_empty());
        assert_eq!(opened(&catalog.take(changed(&[(1, 1)], &[]))), [id(1)]);
    }
}
