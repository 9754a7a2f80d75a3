//! The fields of a bucket as entered: by flags, files, the environment, or a paste.

use bucketry_api_types::bucket::ReadField;
use bucketry_api_types::bucket_fields::{BucketChanges, NewBucketRequest, TrialFields};
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::paste::clean;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::secret::Secret;
use bucketry_model::storage_name::StorageName;

use crate::arguments::BucketFields;
use crate::failure::{Failure, Result};
use crate::{bucket_paste, text_file};

/// The fields that were entered, without a name and a workspace.
pub(crate) struct EnteredBucket {
    pub(crate) changes: BucketChanges,
    /// What was read from a paste.
    pub(crate) read: Vec<ReadField>,
}

/// Reads the fields. `stored` is the type of the bucket to change, which a paste doesn't change.
pub(crate) fn read(fields: &BucketFields, stored: Option<StorageType>) -> Result<EnteredBucket> {
    let named = fields.storage_type.as_deref().map(str::parse::<StorageName>).transpose();
    let named = named.map_err(|error| Failure::usage(format!("--type {error}")))?;
    let mut changes = BucketChanges {
        name: None,
        bucket: fields.bucket.clone(),
        storage_type: named,
        key: fields.key.clone(),
        secret: None,
        endpoint: fields.endpoint.clone(),
        region: fields.region.clone(),
        workspace_id: None,
        api_key_uuid: None,
        skip_validation: fields.skip_validation.then_some(true),
        checks: fields.read_only.then_some(CheckScope::ReadOnly),
    };
    let mut read = Vec::new();
    if let Some(path) = &fields.paste {
        let wanted = named.map(|name| name.storage_type).or(stored);
        let paste = bucket_paste::read(path, fields, wanted)?;
        changes.secret = bucket_paste::secret(&paste.fields);
        let PastedFields { storage_type, bucket, key, region, endpoint, .. } = paste.fields;
        changes.storage_type = named.or_else(|| Some(storage_type.filter(|_| stored.is_none())?.into()));
        changes.bucket = changes.bucket.or(bucket);
        changes.key = changes.key.or(key);
        changes.region = changes.region.or(region);
        changes.endpoint = changes.endpoint.or(endpoint.filter(|endpoint| !endpoint.is_empty()));
        read = paste.read;
    }
    if changes.secret.is_none() {
        changes.secret = secret(fields)?;
    }
    Ok(EnteredBucket { changes, read })
}

/// The storage type that a pasted address or credential is for, otherwise S3.
pub(crate) fn storage_type_of(fields: &BucketChanges) -> StorageType {
    let pasted = PastedFields {
        storage_type: None,
        bucket: fields.bucket.as_deref().map(clean::value),
        key: fields.key.as_deref().map(clean::value),
        secret: fields.secret.as_ref().map(|secret| Secret::new(clean::value(secret.expose()))),
        region: None,
        endpoint: fields.endpoint.as_deref().map(clean::value),
    };
    pasted.read(None).fields.storage_type.unwrap_or(StorageType::S3)
}

pub(crate) fn new_bucket(fields: BucketChanges) -> NewBucketRequest {
    NewBucketRequest {
        name: fields.name,
        bucket: fields.bucket,
        storage_type: fields.storage_type,
        key: fields.key,
        secret: fields.secret,
        region: fields.region,
        endpoint: fields.endpoint,
        workspace_id: fields.workspace_id,
        api_key_uuid: None,
        skip_validation: fields.skip_validation,
        checks: fields.checks,
    }
}

pub(crate) fn trial(fields: BucketChanges) -> TrialFields {
    TrialFields {
        bucket: fields.bucket,
        storage_type: fields.storage_type,
        key: fields.key,
        secret: fields.secret,
        region: fields.region,
        endpoint: fields.endpoint,
        api_key_uuid: None,
        checks: fields.checks,
    }
}

/// Reads the secret from a file, from standard input or from the environment. It can't be an argument, because
/// every program on the machine could read that.
fn secret(fields: &BucketFields) -> Result<Option<Secret>> {
    let Some(path) = &fields.secret_file else {
        let given = std::env::var("BUCKETRY_BUCKET_SECRET").ok();
        return Ok(given.filter(|text| !text.is_empty()).map(Secret::new));
    };
    text_file::read(path, "the secret").map(|text| Some(Secret::new(text)))
}
