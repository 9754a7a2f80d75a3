//! The kinds of credentials that open a bucket, and which fields each of them needs. Checks, error messages and help
//! texts are made from this table.

use crate::bucket::StorageType;
use crate::secret::Secret;

/// A kind of credential.
#[derive(Debug, PartialEq, Eq)]
pub struct CredentialKind {
    /// The type of the buckets that it opens.
    pub storage_type: StorageType,
    /// What it is called, such as "access key". Unique for a storage type only together with its fields.
    pub name: &'static str,
    /// What to enter as the key.
    pub key: FieldRule,
    /// What a key of this kind looks like.
    pub key_form: KeyForm,
    /// What to enter as the secret.
    pub secret: FieldRule,
    /// What a secret of this kind looks like.
    pub secret_form: SecretForm,
    /// What to enter as the endpoint.
    pub endpoint: FieldRule,
    /// What to enter as the region.
    pub region: FieldRule,
}

/// Whether a field is entered, and what belongs into it: a phrase such as "the access key id".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldRule {
    /// Must be entered.
    Required(&'static str),
    /// May be entered.
    Optional(&'static str),
    /// Need not be entered, because it is read from the secret.
    InSecret(&'static str),
    /// Must be left out.
    Refused,
    /// May be entered, without effect.
    Ignored,
}

/// The form of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Any text.
    Any,
    /// The ARN of a role: `arn:aws:iam::123456789012:role/name`, in any partition.
    RoleArn,
    /// An e-mail address.
    EmailAddress,
}

/// The form of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// Any text.
    Any,
    /// A JSON object.
    Json,
}

/// The credential of a bucket, as far as it decides which kind it is.
#[derive(Debug, Clone, Copy)]
pub struct GivenCredential<'a> {
    /// The bucket's storage type.
    pub storage_type: StorageType,
    /// The key; for a kind whose key is in the secret, after it was read from there.
    pub key: Option<&'a str>,
    /// The secret.
    pub secret: GivenSecret<'a>,
    /// Whether there is an endpoint.
    pub has_endpoint: bool,
}

/// The secret of a bucket.
#[derive(Debug, Clone, Copy)]
pub enum GivenSecret<'a> {
    /// There is none.
    Absent,
    /// There is one whose text is unknown, because it is sealed, or of no interest. It fits every form.
    Unread,
    /// The one that was entered.
    Entered(&'a Secret),
}

const AWS_ENDPOINT: FieldRule = FieldRule::Optional("an endpoint of AWS");
const ENDPOINT: FieldRule = FieldRule::Optional("the provider's URL, if it isn't the public one of the type");
const REGION: FieldRule = FieldRule::Optional("the bucket's region");
const ACCOUNT: FieldRule = FieldRule::Required("the name of the storage account");

static ACCESS_KEY: CredentialKind = CredentialKind {
    storage_type: StorageType::S3,
    name: "access key",
    key: FieldRule::Required("the access key id"),
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the secret access key"),
    secret_form: SecretForm::Any,
    endpoint: ENDPOINT,
    region: REGION,
};

static TEMPORARY_ACCESS_KEY: CredentialKind = CredentialKind {
    storage_type: StorageType::S3,
    name: "temporary access key",
    key: FieldRule::InSecret("the access key id"),
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the JSON that aws sts or aws configure export-credentials prints"),
    secret_form: SecretForm::Json,
    endpoint: ENDPOINT,
    region: REGION,
};

static ROLE: CredentialKind = CredentialKind {
    storage_type: StorageType::S3,
    name: "role that the node assumes",
    key: FieldRule::Required("the ARN of the role"),
    key_form: KeyForm::RoleArn,
    secret: FieldRule::Optional("the organization's external id"),
    secret_form: SecretForm::Any,
    endpoint: AWS_ENDPOINT,
    region: REGION,
};

static SERVICE_ACCOUNT: CredentialKind = CredentialKind {
    storage_type: StorageType::Gcs,
    name: "service account",
    key: FieldRule::Required("the e-mail address of the service account"),
    key_form: KeyForm::EmailAddress,
    secret: FieldRule::Required("its private key (PEM)"),
    secret_form: SecretForm::Any,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

static SERVICE_ACCOUNT_JSON: CredentialKind = CredentialKind {
    storage_type: StorageType::Gcs,
    name: "service account",
    key: FieldRule::Optional("the e-mail address of the service account"),
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the whole JSON of its key"),
    secret_form: SecretForm::Json,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

static HMAC_KEY: CredentialKind = CredentialKind {
    storage_type: StorageType::Gcs,
    name: "HMAC key",
    key: FieldRule::Required("the access id (GOOG…)"),
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the secret"),
    secret_form: SecretForm::Any,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

static IMPERSONATED_ACCOUNT: CredentialKind = CredentialKind {
    storage_type: StorageType::Gcs,
    name: "service account that the node impersonates",
    key: FieldRule::Required("the e-mail address of the service account"),
    key_form: KeyForm::EmailAddress,
    secret: FieldRule::Refused,
    secret_form: SecretForm::Any,
    endpoint: FieldRule::Optional("an endpoint of Google"),
    region: FieldRule::Ignored,
};

/// Emulators check no credentials, and neither do public buckets at a custom endpoint.
static NO_CREDENTIAL: CredentialKind = CredentialKind {
    storage_type: StorageType::Gcs,
    name: "none (emulator or public bucket)",
    key: FieldRule::Refused,
    key_form: KeyForm::Any,
    secret: FieldRule::Refused,
    secret_form: SecretForm::Any,
    endpoint: FieldRule::Required("the provider's URL"),
    region: FieldRule::Ignored,
};

static ACCOUNT_KEY: CredentialKind = CredentialKind {
    storage_type: StorageType::Blob,
    name: "account key",
    key: ACCOUNT,
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the account key"),
    secret_form: SecretForm::Any,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

static SHARED_ACCESS_SIGNATURE: CredentialKind = CredentialKind {
    storage_type: StorageType::Blob,
    name: "shared access signature",
    key: ACCOUNT,
    key_form: KeyForm::Any,
    secret: FieldRule::Required("a SAS token"),
    secret_form: SecretForm::Any,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

static ENTRA_APPLICATION: CredentialKind = CredentialKind {
    storage_type: StorageType::Blob,
    name: "Entra application",
    key: ACCOUNT,
    key_form: KeyForm::Any,
    secret: FieldRule::Required("the JSON of an Entra application"),
    secret_form: SecretForm::Json,
    endpoint: ENDPOINT,
    region: FieldRule::Ignored,
};

/// All kinds, by storage type.
pub static CREDENTIAL_KINDS: [&CredentialKind; 11] = [
    &ACCESS_KEY,
    &TEMPORARY_ACCESS_KEY,
    &ROLE,
    &SERVICE_ACCOUNT,
    &SERVICE_ACCOUNT_JSON,
    &HMAC_KEY,
    &IMPERSONATED_ACCOUNT,
    &NO_CREDENTIAL,
    &ACCOUNT_KEY,
    &SHARED_ACCESS_SIGNATURE,
    &ENTRA_APPLICATION,
];

impl CredentialKind {
    /// The kind that a person is asked for if what was given is complete for no kind.
    pub fn asked_for(storage_type: StorageType) -> &'static Self {
        match storage_type {
            StorageType::S3 => &ACCESS_KEY,
            StorageType::Gcs => &IMPERSONATED_ACCOUNT,
            StorageType::Blob => &ACCOUNT_KEY,
        }
    }

    /// The secrets that may be entered with this kind's key, each as a phrase.
    pub fn secrets(&self) -> Vec<&'static str> {
        CREDENTIAL_KINDS
            .iter()
            .filter(|kind| kind.storage_type == self.storage_type && kind.key == self.key)
            .filter_map(|kind| kind.secret.what())
            .collect()
    }

    /// Whether the fields are all that this kind needs.
    fn is_complete(&self, given: &GivenCredential<'_>) -> bool {
        self.storage_type == given.storage_type
            && self.key.allows(given.key.is_some())
            && given.key.is_none_or(|key| self.key_form.fits(key))
            && self.secret.allows(!given.secret.is_absent())
            && self.secret_form.fits(given.secret)
            && self.endpoint.allows(given.has_endpoint)
    }
}

impl FieldRule {
    /// What belongs into the field; `None` if nothing does.
    pub fn what(self) -> Option<&'static str> {
        match self {
            Self::Required(what) | Self::Optional(what) | Self::InSecret(what) => Some(what),
            Self::Refused | Self::Ignored => None,
        }
    }

    fn allows(self, is_given: bool) -> bool {
        match self {
            Self::Required(_) | Self::InSecret(_) => is_given,
            Self::Optional(_) | Self::Ignored => true,
            Self::Refused => !is_given,
        }
    }
}

impl KeyForm {
    /// Whether a key has this form.
    pub fn fits(self, key: &str) -> bool {
        match self {
            Self::Any => true,
            Self::RoleArn => key.starts_with("arn:") && key.contains(":role/"),
            Self::EmailAddress => key.contains('@'),
        }
    }
}

impl SecretForm {
    fn fits(self, secret: GivenSecret<'_>) -> bool {
        match (self, secret) {
            (Self::Json, GivenSecret::Entered(secret)) => secret.expose().trim_start().starts_with('{'),
            _ => true,
        }
    }
}

impl GivenSecret<'_> {
    /// Whether there is no secret.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl GivenCredential<'_> {
    /// Whether the fields are complete for a kind of credential. Their contents are for the driver to check.
    pub fn is_complete(&self) -> bool {
        self.kinds().next().is_some()
    }

    /// The kinds that the fields are complete for.
    pub fn kinds(&self) -> impl Iterator<Item = &'static CredentialKind> {
        CREDENTIAL_KINDS.into_iter().filter(move |kind| kind.is_complete(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/reader";

    fn complete(storage_type: StorageType, key: Option<&str>, secret: GivenSecret<'_>) -> [bool; 2] {
        [false, true]
            .map(|has_endpoint| GivenCredential { storage_type, key, secret, has_endpoint }.is_complete())
    }

    #[test]
    fn each_storage_type_needs_its_own_fields() {
        use GivenSecret::{Absent, Entered, Unread};
        use StorageType::{Blob, Gcs, S3};
        let (json, pem) = (Secret::new(" {}"), Secret::new("-----BEGIN"));
        for (storage_type, key, secret, expected) in [
            (S3, Some("AKID"), Unread, [true, true]),
            (S3, Some("AKID"), Absent, [false, false]),
            (S3, None, Unread, [false, false]),
            (S3, None, Entered(&json), [false, false]),
            (S3, Some(ROLE_ARN), Absent, [true, true]),
            (S3, Some(ROLE_ARN), Unread, [true, true]),
            (Gcs, Some("a@p"), Absent, [true, true]),
            (Gcs, Some("GOOG1"), Absent, [false, false]),
            (Gcs, Some("GOOG1"), Unread, [true, true]),
            (Gcs, None, Absent, [false, true]),
            (Gcs, None, Unread, [true, true]),
            (Gcs, None, Entered(&json), [true, true]),
            (Gcs, None, Entered(&pem), [false, false]),
            (Blob, Some("account"), Unread, [true, true]),
            (Blob, Some("account"), Absent, [false, false]),
            (Blob, None, Unread, [false, false]),
        ] {
            assert_eq!(complete(storage_type, key, secret), expected, "{storage_type} {key:?} {secret:?}");
        }
    }

    #[test]
    fn a_role_is_told_from_an_access_key() {
        for (key, is_role) in [
            (ROLE_ARN, true),
            ("arn:aws-cn:iam::123456789012:role/path/reader", true),
            ("arn:aws:iam::123456789012:user/ada", false),
            ("AKIAIOSFODNN7EXAMPLE", false),
        ] {
            assert_eq!(KeyForm::RoleArn.fits(key), is_role, "{key}");
        }
    }

    #[test]
    fn the_guide_describes_each_kind() {
        let guide = include_str!("../../../docs/providers.md");
        let documented: Vec<(&str, &str)> = guide
            .lines()
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                cells.next().zip(cells.next())
            })
            .filter(|(storage_type, _)| storage_type.parse::<StorageType>().is_ok())
            .collect();
        let kinds = CREDENTIAL_KINDS.map(|kind| (kind.storage_type.as_str(), kind.name));
        assert_eq!(documented, kinds);
    }
}
