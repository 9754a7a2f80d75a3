//! What clients send about a bucket. Every field may be absent here: `control` tells all that are missing at once.

use bucketry_control::buckets::BucketInput;
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::secret::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::schema::{CheckScopeSchema, StorageTypeSchema};

/// A bucket to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewBucket {
    /// What people call it; unique in the organization, whatever the letter case.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "Holiday photos")]
    name: Option<String>,
    /// Its name at the provider: the bucket, or the container.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "photos")]
    bucket: Option<String>,
    /// The protocol of its provider.
    #[schema(required, value_type = StorageTypeSchema)]
    storage_type: Option<StorageType>,
    /// The identity that opens it: access key id, role ARN, client e-mail or account name.
    #[schema(max_length = 2048, example = "AKIAIOSFODNN7EXAMPLE")]
    key: Option<String>,
    /// The secret key, private key, account key or external id. Never shown again.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The provider's region; found out where it is left out.
    #[schema(max_length = 128, example = "eu-central-1")]
    region: Option<String>,
    /// The provider's address, where it isn't the storage type's own cloud. Without a scheme it means `https://`.
    #[schema(max_length = 1024, example = "https://s3.example.com")]
    endpoint: Option<String>,
    /// The workspace that it shall belong to.
    #[schema(required, value_type = String, format = "uuid")]
    workspace_id: Option<String>,
    // Read for the sake of its refusal: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// Whether to register it without opening it first. Its status is DISCONNECTED until a node reports.
    skip_validation: Option<bool>,
    /// Which checks are made before it is registered.
    #[schema(value_type = Option<CheckScopeSchema>)]
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

/// Changes to a bucket. What is absent stays. An empty `endpoint` or `region` is cleared, and so is an empty `key` or
/// `secret` where the bucket can be opened without it; where it can't (both at S3 and Azure), an empty one means
/// unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketChanges {
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "Holiday photos")]
    name: Option<String>,
    /// Its name at the provider.
    #[schema(min_length = 1, max_length = 255, example = "photos")]
    bucket: Option<String>,
    /// The protocol of its provider.
    #[schema(value_type = Option<StorageTypeSchema>)]
    storage_type: Option<StorageType>,
    /// The identity that opens it.
    #[schema(max_length = 2048)]
    key: Option<String>,
    /// What opens it. Never shown again. Needed again where `bucket`, `endpoint`, `key` or `storageType` changes: a
    /// stored secret is used only for what it was entered for.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The provider's region.
    #[schema(max_length = 128)]
    region: Option<String>,
    /// The provider's address.
    #[schema(max_length = 1024)]
    endpoint: Option<String>,
    /// The workspace to move it to.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    // Read for the sake of its refusal: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// Whether to store changed credentials without trying them. The status is DISCONNECTED then, until a node reports
    /// on the new ones.
    skip_validation: Option<bool>,
    /// Which checks are made where credentials or configuration change.
    #[schema(value_type = Option<CheckScopeSchema>)]
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

/// What to try in place of what is stored. Nothing of it is saved.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrialFields {
    /// The name at the provider.
    #[schema(min_length = 1, max_length = 255)]
    bucket: Option<String>,
    /// The protocol of the provider.
    #[schema(value_type = Option<StorageTypeSchema>)]
    storage_type: Option<StorageType>,
    /// The identity.
    #[schema(max_length = 2048)]
    key: Option<String>,
    /// The secret. Needed where `bucket`, `endpoint`, `key` or `storageType` is another than the stored one.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 32768)]
    secret: Option<Secret>,
    /// The region.
    #[schema(max_length = 128)]
    region: Option<String>,
    /// The address.
    #[schema(max_length = 1024)]
    endpoint: Option<String>,
    // Read for the sake of its refusal: there are no stored provider keys yet.
    #[schema(ignore)]
    api_key_uuid: Option<String>,
    /// Which checks to make.
    #[schema(value_type = Option<CheckScopeSchema>)]
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
