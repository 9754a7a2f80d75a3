//! Creating, changing and removing repositories. Reads are in `repository_list`, the buckets of repositories in
//! `attachment`.

use async_trait::async_trait;
use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::Repository;
use bucketry_model::search::Words;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_update, is_unique_violation};
use super::search_words::{self, Indexed, SearchKind};
use super::statement::{InList, Write, texts};
use super::{SqlStore, attachment, live_workspace, repository_key};
use crate::Result;
use crate::bucket::{BucketQuery, ListedBucket, StoredSecret};
use crate::repository::{
    NewRepository, Proposal, RepositoryInserted, RepositoryOfBucket, RepositoryQuery, RepositoryStore,
    RepositoryUpdate, RepositoryUpdated,
};
use crate::sync::{ReadForNode, Subject};

/// The words that a repository is found by.
fn words_of(name: &Name) -> Words {
    Words::of(&[name.as_str()])
}

/// Inserts the row. Returns false if a live repository has the name.
async fn insert_row(write: &mut Write, new: &NewRepository, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO repositories (id, org_id, workspace_id, name, name_folded, storage_type, mode, version, \
               created_at, updated_at, sealing_key, sealing_key_sealed_to, words) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9, $10, $11) \
               ON CONFLICT (org_id, name_folded) WHERE deleted_at IS NULL DO NOTHING";
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(new.org_id.to_string())
        .bind(new.workspace_id.to_string())
        .bind(new.name.as_str())
        .bind(new.name.folded())
        .bind(new.storage_type.as_str())
        .bind(new.mode.as_str())
        .bind(to_micros(now))
        .bind(new.sealing_key.as_ref().map(|key| key.sealed.as_text()))
        .bind(new.sealing_key.as_ref().map(|key| key.sealed_to.as_str()))
        .bind(words_of(&new.name).to_text());
    Ok(write.execute(insert).await? > 0)
}

async fn update_row(write: &mut Write, update: &RepositoryUpdate, now: Timestamp) -> Result<()> {
    let sql = "UPDATE repositories SET workspace_id = $2, name = $3, name_folded = $4, storage_type = $5, mode = $6, \
               version = version + 1, updated_at = $7, words = $8 WHERE id = $1";
    let statement = query(sql)
        .bind(update.id.to_string())
        .bind(update.workspace_id.to_string())
        .bind(update.name.as_str())
        .bind(update.name.folded())
        .bind(update.storage_type.as_str())
        .bind(update.mode.as_str())
        .bind(to_micros(now))
        .bind(words_of(&update.name).to_text());
    write.execute(statement).await.map(|_| ())
}

/// Takes one place of the quota. Returns false if none is left.
async fn take_place(write: &mut Write, org_id: OrgId) -> Result<bool> {
    let sql = "UPDATE organizations SET repo_count = repo_count + 1 \
               WHERE id = $1 AND (repo_quota IS NULL OR repo_count < repo_quota)";
    Ok(write.execute(query(sql).bind(org_id.to_string())).await? > 0)
}

#[async_trait]
impl RepositoryStore for SqlStore {
    async fn insert_repository(&self, new: &NewRepository, audit: &AuditEntry) -> Result<RepositoryInserted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        if !live_workspace::is_live(&mut write, new.org_id, new.workspace_id).await? {
            return Ok(RepositoryInserted::WorkspaceNotFound);
        }
        if !insert_row(&mut write, new, now).await? {
            return Ok(RepositoryInserted::NameTaken);
        }
        // Locks the buckets before the organization, in the same order as the removal of a bucket does.
        if let Err(refused) = attachment::check(&mut write, &new.proposal()).await? {
            return Ok(RepositoryInserted::Refused(refused));
        }
        if !take_place(&mut write, new.org_id).await? {
            return Ok(RepositoryInserted::QuotaExceeded);
        }
        attachment::replace(&mut write, new.id, &new.buckets).await?;
        let indexed = Indexed { org_id: new.org_id, workspace: new.workspace_id, words: words_of(&new.name) };
        let id = new.id.to_string();
        search_words::replace(&mut write, SearchKind::Repository, &id, None, &indexed).await?;
        write.record_change(new.org_id, Subject::Repository(new.id), now);
        write.bump_generation(Some(new.org_id));
        write.commit().await?;
        Ok(RepositoryInserted::Inserted)
    }

    async fn check_proposal(
        &self,
        proposal: &Proposal,
    ) -> Result<std::result::Result<(), AttachmentRefused>> {
        // Never committed. It is a write transaction only so that its reads are consistent.
        let mut write = self.write().await?;
        attachment::check(&mut write, proposal).await
    }

    async fn repository(&self, org_id: OrgId, id: RepoId) -> Result<Option<Repository>> {
        self.repository_of(org_id, id).await
    }

    async fn repository_name_taken(
        &self,
        org_id: OrgId,
        name: &Name,
        except: Option<RepoId>,
    ) -> Result<bool> {
        let sql = "SELECT id FROM repositories WHERE org_id = $1 AND name_folded = $2 AND deleted_at IS NULL";
        let Some(row) = self.row(query(sql).bind(org_id.to_string()).bind(name.folded())).await? else {
            return Ok(false);
        };
        let holder: RepoId = Columns::of(&row).parsed()?;
        Ok(Some(holder) != except)
    }

    async fn update_repository(
        &self,
        update: &RepositoryUpdate,
        audit: &AuditEntry,
    ) -> Result<RepositoryUpdated> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let sql = concat!(
            "SELECT version, workspace_id, words FROM repositories \
             WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL",
            for_update!()
        );
        let found = query(sql).bind(update.id.to_string()).bind(update.org_id.to_string());
        let Some(row) = write.row(found).await? else { return Ok(RepositoryUpdated::NotFound) };
        let mut stored = Columns::of(&row);
        if stored.number()? != update.from_version {
            return Ok(RepositoryUpdated::Conflict);
        }
        let workspace = stored.parsed()?;
        let old = Indexed { org_id: update.org_id, workspace, words: Words::from_text(&stored.text()?) };
        if !live_workspace::is_live(&mut write, update.org_id, update.workspace_id).await? {
            return Ok(RepositoryUpdated::WorkspaceNotFound);
        }
        if let Err(refused) = attachment::check(&mut write, &update.proposal()).await? {
            return Ok(RepositoryUpdated::Refused(refused));
        }
        match update_row(&mut write, update, now).await {
            Err(error) if is_unique_violation(&error) => return Ok(RepositoryUpdated::NameTaken),
            other => other?,
        }
        attachment::replace(&mut write, update.id, &update.buckets).await?;
        let new = Indexed { workspace: update.workspace_id, words: words_of(&update.name), ..old.clone() };
        let id = update.id.to_string();
        search_words::replace(&mut write, SearchKind::Repository, &id, Some(&old), &new).await?;
        write.record_change(update.org_id, Subject::Repository(update.id), now);
        write.bump_generation(Some(update.org_id));
        write.commit().await?;
        Ok(RepositoryUpdated::Updated)
    }

    async fn delete_repository(&self, org_id: OrgId, id: RepoId, audit: &AuditEntry) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let remove = "UPDATE repositories SET deleted_at = $3, version = version + 1, sealing_key = NULL, \
                      sealing_key_sealed_to = NULL \
                      WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL RETURNING workspace_id, words";
        let remove = query(remove).bind(id.to_string()).bind(org_id.to_string()).bind(to_micros(now));
        let Some(row) = write.row(remove).await? else { return Ok(false) };
        let mut removed = Columns::of(&row);
        let workspace = removed.parsed()?;
        let old = Indexed { org_id, workspace, words: Words::from_text(&removed.text()?) };
        search_words::remove(&mut write, SearchKind::Repository, &id.to_string(), &old).await?;
        let give_place = "UPDATE organizations SET repo_count = repo_count - 1 WHERE id = $1";
        write.execute(query(give_place).bind(org_id.to_string())).await?;
        attachment::free(&mut write, id).await?;
        repository_key::revoke_all(&mut write, id, now).await?;
        write.record_change(org_id, Subject::Repository(id), now);
        write.bump_generation(Some(org_id));
        write.commit().await?;
        Ok(true)
    }

    async fn repositories_without_sealing_key(
        &self,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<(RepoId, OrgId)>> {
        let sql = "SELECT id, org_id FROM repositories \
                   WHERE sealing_key_sealed_to IS NULL AND deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok((columns.parsed()?, columns.parsed()?))
        };
        rows.iter().map(read).collect()
    }

    async fn lacks_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<bool> {
        let sql = "SELECT id FROM repositories \
                   WHERE id = $1 AND org_id = $2 AND sealing_key_sealed_to IS NULL AND deleted_at IS NULL";
        Ok(self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?.is_some())
    }

    async fn set_sealing_key(
        &self,
        org_id: OrgId,
        id: RepoId,
        key: &StoredSecret,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE repositories SET sealing_key = $3, sealing_key_sealed_to = $4, version = version + 1 \
                   WHERE id = $1 AND org_id = $2 AND sealing_key_sealed_to IS NULL AND deleted_at IS NULL";
        let update = query(sql)
            .bind(id.to_string())
            .bind(org_id.to_string())
            .bind(key.sealed.as_text())
            .bind(key.sealed_to.as_str());
        let is_set = write.execute(update).await? > 0;
        if is_set {
            write.record_change(org_id, Subject::Repository(id), now);
        }
        write.commit_if(is_set).await?;
        Ok(is_set)
    }

    async fn repositories(&self, query: &RepositoryQuery) -> Result<Vec<Repository>> {
        self.list_repositories(query).await
    }

    async fn workspaces_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, WorkspaceId)>> {
        let list =
            InList::new("SELECT id, workspace_id FROM repositories WHERE org_id = $1 AND id IN (", ")")
                .text(org_id);
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok((columns.parsed()?, columns.parsed()?))
        };
        self.rows_in_list(&list, &texts(ids)).await?.iter().map(read).collect()
    }

    async fn repositories_of_buckets(
        &self,
        buckets: &[BucketId],
    ) -> Result<Vec<(BucketId, RepositoryOfBucket)>> {
        self.holders_of(buckets).await
    }

    async fn available_buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>> {
        self.list_available(query).await
    }

    async fn buckets_among(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<ListedBucket>> {
        self.list_among(org_id, ids).await
    }

    async fn node_repositories_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<NodeRepository>> {
        self.served_repositories_after(org_id, after, limit).await
    }

    async fn node_repositories(
        &self,
        org_id: Option<OrgId>,
        ids: &[RepoId],
    ) -> Result<ReadForNode<NodeRepository, RepoId>> {
        self.served_repositories(org_id, ids).await
    }
}
