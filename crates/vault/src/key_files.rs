//! The key files of a data directory, sealed for a backup.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use age::armor::ArmoredReader;
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::recipient::Recipient;
use crate::seal::armored;
use crate::{Identities, VaultError, private_file};

/// The version of the plaintext format.
const VERSION: u64 = 1;
/// The longest sealed text: a few files of the longest that are read, as JSON, encrypted, in base64.
const MAX_SEALED_BYTES: usize = 16 << 20;

/// The contents of key files, by name. Never shown; overwritten in memory when dropped.
#[derive(Default, PartialEq, Eq)]
pub struct KeyFiles(BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyFiles").field(&self.names()).finish()
    }
}

#[derive(Serialize)]
struct PlainKeyFiles<'a> {
    v: u64,
    backup: &'a str,
    files: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
struct OpenedKeyFiles {
    v: u64,
    backup: String,
    files: BTreeMap<String, Secret>,
}

impl KeyFiles {
    /// Reads those of the named files that exist. A file that other users can read is refused.
    pub fn read(directory: &Path, names: &[&str]) -> Result<Self, VaultError> {
        let mut files = BTreeMap::new();
        for name in names {
            if let Some(text) = private_file::read(&directory.join(name))? {
                files.insert((*name).to_owned(), text);
            }
        }
        Ok(Self(files))
    }

    /// Adds a file whose permissions the caller has checked.
    pub fn insert(&mut self, name: &str, text: &Secret) {
        self.0.insert(name.to_owned(), Zeroizing::new(text.expose().to_owned()));
    }

    /// The names of the files.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Whether there is a file of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a file in a directory has the content that is here.
    pub fn is_same(&self, name: &str, directory: &Path) -> Result<bool, VaultError> {
        Ok(private_file::read(&directory.join(name))?.as_ref() == self.0.get(name))
    }

    /// The private keys in one of the files. `None` if there is no such file.
    pub fn identities(&self, name: &str) -> Result<Option<Identities>, VaultError> {
        self.0.get(name).map(|text| Identities::parse(text, Path::new(name))).transpose()
    }

    /// Seals the files as an age file in ASCII armor. `backup` is the id of the backup that they are for.
    pub fn seal(&self, backup: &str, recipients: &[Recipient]) -> Result<String, VaultError> {
        let files = self.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let plain = PlainKeyFiles { v: VERSION, backup, files };
        // An escaped character takes at most six bytes. The buffer never reallocates, so no copy stays in memory.
        let length: usize = self.0.iter().map(|(name, text)| 16 + 6 * (name.len() + text.len())).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(256 + backup.len() + length));
        serde_json::to_writer(&mut *text, &plain).map_err(|_| VaultError::Cryptography)?;
        armored(&text, recipients)
    }

    /// Opens the files that were sealed for a backup.
    pub fn open(sealed: &str, backup: &str, identities: &Identities) -> Result<Self, VaultError> {
        if sealed.len() > MAX_SEALED_BYTES {
            return Err(VaultError::Damaged);
        }
        let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes()))
            .map_err(|_| VaultError::Damaged)?;
        let reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => VaultError::SealedToOthers,
            _ => VaultError::Damaged,
        })?;
        let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
        reader.take(MAX_SEALED_BYTES as u64).read_to_end(&mut text).map_err(|_| VaultError::Damaged)?;
        let opened: OpenedKeyFiles = serde_json::from_slice(&text).map_err(|_| VaultError::Damaged)?;
        if opened.v != VERSION {
            return Err(VaultError::NewerFormat);
        }
        if opened.backup != backup {
            return Err(VaultError::WrongContext);
        }
        let file = |(name, text): (String, Secret)| (name, Zeroizing::new(text.expose().to_owned()));
        Ok(Self(opened.files.into_iter().map(file).collect()))
    }

    /// Creates one of the files in a directory, readable by its owner only. Returns false if there is no such file here, or
    /// there is one in the directory, which stays as it is.
    pub fn write(&self, name: &str, directory: &Path) -> Result<bool, VaultError> {
        self.0.get(name).map_or(Ok(false), |text| private_file::create(&directory.join(name), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> KeyFiles {
        private_file::create(&directory.join("vault.key"), "AGE-SECRET-KEY-1…\n\"äö\"").unwrap();
        private_file::create(&directory.join("token.key"), "name 00\n").unwrap();
        KeyFiles::read(directory, &["vault.key", "node.pem", "token.key"]).unwrap()
    }

    #[test]
    fn key_files_come_back_from_a_backup_for_their_owner_only() {
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let files = files(from.path());
        assert_eq!(files.names(), ["token.key", "vault.key"], "a file that is missing is left out");
        let recipients = [Identities::generate(), Identities::generate()];
        let sealed = files.seal("b1", &recipients.each_ref().map(Identities::in_use)).unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !sealed.contains("SECRET"));
        for identities in &recipients {
            assert_eq!(KeyFiles::open(&sealed, "b1", identities).unwrap(), files);
        }
        let opened = KeyFiles::open(&sealed, "b1", &recipients[0]).unwrap();
        assert!(
            opened.write("vault.key", to.path()).unwrap() && !opened.write("node.pem", to.path()).unwrap()
        );
        assert!(opened.is_same("vault.key", to.path()).unwrap());
        assert!(!opened.write("vault.key", to.path()).unwrap(), "an existing file is never replaced");
        assert!(
            private_file::read(&to.path().join("vault.key")).unwrap().is_some(),
            "only its owner can read it"
        );
        assert!(!format!("{opened:?}").contains("SECRET"));
    }

    #[test]
    fn sealed_key_files_open_with_their_key_and_in_their_backup_only() {
        let from = tempfile::tempdir().unwrap();
        let owner = Identities::generate();
        let sealed = files(from.path()).seal("b1", &[owner.in_use()]).unwrap();
        let stranger = KeyFiles::open(&sealed, "b1", &Identities::generate());
        assert!(matches!(stranger, Err(VaultError::SealedToOthers)));
        assert!(matches!(KeyFiles::open(&sealed, "b2", &owner), Err(VaultError::WrongContext)));
        for damaged in [&sealed[..sealed.len() / 2], "", &sealed.replacen('Y', "Z", 1)] {
            assert!(KeyFiles::open(damaged, "b1", &owner).is_err());
        }
        assert!(matches!(KeyFiles::default().seal("b1", &[]), Err(VaultError::NoRecipients)));
    }
}
