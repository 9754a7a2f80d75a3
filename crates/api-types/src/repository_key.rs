//! Access keys of repositories.

use std::borrow::Cow;

use bucketry_model::id::RepoKeyId;
use bucketry_model::repository::KeyAccess;
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::expose_optional;

/// An access key of a repository. Its secret is returned only when it is created.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoKey<'a> {
    /// The id of the key in this API.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: RepoKeyId,
    /// The display name.
    #[cfg_attr(feature = "openapi", schema(example = "backup job"))]
    pub name: Cow<'a, str>,
    /// What the key may do: READ reads and lists objects, WRITE also stores and deletes them, ADMIN also changes
    /// the bucket itself where the gateway offers that.
    #[cfg_attr(feature = "openapi", schema(value_type = bucketry_model::role::WorkspaceRole))]
    pub access_type: KeyAccess,
    /// The access key id that clients sign with.
    #[cfg_attr(feature = "openapi", schema(example = "BKTQ7XJ3M2A5V6ZK4LND"))]
    pub key: Cow<'a, str>,
    /// When the key was created.
    pub created_at: Moment,
    /// When a node last accepted the key, to the minute. Absent if the key is unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Moment>,
}

/// The fields of an access key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoKeyFields {
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, min_length = 1, max_length = 255, example = "backup job")
    )]
    pub name: Option<String>,
    /// What the key may do: READ reads and lists objects, WRITE also stores and deletes them, ADMIN also changes
    /// the bucket itself where the gateway offers that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = bucketry_model::role::WorkspaceRole))]
    pub access_type: Option<String>,
}

/// A new access key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepoKeyMade {
    /// Always true.
    pub success: bool,
    /// The id of the key in this API.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: RepoKeyId,
    /// The access key id that clients sign with.
    #[cfg_attr(feature = "openapi", schema(example = "BKTQ7XJ3M2A5V6ZK4LND"))]
    pub key: String,
    /// The secret access key. Returned only once: absent if the response is repeated for an
    /// `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub secret: Option<Secret>,
}

/// The access keys of a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepoKeyList<'a> {
    /// Always true.
    pub success: bool,
    /// The valid keys, newest first, without their secrets.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub keys: Vec<RepoKey<'a>>,
}
