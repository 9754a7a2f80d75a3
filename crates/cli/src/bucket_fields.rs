//! The fields of a bucket as entered: by flags, files, the environment, or a paste.

use std::io::IsTerminal as _;

use bucketry_api_types::bucket::ReadField;
use bucketry_api_types::bucket_fields::{BucketChanges, NewBucketRequest, TrialFields};
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::paste::clean;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::secret::Secret;
use bucketry_model::storage_name::StorageName;

use crate::bucket_arguments::BucketFields;
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
        skip_validation: None,
        checks: fields.read_only.then_some(CheckScope::ReadOnly),
        pinned_to: None,
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
        changes.secret = secret(fields, prompt(fields, stored))?;
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
        pinned_to: fields.pinned_to,
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
        pinned_to: fields.pinned_to,
    }
}

/// Whether there is nothing in the fields that changes a bucket. How it is validated is no change.
pub(crate) fn is_empty(changes: &BucketChanges) -> bool {
    let texts = [
        &changes.name,
        &changes.bucket,
        &changes.key,
        &changes.endpoint,
        &changes.region,
        &changes.workspace_id,
    ];
    texts.into_iter().all(Option::is_none)
        && changes.storage_type.is_none()
        && changes.secret.is_none()
        && changes.pinned_to.is_none()
}

/// What to ask at a terminal for a secret that is missing. `None` if there is no reason to ask: a stored bucket keeps its
/// secret unless something changes that the secret belongs to.
fn prompt(fields: &BucketFields, stored: Option<StorageType>) -> Option<&'static str> {
    let moves = [&fields.bucket, &fields.key, &fields.endpoint, &fields.storage_type];
    match stored {
        None => Some("Secret (empty if the credential has none): "),
        Some(_) if moves.into_iter().any(Option::is_some) => Some("Secret (empty to send none): "),
        Some(_) => None,
    }
}

/// Reads the secret from a file, from standard input or from the environment, or asks for it at a terminal. It can't be
/// an argument, because every program on the machine could read that.
fn secret(fields: &BucketFields, prompt: Option<&str>) -> Result<Option<Secret>> {
    if let Some(path) = &fields.secret_file {
        return text_file::read(path, "the secret").map(|text| Some(Secret::new(text)));
    }
    let given = std::env::var("BUCKETRY_BUCKET_SECRET").ok().filter(|text| !text.is_empty());
    let entered = match (given, prompt) {
        (Some(given), _) => Some(given),
        (None, Some(prompt)) if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
            let entered = rpassword::prompt_password(prompt);
            Some(entered.map_err(|error| Failure::because("can't read the secret", &error))?)
        }
        (None, _) => None,
    };
    Ok(entered.filter(|text| !text.is_empty()).map(Secret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_asked_for_where_one_is_needed() {
        let none = BucketFields::default();
        assert!(prompt(&none, None).is_some());
        assert!(prompt(&none, Some(StorageType::S3)).is_none());
        let region = BucketFields { region: Some("eu-central-1".to_owned()), ..BucketFields::default() };
        assert!(prompt(&region, Some(StorageType::S3)).is_none());
        let key = BucketFields { key: Some("AKID".to_owned()), ..BucketFields::default() };
        assert!(prompt(&key, Some(StorageType::S3)).is_some());
    }

    #[test]
    fn how_to_validate_is_no_change() {
        let read_only = BucketFields { read_only: true, ..BucketFields::default() };
        let mut changes = read(&read_only, Some(StorageType::S3)).map(|entered| entered.changes).unwrap();
        changes.skip_validation = Some(true);
        changes.secret = None;
        assert!(is_empty(&changes));
        changes.region = Some("eu-central-1".to_owned());
        assert!(!is_empty(&changes));
    }
}
