//! Sealing and opening secrets.
//!
//! age has no associated data. The sealed text therefore contains the record that the secret belongs to, and
//! opening compares it: a sealed secret that was moved to another record doesn't open there.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use bucketry_model::id::{BucketId, ChannelId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::{SealedSecret, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::recipient::Recipient;
use crate::{Identities, VaultError};

/// The version of the plaintext format.
const VERSION: u64 = 1;
/// The longest plaintext: the longest secret with every character escaped, and its context.
const MAX_PLAIN_BYTES: usize = 256 * 1024;
/// The longest sealed text.
const MAX_SEALED_BYTES: usize = 2 * MAX_PLAIN_BYTES;

/// The organization, record and field that a secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretContext {
    org_id: OrgId,
    record: String,
    field: &'static str,
}

impl SecretContext {
    /// The secret of a bucket.
    pub fn of_bucket(org_id: OrgId, bucket_id: BucketId) -> Self {
        Self { org_id, record: format!("bucket:{bucket_id}"), field: "secret" }
    }

    /// The secret of any kind of record.
    pub fn of(org_id: OrgId, owner: SecretOwner) -> Self {
        match owner {
            SecretOwner::Bucket(id) => Self::of_bucket(org_id, id),
            SecretOwner::RepositoryKey(id) => Self::of_repository_key(org_id, id),
            SecretOwner::Repository(id) => Self::of_repository(org_id, id),
            SecretOwner::Channel(id) => Self::of_channel(org_id, id),
        }
    }

    /// The secret of a repository's access key.
    pub fn of_repository_key(org_id: OrgId, key_id: RepoKeyId) -> Self {
        Self { org_id, record: format!("repository-key:{key_id}"), field: "secret" }
    }

    /// The sealing key of a repository.
    pub fn of_repository(org_id: OrgId, repo_id: RepoId) -> Self {
        Self { org_id, record: format!("repository:{repo_id}"), field: "sealing-key" }
    }

    /// The address and secret of a notification channel.
    pub fn of_channel(org_id: OrgId, channel_id: ChannelId) -> Self {
        Self { org_id, record: format!("channel:{channel_id}"), field: "destination" }
    }
}

#[derive(Serialize)]
struct PlainToSeal<'a> {
    v: u64,
    org: OrgId,
    record: &'a str,
    field: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
struct OpenedPlain {
    v: u64,
    org: OrgId,
    record: String,
    field: String,
    secret: Secret,
}

/// Seals a secret so that each recipient can open it, and only for this context.
pub fn seal(
    secret: &Secret,
    context: &SecretContext,
    recipients: &[Recipient],
) -> Result<SealedSecret, VaultError> {
    let plain = PlainToSeal {
        v: VERSION,
        org: context.org_id,
        record: &context.record,
        field: context.field,
        secret: secret.expose(),
    };
    // An escaped character takes at most six bytes. The buffer never reallocates, so no copy stays in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(256 + context.record.len() + 6 * secret.expose().len()));
    serde_json::to_writer(&mut *text, &plain).map_err(|_| VaultError::Cryptography)?;
    armored(&text, recipients).map(SealedSecret::from_text)
}

/// Encrypts a text to each recipient, as an age file in ASCII armor.
pub(crate) fn armored(text: &[u8], recipients: &[Recipient]) -> Result<String, VaultError> {
    let recipients = recipients.iter().map(|key| &key.0 as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| match error {
        age::EncryptError::MissingRecipients => VaultError::NoRecipients,
        _ => VaultError::Cryptography,
    })?;
    let write = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(text)?;
        writer.finish()?.finish()
    };
    let sealed = write().map_err(|_| VaultError::Cryptography)?;
    String::from_utf8(sealed).map_err(|_| VaultError::Cryptography)
}

/// Opens a sealed secret with the identity that fits, and checks that it was sealed for this context.
pub fn open(
    sealed: &SealedSecret,
    context: &SecretContext,
    identities: &Identities,
) -> Result<Secret, VaultError> {
    if sealed.as_text().len() > MAX_SEALED_BYTES {
        return Err(VaultError::Damaged);
    }
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(sealed.as_text().as_bytes()))
        .map_err(|_| VaultError::Damaged)?;
    let reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => VaultError::SealedToOthers,
        _ => VaultError::Damaged,
    })?;
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.as_text().len()));
    reader.take(MAX_PLAIN_BYTES as u64).read_to_end(&mut text).map_err(|_| VaultError::Damaged)?;

    let plain: OpenedPlain = serde_json::from_slice(&text).map_err(|_| VaultError::Damaged)?;
    if plain.v != VERSION {
        return Err(VaultError::NewerFormat);
    }
    if plain.org != context.org_id || plain.record != context.record || plain.field != context.field {
        return Err(VaultError::WrongContext);
    }
    Ok(plain.secret)
}

/// Whether one of the keys opens a sealed secret, whatever it was sealed for.
pub fn opens(sealed: &SealedSecret, identities: &Identities) -> bool {
    let text = sealed.as_text();
    text.len() <= MAX_SEALED_BYTES
        && age::Decryptor::new_buffered(ArmoredReader::new(text.as_bytes()))
            .is_ok_and(|decryptor| decryptor.decrypt(identities.as_age()).is_ok())
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::limits;
    use jiff::Timestamp;

    use super::*;

    fn context(n: u8) -> SecretContext {
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        SecretContext::of_bucket(org, BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]))
    }

    #[test]
    fn each_of_several_recipients_opens_what_was_sealed_to_them_all() {
        let nodes = [Identities::generate(), Identities::generate(), Identities::generate()];
        let recipients: Vec<_> = nodes.iter().map(Identities::in_use).collect();
        let sealed = seal(&Secret::new("wJalr/äö\n\"\u{1}"), &context(1), &recipients).unwrap();
        for node in &nodes {
            assert_eq!(open(&sealed, &context(1), node).unwrap().expose(), "wJalr/äö\n\"\u{1}");
        }
    }

    #[test]
    fn an_older_key_still_opens_after_a_new_one_was_taken_in_use() {
        let mut node = Identities::generate();
        let sealed = seal(&Secret::new("old"), &context(1), &[node.in_use()]).unwrap();
        node.add_new().unwrap();
        assert_eq!(open(&sealed, &context(1), &node).unwrap().expose(), "old");
        node.retire_all_but_first().unwrap();
        assert!(matches!(open(&sealed, &context(1), &node), Err(VaultError::SealedToOthers)));
    }

    #[test]
    fn another_nodes_key_does_not_open_it() {
        let sealed = seal(&Secret::new("s"), &context(1), &[Identities::generate().in_use()]).unwrap();
        let stranger = Identities::generate();
        assert!(matches!(open(&sealed, &context(1), &stranger), Err(VaultError::SealedToOthers)));
    }

    #[test]
    fn a_secret_moved_to_another_record_or_organization_does_not_open_there() {
        let node = Identities::generate();
        let bucket = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let other_org = SecretContext::of_bucket(OrgId::new(Timestamp::UNIX_EPOCH, [2; 10]), bucket);
        let other_field = SecretContext { field: "other", ..context(1) };
        let sealed = seal(&Secret::new("s"), &context(1), &[node.in_use()]).unwrap();
        for elsewhere in [context(2), other_org, other_field] {
            assert!(matches!(open(&sealed, &elsewhere, &node), Err(VaultError::WrongContext)));
        }
        assert!(opens(&sealed, &node) && !opens(&sealed, &Identities::generate()));
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let node = Identities::generate();
        let sealed = seal(&Secret::new("some secret"), &context(1), &[node.in_use()]).unwrap();
        let text = sealed.as_text();
        for at in (0..text.len()).step_by(7).filter(|at| text.as_bytes()[*at].is_ascii_alphanumeric()) {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = SealedSecret::from_text(String::from_utf8(changed).unwrap());
            assert!(open(&changed, &context(1), &node).is_err(), "position {at}");
        }
    }

    #[test]
    fn what_is_no_sealed_secret_is_refused() {
        let node = Identities::generate();
        let sealed = seal(&Secret::new("s"), &context(1), &[node.in_use()]).unwrap();
        let half = &sealed.as_text()[..sealed.as_text().len() / 2];
        for wrong in ["", "plain", half, &"x".repeat(MAX_SEALED_BYTES + 1)] {
            let error = open(&SealedSecret::from_text(wrong), &context(1), &node).unwrap_err();
            assert!(matches!(error, VaultError::Damaged), "{error}");
        }
        let no_recipients = seal(&Secret::new("s"), &context(1), &[]);
        assert!(matches!(no_recipients, Err(VaultError::NoRecipients)));
    }

    #[test]
    fn the_longest_secret_fits_even_if_every_character_is_escaped() {
        let node = Identities::generate();
        let longest = "\u{1}".repeat(limits::SECRET);
        let sealed = seal(&Secret::new(longest.clone()), &context(1), &[node.in_use()]).unwrap();
        assert_eq!(open(&sealed, &context(1), &node).unwrap().expose(), longest);
    }

    #[test]
    fn sealing_twice_gives_two_texts_and_neither_shows_the_secret() {
        let node = Identities::generate();
        let seal_it = || seal(&Secret::new("hunter2hunter2"), &context(1), &[node.in_use()]).unwrap();
        assert_ne!(seal_it(), seal_it());
        assert!(seal_it().as_text().starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(!seal_it().as_text().contains("hunter2"));
    }
}
