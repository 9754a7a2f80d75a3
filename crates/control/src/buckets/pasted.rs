//! What people paste into the fields of a bucket, before the fields are parsed.

use bucketry_model::bucket::{BucketLocation, limits};
use bucketry_model::paste::fields::{PasteOutcome, PasteReading, PastedFields};
use bucketry_model::paste::{clean, document};
use bucketry_model::secret::Secret;

use super::input::BucketInput;
use crate::error::FieldError;
use crate::{Error, Result};

/// The most that is cleaned of a field. A longer one is refused as too long when it is parsed.
const MAX_FIELD_BYTES: usize = limits::SECRET * 2;

impl BucketInput {
    /// Which fields were read from which, in a request about a new bucket or, with its location, a stored one.
    pub(super) fn readings(&self, stored: Option<&BucketLocation>) -> Vec<PasteReading> {
        self.cleaned().read_pasted(stored).readings
    }

    /// The fields as they were meant.
    pub(super) fn unpasted(&self, stored: Option<&BucketLocation>) -> Result<Self> {
        let cleaned = self.cleaned();
        let PasteOutcome { fields, problems, .. } = cleaned.read_pasted(stored);
        if !problems.is_empty() {
            let wrong = problems.into_iter().map(|problem| FieldError::new(problem.field, problem.message));
            return Err(Error::Invalid(wrong.collect()));
        }
        let PastedFields { storage_type, bucket, key, secret, region, endpoint } = fields;
        Ok(Self { bucket, storage_type, key, secret, region, endpoint, ..cleaned })
    }

    fn read_pasted(&self, stored: Option<&BucketLocation>) -> PasteOutcome {
        let fields = PastedFields {
            // A pasted address changes the type of a stored bucket only if the type is sent, too.
            storage_type: self.storage_type.or(stored.map(|stored| stored.storage_type)),
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            secret: self.secret.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
        };
        fields.read(stored.map(|stored| stored.bucket.as_str()))
    }

    /// The fields without invisible characters, quotes, and names of variables around the values. The display name is
    /// unchanged: it may contain any of them.
    fn cleaned(&self) -> Self {
        Self {
            bucket: self.bucket.as_deref().map(clean_text),
            key: self.key.as_deref().map(clean_text),
            secret: self.secret.as_ref().map(clean_secret),
            region: self.region.as_deref().map(clean_text),
            endpoint: self.endpoint.as_deref().map(clean_text),
            ..self.clone()
        }
    }
}

fn clean_text(text: &str) -> String {
    if text.len() > MAX_FIELD_BYTES { text.to_owned() } else { clean::value(text) }
}

fn clean_secret(secret: &Secret) -> Secret {
    let text = secret.expose();
    if text.len() > MAX_FIELD_BYTES {
        return secret.clone();
    }
    let value = clean::value(text);
    Secret::new(document::without_invisible(&value).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::StorageType;

    use super::*;

    #[test]
    fn the_values_are_what_is_left_of_the_fields() {
        let input = BucketInput {
            bucket: Some("\u{feff}photos".into()),
            key: Some("AWS_ACCESS_KEY_ID=\"AKID\"".into()),
            secret: Some(Secret::new("\u{feff}aws_secret_access_key = abc\r\n")),
            region: Some("eu-central-1\u{200b}".into()),
            endpoint: Some("'https://s3.example.com'".into()),
            ..BucketInput::default()
        };
        let cleaned = input.cleaned();
        assert_eq!(cleaned.bucket.as_deref(), Some("photos"));
        assert_eq!(cleaned.key.as_deref(), Some("AKID"));
        assert_eq!(cleaned.secret.as_ref().map(Secret::expose), Some("abc"));
        assert_eq!(cleaned.region.as_deref(), Some("eu-central-1"));
        assert_eq!(cleaned.endpoint.as_deref(), Some("https://s3.example.com"));
    }

    #[test]
    fn a_contradiction_is_refused_with_both_fields() {
        let input = BucketInput {
            bucket: Some("films".into()),
            endpoint: Some("https://s3.amazonaws.com/photos".into()),
            ..BucketInput::default()
        };
        let Err(Error::Invalid(wrong)) = input.unpasted(None) else { panic!("accepted") };
        assert_eq!(wrong[0].field, "bucket");
        assert!(wrong[0].message.contains("`endpoint`"), "{}", wrong[0].message);
    }

    #[test]
    fn texts_with_several_values_reach_the_parsers_whole() {
        for (text, storage_type, key) in [
            ("AWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY=abc", StorageType::S3, "AKID"),
            ("\"Access key ID\",\"Secret access key\"\r\n\"AKID\",\"abc\"", StorageType::S3, "AKID"),
            ("AccountName=acct;AccountKey=a2V5==", StorageType::Blob, "acct"),
            (
                "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sig=x",
                StorageType::Blob,
                "acct",
            ),
        ] {
            let input = BucketInput { secret: Some(Secret::new(text)), ..BucketInput::default() };
            let read = input.unpasted(None).unwrap();
            assert_eq!((read.storage_type, read.key.as_deref()), (Some(storage_type), Some(key)), "{text}");
        }
    }

    #[test]
    fn an_endpoint_of_a_stored_bucket_loses_the_bucket() {
        let stored = BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".into(),
            key: None,
            endpoint: None,
            region: None,
        };
        let input = BucketInput { endpoint: Some("http://h:9000/photos/".into()), ..BucketInput::default() };
        assert_eq!(input.unpasted(Some(&stored)).unwrap().endpoint.as_deref(), Some("http://h:9000"));
        assert_eq!(input.readings(Some(&stored))[0].field, "endpoint");
    }

    #[test]
    fn a_key_file_is_read_with_a_mark_before_it_and_in_it() {
        let text = "\u{feff}{\"client_email\":\"a@p\\ufeff\",\"private_key\":\"-----BEGIN\\n\"}";
        let input = BucketInput { secret: Some(Secret::new(text)), ..BucketInput::default() };
        let secret = input.cleaned().secret.unwrap();
        assert_eq!(secret.expose(), "{\"client_email\":\"a@p\",\"private_key\":\"-----BEGIN\\n\"}");
    }
}
