//! Request bodies about buckets. Every field is optional here, so that `control` can report all missing ones at
//! once.

use bucketry_control::buckets::BucketInput;
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::secret::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

/// A bucket to register.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewBucket {
    /// The display name. Unique in the organization, ignoring case.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "Holiday photos")]
    name: Option<String>,
    /// The name of the bucket or container at its provider.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "photos")]
    bucket: Option<String>,
    /// The storage protocol of the provider.
    #[schema(required, value_type = StorageType)]
    storage_type: Option<StorageType>,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[schema(max_length = 2048, example = "AKIAIOSFODNN7EXAMPLE")]
    key: Option<String>,
    /// The secret key, private key, account key or external id. Never returned.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The provider's region. If it is left out, it is detected.
    #[schema(max_length = 128, example = "eu-central-1")]
    region: Option<String>,
    /// The provider's address, unless it is the storage type's own cloud. Without a scheme, `https://` is assumed.
    #[schema(max_length = 1024, example = "https://s3.example.com")]
    endpoint: Option<String>,
    /// The workspace to register the bucket in.
    #[schema(required, value_type = String, format = "uuid")]
    workspace_id: Option<String>,
    // Parsed only to be refused: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// Whether to register the bucket without opening it first. Its status is then DISCONNECTED until a node
    /// reports on it.
    skip_validation: Option<bool>,
    /// The checks to make before the bucket is registered.
    checks: Option<CheckScope>,
}

impl From<NewBucket> for BucketInput {
    fn from(new: NewBucket) -> Self {
        Self {
            name: new.name,
            bucket: new.bucket,
            storage_type: new.storage_type,
            key: new.key,
            secret: new.secret,
            region: new.region,
            endpoint: new.endpoint,
            workspace_id: new.workspace_id,
            api_key_uuid: new.api_key_uuid,
            skip_validation: new.skip_validation.unwrap_or(false),
            scope: new.checks.unwrap_or_default(),
        }
    }
}

/// Changes to a bucket. Absent fields stay unchanged. An empty `endpoint` or `region` is cleared. An empty `key` or
/// `secret` is cleared if the bucket can be opened without it; otherwise, as always for S3 and Azure, it stays
/// unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketChanges {
    /// The display name.
    #[schema(min_length = 1, max_length = 255, example = "Holiday photos")]
    name: Option<String>,
    /// The name of the bucket or container at its provider.
    #[schema(min_length = 1, max_length = 255, example = "photos")]
    bucket: Option<String>,
    /// The storage protocol of the provider.
    storage_type: Option<StorageType>,
    /// The identity that accesses the bucket.
    #[schema(max_length = 2048)]
    key: Option<String>,
    /// The secret of that identity. Never returned. Required again if `bucket`, `endpoint`, `key` or `storageType`
    /// changes: a stored secret is used only for what it was entered for.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The provider's region.
    #[schema(max_length = 128)]
    region: Option<String>,
    /// The provider's address.
    #[schema(max_length = 1024)]
    endpoint: Option<String>,
    /// The workspace to move the bucket to.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    // Parsed only to be refused: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// Whether to store changed credentials or configuration without validating them. The status is then
    /// DISCONNECTED until a node reports on the new ones.
    skip_validation: Option<bool>,
    /// The checks to make if credentials or configuration change.
    checks: Option<CheckScope>,
}

impl From<BucketChanges> for BucketInput {
    fn from(changes: BucketChanges) -> Self {
        Self {
            name: changes.name,
            bucket: changes.bucket,
            storage_type: changes.storage_type,
            key: changes.key,
            secret: changes.secret,
            region: changes.region,
            endpoint: changes.endpoint,
            workspace_id: changes.workspace_id,
            api_key_uuid: changes.api_key_uuid,
            skip_validation: changes.skip_validation.unwrap_or(false),
            scope: changes.checks.unwrap_or_default(),
        }
    }
}

/// Fields to validate in place of the stored ones. None of them is stored.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrialFields {
    /// The name of the bucket or container at its provider.
    #[schema(min_length = 1, max_length = 255)]
    bucket: Option<String>,
    /// The storage protocol of the provider.
    storage_type: Option<StorageType>,
    /// The identity that accesses the bucket.
    #[schema(max_length = 2048)]
    key: Option<String>,
    /// The secret of that identity. Required if `bucket`, `endpoint`, `key` or `storageType` differs from the
    /// stored one.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The provider's region.
    #[schema(max_length = 128)]
    region: Option<String>,
    /// The provider's address.
    #[schema(max_length = 1024)]
    endpoint: Option<String>,
    // Parsed only to be refused: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// The checks to make.
    checks: Option<CheckScope>,
}

impl From<TrialFields> for BucketInput {
    fn from(trial: TrialFields) -> Self {
        Self {
            bucket: trial.bucket,
            storage_type: trial.storage_type,
            key: trial.key,
            secret: trial.secret,
            region: trial.region,
            endpoint: trial.endpoint,
            api_key_uuid: trial.api_key_uuid,
            scope: trial.checks.unwrap_or_default(),
            ..Self::default()
        }
    }
}
