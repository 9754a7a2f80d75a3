//! Which kind of credential the form of a bucket asks for, and what its fields are called then. The kinds and their fields are
//! those of `model::credential_kind`.

use bucketry_model::bucket::StorageType;
use bucketry_model::credential_kind::{
    CREDENTIAL_KINDS, CredentialKind, FieldRule, GivenCredential, GivenSecret, KeyForm, SecretForm,
};
use bucketry_model::provider::Provider;

use super::providers::ProviderCard;

/// What is known of the credential in a form.
pub(super) struct EnteredCredential<'a> {
    pub(super) card: &'static ProviderCard,
    /// The kind that was chosen, as [`form_value`] writes it; empty for none.
    pub(super) chosen: &'a str,
    pub(super) key: &'a str,
    pub(super) has_secret: bool,
    pub(super) has_endpoint: bool,
}

/// A field of a credential, as the form asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AskedField {
    pub(super) label: String,
    /// Whether the kind of credential has the field.
    pub(super) is_needed: bool,
}

impl EnteredCredential<'_> {
    /// The kind that was chosen; otherwise the one that fits what was entered best.
    pub(super) fn kind(&self) -> &'static CredentialKind {
        let of_card = || kinds_of(self.card);
        if let Some(kind) = of_card().find(|kind| form_value(kind) == self.chosen) {
            return kind;
        }
        let given = GivenCredential {
            storage_type: self.card.storage_type,
            key: Some(self.key).filter(|key| !key.is_empty()),
            secret: if self.has_secret { GivenSecret::Unread } else { GivenSecret::Absent },
            has_endpoint: self.has_endpoint,
        };
        let complete: Vec<_> = given.kinds().filter(|kind| of_card().any(|one| one == *kind)).collect();
        // The form of a key says more than that there is one.
        let best = complete.iter().find(|kind| kind.key_form != KeyForm::Any).or(complete.first());
        best.copied().unwrap_or_else(|| usual(self.card.storage_type))
    }
}

/// What is asked for before anything was entered.
fn usual(storage_type: StorageType) -> &'static CredentialKind {
    let json = |kind: &&&CredentialKind| {
        kind.storage_type == StorageType::Gcs && kind.secret_form == SecretForm::Json
    };
    match storage_type {
        StorageType::Gcs => CREDENTIAL_KINDS.iter().find(json).copied(),
        StorageType::S3 | StorageType::Blob => None,
    }
    .unwrap_or_else(|| CredentialKind::asked_for(storage_type))
}

/// The kinds that open buckets at the provider of a card.
fn kinds_of(card: &ProviderCard) -> impl Iterator<Item = &'static CredentialKind> {
    let (storage_type, has_roles) = (card.storage_type, card.provider == Provider::Aws);
    CREDENTIAL_KINDS.into_iter().filter(move |kind| {
        kind.storage_type == storage_type && (kind.key_form != KeyForm::RoleArn || has_roles)
    })
}

/// The choice between the kinds: value and label of each. Empty if there is none.
pub(super) fn options(card: &ProviderCard) -> Vec<(String, String)> {
    let all: Vec<_> = kinds_of(card).collect();
    let label = |kind: &CredentialKind| {
        let is_unique = all.iter().filter(|one| one.name == kind.name).count() == 1;
        let name = if is_unique { kind.name.to_owned() } else { in_full(kind) };
        capitalized(&name)
    };
    if all.len() < 2 {
        return Vec::new();
    }
    all.iter().map(|kind| (form_value(kind), label(kind))).collect()
}

fn in_full(kind: &CredentialKind) -> String {
    kind.secret.what().map_or_else(|| kind.name.to_owned(), |secret| format!("{}: {secret}", kind.name))
}

/// The kind as the form sends it.
pub(super) fn form_value(kind: &CredentialKind) -> String {
    let letters = in_full(kind).to_lowercase();
    let words = letters.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// The key and the secret of a kind, as the card's provider calls them.
pub(super) fn key_and_secret(card: &ProviderCard, kind: &CredentialKind) -> (AskedField, AskedField) {
    let is_access_key = kind == CredentialKind::asked_for(StorageType::S3);
    let (key, secret) = match card.own_names.filter(|_| is_access_key) {
        Some((key, secret)) => (key.to_owned(), secret.to_owned()),
        None => (label(kind.key, "Key"), label(kind.secret, "Secret")),
    };
    let is_needed = |rule| matches!(rule, FieldRule::Required(_) | FieldRule::Optional(_));
    (
        AskedField { label: key, is_needed: is_needed(kind.key) },
        AskedField { label: secret, is_needed: is_needed(kind.secret) },
    )
}

fn label(rule: FieldRule, otherwise: &str) -> String {
    let Some(what) = rule.what() else { return otherwise.to_owned() };
    let articles = ["the ", "an ", "a ", "its "];
    let bare = articles.iter().find_map(|article| what.strip_prefix(article)).unwrap_or(what);
    let optional = if matches!(rule, FieldRule::Optional(_)) { ", optional" } else { "" };
    format!("{}{optional}", capitalized(bare))
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::super::providers::{CARDS, card_of};
    use super::*;

    fn entered(card: &str, chosen: &str, key: &str, has_secret: bool) -> (String, String, bool) {
        let card = card_of(card);
        let entered = EnteredCredential { card, chosen, key, has_secret, has_endpoint: false };
        let (key, secret) = key_and_secret(card, entered.kind());
        (key.label, secret.label, secret.is_needed)
    }

    fn asked(key: &str, secret: &str, is_needed: bool) -> (String, String, bool) {
        (key.to_owned(), secret.to_owned(), is_needed)
    }

    #[test]
    fn the_fields_are_those_of_the_kind_that_fits_what_was_entered() {
        let role = "arn:aws:iam::123456789012:role/reader";
        for (card, key, has_secret, expected) in [
            ("aws", "", false, asked("Access key id", "Secret access key", true)),
            ("aws", role, false, asked("ARN of the role", "Organization's external id, optional", true)),
            ("b2", "", false, asked("Key ID", "Application key", true)),
            ("minio", "admin", true, asked("Access key id", "Secret access key", true)),
            (
                "gcs",
                "",
                false,
                asked("E-mail address of the service account, optional", "Whole JSON of its key", true),
            ),
            ("gcs", "a@p", false, asked("E-mail address of the service account", "Secret", false)),
            ("gcs", "a@p", true, asked("E-mail address of the service account", "Private key (PEM)", true)),
            ("azure", "account", true, asked("Name of the storage account", "Account key", true)),
        ] {
            assert_eq!(entered(card, "", key, has_secret), expected, "{card} {key}");
        }
    }

    #[test]
    fn a_choice_counts_at_providers_that_have_it() {
        let sas = "shared-access-signature-a-sas-token";
        assert_eq!(entered("azure", sas, "account", true).1, "SAS token");
        assert_eq!(entered("aws", sas, "", false).1, "Secret access key", "a choice of another provider");
        assert!(options(card_of("aws")).iter().any(|(_, label)| label == "Role that the node assumes"));
        assert!(!options(card_of("minio")).iter().any(|(_, label)| label.contains("Role")));
    }

    #[test]
    fn choices_can_be_told_apart() {
        for card in &CARDS {
            let mut all = options(card);
            let number = all.len();
            all.sort();
            all.dedup_by(|a, b| a.0 == b.0 || a.1 == b.1);
            assert_eq!(all.len(), number, "{}", card.id);
        }
    }
}
