//! The files of the account and the certificate.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::AcmeError;

/// A certificate with its key, in PEM.
pub(crate) struct IssuedPair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// Where the certificate with its key is in the directory.
pub(crate) fn certificate(dir: &Path) -> PathBuf {
    dir.join("certificate.pem")
}

/// A directory that only its owner can read.
#[derive(Debug)]
pub(crate) struct StateFiles {
    dir: PathBuf,
}

impl StateFiles {
    pub(crate) fn create(dir: &Path) -> Result<Self, AcmeError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| AcmeError::State { file: dir.to_owned(), error })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Writes a pair beside the present one, to be checked. It is deleted with the returned file.
    pub(crate) fn write_aside(&self, pair: &IssuedPair) -> Result<NamedTempFile, AcmeError> {
        self.aside(&format!("{}\n{}", pair.chain.trim_end(), pair.key)).map_err(|error| self.unusable(error))
    }

    /// Puts a pair that was written aside into its place.
    pub(crate) fn replace_certificate(&self, aside: NamedTempFile) -> Result<(), AcmeError> {
        let file = certificate(&self.dir);
        let replaced = aside.persist(&file).map(drop);
        replaced.map_err(|error| AcmeError::State { file, error: error.error })
    }

    /// The stored account. `None` if there is none.
    pub(crate) fn read_account(&self) -> Result<Option<String>, AcmeError> {
        let file = self.account();
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AcmeError::State { file, error }),
        }
    }

    pub(crate) fn write_account(&self, text: &str) -> Result<(), AcmeError> {
        let aside = self.aside(text).map_err(|error| self.unusable(error))?;
        let replaced = aside.persist(self.account()).map(drop);
        replaced.map_err(|error| AcmeError::State { file: self.account(), error: error.error })
    }

    /// Forgets the account, so that a new one is registered.
    pub(crate) fn remove_account(&self) -> Result<(), AcmeError> {
        let file = self.account();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AcmeError::State { file, error }),
            _ => Ok(()),
        }
    }

    fn account(&self) -> PathBuf {
        self.dir.join("account.json")
    }

    /// A new file that only its owner can read.
    fn aside(&self, text: &str) -> io::Result<NamedTempFile> {
        let mut aside = NamedTempFile::new_in(&self.dir)?;
        aside.write_all(text.as_bytes())?;
        aside.as_file().sync_all()?;
        Ok(aside)
    }

    fn unusable(&self, error: io::Error) -> AcmeError {
        AcmeError::State { file: self.dir.clone(), error }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_can_read_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let files = StateFiles::create(&dir.path().join("data/acme")).unwrap();
        assert_eq!(files.read_account().unwrap(), None);
        files.write_account("{}").unwrap();
        files.write_account("{\"a\": 1}").unwrap();
        assert_eq!(files.read_account().unwrap().unwrap(), "{\"a\": 1}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.dir), mode(&files.account())), (0o700, 0o600));
        files.remove_account().unwrap();
        files.remove_account().unwrap();
        assert_eq!(files.read_account().unwrap(), None);
    }
}
