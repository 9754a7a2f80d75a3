//! Buckets that somebody watches, such as on an open page, and which of them have changed. Unlike the topics of
//! `change_feed`, this says something about a bucket, so it depends on what the caller may see.

use bucketry_model::id::{BucketId, NodeId, RepoId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_model::status::Status;
use jiff::Timestamp;

use crate::buckets::{BucketView, NodeStatusView};
use crate::{Control, Result};

/// The most buckets that are followed at once. Each is read whenever something in the organization may have changed.
pub const MOST_FOLLOWED: usize = 16;

/// The buckets that somebody follows, and how they were when they were last looked at.
#[derive(Debug)]
pub struct FollowedBuckets {
    caller: Caller,
    /// `None` for a bucket that the caller can't see, or that can't be read.
    seen: Vec<(BucketId, Option<BucketMark>)>,
}

/// What differs if something about a bucket has changed.
#[derive(Debug, PartialEq, Eq)]
struct BucketMark {
    version: i64,
    workspace: WorkspaceId,
    status: Status,
    reports: Vec<(NodeId, Status, Timestamp)>,
    repositories: Vec<(RepoId, String)>,
    diagnosed_at: Option<Timestamp>,
    measured_at: Option<Timestamp>,
}

impl BucketMark {
    fn new(view: &BucketView, reports: &[NodeStatusView], diagnosed_at: Option<Timestamp>) -> Self {
        Self {
            version: view.bucket.version,
            workspace: view.bucket.workspace_id,
            status: view.status,
            reports: reports
                .iter()
                .map(|report| (report.node.id, report.status, report.last_updated))
                .collect(),
            repositories: view
                .repositories
                .iter()
                .map(|one| (one.id, one.name.as_str().to_owned()))
                .collect(),
            diagnosed_at,
            measured_at: view.size.map(|size| size.measured_at),
        }
    }
}

impl Control {
    /// Begins to follow buckets, at most [`MOST_FOLLOWED`] of them. Those that the caller can't see never change.
    pub async fn follow_buckets(&self, caller: &Caller, ids: &[BucketId]) -> FollowedBuckets {
        let mut seen: Vec<(BucketId, Option<BucketMark>)> = Vec::new();
        for id in ids.iter().take(MOST_FOLLOWED) {
            if seen.iter().all(|(known, _)| known != id) {
                seen.push((*id, self.bucket_mark(caller, *id).await.ok()));
            }
        }
        FollowedBuckets { caller: caller.clone(), seen }
    }

    /// Returns those that have changed since the last call, or since they are followed. A bucket that can't be seen any
    /// more has changed once.
    pub async fn changes_of_followed(&self, followed: &mut FollowedBuckets) -> Vec<BucketId> {
        let mut changed = Vec::new();
        for (id, seen) in &mut followed.seen {
            let now = self.bucket_mark(&followed.caller, *id).await.ok();
            if now != *seen {
                changed.push(*id);
                *seen = now;
            }
        }
        changed
    }

    async fn bucket_mark(&self, caller: &Caller, id: BucketId) -> Result<BucketMark> {
        let view = self.bucket(caller, id).await?;
        let reports = self.bucket_status(caller, id).await?;
        let diagnosis = self.bucket_diagnosis(caller, id).await?;
        Ok(BucketMark::new(&view, &reports, diagnosis.map(|diagnosis| diagnosis.row.at)))
    }
}
