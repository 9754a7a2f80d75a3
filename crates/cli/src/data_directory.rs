//! The files of a data directory: their purpose, what it means to lose them, and their permissions.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use bucketry_store::sqlite::DATABASE_FILE;

/// The keys that secrets are sealed to and opened with.
pub(crate) const VAULT_KEY: &str = "vault.key";
/// The key that the embedded node signs its messages with.
pub(crate) const NODE_KEY: &str = "node.pem";
/// The keys that sign access tokens. Each line is a name and 64 hexadecimal digits; the first key is in use.
pub(crate) const TOKEN_KEYS: &str = "token.key";
/// The directory in which the node stores traffic until it is reported.
pub(crate) const SPOOL: &str = "spool";

/// The key files. Together with a database, they open everything.
pub(crate) const KEY_FILES: [&str; 3] = [VAULT_KEY, NODE_KEY, TOKEN_KEYS];
/// What a node that runs as a process last served.
pub(crate) const CONFIGURATION: &str = "configuration.age";

/// What a registry needs in addition to its database.
pub(crate) const BESIDE_THE_DATABASE: [&str; 4] = [VAULT_KEY, NODE_KEY, TOKEN_KEYS, SPOOL];

/// Whether a server has used the directory before.
pub(crate) fn is_used(data_dir: &Path) -> bool {
    [DATABASE_FILE, VAULT_KEY].iter().any(|file| data_dir.join(file).exists())
}

/// Whether there are node keys without an embedded database: it is missing, or the registry is in PostgreSQL.
pub(crate) fn lacks_its_database(data_dir: &Path) -> bool {
    data_dir.join(VAULT_KEY).exists() && !data_dir.join(DATABASE_FILE).exists()
}

/// Warnings about missing key files that an existing registry can do without, because new ones are created.
/// [`crate::sealed_secrets`] covers `vault.key`.
pub(crate) fn missing_keys(data_dir: &Path, with_node: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_missing = |file: &str| !data_dir.join(file).exists();
    if is_missing(TOKEN_KEYS) {
        warnings.push(format!(
            "{} was missing, so a new one was created: access tokens signed with the old one are refused, also those of other \
             servers on this database. If you have the old file, restore it there and restart",
            data_dir.join(TOKEN_KEYS).display()
        ));
    }
    if with_node && is_missing(NODE_KEY) {
        warnings.push(format!(
            "{} was missing, so a new one was created; the embedded node now signs with it",
            data_dir.join(NODE_KEY).display()
        ));
    }
    warnings
}

/// Whether this process may change the permissions of a file. Those of a mounted volume may belong to root.
fn is_ours(file: &Metadata) -> bool {
    // Where there is no such file, the hint is worth more than its silence.
    std::fs::metadata("/proc/self").map_or(true, |process| [0, file.uid()].contains(&process.uid()))
}

/// Reports files that others than their owner can read, and how to fix that. Key files are checked where they are
/// read.
pub(crate) fn open_to_others(data_dir: &Path) -> Vec<String> {
    let wal = format!("{DATABASE_FILE}-wal");
    let mut faults = Vec::new();
    for (file, mode) in [("", "700"), (DATABASE_FILE, "600"), (wal.as_str(), "600"), (SPOOL, "700")] {
        let path = if file.is_empty() { data_dir.to_owned() } else { data_dir.join(file) };
        // A parent directory may protect the file. It is reported anyway, in case the file is moved.
        if let Ok(metadata) = std::fs::metadata(&path)
            && metadata.permissions().mode() & 0o077 != 0
            && is_ours(&metadata)
        {
            let path = path.display();
            faults.push(format!("other users can access {path}: run chmod {mode} on it"));
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
