//! The files of a data directory: what each is for, what its loss means, and who may read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bucketry_store::sqlite::DATABASE_FILE;

/// The file of the keys that secrets are sealed to and opened with.
pub(crate) const VAULT_KEY: &str = "vault.key";
/// The file of the key that the embedded node signs with.
pub(crate) const NODE_KEY: &str = "node.pem";
/// The keys that sign access tokens: a line each, a name and 64 hexadecimal digits, the one in use first.
pub(crate) const TOKEN_KEYS: &str = "token.key";
/// Where the node keeps traffic until it is reported.
pub(crate) const SPOOL: &str = "spool";

/// What a registry needs beside its database.
pub(crate) const BESIDE_THE_DATABASE: [&str; 4] = [VAULT_KEY, NODE_KEY, TOKEN_KEYS, SPOOL];

/// Whether the directory was used by a server before.
pub(crate) fn is_used(data_dir: &Path) -> bool {
    [DATABASE_FILE, VAULT_KEY].iter().any(|file| data_dir.join(file).exists())
}

/// Keys of nodes without the embedded database that they belong to: its file is missing, or the registry is elsewhere.
pub(crate) fn lacks_its_database(data_dir: &Path) -> bool {
    data_dir.join(VAULT_KEY).exists() && !data_dir.join(DATABASE_FILE).exists()
}

/// Warnings of key files that are not there, and whose loss an existing registry survives: new ones are made. Of
/// `vault.key` more is told, see [`crate::sealed_secrets`].
pub(crate) fn missing_keys(data_dir: &Path, with_node: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_missing = |file: &str| !data_dir.join(file).exists();
    if is_missing(TOKEN_KEYS) {
        warnings.push(format!(
            "{} was missing and a new one was made: access tokens signed with the old one are refused, also those of other servers \
             on this database. Copy the old file there and restart, where you have it",
            data_dir.join(TOKEN_KEYS).display()
        ));
    }
    if with_node && is_missing(NODE_KEY) {
        warnings.push(format!(
            "{} was missing and a new one was made: the embedded node signs with that from now on",
            data_dir.join(NODE_KEY).display()
        ));
    }
    warnings
}

/// What others than their owner can read, and how that is ended. Key files are refused by whoever reads them.
pub(crate) fn open_to_others(data_dir: &Path) -> Vec<String> {
    let wal = format!("{DATABASE_FILE}-wal");
    let mut faults = Vec::new();
    for (file, mode) in [("", "700"), (DATABASE_FILE, "600"), (wal.as_str(), "600"), (SPOOL, "700")] {
        let path = if file.is_empty() { data_dir.to_owned() } else { data_dir.join(file) };
        // Below a directory that others can't enter, nothing is open to them; still told, for the day when it is moved.
        if let Ok(metadata) = std::fs::metadata(&path)
            && metadata.permissions().mode() & 0o077 != 0
        {
            let path = path.display();
            faults.push(format!("others can read or enter {path}: run chmod {mode} on it"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn what_others_can_read_is_told_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        let database = dir.path().join(DATABASE_FILE);
        fs::write(&database, "x").unwrap();
        fs::set_permissions(&database, Permissions::from_mode(0o600)).unwrap();
        assert!(open_to_others(dir.path()).is_empty());
        fs::set_permissions(&database, Permissions::from_mode(0o640)).unwrap();
        let faults = open_to_others(dir.path());
        assert!(faults.len() == 1 && faults[0].contains("bucketry.db: run chmod 600"), "{faults:?}");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(open_to_others(dir.path())[0].contains("chmod 700"));
        assert!(open_to_others(Path::new("/no/such/directory")).is_empty());
    }

    #[test]
    fn a_lost_key_file_is_told_with_what_it_means() {
        let dir = tempfile::tempdir().unwrap();
        let response = missing_keys(dir.path(), true);
        assert!(
            response.len() == 2 && response[0].contains("token.key") && response[1].contains("node.pem"),
            "{response:?}"
        );
        assert_eq!(missing_keys(dir.path(), false).len(), 1);
        fs::write(dir.path().join(VAULT_KEY), "x").unwrap();
        assert!(lacks_its_database(dir.path()) && is_used(dir.path()));
        fs::write(dir.path().join(DATABASE_FILE), "x").unwrap();
        assert!(!lacks_its_database(dir.path()));
    }
}
