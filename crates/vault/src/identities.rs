//! A node's private keys.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::recipient::Recipient;
use crate::{VaultError, private_file};

/// The private keys with which a node opens secrets. New secrets are sealed to the first one; the others open older
/// secrets.
///
/// The file is an identity file of the `age` tool: `age -d -i vault.key` opens what is sealed to these keys.
pub struct Identities {
    keys: Vec<age::x25519::Identity>,
    path: Option<PathBuf>,
}

impl Identities {
    /// The most keys of a node. It registers all of them, and a registration has room for no more.
    pub const MAX_KEYS: usize = 16;

    /// Creates one new key, in memory only.
    pub fn generate() -> Self {
        Self { keys: vec![age::x25519::Identity::generate()], path: None }
    }

    /// Reads the keys from a file. `None` if the file doesn't exist. A file that other users can read is refused.
    pub fn load(path: &Path) -> Result<Option<Self>, VaultError> {
        let Some(text) = private_file::read(path)? else { return Ok(None) };
        Ok(Some(Self { keys: parse(&text, path)?, path: Some(path.to_owned()) }))
    }

    /// Reads the keys from the text of a file. `path` names it in errors.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, VaultError> {
        Ok(Self { keys: parse(text, path)?, path: None })
    }

    /// Reads the keys from a file, or creates a file with one new key that only its owner can read. A file that
    /// other users can read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, VaultError> {
        if let Some(found) = Self::load(path)? {
            return Ok(found);
        }
        let made = Self { path: Some(path.to_owned()), ..Self::generate() };
        if private_file::create(path, &to_file_text(&made.keys))? {
            return Ok(made);
        }
        let missing =
            VaultError::NotAKeyFile { path: path.to_owned(), reason: "it was removed while it was read" };
        Self::load(path)?.ok_or(missing)
    }

    /// The public keys, starting with the one in use.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.keys.iter().map(|key| Recipient(key.to_public())).collect()
    }

    /// The public key in use.
    pub fn in_use(&self) -> Recipient {
        // Never empty: every constructor adds a key, and retiring keeps the first.
        Recipient(self.keys[0].to_public())
    }

    /// Creates a new key and puts it into use. If the keys have a file, it is written first; if that fails, nothing
    /// changes.
    pub fn add_new(&mut self) -> Result<Recipient, VaultError> {
        if self.keys.len() >= Self::MAX_KEYS {
            return Err(VaultError::TooManyKeys);
        }
        let mut keys = Vec::with_capacity(self.keys.len() + 1);
        keys.push(age::x25519::Identity::generate());
        keys.extend(self.keys.iter().cloned());
        self.save(&keys)?;
        self.keys = keys;
        Ok(self.in_use())
    }

    /// Destroys every key except the one in use. Secrets that are sealed only to the other keys can't be opened
    /// again.
    pub fn retire_all_but_first(&mut self) -> Result<(), VaultError> {
        self.save(&self.keys[..1])?;
        self.keys.truncate(1);
        Ok(())
    }

    pub(crate) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| key as &dyn age::Identity)
    }

    fn save(&self, keys: &[age::x25519::Identity]) -> Result<(), VaultError> {
        match &self.path {
            Some(path) => private_file::replace(path, &to_file_text(keys)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.recipients()).finish()
    }
}

fn parse(text: &str, path: &Path) -> Result<Vec<age::x25519::Identity>, VaultError> {
    let wrong = |reason| VaultError::NotAKeyFile { path: path.to_owned(), reason };
    let mut keys = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        keys.push(line.parse().map_err(|_| wrong("a line is neither a comment nor an AGE-SECRET-KEY-1…"))?);
        if keys.len() > Identities::MAX_KEYS {
            return Err(wrong("it contains too many keys"));
        }
    }
    if keys.is_empty() { Err(wrong("it contains no key")) } else { Ok(keys) }
}

fn to_file_text(keys: &[age::x25519::Identity]) -> Zeroizing<String> {
    // A key takes two lines of well under 320 bytes. The string never reallocates, so no copy stays in memory.
    let mut text = Zeroizing::new(String::with_capacity(512 + 320 * keys.len()));
    text.push_str("# Keys that open the secrets sealed to this node; the first one is in use.\n");
    text.push_str(
        "# Anyone with this file and the database can read the secrets. Without this file, nobody can.\n",
    );
    for key in keys {
        text.push_str("# public key: ");
        text.push_str(&key.to_public().to_string());
        text.push('\n');
        text.push_str(key.to_string().expose_secret());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_in_their_file_newest_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        let mut identities = Identities::load_or_create(&path).unwrap();
        let first = identities.in_use();
        let second = identities.add_new().unwrap();
        assert_eq!(identities.recipients(), [second.clone(), first.clone()]);
        let read = Identities::load_or_create(&path).unwrap();
        assert_eq!(read.recipients(), [second.clone(), first]);

        identities.retire_all_but_first().unwrap();
        assert_eq!(Identities::load_or_create(&path).unwrap().recipients(), [second]);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        for (n, wrong) in
            ["", "# only a comment\n", "AGE-SECRET-KEY-1WRONG\n", "hunter2\n"].iter().enumerate()
        {
            let path = directory.path().join(format!("{n}.key"));
            private_file::create(&path, wrong).unwrap();
            let error = Identities::load_or_create(&path).unwrap_err();
            assert!(matches!(error, VaultError::NotAKeyFile { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert_eq!(private_file::read(&path).unwrap().unwrap().as_str(), *wrong);
        }
    }

    #[test]
    fn a_node_that_never_retires_keys_is_stopped_before_it_has_too_many() {
        let mut identities = Identities::generate();
        while identities.recipients().len() < Identities::MAX_KEYS {
            identities.add_new().unwrap();
        }
        assert!(matches!(identities.add_new(), Err(VaultError::TooManyKeys)));
        assert_eq!(identities.recipients().len(), Identities::MAX_KEYS);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        let mut identities = Identities::load_or_create(&path).unwrap();
        identities.add_new().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_keys_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gone/vault.key");
        let mut identities = Identities::load_or_create(&path).unwrap();
        let before = identities.recipients();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert!(identities.add_new().is_err());
        assert_eq!(identities.recipients(), before);
    }

    #[test]
    fn debug_output_never_shows_a_private_key() {
        assert!(!format!("{:?}", Identities::generate()).contains("AGE-SECRET-KEY"));
    }
}
