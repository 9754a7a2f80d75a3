//! Reads the secrets that a registry file refers to.

use std::path::{Path, PathBuf};

use bucketry_model::secret::Secret;

use crate::failure::{Failure, Result};
use crate::registry_file::SecretSource;
use crate::text_file;

/// Reads secrets when they are needed, and keeps none.
#[derive(Debug, Clone)]
pub(crate) struct SecretReader {
    /// Where relative paths begin.
    folder: PathBuf,
}

impl SecretReader {
    /// For references in this file. Relative paths in standard input begin in the current folder.
    pub(crate) fn beside(file: &Path) -> Self {
        let is_input = file.as_os_str() == "-";
        let folder = if is_input { None } else { file.parent() };
        Self { folder: folder.map(Path::to_owned).unwrap_or_default() }
    }

    /// Reads a secret, without white space around it.
    pub(crate) fn read(&self, source: &SecretSource) -> Result<Secret> {
        let secret = match source {
            SecretSource::File(path) => {
                let path = self.folder.join(path);
                let text = text_file::read(&path, "the secret")?;
                let secret = Secret::new(text.trim());
                if secret.is_empty() {
                    return Err(Failure::usage(format!("the secret file {} is empty", path.display())));
                }
                secret
            }
            SecretSource::Variable(name) => {
                let text = std::env::var(name).unwrap_or_default();
                let secret = Secret::new(text.trim());
                if secret.is_empty() {
                    return Err(Failure::usage(format!("the environment variable {name} is not set")));
                }
                secret
            }
        };
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_beside_the_file_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        std::fs::write(dir.path().join("secrets/photos"), "hunter2\n").unwrap();
        std::fs::write(dir.path().join("secrets/empty"), "\n").unwrap();
        let reader = SecretReader::beside(&dir.path().join("registry.yaml"));
        let file = |path: &str| reader.read(&SecretSource::File(path.into()));
        assert_eq!(file("secrets/photos").unwrap().expose(), "hunter2");
        assert!(file("secrets/empty").unwrap_err().message().contains("is empty"));
        assert!(file("none").unwrap_err().message().contains("can't read the secret"));
        let variable = SecretSource::Variable("BUCKETRY_TEST_NOT_SET".to_owned());
        assert!(reader.read(&variable).unwrap_err().message().ends_with("BUCKETRY_TEST_NOT_SET is not set"));
    }
}
