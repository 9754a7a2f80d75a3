//! Reads repositories.

use std::collections::HashMap;

use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::repository::{Repository, RepositoryBucket, RepositoryKey};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::search::SearchWords;
use bucketry_model::status::{Status, worst};
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::{ListOrder, ListPosition, RepositorySearch};
use bucketry_store::repository::RepositoryQuery;

use crate::buckets::{BucketView, FoundPage};
use crate::{Control, Result};

/// A repository with its buckets and its live keys.
#[derive(Debug, Clone)]
pub struct RepositoryView {
    /// The repository as stored.
    pub repository: Repository,
    /// Attached buckets, in the repository's order.
    pub buckets: Vec<AttachedBucket>,
    /// Live keys, newest first.
    pub keys: Vec<RepositoryKey>,
}

/// A bucket of a repository.
#[derive(Debug, Clone)]
pub struct AttachedBucket {
    /// How the bucket is attached.
    pub attachment: RepositoryBucket,
    /// The bucket as lists show it; `None` if it was deleted while the repository was being read.
    pub bucket: Option<BucketView>,
}

/// Which repositories a list shows, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryListInput {
    /// Only the repositories of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only repositories that have all of these words.
    pub words: Option<SearchWords>,
    /// The order. `None`: newest first, or in the order of the found words.
    pub order: Option<ListOrder>,
}

impl RepositoryView {
    /// The worst status of its buckets. `None` if it has none.
    pub fn status(&self) -> Option<Status> {
        worst(self.buckets.iter().filter_map(|attached| Some(attached.bucket.as_ref()?.status)))
    }
}

impl Control {
    /// Returns a page of the repositories that the caller may see, newest first, optionally limited to one
    /// workspace.
    ///
    /// A workspace of another organization is not found; one that the caller can't access is forbidden.
    pub async fn list_repositories(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        after: Option<PageStart<RepoId>>,
        limit: u32,
    ) -> Result<Vec<RepositoryView>> {
        let visible = self.visible(caller, workspace).await?;
        let query = RepositoryQuery { org_id: caller.org_id, visible, after, limit };
        let page = self.inner.store.repositories(&query).await?;
        self.with_buckets_and_keys(caller, page).await
    }

    /// Returns a page of the repositories that the caller may see: those that have all of these words, or all of
    /// them, in an order.
    pub async fn search_repositories(
        &self,
        caller: &Caller,
        input: &RepositoryListInput,
        after: Option<ListPosition<RepoId>>,
        limit: u32,
    ) -> Result<FoundPage<RepositoryView, RepoId>> {
        let visible = self.visible(caller, input.workspace).await?;
        let search = RepositorySearch {
            org_id: caller.org_id,
            visible,
            words: input.words.clone(),
            order: input.order,
            after,
            limit,
        };
        let FoundPage { entries, next } =
            FoundPage::of(self.inner.store.search_repositories(&search).await?)?;
        Ok(FoundPage { entries: self.with_buckets_and_keys(caller, entries).await?, next })
    }

    /// Returns one repository.
    pub async fn repository(&self, caller: &Caller, id: RepoId) -> Result<RepositoryView> {
        let repository = self.reach_repository(caller, id, WorkspaceRole::Read).await?;
        let name = crate::ResourceKind::Repository;
        let mut views = self.with_buckets_and_keys(caller, vec![repository]).await?;
        views.pop().ok_or(crate::Error::NotFound(name))
    }

    async fn with_buckets_and_keys(
        &self,
        caller: &Caller,
        repositories: Vec<Repository>,
    ) -> Result<Vec<RepositoryView>> {
        let ids: Vec<RepoId> = repositories.iter().map(|one| one.id).collect();
        let bucket_ids: Vec<BucketId> =
            repositories.iter().flat_map(|one| &one.buckets).map(|attachment| attachment.bucket_id).collect();
        let listed = self.inner.store.buckets_among(caller.org_id, &bucket_ids).await?;
        let buckets: HashMap<BucketId, BucketView> =
            self.views_of(listed).await?.into_iter().map(|view| (view.bucket.id, view)).collect();
        let mut keys: HashMap<RepoId, Vec<RepositoryKey>> = HashMap::new();
        for key in self.inner.store.repository_keys(&ids).await? {
            keys.entry(key.repo_id).or_default().push(key);
        }
        let attached = |attachment: &RepositoryBucket| AttachedBucket {
            attachment: attachment.clone(),
            bucket: buckets.get(&attachment.bucket_id).cloned(),
        };
        let view = |repository: Repository| RepositoryView {
            buckets: repository.buckets.iter().map(attached).collect(),
            keys: keys.remove(&repository.id).unwrap_or_default(),
            repository,
        };
        Ok(repositories.into_iter().map(view).collect())
    }
}
