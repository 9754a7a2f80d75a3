//! Which buckets and repositories the node serves, and in which version, as accumulated from sync responses.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::{NodeBucket, NodeRepository, SyncAnswer};

/// The node's side of the sync.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    buckets: Versions<BucketId>,
    repositories: Versions<RepoId>,
    snapshot: Option<Snapshot>,
}

/// The known versions of buckets, or of repositories.
#[derive(Debug)]
struct Versions<Id>(HashMap<Id, KnownVersions>);

#[derive(Debug, Clone, Copy)]
struct KnownVersions {
    version: i64,
    usable: bool,
}

/// A snapshot that is being received: first the buckets, ordered by id, then the repositories, ordered by id.
#[derive(Debug, Default)]
struct Snapshot {
    buckets: HashSet<BucketId>,
    repositories: HashSet<RepoId>,
    last_bucket: Option<BucketId>,
    last_repository: Option<RepoId>,
}

/// What the node has to do after a sync response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Buckets to open: new, changed, or not opened successfully before.
    pub(crate) open: Vec<NodeBucket>,
    /// Buckets that are no longer served.
    pub(crate) forget: Vec<BucketId>,
    /// Repositories to open: new, changed, or not opened successfully before.
    pub(crate) open_repositories: Vec<NodeRepository>,
    /// Repositories that are no longer served.
    pub(crate) forget_repositories: Vec<RepoId>,
}

impl Catalog {
    /// Applies a sync response.
    ///
    /// The highest version of each bucket and repository wins. A version that is already known is opened again
    /// only if it couldn't be opened before, because its secret may have been resealed to this node's keys.
    pub(crate) fn take(&mut self, answer: SyncAnswer) -> Changes {
        let mut changes = Changes::default();
        if answer.snapshot {
            self.note_page(&answer);
        } else {
            self.snapshot = None;
        }
        changes
            .open
            .extend(answer.buckets.into_iter().filter(|bucket| self.buckets.take(bucket.id, bucket.version)));
        changes.open_repositories.extend(
            answer
                .repositories
                .into_iter()
                .filter(|repository| self.repositories.take(repository.id, repository.version)),
        );
        changes.forget.extend(answer.removed.into_iter().filter(|id| self.buckets.remove(*id)));
        changes
            .forget_repositories
            .extend(answer.removed_repositories.into_iter().filter(|id| self.repositories.remove(*id)));
        if answer.snapshot && !answer.more {
            let seen = self.snapshot.take().unwrap_or_default();
            changes.forget.extend(self.buckets.keep(&seen.buckets));
            changes.forget_repositories.extend(self.repositories.keep(&seen.repositories));
        }
        changes
    }

    /// Begins with a configuration from the disk. Whatever the control plane sends later replaces it, even if its version
    /// is lower because its database was restored from a backup.
    pub(crate) fn take_stored(
        &mut self,
        buckets: Vec<NodeBucket>,
        repositories: Vec<NodeRepository>,
    ) -> Changes {
        for bucket in &buckets {
            self.buckets.note_stored(bucket.id);
        }
        for repository in &repositories {
            self.repositories.note_stored(repository.id);
        }
        Changes { open: buckets, open_repositories: repositories, ..Changes::default() }
    }

    /// Records that a bucket couldn't be opened.
    pub(crate) fn note_unusable(&mut self, id: BucketId) {
        self.buckets.note_unusable(id);
    }

    /// Records that the sealing key or an access key of a repository couldn't be opened.
    pub(crate) fn note_unusable_repository(&mut self, id: RepoId) {
        self.repositories.note_unusable(id);
    }

    fn note_page(&mut self, page: &SyncAnswer) {
        let snapshot = self.snapshot.get_or_insert_default();
        // A page that doesn't continue where the previous one ended begins another snapshot, because the cursor
        // became too old in between. What the interrupted snapshot listed may no longer exist.
        let bucket = page.buckets.first().map(|bucket| bucket.id);
        let repository = page.repositories.first().map(|repository| repository.id);
        if goes_back(bucket, snapshot.last_bucket)
            || goes_back(repository, snapshot.last_repository)
            || (bucket.is_some() && snapshot.last_repository.is_some())
        {
            *snapshot = Snapshot::default();
        }
        snapshot.buckets.extend(page.buckets.iter().map(|bucket| bucket.id));
        snapshot.repositories.extend(page.repositories.iter().map(|repository| repository.id));
        snapshot.last_bucket = page.buckets.last().map(|bucket| bucket.id).or(snapshot.last_bucket);
        snapshot.last_repository =
            page.repositories.last().map(|repository| repository.id).or(snapshot.last_repository);
    }
}

fn goes_back<Id: PartialOrd>(first: Option<Id>, last: Option<Id>) -> bool {
    first.zip(last).is_some_and(|(first, last)| first <= last)
}

impl<Id> Default for Versions<Id> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<Id: Copy + Eq + Hash> Versions<Id> {
    /// Records a version. Returns whether it has to be opened.
    fn take(&mut self, id: Id, version: i64) -> bool {
        let stale = self
            .0
            .get(&id)
            .is_some_and(|known| version < known.version || (version == known.version && known.usable));
        if !stale {
            self.0.insert(id, KnownVersions { version, usable: true });
        }
        !stale
    }

    fn note_stored(&mut self, id: Id) {
        self.0.insert(id, KnownVersions { version: i64::MIN, usable: true });
    }

    fn remove(&mut self, id: Id) -> bool {
        self.0.remove(&id).is_some()
    }

    /// Removes all ids except `seen`, and returns the removed ones.
    fn keep(&mut self, seen: &HashSet<Id>) -> Vec<Id> {
        self.0.extract_if(|id, _| !seen.contains(id)).map(|(id, _)| id).collect()
    }

    fn note_unusable(&mut self, id: Id) {
        if let Some(known) = self.0.get_mut(&id) {
            known.usable = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, StorageType};
    use bucketry_model::id::OrgId;
    use bucketry_model::pinning::BucketPins;
    use bucketry_model::repository::RepositoryMode;
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
            config_version: version,
            location,
            secret: None,
            pinned_to: BucketPins::default(),
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
            probing: None,
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

    #[test]
    fn what_was_stored_is_replaced_by_any_version_and_forgotten_at_the_end_of_a_snapshot() {
        let mut catalog = Catalog::default();
        let stored = catalog.take_stored(vec![bucket(1, 7), bucket(2, 7)], vec![repository(1, 7)]);
        assert_eq!((stored.open.len(), stored.open_repositories.len()), (2, 1));
        let first = catalog.take(page(&[(2, 3)], true));
        assert_eq!((opened(&first), first.forget), (vec![id(2)], vec![]));
        let last = catalog.take(page(&[(3, 1)], false));
        assert_eq!((last.forget, last.forget_repositories), (vec![id(1)], vec![repository(1, 7).id]));
    }

    fn repository(n: u8, version: i64) -> NodeRepository {
        NodeRepository {
            id: RepoId::new(Timestamp::UNIX_EPOCH, [n; 10]),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version,
            name: format!("r{n}"),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![],
            keys: vec![],
            sealing_key: None,
        }
    }

    fn with_repositories(page: SyncAnswer, repositories: &[(u8, i64)]) -> SyncAnswer {
        let repositories = repositories.iter().map(|(n, version)| repository(*n, *version)).collect();
        SyncAnswer { repositories, ..page }
    }

    #[test]
    fn repositories_follow_the_buckets_of_a_snapshot_and_are_replaced_at_its_end_too() {
        let mut catalog = Catalog::default();
        catalog.take(with_repositories(page(&[(1, 1)], false), &[(1, 1), (2, 1)]));
        assert_eq!(catalog.take(page(&[(1, 1)], true)), Changes::default());
        let last = catalog.take(with_repositories(page(&[], false), &[(2, 1), (3, 1)]));
        assert_eq!(last.open_repositories, [repository(3, 1)]);
        assert_eq!(last.forget_repositories, [repository(1, 1).id]);
        assert!(last.forget.is_empty());
    }

    #[test]
    fn a_snapshot_that_begins_again_after_its_repositories_forgets_what_only_the_broken_one_showed() {
        let mut catalog = Catalog::default();
        catalog.take(with_repositories(page(&[(1, 1)], true), &[(1, 1)]));
        catalog.take(page(&[(2, 1)], true));
        let last = catalog.take(with_repositories(page(&[], false), &[(2, 1)]));
        assert_eq!((last.forget, last.forget_repositories), (vec![id(1)], vec![repository(1, 1).id]));
    }

    #[test]
    fn a_repository_is_opened_again_when_it_changed_or_could_not_be_opened() {
        let mut catalog = Catalog::default();
        let response = |version| with_repositories(changed(&[], &[]), &[(1, version)]);
        assert_eq!(catalog.take(response(2)).open_repositories.len(), 1);
        assert!(catalog.take(response(2)).open_repositories.is_empty());
        assert!(catalog.take(response(1)).open_repositories.is_empty());
        catalog.note_unusable_repository(repository(1, 1).id);
        assert_eq!(catalog.take(response(2)).open_repositories.len(), 1);
        let gone = SyncAnswer { removed_repositories: vec![repository(1, 1).id], ..changed(&[], &[]) };
        assert_eq!(catalog.take(gone).forget_repositories.len(), 1);
    }
}
