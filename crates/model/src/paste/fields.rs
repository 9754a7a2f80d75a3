//! The fields of a bucket in which something was pasted that says more than the field.

use super::address::{azure_account, endpoint_without_bucket};
use super::pasted_address::PastedAddress;
use super::pasted_credential::{PasteError, PastedCredential};
use super::{region, shape};
use crate::bucket::StorageType;
use crate::endpoint::Endpoint;
use crate::secret::Secret;

/// The fields as entered, without invisible characters around them, and then as read.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of a bucket")]
pub struct PastedFields {
    pub storage_type: Option<StorageType>,
    pub bucket: Option<String>,
    pub key: Option<String>,
    pub secret: Option<Secret>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

/// A field that was read from a pasted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasteReading {
    /// The field. `folder` is what follows the bucket in an address: it isn't stored, and can be entered where the bucket is
    /// attached to a repository.
    pub field: &'static str,
    /// The field that contained it.
    pub from: &'static str,
    /// The value; `None` for a secret.
    pub value: Option<String>,
}

/// A pasted field that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasteProblem {
    /// The field.
    pub field: &'static str,
    /// What is wrong, as a phrase that continues the field's name.
    pub message: String,
}

/// What the pasted fields say.
#[derive(Debug, Default)]
pub struct PasteOutcome {
    /// The fields to use.
    pub fields: PastedFields,
    /// What was read from where.
    pub readings: Vec<PasteReading>,
    /// Contradictions, and pastes that can't be used.
    pub problems: Vec<PasteProblem>,
}

impl PastedFields {
    /// Reads the fields. `stored_bucket` is the name that applies if none was entered.
    pub fn read(self, stored_bucket: Option<&str>) -> PasteOutcome {
        let mut outcome = PasteOutcome { fields: self.clone(), ..PasteOutcome::default() };
        outcome.credential("key", self.key.as_deref());
        outcome.credential("secret", self.secret.as_ref().map(Secret::expose));
        outcome.address("bucket", self.bucket.as_deref());
        outcome.address("endpoint", self.endpoint.as_deref());
        outcome.account();
        outcome.folder();
        if let Some(code) = self.region.as_deref().and_then(region::code) {
            outcome.fields.region = None;
            outcome.note("region", "region", Some(code.to_owned()));
        }
        outcome.endpoint(stored_bucket);
        outcome
    }
}

impl PasteOutcome {
    fn credential(&mut self, from: &'static str, text: Option<&str>) {
        let of_document = matches!(self.fields.storage_type, Some(StorageType::Gcs | StorageType::Blob));
        let read = match text.and_then(PastedCredential::read) {
            // What is too long is reported where the field is parsed.
            None | Some(Err(PasteError::TooLong)) => return,
            // Drivers know what is wrong with a document of another kind.
            Some(Err(PasteError::UnknownJson)) if from == "secret" && of_document => return,
            Some(Err(error)) => return self.problem(from, error.to_string()),
            Some(Ok(read)) => read,
        };
        if !self.is_at_google(read.key.as_deref()) && !self.storage_type(from, read.storage_type) {
            return;
        }
        if from == "secret" && text == Some(read.secret.expose()) {
            return;
        }
        if from == "key" {
            self.fields.key = None;
        }
        if from == "secret" || self.fields.secret.as_ref().is_none_or(Secret::is_empty) {
            self.fields.secret = Some(read.secret);
            self.readings.push(PasteReading { field: "secret", from, value: None });
        } else if self.fields.secret.as_ref().is_some_and(|own| own.expose() != read.secret.expose()) {
            self.problem("secret", contradicts(from));
        }
        for (field, value) in
            [("key", read.key), ("bucket", read.bucket), ("endpoint", read.endpoint), ("region", read.region)]
        {
            self.note(field, from, value);
        }
    }

    /// Whether an HMAC key of Google is used at Google's endpoint with its other protocol, that of S3.
    fn is_at_google(&self, key: Option<&str>) -> bool {
        let endpoint = self.fields.endpoint.as_deref().unwrap_or_default();
        self.fields.storage_type == Some(StorageType::S3)
            && key.is_some_and(shape::is_google_key)
            && endpoint.contains("storage.googleapis.com")
    }

    fn address(&mut self, from: &'static str, text: Option<&str>) {
        let Some(address) = text.and_then(PastedAddress::read) else { return };
        if from == "endpoint" {
            let path = self.fields.endpoint.as_deref().and_then(|text| Endpoint::parse(text).ok());
            let has_path = path.is_none_or(|endpoint| !endpoint.path.is_empty());
            // The driver understands a bucket in the host, and knows both forms as one place.
            if !has_path && self.fields.bucket.as_deref() == Some(address.bucket.as_str()) {
                return;
            }
            // Google's endpoint also speaks S3.
            if address.storage_type == StorageType::Gcs && self.fields.storage_type == Some(StorageType::S3) {
                self.fields.endpoint = Some("https://storage.googleapis.com".to_owned());
                return self.note("bucket", from, Some(address.bucket));
            }
            self.fields.endpoint = Some(String::new());
        } else {
            self.fields.bucket = None;
        }
        if !self.storage_type(from, address.storage_type) {
            return;
        }
        let folder = Some(address.folder).filter(|folder| !folder.is_empty());
        let endpoint = address.endpoint.map(|endpoint| endpoint.to_string());
        for (field, value) in [
            ("bucket", Some(address.bucket)),
            ("folder", folder),
            ("key", address.account),
            ("endpoint", endpoint),
            ("region", address.region),
        ] {
            self.note(field, from, value);
        }
    }

    /// The host of an Azure account, entered as the key.
    fn account(&mut self) {
        if self.fields.storage_type != Some(StorageType::Blob) {
            return;
        }
        let text = self.fields.key.clone().unwrap_or_default();
        let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest).trim_end_matches('/');
        let Some((account, cloud)) = azure_account(host) else { return };
        self.fields.key = None;
        self.note("key", "key", Some(account.to_owned()));
        let other = cloud != "core.windows.net";
        self.note("endpoint", "key", other.then(|| format!("https://{account}.blob.{cloud}")));
    }

    /// `bucket/folder`.
    fn folder(&mut self) {
        let storage_type = self.fields.storage_type.unwrap_or(StorageType::S3);
        let text = self.fields.bucket.clone().unwrap_or_default();
        if let Some(address) = PastedAddress::read_with_folder(&text, storage_type) {
            self.fields.bucket = None;
            self.note("bucket", "bucket", Some(address.bucket));
            self.note("folder", "bucket", Some(address.folder).filter(|folder| !folder.is_empty()));
        }
    }

    /// An endpoint of any server with the bucket at the end of its path.
    fn endpoint(&mut self, stored_bucket: Option<&str>) {
        let bucket = self.fields.bucket.as_deref().or(stored_bucket).unwrap_or_default();
        let endpoint = self.fields.endpoint.as_deref().and_then(|text| Endpoint::parse(text).ok());
        let Some(left) = endpoint.and_then(|endpoint| endpoint_without_bucket(&endpoint, bucket)) else {
            return;
        };
        self.fields.endpoint = None;
        let from = self.source("endpoint").unwrap_or("endpoint");
        self.readings.retain(|reading| reading.field != "endpoint");
        self.note("endpoint", from, Some(left.to_string()));
    }

    /// Sets the type, unless there is another one. Then what was read is that of another cloud, and this returns false.
    fn storage_type(&mut self, from: &'static str, read: StorageType) -> bool {
        match self.fields.storage_type {
            None => {
                self.fields.storage_type = Some(read);
                self.readings.push(PasteReading {
                    field: "storageType",
                    from,
                    value: Some(read.to_string()),
                });
            }
            Some(own) if own != read => {
                // The caller must know both by the names of the fields that were sent.
                let (field, own) = match self.source("storageType") {
                    Some(source) => (source, format!("is of {own}")),
                    None => ("storageType", format!("is {own}")),
                };
                self.problem(field, format!("{own}, but `{from}` is of {read}: change one of them"));
                return false;
            }
            Some(_) => {}
        }
        true
    }

    /// Sets a field to what was read, unless it has another value.
    fn note(&mut self, field: &'static str, from: &'static str, value: Option<String>) {
        let Some(value) = value else { return };
        let place = match field {
            "bucket" => &mut self.fields.bucket,
            "key" => &mut self.fields.key,
            "endpoint" => &mut self.fields.endpoint,
            "region" => &mut self.fields.region,
            _ => &mut None,
        };
        match place {
            Some(own) if !own.trim().is_empty() => {
                let is_same = *own == value
                    || field == "endpoint" && Endpoint::parse(own).is_ok_and(|own| own.to_string() == value);
                if !is_same {
                    match self.source(field).filter(|source| *source != field) {
                        Some(source) => self.problem(source, disagrees(from, field)),
                        None => self.problem(field, contradicts(from)),
                    }
                }
            }
            _ => {
                *place = Some(value.clone());
                self.readings.push(PasteReading { field, from, value: Some(value) });
            }
        }
    }

    /// The field that a value was read from. `None` if the value was sent as it is.
    fn source(&self, field: &str) -> Option<&'static str> {
        self.readings.iter().find(|reading| reading.field == field).map(|reading| reading.from)
    }

    fn problem(&mut self, field: &'static str, message: String) {
        self.problems.push(PasteProblem { field, message });
    }
}

fn contradicts(from: &str) -> String {
    format!("contradicts what was pasted as `{from}`: leave one of them out, or make them equal")
}

/// The message of a pasted field that another one contradicts.
fn disagrees(other: &str, field: &str) -> String {
    format!("and `{other}` name different values of `{field}`: leave one of them out, or make them equal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(storage_type: Option<StorageType>, texts: &[(&str, &str)]) -> PastedFields {
        let get =
            |name: &str| texts.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        PastedFields {
            storage_type,
            bucket: get("bucket"),
            key: get("key"),
            secret: get("secret").map(Secret::new),
            region: get("region"),
            endpoint: get("endpoint"),
        }
    }

    fn read(storage_type: Option<StorageType>, texts: &[(&str, &str)]) -> String {
        let outcome = fields(storage_type, texts).read(None);
        let PastedFields { storage_type, bucket, key, secret, region, endpoint } = outcome.fields;
        let text = |text: Option<String>| text.unwrap_or_default();
        let secret = secret.map(|secret| secret.expose().to_owned());
        let mut written = vec![
            storage_type.map(|known| known.to_string()).unwrap_or_default(),
            text(bucket),
            text(key),
            text(secret),
            text(region),
            text(endpoint),
        ];
        written.extend(outcome.problems.iter().map(|problem| format!("!{}", problem.field)));
        written.join("|")
    }

    #[test]
    fn a_paste_fills_the_fields_that_it_speaks_of() {
        use StorageType::{Blob, Gcs, S3};
        for (storage_type, texts, expected) in [
            (None, &[("bucket", "s3://photos/2024")][..], "S3|photos||||"),
            (Some(S3), &[("bucket", "photos/2024/")], "S3|photos||||"),
            (
                Some(S3),
                &[("bucket", "photos"), ("endpoint", "http://h:9000/photos/")],
                "S3|photos||||http://h:9000",
            ),
            (
                Some(S3),
                &[("bucket", "photos"), ("endpoint", "http://h:9000/s3")],
                "S3|photos||||http://h:9000/s3",
            ),
            (
                Some(Blob),
                &[("bucket", "photos"), ("key", "acct"), ("endpoint", "http://h:1/acct/photos")],
                "Blob|photos|acct|||http://h:1/acct",
            ),
            (None, &[("endpoint", "https://acct.blob.core.windows.net/photos")], "Blob|photos|acct|||"),
            (Some(Blob), &[("key", "acct.blob.core.windows.net")], "Blob||acct|||"),
            (
                None,
                &[("bucket", "photos"), ("secret", "AccountName=acct;AccountKey=a2V5==")],
                "Blob|photos|acct|a2V5==||",
            ),
            (None, &[("key", "Access key ID,Secret access key\nAKID,s3cret")], "S3||AKID|s3cret||"),
            (Some(S3), &[("region", "EU (Frankfurt)")], "S3||||eu-central-1|"),
            (
                Some(S3),
                &[("bucket", "photos"), ("endpoint", "https://storage.googleapis.com/photos")],
                "S3|photos||||https://storage.googleapis.com",
            ),
            (Some(S3), &[("bucket", "gs://photos")], "S3|||||||!storageType"),
            (
                None,
                &[("bucket", "films"), ("endpoint", "https://s3.amazonaws.com/photos")],
                "S3|films||||||!bucket",
            ),
            (
                None,
                &[("key", "AKID"), ("secret", "aws_access_key_id=OTHER\naws_secret_access_key=s")],
                "S3||AKID|s|||!key",
            ),
            (
                Some(Gcs),
                &[("secret", "AccountName=acct;AccountKey=k")],
                "GCS|||AccountName=acct;AccountKey=k|||!storageType",
            ),
            (
                Some(S3),
                &[("bucket", "photos"), ("key", "AKID"), ("secret", "plain==")],
                "S3|photos|AKID|plain==||",
            ),
        ] {
            let expected = expected.replace("Blob|", "BLOB|").replace("||||||!", "|||||!");
            assert_eq!(read(storage_type, texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_broken_paste_is_a_problem_of_its_field() {
        use StorageType::{Blob, Gcs, S3};
        let two =
            "aws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=B\naws_secret_access_key=t";
        for (storage_type, field, text, says) in [
            (S3, "secret", "{\"AccessKeyId\": \"A\",", "first to the last brace"),
            (Gcs, "secret", "{\"type\": \"service_account\",\n", "first to the last brace"),
            (Blob, "secret", "{\"appId\": \"a\", \"pass", "first to the last brace"),
            (S3, "key", "{\"AccessKeyId\": \"A\"", "first to the last brace"),
            (S3, "secret", "{\"a\": 1}", "not that of a credential"),
            (Gcs, "key", "{\"type\": \"authorized_user\"}", "not that of a credential"),
            (S3, "secret", two, "several credentials"),
            (Blob, "secret", "AccountName=a;EndpointSuffix=core.windows.net", "only a part"),
        ] {
            let problems = fields(Some(storage_type), &[(field, text)]).read(None).problems;
            assert_eq!(problems.first().map(|problem| problem.field), Some(field), "{text}");
            assert!(problems[0].message.contains(says), "{problems:?}");
        }
        // What a document of a known form lacks is for its driver to say.
        let user = fields(Some(Gcs), &[("secret", "{\"type\": \"authorized_user\"}")]).read(None);
        assert_eq!(user.problems, []);
        assert_eq!(fields(Some(S3), &[("secret", "{braces-in-a-secret}")]).read(None).problems, []);
    }

    #[test]
    fn an_hmac_key_of_google_is_used_with_either_protocol() {
        let pair = "ACCESS_KEY=GOOG1EXAMPLE\nSECRET_KEY=s";
        let google = ("endpoint", "https://storage.googleapis.com");
        assert_eq!(read(None, &[("secret", pair)]), "GCS||GOOG1EXAMPLE|s||");
        assert_eq!(
            read(Some(StorageType::S3), &[("secret", pair), google]),
            "S3||GOOG1EXAMPLE|s||https://storage.googleapis.com"
        );
        let alone = read(Some(StorageType::S3), &[("secret", pair)]);
        assert!(alone.starts_with("S3||") && alone.ends_with("!storageType"), "{alone}");
    }

    #[test]
    fn a_contradiction_names_both_fields_and_a_reading_its_source() {
        let outcome =
            fields(None, &[("bucket", "films"), ("endpoint", "https://s3.amazonaws.com/photos")]).read(None);
        assert_eq!(outcome.problems[0].field, "bucket");
        assert!(outcome.problems[0].message.contains("`endpoint`"));
        let outcome = fields(None, &[("bucket", "s3://photos/a")]).read(None);
        let read: Vec<_> = outcome.readings.iter().map(|read| (read.field, read.from)).collect();
        assert_eq!(read, [("storageType", "bucket"), ("bucket", "bucket"), ("folder", "bucket")]);
    }

    proptest! {
        #[test]
        fn no_secret_is_in_a_reading_or_a_problem(
            begin in prop::sample::select(&["AccountName=a;AccountKey=", "aws_access_key_id=A\naws_secret_access_key=", ""][..]),
            field in prop::sample::select(&["key", "secret"][..]),
        ) {
            const MARK: &str = "MARKEDsecret";
            let text = format!("{begin}{MARK}");
            let outcome = fields(Some(StorageType::S3), &[(field, &text), ("bucket", "gs://b")]).read(None);
            let shown = format!("{:?} {:?}", outcome.readings, outcome.problems);
            prop_assert!(!shown.contains(MARK), "{}", shown);
        }
    }

    #[test]
    fn two_pasted_fields_that_contradict_each_other_are_named_as_they_were_sent() {
        let json = r#"{"type":"service_account","client_email":"a@p.iam","private_key":"-----BEGIN"}"#;
        let types = PastedFields {
            bucket: Some("https://acc.blob.core.windows.net/photos".into()),
            secret: Some(Secret::new(json)),
            ..PastedFields::default()
        };
        let regions = PastedFields {
            bucket: Some("https://photos.s3.eu-west-1.amazonaws.com".into()),
            endpoint: Some("https://photos.s3.eu-central-1.amazonaws.com/a".into()),
            ..PastedFields::default()
        };
        for (fields, sent, other) in [(types, "secret", "`bucket`"), (regions, "bucket", "`endpoint`")] {
            let problems = fields.read(None).problems;
            let named =
                problems.iter().any(|problem| problem.field == sent && problem.message.contains(other));
            assert!(named, "{problems:?}");
            let unsent = ["storageType", "region"];
            assert!(!problems.iter().any(|problem| unsent.contains(&problem.field)), "{problems:?}");
        }
    }
}
