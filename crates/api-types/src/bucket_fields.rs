//! Request bodies about buckets.

use bucketry_model::diagnosis::CheckScope;
use bucketry_model::secret::Secret;
use bucketry_model::storage_name::StorageName;
use serde::{Deserialize, Serialize};

use crate::pinned_to::PinnedTo;
use crate::secret::expose_optional;

/// A bucket to register.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(
    feature = "openapi",
    schema(
        as = NewBucket,
        example = json!({
            "name": "Holiday photos", "bucket": "photos", "storageType": "S3", "key": "AKIAIOSFODNN7EXAMPLE",
            "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "eu-central-1",
            "workspaceId": "018f4c5e-7c1a-7b3a-9d6e-2f5a1b0c3d4e", "skipValidation": true
        })
    )
)]
pub struct NewBucketRequest {
    /// The display name. Unique in the organization, ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, min_length = 1, max_length = 255, example = "Holiday photos")
    )]
    pub name: Option<String>,
    /// The name of the bucket or container at its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, min_length = 1, max_length = 255, example = "photos")
    )]
    pub bucket: Option<String>,
    /// The storage protocol of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = StorageName))]
    pub storage_type: Option<StorageName>,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2048, example = "AKIAIOSFODNN7EXAMPLE"))]
    pub key: Option<String>,
    /// The secret key, private key, account key or external id. Never returned.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)
    )]
    pub secret: Option<Secret>,
    /// The provider's region. If it is left out, it is detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 128, example = "eu-central-1"))]
    pub region: Option<String>,
    /// The provider's address. Leave it out for AWS (S3), Google Cloud (GCS) and Azure's public cloud (BLOB). Without a
    /// scheme, `https://` is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 1024, example = "https://s3.example.com"))]
    pub endpoint: Option<String>,
    /// The workspace to register the bucket in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = "uuid"))]
    pub workspace_id: Option<String>,
    /// Parsed only to be refused: there are no stored provider keys yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub api_key_uuid: Option<String>,
    /// Whether to register the bucket without validating it first. Its status is then DISCONNECTED until a node
    /// reports on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_validation: Option<bool>,
    /// The checks to make before the bucket is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckScope>,
    /// The nodes and regions that are to serve the bucket. Without this field, all nodes of the organization do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub pinned_to: Option<PinnedTo>,
}

/// Changes to a bucket. Absent fields stay unchanged. An empty `endpoint` or `region` deletes the value. An empty
/// `key` or `secret` deletes the value if the bucket can be used without it. Otherwise, the value stays unchanged, as
/// always for S3 with an access key and for Azure.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketChanges {
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "Holiday photos"))]
    pub name: Option<String>,
    /// The name of the bucket or container at its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "photos"))]
    pub bucket: Option<String>,
    /// The storage protocol of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageName>,
    /// The identity that accesses the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2048))]
    pub key: Option<String>,
    /// The secret of that identity. Never returned. Required again if `bucket`, `endpoint`, `key` or `storageType`
    /// changes: a stored secret is used only for what it was entered for.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)
    )]
    pub secret: Option<Secret>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    pub region: Option<String>,
    /// The provider's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 1024))]
    pub endpoint: Option<String>,
    /// The workspace to move the bucket to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// Parsed only to be refused: there are no stored provider keys yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub api_key_uuid: Option<String>,
    /// Whether to store changed credentials or configuration without validating them. The status is then
    /// DISCONNECTED until a node reports on the new ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_validation: Option<bool>,
    /// The checks to make if credentials or configuration change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckScope>,
    /// The nodes and regions that are to serve the bucket, in place of the present ones. Two empty lists remove the pins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub pinned_to: Option<PinnedTo>,
}

/// Fields to validate in place of the stored ones. None of them is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TrialFields {
    /// The name of the bucket or container at its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub bucket: Option<String>,
    /// The storage protocol of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageName>,
    /// The identity that accesses the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2048))]
    pub key: Option<String>,
    /// The secret of that identity. Required if `bucket`, `endpoint`, `key` or `storageType` differs from the
    /// stored one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)
    )]
    pub secret: Option<Secret>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    pub region: Option<String>,
    /// The provider's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 1024))]
    pub endpoint: Option<String>,
    /// Parsed only to be refused: there are no stored provider keys yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub api_key_uuid: Option<String>,
    /// The checks to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckScope>,
    /// The nodes and regions of which one is to validate the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub pinned_to: Option<PinnedTo>,
}
