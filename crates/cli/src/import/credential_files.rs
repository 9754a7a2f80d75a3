//! Credentials for buckets for which a file has none (`--credentials`).

use std::path::PathBuf;

use bucketry_model::bucket::StorageType;
use bucketry_model::paste::fields::PastedFields;

use crate::failure::{Failure, Result};
use crate::text_file;

/// The credentials, at most one per cloud, and in Azure per storage account.
#[derive(Debug, Clone, Default)]
pub(super) struct ImportCredentials(Vec<PastedFields>);

/// Reads the files, each like a paste.
pub(super) fn read(paths: &[PathBuf]) -> Result<ImportCredentials> {
    let mut all: Vec<PastedFields> = Vec::new();
    for path in paths {
        let shown = path.display();
        let text = text_file::read(path, "the credential")?;
        let pasted = PastedFields::of_text(&text)
            .map_err(|error| Failure::usage(format!("--credentials: {shown} {error}")))?;
        let outcome = pasted.read(None);
        if let Some(problem) = outcome.problems.first() {
            return Err(Failure::usage(format!(
                "--credentials: {shown}: `{}` {}",
                problem.field, problem.message
            )));
        }
        let fields = PastedFields {
            storage_type: Some(outcome.fields.storage_type.unwrap_or(StorageType::S3)),
            bucket: None,
            ..outcome.fields
        };
        if fields.key.is_none() && fields.secret.is_none() {
            return Err(Failure::usage(format!("--credentials: {shown} contains no credential")));
        }
        if all
            .iter()
            .any(|other| other.storage_type == fields.storage_type && is_for(other, fields.key.as_deref()))
        {
            return Err(Failure::usage(format!(
                "--credentials: {shown} is a second credential for the same cloud: import its buckets from a separate file"
            )));
        }
        all.push(fields);
    }
    Ok(ImportCredentials(all))
}

/// Whether a credential opens buckets with this key: always, but in Azure the key names the account.
fn is_for(credential: &PastedFields, key: Option<&str>) -> bool {
    let accounts = credential.key.as_deref().zip(key);
    credential.storage_type != Some(StorageType::Blob) || accounts.is_none_or(|(own, wanted)| own == wanted)
}

impl ImportCredentials {
    /// Adds the credential for a bucket. Returns false if there is none.
    pub(super) fn add_to(&self, fields: &mut PastedFields) -> bool {
        let storage_type = fields.storage_type.unwrap_or(StorageType::S3);
        let key = fields.key.as_deref();
        let found =
            self.0.iter().find(|one| one.storage_type == Some(storage_type) && is_for(one, key)).cloned();
        let Some(found) = found else { return false };
        fields.key = fields.key.take().or(found.key);
        fields.secret = found.secret;
        fields.endpoint = fields.endpoint.take().or(found.endpoint);
        fields.region = fields.region.take().or(found.region);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[&str]) -> Result<ImportCredentials> {
        let dir = tempfile::tempdir().unwrap();
        let paths = texts.iter().enumerate().map(|(index, text)| {
            let path = dir.path().join(index.to_string());
            std::fs::write(&path, text).unwrap();
            path
        });
        read(&paths.collect::<Vec<_>>())
    }

    fn added(
        credentials: &ImportCredentials,
        storage_type: StorageType,
        key: Option<&str>,
    ) -> Option<String> {
        let mut fields = PastedFields {
            storage_type: Some(storage_type),
            key: key.map(str::to_owned),
            ..PastedFields::default()
        };
        credentials.add_to(&mut fields).then(|| fields.key.unwrap_or_default())
    }

    const AWS: &str = "aws_access_key_id=AKID\naws_secret_access_key=hunter2";

    #[test]
    fn each_cloud_has_its_credential() {
        let all =
            files(&[AWS, "AccountName=acct;AccountKey=a2V5", "{\"client_email\":\"a@p.iam\"}"]).unwrap();
        assert_eq!(added(&all, StorageType::S3, None).as_deref(), Some("AKID"));
        assert_eq!(added(&all, StorageType::Gcs, None).as_deref(), Some(""), "the document contains its key");
        assert_eq!(added(&all, StorageType::Blob, Some("acct")).as_deref(), Some("acct"));
        assert_eq!(added(&all, StorageType::Blob, Some("other")), None);
        let role = files(&["arn:aws:iam::123456789012:role/reader"]).unwrap();
        assert_eq!(
            added(&role, StorageType::S3, None).as_deref(),
            Some("arn:aws:iam::123456789012:role/reader")
        );
    }

    #[test]
    fn what_is_no_credential_is_refused_without_repeating_it() {
        for (texts, says) in [
            (&["hunter2"][..], "neither the address of a bucket nor a credential"),
            (&["s3://photos"], "contains no credential"),
            (&[AWS, AWS], "second credential"),
        ] {
            let failure = files(texts).unwrap_err();
            assert!(
                failure.message().contains(says) && !failure.message().contains("hunter2"),
                "{failure:?}"
            );
        }
    }
}
