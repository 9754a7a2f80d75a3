//! Repositories and their access keys.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::repository::{KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// A repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Its id.
    pub id: RepoId,
    /// What people call it.
    pub name: String,
    /// The protocol that applications speak to it.
    pub storage_type: StorageType,
    /// How requests find a bucket.
    pub mode: RepositoryMode,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its buckets.
    pub buckets: Vec<AttachedBucket>,
    /// Its access keys, without their secrets.
    #[serde(default)]
    pub api_keys: Vec<RepositoryKey>,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// A bucket's place in a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedBucket {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Where in it the repository's objects lie.
    pub folder: String,
    /// Whether it is the one that a MIRROR reads and writes first.
    pub master: bool,
    /// What is known of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketSummary>,
}

/// What a repository tells of its bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BucketSummary {
    /// What people call it.
    pub name: String,
    /// Its name at the provider, which clients of the repository address it by.
    pub bucket: String,
}

/// A repository's access key, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryKey {
    /// Its id.
    pub id: RepoKeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub access_type: KeyAccess,
    /// The access key id.
    pub key: String,
    /// When it was made.
    pub created_at: String,
    /// When a node last let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// A page of repositories.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryPage {
    /// The repositories, newest first.
    pub repos: Vec<Repository>,
    /// Where the next page begins; none at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What a repository is made with or changed to; absent fields are left as they are.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryFields {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The protocol that applications speak to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageType>,
    /// How requests find a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RepositoryMode>,
    /// Its workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// Its buckets, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_buckets: Option<Vec<BucketPlace>>,
}

/// Where in which bucket a repository's objects shall lie.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketPlace {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The folder; empty for the whole bucket.
    pub folder: String,
    /// Whether it is a MIRROR's master.
    pub master: bool,
}

/// What making or changing a repository answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryStored {
    /// The repository.
    pub repo_id: RepoId,
    /// What to know of it, where there is something.
    #[serde(default)]
    pub message: Option<String>,
}

/// A new access key: the only time that its secret is told.
#[derive(Debug, Clone, Deserialize)]
pub struct NewRepositoryKey {
    /// Its id.
    pub id: RepoKeyId,
    /// The access key id.
    pub key: String,
    /// The secret access key.
    pub secret: Secret,
}

/// All that was ever counted for a repository; 64-bit figures as decimal text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryTotals {
    /// The repository.
    pub repo_id: RepoId,
    /// Bytes that clients sent.
    pub total_upload_bytes: String,
    /// Bytes that clients received.
    pub total_download_bytes: String,
    /// Net change of the stored size.
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
    /// A page of the repositories that the caller sees, newest first. Without a limit, all of them.
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

    /// Makes a repository. Give an idempotency key to be able to repeat the call safely.
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

    /// Removes a repository; its buckets and their objects stay.
    pub async fn delete_repository(&self, id: RepoId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}")).await.map(|_: Value| ())
    }

    /// Whether a new repository could have these buckets. Why not is a refusal.
    pub async fn validate_new_repository(&self, fields: &RepositoryFields) -> Result<(), ClientError> {
        self.post("/repo/validate", fields).await.map(|_: Value| ())
    }

    /// Whether a repository could have these buckets, its own where none are given. Why not is a refusal.
    pub async fn validate_repository(
        &self,
        id: RepoId,
        fields: &RepositoryFields,
    ) -> Result<(), ClientError> {
        self.post(&format!("/repo/{id}/validate"), fields).await.map(|_: Value| ())
    }

    /// The totals of some repositories, or of all that the caller sees.
    pub async fn repository_totals(&self, ids: &[RepoId]) -> Result<Vec<RepositoryTotals>, ClientError> {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = with_query("/repo/stats", &[("repoId", (!ids.is_empty()).then_some(list.as_str()))]);
        self.get(&path).await.map(|totals: Totals| totals.stats)
    }

    /// The live access keys of a repository.
    pub async fn repository_keys(&self, id: RepoId) -> Result<Vec<RepositoryKey>, ClientError> {
        self.get(&format!("/repo/{id}/apikey")).await.map(|keys: Keys| keys.keys)
    }

    /// Makes an access key; its secret is told this once.
    pub async fn create_repository_key(
        &self,
        id: RepoId,
        name: &str,
        access_type: KeyAccess,
    ) -> Result<NewRepositoryKey, ClientError> {
        self.post(&format!("/repo/{id}/apikey"), &KeyFields { name, access_type }).await
    }

    /// Changes what a key is called and what it may do.
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

    /// Revokes a key: nodes refuse it within seconds.
    pub async fn revoke_repository_key(&self, id: RepoId, key: RepoKeyId) -> Result<(), ClientError> {
        self.delete(&format!("/repo/{id}/apikey/{key}")).await.map(|_: Value| ())
    }
}
