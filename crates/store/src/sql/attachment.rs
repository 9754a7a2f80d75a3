//! Which repositories contain which buckets.

use std::collections::HashMap;

use bucketry_model::attachment::{Attachment, AttachmentRefused, Holding};
use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::repository::RepositoryBucket;
use jiff::Timestamp;
use sqlx::query;

use super::columns::{Columns, stored};
use super::dialect::{Row, for_update};
use super::repository_change::note_change;
use super::statement::{InList, Rows, Write, texts};
use crate::Result;
use crate::repository::Proposal;

const ATTACHMENTS: Rows<'static> = Rows {
    before: "INSERT INTO repository_buckets (repo_id, bucket_id, position, folder, is_master) ",
    columns: 5,
    after: "",
};

/// Reads `bucket_id, position, folder, is_master`. Returns the position first.
pub(super) fn attachment(columns: &mut Columns<'_>) -> Result<(i64, RepositoryBucket)> {
    let bucket_id = columns.parsed()?;
    let position = columns.number()?;
    let folder = columns.read(bucketry_model::repository::Folder::parse)?;
    Ok((position, RepositoryBucket { bucket_id, folder, master: columns.flag()? }))
}

/// Sorts a repository's buckets by position.
pub(super) fn in_order<T>(mut attachments: Vec<(i64, T)>) -> Vec<T> {
    attachments.sort_by_key(|(position, _)| *position);
    attachments.into_iter().map(|(_, attachment)| attachment).collect()
}

/// Whether a live repository contains the bucket.
pub(super) async fn is_held(write: &mut Write, id: BucketId) -> Result<bool> {
    let sql = "SELECT 1 FROM repository_buckets WHERE bucket_id = $1 LIMIT 1";
    write.finds(query(sql).bind(id.to_string())).await
}

/// Whether a repository of mode NORMAL contains both the bucket and another one with this name at its provider.
pub(super) async fn would_share_name(write: &mut Write, id: BucketId, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM repository_buckets mine JOIN repositories r ON r.id = mine.repo_id \
               JOIN repository_buckets other ON other.repo_id = mine.repo_id \
               JOIN buckets b ON b.id = other.bucket_id \
               WHERE mine.bucket_id = $1 AND other.bucket_id <> $1 AND r.mode = 'NORMAL' AND b.bucket = $2 LIMIT 1";
    write.finds(query(sql).bind(id.to_string()).bind(name.to_owned())).await
}

/// Whether the bucket currently has a name at its provider other than this one.
pub(super) async fn is_called_otherwise(write: &mut Write, id: BucketId, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM buckets WHERE id = $1 AND bucket <> $2";
    write.finds(query(sql).bind(id.to_string()).bind(name.to_owned())).await
}

/// Locks the repositories that contain the bucket, so that other changes to them wait for this one.
pub(super) async fn lock_holders(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = concat!(
        "SELECT id FROM repositories WHERE id IN (SELECT repo_id FROM repository_buckets WHERE bucket_id = $1) \
         ORDER BY id",
        for_update!()
    );
    write.rows(query(sql).bind(id.to_string())).await.map(|_| ())
}

/// Raises the versions of the repositories that contain the bucket, and records a change of each.
pub(super) async fn announce_holders(
    write: &mut Write,
    org_id: OrgId,
    id: BucketId,
    now: Timestamp,
) -> Result<()> {
    let sql = "SELECT repo_id FROM repository_buckets WHERE bucket_id = $1 ORDER BY repo_id";
    for row in write.rows(query(sql).bind(id.to_string())).await? {
        note_change(write, org_id, Columns::of(&row).parsed()?, now).await?;
    }
    Ok(())
}

/// Checks whether a repository may contain the proposed buckets, which stay locked until the transaction ends.
pub(super) async fn check(
    write: &mut Write,
    proposal: &Proposal,
) -> Result<std::result::Result<(), AttachmentRefused>> {
    let wanted = texts(proposal.buckets.iter().map(|attachment| attachment.bucket_id));
    let known = known(write, proposal, &wanted).await?;
    let (held, present) = match proposal.repo_id {
        None => (holdings(write, None, &wanted).await?, Vec::new()),
        Some(id) => (holdings(write, Some(id), &wanted).await?, attachments(write, id).await?),
    };
    let attachment = Attachment {
        mode: proposal.mode,
        wanted: &proposal.buckets,
        present: &present,
        known: &known,
        held: &held,
    };
    Ok(attachment.check())
}

/// The proposed buckets that are live and in the proposal's workspace.
async fn known(
    write: &mut Write,
    proposal: &Proposal,
    wanted: &[String],
) -> Result<HashMap<BucketId, String>> {
    // Workspace and organization are compared here and not in the statement, where they could lead the engine to
    // read all their buckets instead of these.
    let list = InList::new(
        "SELECT id, org_id, workspace_id, bucket FROM buckets WHERE deleted_at IS NULL AND id IN (",
        concat!(")", for_update!()),
    );
    let mut known = HashMap::new();
    for row in write.rows_in_list(&list, wanted).await? {
        let mut columns = Columns::of(&row);
        let id = columns.parsed()?;
        let attachment: (OrgId, WorkspaceId) = (columns.parsed()?, columns.parsed()?);
        if attachment == (proposal.org_id, proposal.workspace_id) {
            known.insert(id, columns.text()?);
        }
    }
    Ok(known)
}

/// Which repositories contain the buckets, apart from `except`.
async fn holdings(write: &mut Write, except: Option<RepoId>, wanted: &[String]) -> Result<Vec<Holding>> {
    let list = InList::new(
        "SELECT p.bucket_id, p.repo_id, r.name, r.mode, p.folder FROM repository_buckets p \
         JOIN repositories r ON r.id = p.repo_id WHERE p.bucket_id IN (",
        ")",
    );
    let holding = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Holding {
            bucket_id: columns.parsed()?,
            repo_id: columns.parsed()?,
            repository: columns.name()?,
            mode: columns.parsed()?,
            folder: columns.read(bucketry_model::repository::Folder::parse)?,
        })
    };
    let rows = write.rows_in_list(&list, wanted).await?;
    let mut held: Vec<Holding> = rows.iter().map(holding).collect::<Result<_>>()?;
    held.retain(|holding| Some(holding.repo_id) != except);
    Ok(held)
}

async fn attachments(write: &mut Write, id: RepoId) -> Result<Vec<RepositoryBucket>> {
    let sql = "SELECT bucket_id, position, folder, is_master FROM repository_buckets WHERE repo_id = $1";
    let rows = write.rows(query(sql).bind(id.to_string())).await?;
    let attachments: Vec<_> =
        rows.iter().map(|row| attachment(&mut Columns::of(row))).collect::<Result<_>>()?;
    Ok(in_order(attachments))
}

/// Replaces all buckets of a repository.
pub(super) async fn replace(write: &mut Write, id: RepoId, buckets: &[RepositoryBucket]) -> Result<()> {
    free(write, id).await?;
    let attachments: Vec<(u64, &RepositoryBucket)> = (0..).zip(buckets).collect();
    write
        .insert_rows(&ATTACHMENTS, &attachments, |values, (position, attachment)| {
            values
                .bind(id.to_string())
                .bind(attachment.bucket_id.to_string())
                .bind(stored(*position))
                .bind(attachment.folder.as_str().to_owned())
                .bind(attachment.master)
        })
        .await
        .map(|_| ())
}

/// Removes all buckets from a repository.
pub(super) async fn free(write: &mut Write, id: RepoId) -> Result<()> {
    let sql = "DELETE FROM repository_buckets WHERE repo_id = $1";
    write.execute(query(sql).bind(id.to_string())).await.map(|_| ())
}
