//! What nodes need: buckets to serve, and change events.
//!
//! Without a row that only a newer version can read, a node would drop what it serves and take its list for complete. A page of all
//! buckets or repositories therefore fails as a whole if it has such a row, and so do changes of an unknown kind: the node keeps
//! what it has and asks again. What is read by id says which rows can't be read.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId, RepoId};
use bucketry_model::node_protocol::NodeBucket;
use bucketry_model::secret::SealedSecret;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::bucket::{location, location_columns};
use super::columns::Columns;
use super::dialect::Row;
use super::readable::readable_for_node;
use super::statement::{InList, texts};
use crate::Result;
use crate::sync::{Change, Changes, ReadForNode, Subject, SyncStore};

/// Whether an event is about a bucket. Otherwise it is about a repository.
fn is_of_bucket(kind: &str) -> std::result::Result<bool, UnknownSubject> {
    match kind {
        "BUCKET" => Ok(true),
        "REPOSITORY" => Ok(false),
        _ => Err(UnknownSubject),
    }
}

struct UnknownSubject;

fn change(row: &Row) -> Result<Change> {
    let mut columns = Columns::of(row);
    let sequence = columns.number()?;
    let org_id = columns.parsed()?;
    let subject = if columns.read(is_of_bucket)? {
        Subject::Bucket(columns.parsed::<BucketId>()?)
    } else {
        Subject::Repository(columns.parsed::<RepoId>()?)
    };
    Ok(Change { sequence, org_id, subject })
}

macro_rules! select_node_buckets {
    () => {
        concat!(
            "SELECT b.id, b.org_id, b.version, b.config_version, ",
            location_columns!(),
            ", b.secret, b.pinned_to FROM buckets b "
        )
    };
}

fn node_bucket(row: &Row) -> Result<NodeBucket> {
    let mut columns = Columns::of(row);
    Ok(NodeBucket {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        version: columns.number()?,
        config_version: columns.number()?,
        location: location(&mut columns)?,
        secret: columns.optional_text()?.map(SealedSecret::from_text),
        pinned_to: columns.pins()?,
    })
}

impl SqlStore {
    /// The highest number that was removed, and the highest number ever assigned.
    async fn known_changes(&self) -> Result<(i64, i64)> {
        let sql = "SELECT p.purged_through, COALESCE((SELECT MAX(c.sequence) FROM changes c), p.purged_through) \
                   FROM changes_purged p WHERE p.id = 1";
        let Some(row) = self.row(query(sql)).await? else { return Ok((0, 0)) };
        let mut columns = Columns::of(&row);
        Ok((columns.number()?, columns.number()?))
    }
}

#[async_trait]
impl SyncStore for SqlStore {
    async fn latest_change(&self) -> Result<i64> {
        Ok(self.known_changes().await?.1)
    }

    async fn changes_after(&self, org_id: Option<OrgId>, sequence: i64, limit: u32) -> Result<Changes> {
        let limit = i64::from(limit);
        let rows = match org_id {
            None => {
                let sql = "SELECT sequence, org_id, kind, subject_id FROM changes WHERE sequence > $1 \
                           ORDER BY sequence LIMIT $2";
                self.rows(query(sql).bind(sequence).bind(limit)).await?
            }
            Some(org_id) => {
                let sql = "SELECT sequence, org_id, kind, subject_id FROM changes WHERE org_id = $3 AND sequence > $1 \
                           ORDER BY sequence LIMIT $2";
                self.rows(query(sql).bind(sequence).bind(limit).bind(org_id.to_string())).await?
            }
        };
        // Read after the events: if events are removed in between, the result is `TooOld` and never has a gap.
        let (purged, latest) = self.known_changes().await?;
        if sequence < purged || sequence > latest {
            return Ok(Changes::TooOld);
        }
        Ok(Changes::Since(rows.iter().map(change).collect::<Result<_>>()?))
    }

    async fn node_buckets_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<BucketId>,
        limit: u32,
    ) -> Result<Vec<NodeBucket>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let of_all = concat!(
            select_node_buckets!(),
            "WHERE b.deleted_at IS NULL AND b.id > $1 ORDER BY b.id LIMIT $2"
        );
        let of_org = concat!(
            select_node_buckets!(),
            "WHERE b.org_id = $3 AND b.deleted_at IS NULL AND b.id > $1 ORDER BY b.id LIMIT $2"
        );
        let limit = i64::from(limit);
        let statement = match org_id {
            None => query(of_all).bind(after).bind(limit),
            Some(org_id) => query(of_org).bind(after).bind(limit).bind(org_id.to_string()),
        };
        self.rows(statement).await?.iter().map(node_bucket).collect()
    }

    async fn node_buckets(
        &self,
        org_id: Option<OrgId>,
        ids: &[BucketId],
    ) -> Result<ReadForNode<NodeBucket, BucketId>> {
        let all = concat!(select_node_buckets!(), "WHERE b.deleted_at IS NULL AND b.id IN (");
        let of_org =
            concat!(select_node_buckets!(), "WHERE b.org_id = $1 AND b.deleted_at IS NULL AND b.id IN (");
        let list = match org_id {
            None => InList::new(all, ")"),
            Some(org_id) => InList::new(of_org, ")").text(org_id),
        };
        readable_for_node(&self.rows_in_list(&list, &texts(ids)).await?, node_bucket)
    }

    async fn purge_changes(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        // By number and not by time, so that a clock that jumped leaves no gap in the numbers.
        let oldest = "SELECT sequence, at FROM changes ORDER BY sequence LIMIT $1";
        let mut through = None;
        for row in write.rows(query(oldest).bind(i64::from(at_most))).await? {
            let mut columns = Columns::of(&row);
            let sequence = columns.number()?;
            if columns.number()? >= to_micros(before) {
                break;
            }
            through = Some(sequence);
        }
        let Some(through) = through else { return Ok(0) };
        let removed = write.execute(query("DELETE FROM changes WHERE sequence <= $1").bind(through)).await?;
        let note = "UPDATE changes_purged SET purged_through = $1 WHERE id = 1 AND purged_through < $1";
        write.execute(query(note).bind(through)).await?;
        write.commit().await?;
        Ok(removed)
    }
}
