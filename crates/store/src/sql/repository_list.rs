//! Reading repositories: one, a page, those of a bucket, those that nodes serve.

use std::collections::HashMap;

use bucketry_model::id::{BucketId, OrgId, RepoId};
use bucketry_model::node_protocol::{NodeRepository, NodeRepositoryBucket, NodeRepositoryKey};
use bucketry_model::repository::{Repository, RepositoryBucket};
use bucketry_model::secret::SealedSecret;
use sqlx::query;

use super::SqlStore;
use super::attachment::{attachment, in_order};
use super::columns::Columns;
use super::dialect::Row;
use super::page::{PageQuery, Select};
use super::readable::{readable, readable_for_node};
use super::statement::{InList, texts};
use crate::repository::{RepositoryOfBucket, RepositoryQuery};
use crate::sync::ReadForNode;
use crate::{Result, StoreError};

macro_rules! select_repositories {
    () => {
        "SELECT r.id, r.org_id, r.workspace_id, r.name, r.storage_type, r.mode, r.version, r.created_at, \
         r.updated_at FROM repositories r"
    };
}
macro_rules! select_node_repositories {
    () => {
        "SELECT r.id, r.org_id, r.version, r.name, r.storage_type, r.mode, r.sealing_key FROM repositories r "
    };
}

const REPOSITORIES: Select = Select { sql: select_repositories!(), table: "r", condition: "" };

fn repository(row: &Row) -> Result<Repository> {
    let mut columns = Columns::of(row);
    Ok(Repository {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        workspace_id: columns.parsed()?,
        name: columns.name()?,
        storage_type: columns.parsed()?,
        mode: columns.parsed()?,
        version: columns.number()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        buckets: Vec::new(),
    })
}

fn node_repository(row: &Row) -> Result<NodeRepository> {
    let mut columns = Columns::of(row);
    Ok(NodeRepository {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        version: columns.number()?,
        name: columns.text()?,
        storage_type: columns.parsed()?,
        mode: columns.parsed()?,
        buckets: Vec::new(),
        keys: Vec::new(),
        sealing_key: columns.optional_text()?.map(SealedSecret::from_text),
    })
}

impl SqlStore {
    /// A live repository of the organization.
    pub(super) async fn repository_of(&self, org_id: OrgId, id: RepoId) -> Result<Option<Repository>> {
        let sql =
            concat!(select_repositories!(), " WHERE r.id = $1 AND r.org_id = $2 AND r.deleted_at IS NULL");
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        let Some(found) = row.as_ref().map(repository).transpose()? else { return Ok(None) };
        Ok(self.with_places(vec![found]).await?.pop())
    }

    /// A page of repositories.
    pub(super) async fn list_repositories(&self, page: &RepositoryQuery) -> Result<Vec<Repository>> {
        let of = PageQuery::new(page.org_id, &page.visible, page.after.as_ref(), page.limit);
        let found = self.page(REPOSITORIES, &of, repository, |one| (one.created_at, one.id)).await?;
        self.with_places(found).await
    }

    /// The given repositories that are live and in the organization, in no particular order.
    pub(super) async fn repositories_among(&self, org_id: OrgId, ids: &[String]) -> Result<Vec<Repository>> {
        let among =
            concat!(select_repositories!(), " WHERE r.org_id = $1 AND r.deleted_at IS NULL AND r.id IN (");
        let rows = self.rows_in_list(&InList::new(among, ")").text(org_id), ids).await?;
        self.with_places(readable(&rows, repository)?).await
    }

    async fn with_places(&self, mut repositories: Vec<Repository>) -> Result<Vec<Repository>> {
        let list = InList::new(
            "SELECT repo_id, bucket_id, position, folder, is_master FROM repository_buckets WHERE repo_id IN (",
            ")",
        );
        let mut attachments: HashMap<RepoId, Vec<(i64, RepositoryBucket)>> = HashMap::new();
        for row in self.rows_in_list(&list, &texts(repositories.iter().map(|one| one.id))).await? {
            let mut columns = Columns::of(&row);
            attachments.entry(columns.parsed()?).or_default().push(attachment(&mut columns)?);
        }
        for one in &mut repositories {
            one.buckets = in_order(attachments.remove(&one.id).unwrap_or_default());
        }
        Ok(repositories)
    }

    /// The live repositories that contain the buckets.
    pub(super) async fn holders_of(
        &self,
        buckets: &[BucketId],
    ) -> Result<Vec<(BucketId, RepositoryOfBucket)>> {
        let list = InList::new(
            "SELECT p.bucket_id, r.id, r.name, r.storage_type, r.created_at FROM repository_buckets p \
             JOIN repositories r ON r.id = p.repo_id WHERE p.bucket_id IN (",
            ")",
        );
        let holder = |row: &Row| {
            let mut columns = Columns::of(row);
            let bucket: BucketId = columns.parsed()?;
            let of_bucket = RepositoryOfBucket {
                id: columns.parsed()?,
                name: columns.name()?,
                storage_type: columns.parsed()?,
                created_at: columns.time()?,
            };
            Ok((bucket, of_bucket))
        };
        let rows = self.rows_in_list(&list, &texts(buckets)).await?;
        let mut holders = readable(&rows, holder)?;
        holders.sort_by_key(|(bucket, holder)| (*bucket, holder.created_at, holder.id));
        Ok(holders)
    }

    /// A page of the repositories that a node serves. Fails if one can't be read (see `sync`).
    pub(super) async fn served_repositories_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<NodeRepository>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let of_all = concat!(
            select_node_repositories!(),
            "WHERE r.deleted_at IS NULL AND r.id > $1 ORDER BY r.id LIMIT $2"
        );
        let of_org = concat!(
            select_node_repositories!(),
            "WHERE r.org_id = $3 AND r.deleted_at IS NULL AND r.id > $1 ORDER BY r.id LIMIT $2"
        );
        let limit = i64::from(limit);
        let statement = match org_id {
            None => query(of_all).bind(after).bind(limit),
            Some(org_id) => query(of_org).bind(after).bind(limit).bind(org_id.to_string()),
        };
        let served: Result<_> = self.rows(statement).await?.iter().map(node_repository).collect();
        let read = self.with_buckets_and_keys(served?).await?;
        match read.unreadable.first() {
            None => Ok(read.found),
            Some(id) => Err(StoreError::Damaged(format!("a bucket or key of repository {id}"))),
        }
    }

    /// The given repositories that a node serves.
    pub(super) async fn served_repositories(
        &self,
        org_id: Option<OrgId>,
        ids: &[RepoId],
    ) -> Result<ReadForNode<NodeRepository, RepoId>> {
        let all = concat!(select_node_repositories!(), "WHERE r.deleted_at IS NULL AND r.id IN (");
        let of_org = concat!(
            select_node_repositories!(),
            "WHERE r.org_id = $1 AND r.deleted_at IS NULL AND r.id IN ("
        );
        let list = match org_id {
            None => InList::new(all, ")"),
            Some(org_id) => InList::new(of_org, ")").text(org_id),
        };
        let rows = self.rows_in_list(&list, &texts(ids)).await?;
        let ReadForNode { found, mut unreadable } = readable_for_node(&rows, node_repository)?;
        let mut read = self.with_buckets_and_keys(found).await?;
        read.unreadable.append(&mut unreadable);
        Ok(read)
    }

    // The versions were read first. A change in between is returned with a version that is too low, and returned
    // again with the event of the change.
    async fn with_buckets_and_keys(
        &self,
        mut served: Vec<NodeRepository>,
    ) -> Result<ReadForNode<NodeRepository, RepoId>> {
        let ids = texts(served.iter().map(|one| one.id));
        let mut buckets = self.node_places(&ids).await?;
        let mut keys = self.node_keys_of(&ids).await?;
        for one in &mut served {
            one.buckets = in_order(buckets.of.remove(&one.id).unwrap_or_default());
            one.keys = keys.of.remove(&one.id).unwrap_or_default();
        }
        // Without one of its keys, a node would refuse an application.
        let unreadable = buckets.unreadable.into_iter().chain(keys.unreadable);
        let mut unreadable: Vec<RepoId> = unreadable.collect();
        unreadable.sort_unstable();
        unreadable.dedup();
        served.retain(|one| unreadable.binary_search(&one.id).is_err());
        Ok(ReadForNode { found: served, unreadable })
    }

    async fn node_places(&self, ids: &[String]) -> Result<OfRepositories<(i64, NodeRepositoryBucket)>> {
        let list = InList::new(
            "SELECT p.repo_id, b.bucket, p.bucket_id, p.position, p.folder, p.is_master FROM repository_buckets p \
             JOIN buckets b ON b.id = p.bucket_id WHERE p.repo_id IN (",
            ")",
        );
        let place = |row: &Row| {
            let mut columns = Columns::of(row);
            let (repository, bucket) = (columns.parsed()?, columns.text()?);
            let (position, RepositoryBucket { bucket_id, folder, master }) = attachment(&mut columns)?;
            Ok((repository, (position, NodeRepositoryBucket { bucket_id, bucket, folder, master })))
        };
        readable_for_node(&self.rows_in_list(&list, ids).await?, place).map(OfRepositories::from)
    }

    async fn node_keys_of(&self, ids: &[String]) -> Result<OfRepositories<NodeRepositoryKey>> {
        let list = InList::new(
            "SELECT k.repo_id, k.id, k.access_key, k.access, k.secret FROM repository_keys k \
             WHERE k.revoked_at IS NULL AND k.repo_id IN (",
            ")",
        );
        let key = |row: &Row| {
            let mut columns = Columns::of(row);
            let repository: RepoId = columns.parsed()?;
            let key = NodeRepositoryKey {
                id: columns.parsed()?,
                key: columns.text()?,
                access: columns.parsed()?,
                secret: SealedSecret::from_text(columns.text()?),
            };
            Ok((repository, key))
        };
        readable_for_node(&self.rows_in_list(&list, ids).await?, key).map(OfRepositories::from)
    }
}

/// What repositories have of one kind.
struct OfRepositories<T> {
    of: HashMap<RepoId, Vec<T>>,
    /// Repositories that have something which can't be read.
    unreadable: Vec<RepoId>,
}

impl<T> From<ReadForNode<(RepoId, T), RepoId>> for OfRepositories<T> {
    fn from(read: ReadForNode<(RepoId, T), RepoId>) -> Self {
        let mut of: HashMap<RepoId, Vec<T>> = HashMap::new();
        for (repository, one) in read.found {
            of.entry(repository).or_default().push(one);
        }
        Self { of, unreadable: read.unreadable }
    }
}
