//! Reads the fields of a bucket from a request, and reports every wrong field, not just the first.

use bucketry_model::bucket::{BucketLocation, StorageType, check_bucket_name, limits};
use bucketry_model::credential_kind::GivenCredential;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::WorkspaceId;
use bucketry_model::name::Name;
use bucketry_model::secret::Secret;
use bucketry_model::storage_name::StorageName;

use super::credential_fields::{
    SecretInput, check_credentials, check_shapes, given, needs_no_key, needs_no_secret, read_key,
    read_secret, take_session_key, unread,
};
use super::delegated_identity::is_role;
use super::pins::PinsInput;
use super::stored_secret::{moved, must_be_sent_again};
use crate::error::{Error, FieldError, ResourceKind, Result};
use crate::ids::read_id;

/// The fields of a bucket as sent. `None` is an absent field. On creation, empty text means absent too. On update,
/// empty text clears an endpoint or a region, and a key or secret that the bucket can be opened without. A key or
/// secret that it needs is left unchanged, because forms that don't show it send it empty.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct BucketInput {
    pub name: Option<String>,
    /// Name at the provider.
    pub bucket: Option<String>,
    pub storage_type: Option<StorageType>,
    /// The storage type as it was named, if it was sent.
    pub named: Option<StorageName>,
    /// Access key id, role ARN, client e-mail address or account name.
    pub key: Option<String>,
    pub secret: Option<Secret>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub workspace_id: Option<String>,
    /// Id of a stored provider key, to use instead of key and secret.
    pub api_key_uuid: Option<String>,
    /// Store the bucket without a validation.
    pub skip_validation: bool,
    /// Which checks the validation makes.
    pub scope: CheckScope,
    /// The nodes and regions that are to serve the bucket.
    pub pinned_to: Option<PinsInput>,
}

/// The parsed fields of a new bucket.
#[derive(Debug)]
pub(super) struct NewBucketFields {
    pub(super) name: Name,
    pub(super) workspace_id: WorkspaceId,
    pub(super) location: BucketLocation,
    pub(super) secret: Option<Secret>,
}

/// The parsed changes to a bucket: its complete new location, and what happens to the secret.
#[derive(Debug)]
pub(super) struct LocationChanges {
    pub(super) location: BucketLocation,
    pub(super) secret: SecretInput,
}

/// The trimmed text; `None` if it is absent or empty.
fn present(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

impl BucketInput {
    /// Parses the fields of a new bucket, as they were pasted.
    pub(super) fn read_new(&self) -> Result<NewBucketFields> {
        self.unpasted(None)?.read_new_fields()
    }

    fn read_new_fields(&self) -> Result<NewBucketFields> {
        let mut wrong = Vec::new();
        let name = match &self.name {
            None => missing("name", &mut wrong),
            Some(text) => Name::parse(text).map_err(|why| wrong.push(FieldError::new("name", why))).ok(),
        };
        let bucket = match present(self.bucket.as_ref()) {
            None => missing("bucket", &mut wrong),
            Some(text) => read_bucket(text, &mut wrong),
        };
        let storage_type = self.storage_type.or_else(|| missing("storageType", &mut wrong));
        let workspace_id = self.read_workspace();
        if matches!(workspace_id, Ok(None)) {
            wrong.push(FieldError::new("workspaceId", "is required"));
        }
        let mut key = present(self.key.as_ref()).and_then(|text| read_key(text, &mut wrong));
        let endpoint = present(self.endpoint.as_ref()).and_then(|text| read_endpoint(text, &mut wrong));
        self.check_endpoint(endpoint.as_ref(), &mut wrong);
        let region = present(self.region.as_ref()).and_then(|text| read_region(text, &mut wrong));
        let secret = self.secret.as_ref().and_then(|secret| read_secret(secret, &mut wrong));
        self.check_provider_key(&mut wrong);
        if let Some(storage_type) = storage_type {
            if let Some(secret) = &secret {
                key = take_session_key(storage_type, key, secret, &mut wrong);
            }
            let given = GivenCredential {
                storage_type,
                key: key.as_deref(),
                secret: unread(secret.is_some()),
                has_endpoint: endpoint.is_some(),
            };
            check_credentials(&given, &mut wrong);
        }
        let location = bucket.zip(storage_type).map(|(bucket, storage_type)| BucketLocation {
            storage_type,
            bucket,
            key,
            endpoint,
            region,
        });
        if let Some((location, secret)) = location.as_ref().zip(secret.as_ref()) {
            check_shapes(location, secret, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        match (name, location, workspace_id?) {
            (Some(name), Some(location), Some(workspace_id)) => {
                Ok(NewBucketFields { name, workspace_id, location, secret })
            }
            _ => Err(Error::Invalid(wrong)),
        }
    }

    /// Parses the name, if one was sent.
    pub(super) fn read_name(&self) -> Result<Option<Name>> {
        self.name.as_deref().map(Name::parse).transpose().map_err(|why| Error::field("name", why))
    }

    /// Parses the workspace, if one was sent.
    pub(super) fn read_workspace(&self) -> Result<Option<WorkspaceId>> {
        read_id(self.workspace_id.as_deref(), ResourceKind::Workspace)
    }

    /// Applies the sent fields, as they were pasted, to an existing location and secret.
    pub(super) fn read_changes(&self, stored: &BucketLocation, has_secret: bool) -> Result<LocationChanges> {
        self.unpasted(Some(stored))?.read_changed_fields(stored, has_secret)
    }

    fn read_changed_fields(&self, stored: &BucketLocation, has_secret: bool) -> Result<LocationChanges> {
        let mut wrong = Vec::new();
        let mut location = stored.clone();
        match &self.bucket {
            None => {}
            Some(text) if text.trim().is_empty() => {
                wrong.push(FieldError::new("bucket", "must not be empty"));
            }
            Some(text) => {
                if let Some(bucket) = read_bucket(text.trim(), &mut wrong) {
                    location.bucket = bucket;
                }
            }
        }
        if let Some(storage_type) = self.storage_type {
            location.storage_type = storage_type;
        }
        if self.endpoint.is_some() {
            location.endpoint =
                present(self.endpoint.as_ref()).and_then(|text| read_endpoint(text, &mut wrong));
        }
        self.check_endpoint(location.endpoint.as_ref(), &mut wrong);
        if self.region.is_some() {
            location.region = present(self.region.as_ref()).and_then(|text| read_region(text, &mut wrong));
        }
        let secret = self.read_credentials(&mut location, has_secret, &mut wrong);
        self.check_provider_key(&mut wrong);
        let will_have_secret = match &secret {
            SecretInput::Keep => has_secret,
            SecretInput::Replace(_) => true,
            SecretInput::Clear => false,
        };
        let moved = moved(stored, &location);
        // If the key becomes a role, the organization's external id replaces the stored secret.
        let is_used =
            has_secret && matches!(secret, SecretInput::Keep) && (is_role(stored) || !is_role(&location));
        if is_used && !moved.is_empty() && !wrong.iter().any(|error| error.field == "secret") {
            wrong.push(must_be_sent_again(&moved, is_role(&location)));
        }
        check_credentials(&given(&location, unread(will_have_secret)), &mut wrong);
        if let SecretInput::Replace(secret) = &secret {
            check_shapes(&location, secret, &mut wrong);
        }
        if wrong.is_empty() { Ok(LocationChanges { location, secret }) } else { Err(Error::Invalid(wrong)) }
    }

    /// Applies the sent key and secret. The other fields of `location` have been applied already.
    fn read_credentials(
        &self,
        location: &mut BucketLocation,
        has_secret: bool,
        wrong: &mut Vec<FieldError>,
    ) -> SecretInput {
        let sent_key = present(self.key.as_ref()).map(|text| read_key(text, wrong));
        let secret = match &self.secret {
            None => SecretInput::Keep,
            Some(secret) if secret.expose().trim().is_empty() => SecretInput::Clear,
            Some(secret) => read_secret(secret, wrong).map_or(SecretInput::Keep, SecretInput::Replace),
        };
        let stored_key = std::mem::take(&mut location.key);
        let emptied = sent_key.is_none() && self.key.is_some() && needs_no_key(location, &secret, has_secret);
        location.key = match &secret {
            // The document of a temporary access key contains its id. An id that was sent as well must match it.
            SecretInput::Replace(secret) => {
                take_session_key(location.storage_type, sent_key.flatten(), secret, wrong)
            }
            SecretInput::Keep | SecretInput::Clear => sent_key.flatten(),
        };
        if !emptied {
            location.key = location.key.take().or(stored_key);
        }
        match secret {
            SecretInput::Clear if !has_secret || !needs_no_secret(location) => SecretInput::Keep,
            secret => secret,
        }
    }

    /// Requires an endpoint if a provider was named that has many. AWS would be assumed otherwise.
    fn check_endpoint(&self, endpoint: Option<&Endpoint>, wrong: &mut Vec<FieldError>) {
        let is_wrong = wrong.iter().any(|error| error.field == "endpoint");
        if let Some(example) = self.named.and_then(StorageName::endpoint)
            && endpoint.is_none()
            && !is_wrong
        {
            let message = format!("is required for this provider, such as {example}");
            wrong.push(FieldError::new("endpoint", message));
        }
    }

    fn check_provider_key(&self, wrong: &mut Vec<FieldError>) {
        if present(self.api_key_uuid.as_ref()).is_none() {
            return;
        }
        let own = present(self.key.as_ref()).is_some()
            || self.secret.as_ref().is_some_and(|secret| !secret.is_empty());
        let message = if own {
            "can't be combined with key or secret"
        } else {
            "is not a provider key of this workspace: send key and secret instead"
        };
        wrong.push(FieldError::new("apiKeyUuid", message));
    }
}

fn missing<T>(field: &'static str, wrong: &mut Vec<FieldError>) -> Option<T> {
    wrong.push(FieldError::new(field, "is required"));
    None
}

fn read_bucket(text: &str, wrong: &mut Vec<FieldError>) -> Option<String> {
    match check_bucket_name(text) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            wrong.push(FieldError::new("bucket", why));
            None
        }
    }
}

fn read_endpoint(text: &str, wrong: &mut Vec<FieldError>) -> Option<Endpoint> {
    Endpoint::parse(text).map_err(|why| wrong.push(FieldError::new("endpoint", why))).ok()
}

fn read_region(text: &str, wrong: &mut Vec<FieldError>) -> Option<String> {
    if text.len() <= limits::REGION
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        return Some(text.to_owned());
    }
    wrong.push(FieldError::new("region", "must consist of at most 128 letters, digits, '-' and '_'"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> BucketInput {
        BucketInput {
            name: Some("Photos".into()),
            bucket: Some("photos".into()),
            storage_type: Some(StorageType::S3),
            key: Some("AKID".into()),
            secret: Some(Secret::new(" secret\n")),
            region: Some(String::new()),
            endpoint: Some("s3.example.com".into()),
            workspace_id: Some("00000000-0000-7000-8000-000000000000".into()),
            ..BucketInput::default()
        }
    }

    fn wrong_fields(result: Result<impl Sized>) -> Vec<&'static str> {
        match result {
            Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_complete_bucket_is_read_with_white_space_trimmed_and_empty_texts_absent() {
        let read = complete().read_new().unwrap();
        assert_eq!(read.secret.unwrap().expose(), "secret");
        assert_eq!(read.location.region, None);
        assert_eq!(read.location.endpoint.unwrap().to_string(), "https://s3.example.com");
    }

    #[test]
    fn every_wrong_field_is_told() {
        assert_eq!(
            wrong_fields(BucketInput::default().read_new()),
            ["name", "bucket", "storageType", "workspaceId"]
        );
        let input = BucketInput {
            name: Some(String::new()),
            bucket: Some("a b".into()),
            key: Some("two words".into()),
            secret: Some(Secret::new("x".repeat(40_000))),
            region: Some("eu central".into()),
            endpoint: Some("ftp://x".into()),
            workspace_id: Some("undefined".into()),
            ..complete()
        };
        assert_eq!(
            wrong_fields(input.read_new()),
            ["name", "bucket", "workspaceId", "key", "endpoint", "region", "secret"]
        );
    }

    #[test]
    fn a_named_provider_has_an_endpoint_unless_it_is_the_cloud_of_its_type() {
        let read = |name: &str, endpoint: &str| {
            let named = Some(name.parse::<StorageName>().unwrap());
            let input = BucketInput { named, endpoint: Some(endpoint.into()), ..complete() };
            let new = wrong_fields(input.read_new());
            let stored = BucketLocation { endpoint: None, ..complete().read_new().unwrap().location };
            assert_eq!(wrong_fields(input.read_changes(&stored, false)), new, "{name}");
            new
        };
        for name in ["r2", "minio", "b2", "wasabi"] {
            assert_eq!(read(name, ""), ["endpoint"], "{name}");
            assert_eq!(read(name, "ftp://x"), ["endpoint"], "{name}");
            assert!(read(name, "https://s3.example.com").is_empty(), "{name}");
        }
        assert!(read("aws", "").is_empty() && read("s3", "").is_empty());
    }

    #[test]
    fn a_provider_key_excludes_own_credentials() {
        let input = BucketInput { api_key_uuid: Some("some-id".into()), ..complete() };
        assert_eq!(wrong_fields(input.read_new()), ["apiKeyUuid"]);
    }

    #[test]
    fn a_key_and_a_secret_that_were_exchanged_are_named() {
        let (id, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let entered = |key: &str, secret: &str| BucketInput {
            key: Some(key.into()),
            secret: Some(Secret::new(secret)),
            ..complete()
        };
        let stored = entered(id, secret).read_new().unwrap().location;
        assert_eq!(wrong_fields(entered(secret, id).read_new()), ["key"]);
        assert_eq!(wrong_fields(entered(secret, id).read_changes(&stored, true)), ["key"]);
    }

    #[test]
    fn updates_leave_what_is_absent_and_clear_what_is_empty() {
        let stored = complete().read_new().unwrap().location;
        let same = BucketInput::default().read_changes(&stored, true).unwrap();
        assert_eq!(same.location, stored);
        assert!(matches!(same.secret, SecretInput::Keep));
        let input = BucketInput {
            endpoint: Some(String::new()),
            region: Some(" ".into()),
            secret: Some(Secret::new("s")),
            ..BucketInput::default()
        };
        let cleared = input.read_changes(&stored, true).unwrap().location;
        assert_eq!((cleared.endpoint, cleared.region), (None, None));
    }

    #[test]
    fn a_stored_secret_is_used_nowhere_else() {
        let mut stored = complete().read_new().unwrap().location;
        for storage_type in [StorageType::S3, StorageType::Blob, StorageType::Gcs] {
            stored.storage_type = storage_type;
            let input =
                BucketInput { endpoint: Some("https://elsewhere.example".into()), ..BucketInput::default() };
            assert_eq!(wrong_fields(input.read_changes(&stored, true)), ["secret"], "{storage_type}");
            let huge = BucketInput { secret: Some(Secret::new("x".repeat(40_000))), ..input.clone() };
            assert_eq!(wrong_fields(huge.read_changes(&stored, true)), ["secret"], "reported once");
            let again = BucketInput { secret: Some(Secret::new("sv=1&sig=x")), ..input };
            assert!(again.read_changes(&stored, true).is_ok(), "{storage_type}");
        }
    }

    #[test]
    fn an_empty_key_or_secret_clears_only_what_can_be_done_without() {
        let google = |key: Option<&str>, endpoint: Option<&str>| BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: "photos".into(),
            key: key.map(str::to_owned),
            endpoint: endpoint.map(|endpoint| endpoint.parse().unwrap()),
            region: None,
        };
        let read = |stored: &BucketLocation, key: Option<&str>, secret: Option<&str>, has_secret| {
            let (key, secret) = (key.map(str::to_owned), secret.map(Secret::new));
            BucketInput { key, secret, ..BucketInput::default() }.read_changes(stored, has_secret).unwrap()
        };
        let account = google(Some("a@p.iam.gserviceaccount.com"), None);
        let delegated = read(&account, None, Some(""), true);
        assert!(matches!(delegated.secret, SecretInput::Clear), "the node impersonates the account");
        assert!(
            matches!(read(&account, None, Some(""), false).secret, SecretInput::Keep),
            "nothing to clear"
        );
        let json = read(&account, Some(""), Some("{\"client_email\": \"b@p\"}"), true);
        assert_eq!(json.location.key, None, "the document contains the account");
        assert_eq!(read(&account, Some(""), Some("-----BEGIN"), true).location.key, account.key);
        let hmac = google(Some("GOOG1EXAMPLE"), None);
        assert!(matches!(read(&hmac, Some(""), Some(""), true).secret, SecretInput::Keep));
        let emulator = google(Some("a@p"), Some("http://gcs.example.com"));
        let anonymous = read(&emulator, Some(""), Some(""), true);
        assert_eq!(anonymous.location.key, None);
        assert!(matches!(anonymous.secret, SecretInput::Clear));
    }

    const SESSION: &str = r#"{"AccessKeyId":"ASIAX","SecretAccessKey":"s","SessionToken":"t"}"#;

    #[test]
    fn a_temporary_access_key_brings_its_name_along() {
        let session = Some(Secret::new(SESSION));
        let read = |key: Option<&str>, secret: &str| {
            let (key, secret) = (key.map(str::to_owned), Some(Secret::new(secret)));
            BucketInput { key, secret, ..complete() }.read_new()
        };
        for key in [None, Some(""), Some("ASIAX")] {
            assert_eq!(read(key, SESSION).unwrap().location.key.as_deref(), Some("ASIAX"), "{key:?}");
        }
        assert_eq!(wrong_fields(read(Some("AKID"), SESSION)), ["key"]);
        assert_eq!(wrong_fields(read(Some("AKID"), "{\"AccessKeyId\":")), ["secret"]);

        let stored = complete().read_new().unwrap().location;
        let key_of = |input: BucketInput| input.read_changes(&stored, true).unwrap().location.key;
        let next = BucketInput { secret: session, ..BucketInput::default() };
        assert_eq!(key_of(next).as_deref(), Some("ASIAX"));
        let plain = BucketInput { secret: Some(Secret::new("next")), ..BucketInput::default() };
        assert_eq!(key_of(plain).as_deref(), Some("AKID"));
    }

    #[test]
    fn a_role_and_a_service_account_to_take_on_need_no_secret() {
        let read = |storage_type, key: &str| {
            let (storage_type, key) = (Some(storage_type), Some(key.to_owned()));
            BucketInput { storage_type, key, secret: None, ..complete() }.read_new()
        };
        assert!(read(StorageType::S3, "arn:aws:iam::123456789012:role/reader").is_ok());
        assert!(read(StorageType::Gcs, "reader@project.iam.gserviceaccount.com").is_ok());
        assert_eq!(wrong_fields(read(StorageType::Gcs, "GOOG1EXAMPLE")), ["key"]);
        let anonymous = |endpoint: &str| {
            let (storage_type, endpoint) = (Some(StorageType::Gcs), Some(endpoint.to_owned()));
            BucketInput { storage_type, endpoint, key: None, secret: None, ..complete() }.read_new()
        };
        assert!(anonymous("http://gcs.example.com").is_ok());
        assert_eq!(wrong_fields(anonymous("")), ["key"]);
        assert_eq!(wrong_fields(read(StorageType::S3, "AKID")), ["secret"]);
        assert_eq!(wrong_fields(read(StorageType::Blob, "account")), ["secret"]);
    }

    #[test]
    fn an_s3_or_azure_bucket_can_not_lose_its_key_or_secret() {
        let mut stored = complete().read_new().unwrap().location;
        for storage_type in [StorageType::S3, StorageType::Blob] {
            stored.storage_type = storage_type;
            let input = BucketInput {
                key: Some(String::new()),
                secret: Some(Secret::new("")),
                ..BucketInput::default()
            };
            let unchanged = input.read_changes(&stored, true).unwrap();
            assert_eq!(unchanged.location, stored);
            assert!(matches!(unchanged.secret, SecretInput::Keep));
            let nameless = BucketInput { bucket: Some(" ".into()), ..input };
            assert_eq!(wrong_fields(nameless.read_changes(&stored, true)), ["bucket"]);
        }
    }
}
