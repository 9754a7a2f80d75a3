//! Repositories and their access keys.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::repository::{KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// A repository with its buckets and keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Repository {
    pub id: RepoId,
    pub name: String,
    /// Protocol that applications use.
    pub storage_type: StorageType,
    /// How requests are routed to the buckets.
    pub mode: RepositoryMode,
    pub workspace_id: WorkspaceId,
    pub buckets: Vec<AttachedBucket>,
    /// Access keys, without their secrets.
    #[serde(default)]
    pub api_keys: Vec<RepositoryKey>,
    /// Time of creation.
    pub created_at: String,
    /// Time of the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// A bucket of a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct AttachedBucket {
    pub bucket_id: BucketId,
    /// Folder in the bucket that the repository uses; empty for the whole bucket.
    pub folder: String,
    /// Whether a MIRROR reads from and writes to this bucket first.
    pub master: bool,
    /// Names of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketSummary>,
}

/// The names of a repository's bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BucketSummary {
    /// Name in the registry.
    pub name: String,
    /// Name at the provider, by which clients address the bucket.
    pub bucket: String,
}

/// An access key of a repository, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct RepositoryKey {
    pub id: RepoKeyId,
    pub name: String,
    /// What the key may do.
    pub access_type: KeyAccess,
    /// Access key id.
    pub key: String,
    /// Time of creation.
    pub created_at: String,
    /// When a node last accepted a request with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// A page of repositories.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryPage {
    /// In order of creation, newest first.
    pub repos: Vec<Repository>,
    /// Cursor of the next page; `None` on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// The fields of a new repository, or changes to one. Absent fields are not changed.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct RepositoryFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Protocol that applications use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageType>,
    /// How requests are routed to the buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RepositoryMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// The complete list of buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_buckets: Option<Vec<BucketPlace>>,
}

/// A bucket for a repository, with the folder to use.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct BucketPlace {
    pub bucket_id: BucketId,
    /// Folder in the bucket; empty for the whole bucket.
    pub folder: String,
    /// Whether it is the master bucket of a MIRROR.
    pub master: bool,
}

/// The response to creating or changing a repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryStored {
    /// Created or changed repository.
    pub repo_id: RepoId,
    /// A notice for the user, if there is one.
    #[serde(default)]
    pub message: Option<String>,
}

/// A new access key, the only one with its secret.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct NewRepositoryKey {
    pub id: RepoKeyId,
    /// Access key id.
    pub key: String,
    /// Secret access key.
    pub secret: Secret,
}

/// The total traffic of a repository, as 64-bit numbers in decimal text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryTotals {
    /// Repository whose traffic was counted.
    pub repo_id: RepoId,
    /// Bytes received from clients.
    pub total_upload_bytes: String,
    /// Bytes sent to clients.
    pub total_download_bytes: String,
    /// Net change of the stored size, in bytes.
    pub total_size_change: String,
}

#[derive(Deserialize)]
struct Totals {
    stats: Vec<RepositoryTotals>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<RepositoryKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyFields<'a> {
    name: &'a str,
    access_type: KeyAccess,
}

impl ApiClient {
    /// Lists the repositories that the caller sees, newest first: one page, or all without a limit.
    pub async fn repositories(
        &self,
        workspace: Option<WorkspaceId>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<RepositoryPage, ClientError> {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), limit.map(|limit| limit.to_string()));
        let parameters =
            [("workspaceId", workspace.as_deref()), ("limit", limit.as_deref()), ("cursor", cursor)];
        self.get(&with_query("/repo", &parameters)).await
    }

    /// Creates a repository. With an idempotency key, the call can be repeated safely.
    pub async fn create_repository(
        &self,
        fields: &RepositoryFields,
        idempotency_key: Option<&str>,
    ) -> Result<RepositoryStored, ClientError> {
        self.post_once("/repo", fields, idempotency_key).await
    }

    /// Changes a repository.
    pub async fn update_repository(
        &self,
        id: RepoId,
        fields: &RepositoryFields,
    ) -> Result<RepositoryStored, ClientError> {
        self.put(&format!("/repo/{id}"), fields).await
    }

    /// Deletes a repository. Its buckets and their objects are not touched.
    pub async fn delete_repository(&self, id: RepoId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}")).await.map(|_: Value| ())
    }

    /// Checks whether a new repository could have these buckets. If not, the refusal says why.
    pub async fn validate_new_repository(&self, fields: &RepositoryFields) -> Result<(), ClientError> {
        self.post("/repo/validate", fields).await.map(|_: Value| ())
    }

    /// Checks whether a repository could have these buckets, or its current ones if none are given. If not, the
    /// refusal says why.
    pub async fn validate_repository(
        &self,
        id: RepoId,
        fields: &RepositoryFields,
    ) -> Result<(), ClientError> {
        self.post(&format!("/repo/{id}/validate"), fields).await.map(|_: Value| ())
    }

    /// Returns the total traffic of some repositories, or of all that the caller sees if `ids` is empty.
    pub async fn repository_totals(&self, ids: &[RepoId]) -> Result<Vec<RepositoryTotals>, ClientError> {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = with_query("/repo/stats", &[("repoId", (!ids.is_empty()).then_some(list.as_str()))]);
        self.get(&path).await.map(|totals: Totals| totals.stats)
    }

    /// Lists the live access keys of a repository.
    pub async fn repository_keys(&self, id: RepoId) -> Result<Vec<RepositoryKey>, ClientError> {
        self.get(&format!("/repo/{id}/apikey")).await.map(|keys: Keys| keys.keys)
    }

    /// Creates an access key. Its secret is returned only once.
    pub async fn create_repository_key(
        &self,
        id: RepoId,
        name: &str,
        access_type: KeyAccess,
    ) -> Result<NewRepositoryKey, ClientError> {
        self.post(&format!("/repo/{id}/apikey"), &KeyFields { name, access_type }).await
    }

    /// Changes the name and the access level of a key.
    pub async fn update_repository_key(
        &self,
        id: RepoId,
        key: RepoKeyId,
        name: &str,
        access_type: KeyAccess,
    ) -> Result<(), ClientError> {
        let fields = KeyFields { name, access_type };
        self.put(&format!("/repo/{id}/apikey/{key}"), &fields).await.map(|_: Value| ())
    }

    /// Revokes a key. Nodes refuse it within seconds.
    pub async fn revoke_repository_key(&self, id: RepoId, key: RepoKeyId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}/apikey/{key}")).await.map(|_: Value| ())
    }
}
