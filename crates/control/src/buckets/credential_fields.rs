//! The credential fields of a bucket: key and secret. `model::credential_kind` says what each storage type needs.

use bucketry_model::bucket::{BucketLocation, StorageType, limits};
use bucketry_model::credential::{AwsSession, credential_expiry};
use bucketry_model::credential_kind::{CredentialKind, FieldRule, GivenCredential, GivenSecret};
use bucketry_model::paste::mismatch;
use bucketry_model::secret::Secret;
use jiff::Timestamp;

use crate::error::FieldError;

/// What an update does with the stored secret.
#[derive(Debug)]
pub(super) enum SecretInput {
    Keep,
    Replace(Secret),
    Clear,
}

/// Whether the bucket can be opened without a key, given its new secret.
pub(super) fn needs_no_key(location: &BucketLocation, secret: &SecretInput, has_secret: bool) -> bool {
    let secret = match secret {
        // Whether the stored secret contains the key is unknown.
        SecretInput::Keep if has_secret => return false,
        SecretInput::Keep | SecretInput::Clear => GivenSecret::Absent,
        SecretInput::Replace(secret) => GivenSecret::Entered(secret),
    };
    GivenCredential { key: None, ..given(location, secret) }.is_complete()
}

/// Whether the bucket can be opened without a secret: with the node's own identity, or anonymously.
pub(super) fn needs_no_secret(location: &BucketLocation) -> bool {
    given(location, GivenSecret::Absent).is_complete()
}

/// Reports a key or secret that the storage type requires and that is missing.
pub(super) fn check_credentials(given: &GivenCredential<'_>, wrong: &mut Vec<FieldError>) {
    if given.is_complete() {
        return;
    }
    let asked = CredentialKind::asked_for(given.storage_type);
    let mut report = |field, message: String| {
        if !wrong.iter().any(|error| error.field == field) {
            wrong.push(FieldError::new(field, message));
        }
    };
    match given.key {
        None => report("key", format!("is required ({})", asked.key.what().unwrap_or_default())),
        Some(key) if !asked.key_form.fits(key) => report("key", NOT_A_SERVICE_ACCOUNT.to_owned()),
        Some(_) => {}
    }
    if matches!(asked.secret, FieldRule::Required(_)) && given.secret.is_absent() {
        report("secret", format!("is required ({})", alternatives(&asked.secrets())));
    }
}

/// Reports a key or secret that was entered in the wrong field.
pub(super) fn check_shapes(location: &BucketLocation, secret: &Secret, wrong: &mut Vec<FieldError>) {
    let BucketLocation { storage_type, key, endpoint, .. } = location;
    let found = mismatch::find(*storage_type, key.as_deref(), secret.expose(), endpoint.is_some());
    if let Some(found) = found.filter(|found| !wrong.iter().any(|error| error.field == found.field)) {
        wrong.push(FieldError::new(found.field, found.message));
    }
}

/// The only form that is checked of a key that is asked for: that of an account to impersonate.
const NOT_A_SERVICE_ACCOUNT: &str = "must be the e-mail address of a service account, which the node impersonates, because no \
                                     secret is given";

/// "a", "a or b", "a, b, or c".
fn alternatives(phrases: &[&str]) -> String {
    match phrases {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} or {other}"),
        [others @ .., last] => format!("{}, or {last}", others.join(", ")),
    }
}

/// The credential that will open a bucket.
pub(super) fn given<'a>(location: &'a BucketLocation, secret: GivenSecret<'a>) -> GivenCredential<'a> {
    GivenCredential {
        storage_type: location.storage_type,
        key: location.key.as_deref(),
        secret,
        has_endpoint: location.endpoint.is_some(),
    }
}

/// A secret whose text doesn't matter: what is wrong with it is for the driver to find out.
pub(super) fn unread(has_secret: bool) -> GivenSecret<'static> {
    if has_secret { GivenSecret::Unread } else { GivenSecret::Absent }
}

pub(super) fn read_key(text: &str, wrong: &mut Vec<FieldError>) -> Option<String> {
    if text.len() > limits::KEY {
        wrong.push(FieldError::new("key", "must be at most 2048 bytes long"));
    } else if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(text.to_owned());
    } else {
        wrong.push(FieldError::new("key", "must consist of visible ASCII characters without spaces"));
    }
    None
}

/// Reads a secret. White space around a pasted secret isn't part of it.
pub(super) fn read_secret(secret: &Secret, wrong: &mut Vec<FieldError>) -> Option<Secret> {
    let text = secret.expose().trim();
    if text.is_empty() {
        return None;
    }
    if text.len() > limits::SECRET {
        wrong.push(FieldError::new("secret", "must be at most 32768 bytes long"));
        return None;
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        wrong.push(FieldError::new("secret", "must not contain NUL or other control characters"));
        return None;
    }
    Some(Secret::new(text))
}

/// The key id. A temporary access key is one document that contains its id, so the id needn't be sent as well.
pub(super) fn take_session_key(
    storage_type: StorageType,
    key: Option<String>,
    secret: &Secret,
    wrong: &mut Vec<FieldError>,
) -> Option<String> {
    match AwsSession::read(secret).filter(|_| storage_type == StorageType::S3) {
        None => key,
        Some(Err(_)) => {
            let message = "looks like the JSON of a temporary access key but is incomplete: paste everything that `aws sts` \
                           or `aws configure export-credentials` printed";
            wrong.push(FieldError::new("secret", message));
            key
        }
        Some(Ok(session)) if key.as_ref().is_none_or(|key| *key == session.access_key) => {
            read_key(&session.access_key, wrong)
        }
        Some(Ok(_)) => {
            wrong.push(FieldError::new("key", "must be the AccessKeyId of the secret, or be left out"));
            key
        }
    }
}

/// When a secret expires, if it contains that time.
pub(super) fn expiry(location: &BucketLocation, secret: &Secret) -> Option<Timestamp> {
    credential_expiry(location.storage_type, secret).map(|expiry| expiry.at)
}
