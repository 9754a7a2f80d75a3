//! Fills in what lists need of buckets and repositories that an older version stored.

use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::search::Words;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, for_update};
use super::facets;
use super::search_words::{self, Indexed, SearchKind};
use super::statement::Write;
use crate::Result;

/// Buckets or repositories per transaction.
const AT_ONCE: i64 = 500;
/// Transactions between two messages in the log.
const MESSAGE_EVERY: u64 = 100;

impl SqlStore {
    /// Fills everything in, in short transactions. A process that is killed meanwhile continues at its next start.
    pub(in super::super) async fn list_unlisted(&self) -> Result<()> {
        for kind in ["BUCKET", "REPOSITORY"] {
            let mut transactions = 0_u64;
            while self.list_some(kind).await? {
                transactions += 1;
                if transactions.is_multiple_of(MESSAGE_EVERY) {
                    let done = transactions * AT_ONCE.cast_unsigned();
                    tracing::info!(
                        kind,
                        done,
                        "indexing what an older version stored, for search and filters"
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether there may be more.
    async fn list_some(&self, kind: &'static str) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = concat!("SELECT last_id FROM unlisted WHERE kind = $1", for_update!());
        let Some(row) = write.row(query(sql).bind(kind)).await? else { return Ok(false) };
        let last = Columns::of(&row).text()?;
        let ids = match kind {
            "BUCKET" => list_buckets(&mut write, &last).await?,
            _ => list_repositories(&mut write, &last).await?,
        };
        match ids.last() {
            Some(last) => {
                let note = "UPDATE unlisted SET last_id = $2 WHERE kind = $1";
                write.execute(query(note).bind(kind).bind(last.clone())).await?;
            }
            None => {
                write.execute(query("DELETE FROM unlisted WHERE kind = $1").bind(kind)).await?;
            }
        }
        write.commit().await?;
        Ok(!ids.is_empty())
    }
}

async fn list_buckets(write: &mut Write, last: &str) -> Result<Vec<String>> {
    let sql = "SELECT id FROM buckets WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
    let rows = write.rows(query(sql).bind(last.to_owned()).bind(AT_ONCE)).await?;
    let ids: Vec<BucketId> = rows.iter().map(|row| Columns::of(row).parsed()).collect::<Result<_>>()?;
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    // A facet that isn't marked as used is still retained as long as a bucket has it.
    facets::refresh(write, &ids, Timestamp::UNIX_EPOCH).await?;
    Ok(ids)
}

async fn list_repositories(write: &mut Write, last: &str) -> Result<Vec<String>> {
    let sql = "SELECT id, org_id, workspace_id, name FROM repositories \
               WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        let (id, org_id, workspace): (RepoId, OrgId, WorkspaceId) =
            (columns.parsed()?, columns.parsed()?, columns.parsed()?);
        let words = Words::of(&[columns.name()?.as_str()]);
        Ok((id.to_string(), Indexed { org_id, workspace, words }))
    };
    let rows = write.rows(query(sql).bind(last.to_owned()).bind(AT_ONCE)).await?;
    let repositories: Vec<(String, Indexed)> = rows.iter().map(read).collect::<Result<_>>()?;
    for (id, indexed) in &repositories {
        let update = "UPDATE repositories SET words = $2 WHERE id = $1";
        write.execute(query(update).bind(id.clone()).bind(indexed.words.to_text())).await?;
        search_words::replace(write, SearchKind::Repository, id, None, indexed).await?;
    }
    Ok(repositories.into_iter().map(|(id, _)| id).collect())
}
