//! `--paste`: the fields of a bucket from one text.

use std::path::Path;

use bucketry_api_types::bucket::ReadField;
use bucketry_model::bucket::StorageType;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::paste::fields::{PasteOutcome, PasteProblem, PastedFields};
use bucketry_model::secret::Secret;

use crate::bucket_arguments::BucketFields;
use crate::failure::{Failure, Result};
use crate::{refusal, text_file};

/// What the fields of a paste are called in messages: nobody typed them as flags.
const PARTS: &refusal::Flags = &[
    ("storageType", "--type"),
    ("bucket", "the pasted address"),
    ("key", "the pasted key"),
    ("secret", "the pasted credential"),
    ("endpoint", "the pasted endpoint"),
    ("region", "the pasted region"),
];

/// A paste, read.
pub(crate) struct Paste {
    pub(crate) fields: PastedFields,
    /// What was read, in the order of the fields. Contains no secret.
    pub(crate) read: Vec<ReadField>,
}

/// Reads a paste from a file or standard input. Flags may add what it lacks, and must not contradict it.
pub(crate) fn read(path: &Path, flags: &BucketFields, storage_type: Option<StorageType>) -> Result<Paste> {
    of_text(&text_file::read(path, "the paste")?, flags, storage_type)
}

fn of_text(text: &str, flags: &BucketFields, storage_type: Option<StorageType>) -> Result<Paste> {
    let mut pasted =
        PastedFields::of_text(text).map_err(|error| Failure::usage(format!("the paste {error}")))?;
    pasted.storage_type = storage_type;
    let PasteOutcome { fields, readings, problems } = pasted.read(flags.bucket.as_deref());
    if !problems.is_empty() {
        return Err(Failure::usage(problems.iter().map(in_words).collect::<Vec<_>>().join("\n  ")));
    }
    for (flag, own, pasted) in [
        ("--bucket", &flags.bucket, &fields.bucket),
        ("--key", &flags.key, &fields.key),
        ("--region", &flags.region, &fields.region),
        ("--endpoint", &flags.endpoint, &fields.endpoint),
    ] {
        if let (Some(own), Some(pasted)) = (own, pasted)
            && !is_same(own, pasted)
        {
            return Err(Failure::usage(format!(
                "{flag} contradicts the paste: leave it out, or make them equal"
            )));
        }
    }
    let folder =
        readings.into_iter().find(|reading| reading.field == "folder").and_then(|reading| reading.value);
    let secret = fields.secret.as_ref().filter(|secret| !secret.is_empty());
    let read = [
        ("storageType", fields.storage_type.map(|known| known.to_string())),
        ("bucket", fields.bucket.clone()),
        ("folder", folder),
        ("key", fields.key.clone()),
        ("endpoint", fields.endpoint.clone()),
        ("region", fields.region.clone()),
    ];
    let shown = read
        .into_iter()
        .filter_map(|(field, value)| Some(part(field, Some(value.filter(|v| !v.is_empty())?))));
    let read = shown.chain(secret.map(|_| part("secret", None))).collect();
    Ok(Paste { fields, read })
}

fn part(field: &'static str, value: Option<String>) -> ReadField {
    ReadField { field: field.into(), from: "paste".into(), value }
}

fn in_words(problem: &PasteProblem) -> String {
    refusal::line(problem.field, &problem.message, PARTS)
}

fn is_same(own: &str, pasted: &str) -> bool {
    let same_endpoint = || Endpoint::parse(own).ok() == Endpoint::parse(pasted).ok() && own.contains('.');
    own.trim() == pasted || pasted.contains("://") && same_endpoint()
}

/// A line for each part that was read.
pub(crate) fn lines(read: &[ReadField]) -> Vec<String> {
    let line = |read: &ReadField| {
        let value = read.value.as_deref().unwrap_or("(hidden)");
        let source = if read.from == "paste" { "the paste" } else { &read.from };
        let aside = if read.field == "folder" {
            ", which is not stored: attach the bucket as NAME:FOLDER with `bucketry repo add`"
        } else {
            ""
        };
        format!("read {} {value} from {source}{aside}", read.field)
    };
    read.iter().map(line).collect()
}

/// The secret of a paste, if it has one.
pub(crate) fn secret(fields: &PastedFields) -> Option<Secret> {
    fields.secret.clone().filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "AWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY=hunter2hunter2";

    fn error(text: &str, flags: &BucketFields, storage_type: Option<StorageType>) -> String {
        of_text(text, flags, storage_type)
            .err()
            .map(|failure| failure.message().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn what_was_read_is_listed_without_the_secret() {
        let text = format!("s3://photos/2024\nAWS_ENDPOINT_URL=http://h:9000/photos\n{PAIR}");
        let paste = of_text(&text, &BucketFields::default(), None).unwrap();
        assert_eq!(secret(&paste.fields).unwrap().expose(), "hunter2hunter2");
        let lines = lines(&paste.read);
        assert_eq!(
            lines,
            [
                "read storageType S3 from the paste",
                "read bucket photos from the paste",
                "read folder 2024 from the paste, which is not stored: attach the bucket as NAME:FOLDER with `bucketry repo add`",
                "read key AKID from the paste",
                "read endpoint http://h:9000 from the paste",
                "read secret (hidden) from the paste",
            ]
        );
    }

    #[test]
    fn flags_add_to_a_paste_and_do_not_contradict_it() {
        let flags = |bucket: Option<&str>, key: Option<&str>, endpoint: Option<&str>| BucketFields {
            bucket: bucket.map(str::to_owned),
            key: key.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            ..BucketFields::default()
        };
        assert_eq!(error(PAIR, &flags(Some("photos"), Some("AKID"), None), None), "");
        assert!(
            error(PAIR, &flags(None, Some("OTHER"), None), None).starts_with("--key contradicts the paste")
        );
        let with_endpoint = format!("AWS_ENDPOINT_URL=https://s3.example.com\n{PAIR}");
        assert_eq!(error(&with_endpoint, &flags(None, None, Some("s3.example.com")), None), "");
        let other = error(&with_endpoint, &flags(None, None, Some("http://s3.example.com")), None);
        assert!(other.starts_with("--endpoint contradicts"), "{other}");
        let cloud = error(PAIR, &BucketFields::default(), Some(StorageType::Gcs));
        assert_eq!(cloud, "--type is GCS, but the pasted credential is of S3: change one of them");
    }

    #[test]
    fn a_credential_of_one_cloud_with_an_address_of_another_is_refused() {
        let text = "https://acct.blob.core.windows.net/photos\n".to_owned() + PAIR;
        let error = error(&text, &BucketFields::default(), None);
        assert!(
            error.contains("the pasted credential is of S3")
                && error.contains("the pasted address is of BLOB"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
