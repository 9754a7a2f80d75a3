//! What a node is to serve: a snapshot first, then changes as they are made, and jobs as they come up.

use std::collections::HashSet;
use std::str::FromStr;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::node::Node;
use bucketry_model::node_protocol::{LONG_POLL_SECONDS, SYNC_PATH, SyncAnswer};
use bucketry_store::sync::Changes;
use serde_json::Value;

use crate::{Control, Error, Result};

/// How many buckets a page holds.
const PAGE: u32 = 500;
/// How often the store is asked for changes that another control plane may have made.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    /// Nowhere yet.
    Start,
    /// Within a snapshot that was begun when `sequence` was the newest change.
    Snapshot { sequence: i64, after: BucketId },
    /// It has seen all changes up to this one.
    Changes { sequence: i64 },
}

impl Cursor {
    fn to_text(self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Snapshot { sequence, after } => format!("s.{sequence}.{after}"),
            Self::Changes { sequence } => format!("c.{sequence}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::field("cursor", "is not one that /node/sync gave: leave it out to start over");
        let mut parts = text.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(""), None, None) => Ok(Self::Start),
            (Some("c"), Some(sequence), None) => {
                Ok(Self::Changes { sequence: sequence.parse().map_err(|_| wrong())? })
            }
            (Some("s"), Some(sequence), Some(after)) => Ok(Self::Snapshot {
                sequence: sequence.parse().map_err(|_| wrong())?,
                after: after.parse().map_err(|_| wrong())?,
            }),
            _ => Err(wrong()),
        }
    }
}

impl Control {
    /// `GET /node/sync`: what changed after the cursor, at once if there is anything, else as soon as there is, for
    /// at most the asked-for seconds.
    ///
    /// Dropping the future loses the jobs of an answer that was not delivered: their callers run into a time-out.
    pub async fn sync(&self, message: &Value) -> Result<SyncAnswer> {
        let node = self.sender("GET", SYNC_PATH, message).await?;
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let cursor: Cursor = text("cursor").parse()?;
        let wait = text("wait").parse().unwrap_or(0).min(LONG_POLL_SECONDS);
        let until = tokio::time::Instant::now() + Duration::from_secs(wait);
        loop {
            let changed = self.inner.changes.notified();
            let job = self.inner.jobs.news();
            tokio::pin!(changed, job);
            // From here on nothing is missed that happens while the store is read.
            changed.as_mut().enable();
            job.as_mut().enable();
            let mut answer = self.answer(&node, cursor).await?;
            answer.jobs = self.inner.jobs.fetch(node.id);
            let news = !(answer.buckets.is_empty() && answer.removed.is_empty() && answer.jobs.is_empty());
            let look_again = tokio::time::Instant::now() + LOOK_AGAIN;
            if news || answer.snapshot || until <= tokio::time::Instant::now() {
                return Ok(answer);
            }
            tokio::select! {
                () = changed => {}
                () = job => {}
                () = tokio::time::sleep_until(look_again.min(until)) => {}
            }
        }
    }

    async fn answer(&self, node: &Node, cursor: Cursor) -> Result<SyncAnswer> {
        match cursor {
            Cursor::Start => {
                let sequence = self.inner.store.latest_change().await?;
                self.snapshot_page(node, sequence, None).await
            }
            Cursor::Snapshot { sequence, after } => self.snapshot_page(node, sequence, Some(after)).await,
            Cursor::Changes { sequence } => self.changes_page(node, sequence).await,
        }
    }

    async fn snapshot_page(&self, node: &Node, sequence: i64, after: Option<BucketId>) -> Result<SyncAnswer> {
        let buckets = self.inner.store.node_buckets_after(node.org_id, after, PAGE).await?;
        let more = buckets.len() >= PAGE as usize;
        let cursor = match buckets.last() {
            Some(last) if more => Cursor::Snapshot { sequence, after: last.id },
            _ => Cursor::Changes { sequence },
        };
        Ok(SyncAnswer {
            success: true,
            cursor: cursor.to_text(),
            snapshot: true,
            more,
            buckets,
            removed: Vec::new(),
            repositories: Vec::new(),
            removed_repositories: Vec::new(),
            jobs: Vec::new(),
        })
    }

    async fn changes_page(&self, node: &Node, sequence: i64) -> Result<SyncAnswer> {
        // Asked first: what is committed in between is in the changes, or comes after this number.
        let latest = self.inner.store.latest_change().await?;
        let changes = match self.inner.store.changes_after(node.org_id, sequence, PAGE).await? {
            Changes::Since(changes) => changes,
            Changes::TooOld => return self.snapshot_page(node, latest, None).await,
        };
        let more = changes.len() >= PAGE as usize;
        let last = changes.last().map_or(sequence, |change| change.sequence);
        let ids: HashSet<BucketId> = changes.iter().map(|change| change.bucket_id).collect();
        let ids: Vec<BucketId> = ids.into_iter().collect();
        let buckets = if ids.is_empty() {
            Vec::new()
        } else {
            self.inner.store.node_buckets(node.org_id, &ids).await?
        };
        let live: HashSet<BucketId> = buckets.iter().map(|bucket| bucket.id).collect();
        let removed = ids.into_iter().filter(|id| !live.contains(id)).collect();
        let sequence = if more { last } else { last.max(latest) };
        Ok(SyncAnswer {
            success: true,
            cursor: Cursor::Changes { sequence }.to_text(),
            snapshot: false,
            more,
            buckets,
            removed,
            repositories: Vec::new(),
            removed_repositories: Vec::new(),
            jobs: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn cursors_read_back_and_strange_ones_are_refused() {
        let after = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        for cursor in
            [Cursor::Start, Cursor::Snapshot { sequence: 5, after }, Cursor::Changes { sequence: 7 }]
        {
            assert_eq!(cursor.to_text().parse::<Cursor>().unwrap(), cursor);
        }
        for wrong in ["c", "c.x", "s.1", "s.1.x", "c.1.2", "x.1", "c.99999999999999999999"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
