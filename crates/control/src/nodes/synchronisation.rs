//! What nodes synchronise: first a snapshot, then changes and jobs as they come.
//!
//! A use case that has stored a change wakes all waiting requests of this process (`changes.notify_waiters()`), so its
//! nodes get the change immediately. Other processes send a signal (`other_processes`); if it is lost, their changes are
//! found by querying the store every second. One request reads the changes for all (`recent_changes`).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node::Node;
use bucketry_model::node_protocol::{LONG_POLL_SECONDS, NodeBucket, NodeRepository, SYNC_PATH, SyncAnswer};
use bucketry_model::pinning::BucketPins;
use bucketry_model::probe_share::ProbeAssignment;
use bucketry_store::sync::{Change, Changes, Subject};
use serde::Deserialize;

use super::NodeMessage;
use super::recent_changes::{ChangesOfNode, Recency};
use super::served::retain_served;
use crate::{Control, Error, Result};

/// Buckets per page.
const PAGE: u32 = 500;
/// Repositories per page. Each comes with all its buckets and keys.
const REPOSITORIES: u32 = 50;
/// How often to query the store for changes that another control plane may have made without a signal that arrived.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Separates the parts of a cursor.
const SHARE_MARK: char = '~';

/// A node's position in the snapshot or in the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SyncCursor {
    /// Before the snapshot.
    Start,
    /// In the buckets of a snapshot that began when `sequence` was the latest change.
    Buckets { sequence: i64, after: BucketId },
    /// In the repositories of such a snapshot, which follow its buckets.
    Repositories { sequence: i64, after: RepoId },
    /// After all changes up to this one.
    Changes { sequence: i64 },
}

impl SyncCursor {
    fn to_text(self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Buckets { sequence, after } => format!("s.{sequence}.{after}"),
            Self::Repositories { sequence, after } => format!("r.{sequence}.{after}"),
            Self::Changes { sequence } => format!("c.{sequence}"),
        }
    }
}

/// The parameters of `GET /node/sync`, as text, because the query is signed as text.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    wait: String,
}

impl FromStr for SyncCursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::field("cursor", "is not a cursor of /node/sync: leave it out to start over");
        let mut parts = text.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(""), None, None) => Ok(Self::Start),
            (Some("c"), Some(sequence), None) => {
                Ok(Self::Changes { sequence: sequence.parse().map_err(|_| wrong())? })
            }
            (Some("s"), Some(sequence), Some(after)) => Ok(Self::Buckets {
                sequence: sequence.parse().map_err(|_| wrong())?,
                after: after.parse().map_err(|_| wrong())?,
            }),
            (Some("r"), Some(sequence), Some(after)) => Ok(Self::Repositories {
                sequence: sequence.parse().map_err(|_| wrong())?,
                after: after.parse().map_err(|_| wrong())?,
            }),
            _ => Err(wrong()),
        }
    }
}

/// A node's cursor: its position, and which share of the probes it has received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NodeCursor {
    position: SyncCursor,
    /// The digest of the share.
    share: Option<u64>,
}

impl FromStr for NodeCursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (position, share) = match text.split_once(SHARE_MARK) {
            Some((position, share)) => (position, u64::from_str_radix(share, 16).ok()),
            None => (text, None),
        };
        Ok(Self { position: position.parse()?, share })
    }
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
        let mut position = cursor.position;
        let mut has_looked = false;
        loop {
            let changed = self.inner.changes.notified();
            let job = self.inner.jobs.news();
            tokio::pin!(changed, job);
            // From here on, no change is missed that happens while the store is read.
            changed.as_mut().enable();
            job.as_mut().enable();
            let needed = if has_looked { self.signalled_changes() } else { self.latest_changes() };
            let mut answer = self.answer(&node, position, needed).await?;
            let has_other_share = self.add_share(&node, cursor, &mut answer).await?;
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
    async fn add_share(&self, node: &Node, cursor: NodeCursor, answer: &mut SyncAnswer) -> Result<bool> {
        let share = self.probe_share(node).await?;
        let digest = share.as_ref().map(ProbeAssignment::digest).or(cursor.share);
        if let Some(digest) = digest {
            // Writing to a string can't fail.
            let _ = write!(answer.cursor, "{SHARE_MARK}{digest:x}");
        }
        answer.probing = share.filter(|_| digest != cursor.share);
        Ok(answer.probing.is_some() && cursor.share.is_some())
    }

    async fn answer(&self, node: &Node, position: SyncCursor, needed: Recency) -> Result<SyncAnswer> {
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
            SyncCursor::Changes { sequence } => self.changes_page(node, sequence, needed).await,
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
                Ok(SyncAnswer { snapshot: true, more: true, buckets, ..empty(cursor) })
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
            _ => SyncCursor::Changes { sequence },
        };
        Ok(SyncAnswer { snapshot: true, more, buckets, repositories, ..empty(cursor) })
    }

    async fn changes_page(&self, node: &Node, sequence: i64, needed: Recency) -> Result<SyncAnswer> {
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
        let page = ChangesPage::of(&changes);
        let more = page.taken < changes.len() || changes.len() >= PAGE as usize;
        let last = page.last.unwrap_or(sequence);
        let (buckets, removed) = self.changed_buckets(node, page.buckets).await?;
        let (repositories, removed_repositories) = self.changed_repositories(node, page.repositories).await?;
        let sequence = if more { last } else { last.max(latest) };
        let cursor = SyncCursor::Changes { sequence };
        Ok(SyncAnswer { more, buckets, removed, repositories, removed_repositories, ..empty(cursor) })
    }

    async fn changed_buckets(
        &self,
        node: &Node,
        ids: HashSet<BucketId>,
    ) -> Result<(Vec<NodeBucket>, Vec<BucketId>)> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let ids: Vec<BucketId> = ids.into_iter().collect();
        let mut live = self.inner.store.node_buckets(node.org_id, &ids).await?;
        live.retain(|bucket| bucket.pinned_to.admit(node.id, &node.region));
        let found: HashSet<BucketId> = live.iter().map(|bucket| bucket.id).collect();
        Ok((live, ids.into_iter().filter(|id| !found.contains(id)).collect()))
    }

    async fn changed_repositories(
        &self,
        node: &Node,
        ids: HashSet<RepoId>,
    ) -> Result<(Vec<NodeRepository>, Vec<RepoId>)> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let ids: Vec<RepoId> = ids.into_iter().collect();
        let live = self.inner.store.node_repositories(node.org_id, &ids).await?;
        let live = self.with_served_buckets(node, live).await?;
        let found: HashSet<RepoId> = live.iter().map(|repository| repository.id).collect();
        Ok((live, ids.into_iter().filter(|id| !found.contains(id)).collect()))
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

fn empty(cursor: SyncCursor) -> SyncAnswer {
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
    fn cursors_read_back_and_strange_ones_are_refused() {
        let after = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let after_repository = RepoId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        for cursor in [
            SyncCursor::Start,
            SyncCursor::Buckets { sequence: 5, after },
            SyncCursor::Repositories { sequence: 6, after: after_repository },
            SyncCursor::Changes { sequence: 7 },
        ] {
            assert_eq!(cursor.to_text().parse::<SyncCursor>().unwrap(), cursor);
        }
        let cursor = NodeCursor { position: SyncCursor::Changes { sequence: 7 }, share: Some(255) };
        assert_eq!("c.7~ff".parse::<NodeCursor>().unwrap(), cursor);
        assert_eq!("c.7".parse::<NodeCursor>().unwrap(), NodeCursor { share: None, ..cursor });
        for wrong in ["c", "c.x", "s.1", "s.1.x", "c.1.2", "x.1", "r.1", "c.99999999999999999999"] {
            assert!(wrong.parse::<SyncCursor>().is_err(), "{wrong}");
        }
    }

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
