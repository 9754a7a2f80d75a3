//! Repositories and their access keys.

use bucketry_api_types::repository::{
    NewRepo, Repo, RepoChanges, RepoList, RepoProposal, RepoStored, RepoTotals, RepoTotalsList,
};
use bucketry_api_types::repository_key::{RepoKey, RepoKeyFields, RepoKeyList, RepoKeyMade};
use bucketry_model::id::{RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::repository::KeyAccess;
use serde_json::Value;

use super::bucket::ListSort;
use super::{ApiClient, with_query};
use crate::error::ClientError;

fn key_fields(name: &str, access: KeyAccess) -> RepoKeyFields {
    RepoKeyFields { name: Some(name.to_owned()), access_type: Some(access.as_str().to_owned()) }
}

impl ApiClient {
    /// Lists the repositories that the caller sees, newest first: one page, or all without a limit.
    pub async fn repositories(
        &self,
        workspace: Option<WorkspaceId>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<RepoList<'static>, ClientError> {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), limit.map(|limit| limit.to_string()));
        let parameters =
            [("workspaceId", workspace.as_deref()), ("limit", limit.as_deref()), ("cursor", cursor)];
        self.get(&with_query("/repo", &parameters)).await
    }

    /// Lists the repositories that have words which begin like those of `search`, or all in an order: one page, or the
    /// whole list without a limit. A page may be short although there is a next one.
    pub async fn select_repositories(
        &self,
        workspace: Option<WorkspaceId>,
        search: Option<&str>,
        sort: Option<ListSort>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<RepoList<'static>, ClientError> {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), limit.map(|limit| limit.to_string()));
        let parameters = [
            ("workspaceId", workspace.as_deref()),
            ("search", search),
            ("sort", sort.map(ListSort::as_str)),
            ("limit", limit.as_deref()),
            ("cursor", cursor),
        ];
        self.get(&with_query("/repo", &parameters)).await
    }

    /// Returns a repository. `None` if there is none of this id.
    pub async fn repository(&self, id: RepoId) -> Result<Option<Repo<'static>>, ClientError> {
        let path = with_query("/repo", &[("repoId", Some(&*id.to_string()))]);
        self.get(&path).await.map(|mut list: RepoList<'static>| list.repos.pop())
    }

    /// Creates a repository. With an idempotency key, the call can be repeated safely.
    pub async fn create_repository(
        &self,
        repository: &NewRepo,
        idempotency_key: Option<&str>,
    ) -> Result<RepoStored, ClientError> {
        self.post_once("/repo", repository, idempotency_key).await
    }

    /// Changes a repository.
    pub async fn update_repository(
        &self,
        id: RepoId,
        changes: &RepoChanges,
    ) -> Result<RepoStored, ClientError> {
        self.put(&format!("/repo/{id}"), changes).await
    }

    /// Deletes a repository. Its buckets and their objects are not touched.
    pub async fn delete_repository(&self, id: RepoId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}")).await.map(|_: Value| ())
    }

    /// Checks whether a new repository could have these buckets. If not, the refusal says why.
    pub async fn validate_new_repository(&self, proposal: &RepoProposal) -> Result<(), ClientError> {
        self.post("/repo/validate", proposal).await.map(|_: Value| ())
    }

    /// Checks whether a repository could have these buckets, or its current ones if none are given. If not, the
    /// refusal says why.
    pub async fn validate_repository(&self, id: RepoId, changes: &RepoChanges) -> Result<(), ClientError> {
        self.post(&format!("/repo/{id}/validate"), changes).await.map(|_: Value| ())
    }

    /// Returns the total traffic of some repositories, or of all that the caller sees if `ids` is empty.
    pub async fn repository_totals(&self, ids: &[RepoId]) -> Result<Vec<RepoTotals>, ClientError> {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = with_query("/repo/stats", &[("repoId", (!ids.is_empty()).then_some(list.as_str()))]);
        self.get(&path).await.map(|list: RepoTotalsList| list.stats)
    }

    /// Lists the live access keys of a repository.
    pub async fn repository_keys(&self, id: RepoId) -> Result<Vec<RepoKey<'static>>, ClientError> {
        self.get(&format!("/repo/{id}/apikey")).await.map(|list: RepoKeyList<'static>| list.keys)
    }

    /// Creates an access key. Its secret is returned only once.
    pub async fn create_repository_key(
        &self,
        id: RepoId,
        name: &str,
        access_type: KeyAccess,
    ) -> Result<RepoKeyMade, ClientError> {
        self.post(&format!("/repo/{id}/apikey"), &key_fields(name, access_type)).await
    }

    /// Changes the name and the access level of a key.
    pub async fn update_repository_key(
        &self,
        id: RepoId,
        key: RepoKeyId,
        name: &str,
        access_type: KeyAccess,
    ) -> Result<(), ClientError> {
        let fields = key_fields(name, access_type);
        self.put(&format!("/repo/{id}/apikey/{key}"), &fields).await.map(|_: Value| ())
    }

    /// Revokes a key. Nodes refuse it within seconds.
    pub async fn revoke_repository_key(&self, id: RepoId, key: RepoKeyId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}/apikey/{key}")).await.map(|_: Value| ())
    }
}
