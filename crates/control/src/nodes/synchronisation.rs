//! What nodes synchronise: first a snapshot, then changes and jobs as they come.
//!
//! A use case that has stored a change wakes all waiting requests of this process (`changes.notify_waiters()`), so its
//! nodes get the change immediately. Other processes send a signal (`other_processes`); if it is lost, their changes are
//! found by querying the store every second. One request reads the changes for all (`recent_changes`).

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::hash::Hash;
use std::time::Duration;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node::Node;
use bucketry_model::node_protocol::{LONG_POLL_SECONDS, NodeBucket, NodeRepository, SYNC_PATH, SyncAnswer};
use bucketry_model::pinning::BucketPins;
use bucketry_model::probe_share::ProbeAssignment;
use bucketry_store::sync::{Change, Changes, ReadForNode, Subject};
use serde::Deserialize;

use super::NodeMessage;
use super::recent_changes::{ChangesOfNode, Recency};
use super::served::retain_served;
use super::sync_cursor::{MOST_HELD, NodeCursor, SHARE_MARK, SyncCursor};
use crate::{Control, Error, Result};

/// Buckets per page.
const PAGE: u32 = 500;
/// Repositories per page. Each comes with all its buckets and keys.
const REPOSITORIES: u32 = 50;
/// How often to query the store for changes that another control plane may have made without a signal that arrived.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The parameters of `GET /node/sync`, as text, because the query is signed as text.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    wait: String,
}

impl Control {
    /// `GET /node/sync`: returns what changed after the cursor. Without changes, it waits for them for at most the
    /// requested number of seconds.
    ///
    /// Dropping the future loses the jobs of an undelivered response, and their callers time out.
    pub async fn sync(&self, message: NodeMessage) -> Result<SyncAnswer> {
        let (node, message) = self.sender("GET", SYNC_PATH, message).await?;
        let asked: Asked = message.read()?;
        drop(message);
        let cursor: NodeCursor = asked.cursor.parse()?;
        let wait = asked.wait.parse().unwrap_or(0).min(LONG_POLL_SECONDS);
        let until = tokio::time::Instant::now() + Duration::from_secs(wait);
        let node = self.approved(node, until).await?;
        let mut position = cursor.position.clone();
        let mut has_looked = false;
        loop {
            let changed = self.inner.changes.notified();
            let job = self.inner.jobs.news();
            tokio::pin!(changed, job);
            // From here on, no change is missed that happens while the store is read.
            changed.as_mut().enable();
            job.as_mut().enable();
            let needed = if has_looked { self.signalled_changes() } else { self.latest_changes() };
            let mut answer = self.answer(&node, position, needed, has_looked).await?;
            let has_other_share = self.add_share(&node, cursor.share, &mut answer).await?;
            // Before it takes jobs, which wouldn't be given again.
            self.check_still_served(&node).await?;
            answer.jobs = self.jobs_for(node.id).await?;
            let look_again = tokio::time::Instant::now() + LOOK_AGAIN;
            if has_news(&answer) || has_other_share || answer.snapshot || until <= tokio::time::Instant::now()
            {
                return Ok(answer);
            }
            // Nothing up to there concerns the node.
            position = answer.cursor.parse::<NodeCursor>()?.position;
            has_looked = true;
            tokio::select! {
                () = changed => {}
                () = job => {}
                () = tokio::time::sleep_until(look_again.min(until)) => {}
            }
        }
    }

    /// Adds the node's share of the probes to a response, unless the node has it. Returns whether the node has another
    /// one. For a node that has none, it can wait for the next response.
    async fn add_share(&self, node: &Node, received: Option<u64>, answer: &mut SyncAnswer) -> Result<bool> {
        let share = self.probe_share(node).await?;
        let digest = share.as_ref().map(ProbeAssignment::digest).or(received);
        if let Some(digest) = digest {
            // Writing to a string can't fail.
            let _ = write!(answer.cursor, "{SHARE_MARK}{digest:x}");
        }
        answer.probing = share.filter(|_| digest != received);
        Ok(answer.probing.is_some() && received.is_some())
    }

    /// `has_looked` says that this request has already tried to read what the cursor holds back.
    async fn answer(
        &self,
        node: &Node,
        position: SyncCursor,
        needed: Recency,
        has_looked: bool,
    ) -> Result<SyncAnswer> {
        match position {
            SyncCursor::Start => {
                let sequence = self.inner.store.latest_change().await?;
                self.page_of_buckets(node, sequence, None).await
            }
            SyncCursor::Buckets { sequence, after } => {
                self.page_of_buckets(node, sequence, Some(after)).await
            }
            SyncCursor::Repositories { sequence, after } => {
                self.page_of_repositories(node, sequence, Some(after), Vec::new()).await
            }
            SyncCursor::Changes { sequence, held } => {
                let held = HeldSubjects { all: held.into_iter().collect(), is_tried: has_looked };
                self.changes_page(node, sequence, held, needed).await
            }
        }
    }

    async fn page_of_buckets(
        &self,
        node: &Node,
        sequence: i64,
        after: Option<BucketId>,
    ) -> Result<SyncAnswer> {
        let mut buckets = self.inner.store.node_buckets_after(node.org_id, after, PAGE).await?;
        let last = buckets.last().filter(|_| buckets.len() >= PAGE as usize).map(|last| last.id);
        buckets.retain(|bucket| bucket.pinned_to.admit(node.id, &node.region));
        self.withdraw_earlier_reports(node, after, last).await?;
        match last {
            Some(after) => {
                let cursor = SyncCursor::Buckets { sequence, after };
                Ok(SyncAnswer { snapshot: true, more: true, buckets, ..empty(&cursor) })
            }
            None => self.page_of_repositories(node, sequence, None, buckets).await,
        }
    }

    /// The page after the last buckets, or together with them.
    async fn page_of_repositories(
        &self,
        node: &Node,
        sequence: i64,
        after: Option<RepoId>,
        buckets: Vec<NodeBucket>,
    ) -> Result<SyncAnswer> {
        let store = &self.inner.store;
        let repositories = store.node_repositories_after(node.org_id, after, REPOSITORIES).await?;
        let repositories = self.with_served_buckets(node, repositories).await?;
        let more = repositories.len() >= REPOSITORIES as usize;
        let cursor = match repositories.last() {
            Some(last) if more => SyncCursor::Repositories { sequence, after: last.id },
            _ => SyncCursor::Changes { sequence, held: Vec::new() },
        };
        Ok(SyncAnswer { snapshot: true, more, buckets, repositories, ..empty(&cursor) })
    }

    /// The changes after a number. A subject that only a newer version can read is neither among those that changed nor among
    /// those that are gone: the node keeps what it has of it, and the cursor holds it back until the node asks a server of that
    /// version, or until it is changed again. What other organizations change isn't held up by it.
    async fn changes_page(
        &self,
        node: &Node,
        sequence: i64,
        held: HeldSubjects,
        needed: Recency,
    ) -> Result<SyncAnswer> {
        let recent = self.recent_changes(node.org_id, sequence, PAGE as usize, needed).await;
        let (changes, latest) = if let Some(ChangesOfNode { changes, through }) = recent {
            (changes, through)
        } else {
            // Read first, so that a change committed in between is either in the changes or has a higher number.
            let latest = self.inner.store.latest_change().await?;
            match self.inner.store.changes_after(node.org_id, sequence, PAGE).await? {
                Changes::Since(changes) => (changes, latest),
                Changes::TooOld => return self.page_of_buckets(node, latest, None).await,
            }
        };
        let mut page = ChangesPage::of(&changes);
        let more = page.taken < changes.len() || changes.len() >= PAGE as usize;
        let last = page.last.unwrap_or(sequence);
        let mut held = held.without_those_to_read(&mut page);
        let buckets = self.changed_buckets(node, page.buckets).await?;
        let repositories = self.changed_repositories(node, page.repositories).await?;
        held.extend(buckets.unreadable.into_iter().map(Subject::Bucket));
        held.extend(repositories.unreadable.into_iter().map(Subject::Repository));
        if held.len() > MOST_HELD {
            return Err(Error::internal("more was changed that can't be read than a cursor has room for"));
        }
        let sequence = if more { last } else { last.max(latest) };
        let cursor = SyncCursor::Changes { sequence, held: held.into_iter().collect() };
        Ok(SyncAnswer {
            more,
            buckets: buckets.live,
            removed: buckets.removed,
            repositories: repositories.live,
            removed_repositories: repositories.removed,
            ..empty(&cursor)
        })
    }

    async fn changed_buckets(
        &self,
        node: &Node,
        ids: HashSet<BucketId>,
    ) -> Result<ChangedSubjects<NodeBucket, BucketId>> {
        if ids.is_empty() {
            return Ok(ChangedSubjects::default());
        }
        let ids: Vec<BucketId> = ids.into_iter().collect();
        let ReadForNode { found: mut live, unreadable } =
            self.inner.store.node_buckets(node.org_id, &ids).await?;
        live.retain(|bucket| bucket.pinned_to.admit(node.id, &node.region));
        Ok(ChangedSubjects::of(ids, live, unreadable, |bucket| bucket.id))
    }

    async fn changed_repositories(
        &self,
        node: &Node,
        ids: HashSet<RepoId>,
    ) -> Result<ChangedSubjects<NodeRepository, RepoId>> {
        if ids.is_empty() {
            return Ok(ChangedSubjects::default());
        }
        let ids: Vec<RepoId> = ids.into_iter().collect();
        let ReadForNode { found, unreadable } = self.inner.store.node_repositories(node.org_id, &ids).await?;
        let live = self.with_served_buckets(node, found).await?;
        Ok(ChangedSubjects::of(ids, live, unreadable, |repository| repository.id))
    }

    /// Leaves out the buckets that are pinned to other nodes. If pins change in between, there is a change event of the
    /// repository, too, and its version is higher.
    async fn with_served_buckets(
        &self,
        node: &Node,
        mut repositories: Vec<NodeRepository>,
    ) -> Result<Vec<NodeRepository>> {
        let attached = repositories.iter().flat_map(|repository| &repository.buckets);
        let ids: Vec<BucketId> = attached.map(|bucket| bucket.bucket_id).collect();
        let pins = self.inner.store.pins_of(&ids).await?;
        let is_served =
            |id: BucketId| pins.get(&id).is_none_or(|pins: &BucketPins| pins.admit(node.id, &node.region));
        for repository in &mut repositories {
            retain_served(repository.mode, &mut repository.buckets, is_served);
        }
        Ok(repositories)
    }
}

/// The subjects that a cursor holds back.
struct HeldSubjects {
    all: BTreeSet<Subject>,
    /// Whether this request has already tried to read them. It needn't try again: if one of them is changed meanwhile, there is
    /// a change event.
    is_tried: bool,
}

impl HeldSubjects {
    /// Has the page read them, too, and returns those that it needn't read.
    fn without_those_to_read(self, page: &mut ChangesPage) -> BTreeSet<Subject> {
        let mut left = BTreeSet::new();
        for subject in self.all {
            match subject {
                Subject::Bucket(id) if !self.is_tried => drop(page.buckets.insert(id)),
                Subject::Repository(id) if !self.is_tried => drop(page.repositories.insert(id)),
                Subject::Bucket(id) if page.buckets.contains(&id) => {}
                Subject::Repository(id) if page.repositories.contains(&id) => {}
                subject => drop(left.insert(subject)),
            }
        }
        left
    }
}

/// Subjects of changes, as they are now.
struct ChangedSubjects<T, Id> {
    live: Vec<T>,
    /// Those that the node doesn't serve any more.
    removed: Vec<Id>,
    unreadable: Vec<Id>,
}

impl<T, Id> Default for ChangedSubjects<T, Id> {
    fn default() -> Self {
        Self { live: Vec::new(), removed: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T, Id: Copy + Eq + Hash> ChangedSubjects<T, Id> {
    fn of(ids: Vec<Id>, live: Vec<T>, unreadable: Vec<Id>, id: impl Fn(&T) -> Id) -> Self {
        let known: HashSet<Id> = live.iter().map(id).chain(unreadable.iter().copied()).collect();
        let removed = ids.into_iter().filter(|id| !known.contains(id)).collect();
        Self { live, removed, unreadable }
    }
}

/// The changes that go into one response.
struct ChangesPage {
    buckets: HashSet<BucketId>,
    repositories: HashSet<RepoId>,
    taken: usize,
    last: Option<i64>,
}

impl ChangesPage {
    /// Takes the oldest changes, up to the maximum number of repositories.
    fn of(changes: &[Change]) -> Self {
        let mut page = Self { buckets: HashSet::new(), repositories: HashSet::new(), taken: 0, last: None };
        for change in changes {
            match change.subject {
                Subject::Bucket(id) => {
                    page.buckets.insert(id);
                }
                Subject::Repository(id) => {
                    let is_full = page.repositories.len() >= REPOSITORIES as usize;
                    if is_full && !page.repositories.contains(&id) {
                        break;
                    }
                    page.repositories.insert(id);
                }
            }
            page.taken += 1;
            page.last = Some(change.sequence);
        }
        page
    }
}

fn empty(cursor: &SyncCursor) -> SyncAnswer {
    SyncAnswer {
        success: true,
        cursor: cursor.to_text(),
        snapshot: false,
        more: false,
        buckets: Vec::new(),
        removed: Vec::new(),
        repositories: Vec::new(),
        removed_repositories: Vec::new(),
        jobs: Vec::new(),
        probing: None,
    }
}

fn has_news(answer: &SyncAnswer) -> bool {
    !(answer.buckets.is_empty()
        && answer.removed.is_empty()
        && answer.repositories.is_empty()
        && answer.removed_repositories.is_empty()
        && answer.jobs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::id::OrgId;
    use jiff::Timestamp;

    #[test]
    fn a_page_of_changes_ends_before_the_repository_that_would_be_one_too_many() {
        let change = |sequence: u8| Change {
            sequence: i64::from(sequence),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            subject: Subject::Repository(RepoId::new(Timestamp::UNIX_EPOCH, [sequence.min(60); 10])),
        };
        let changes: Vec<_> = (1..=100).map(change).collect();
        let page = ChangesPage::of(&changes);
        assert_eq!((page.repositories.len(), page.taken, page.last), (50, 50, Some(50)));
        let page = ChangesPage::of(&changes[50..]);
        assert_eq!((page.repositories.len(), page.taken, page.last), (10, 50, Some(100)));
    }
}
