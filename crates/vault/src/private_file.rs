//! Files that only their owner may read and that are written atomically, most of them with keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::VaultError;

/// The longest key file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a key file. `None` if it doesn't exist. A file that other users may read is refused.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, VaultError> {
    let failed = |source| VaultError::File { action: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    refuse_if_readable_by_others(path, &metadata)?;
    if metadata.len() > MAX_BYTES {
        return Err(VaultError::NotAKeyFile { path: path.to_owned(), reason: "it is too long" });
    }
    // With full capacity from the start, the string never reallocates, so no copy of a part stays in memory.
    let capacity = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Creates a key file that doesn't exist yet. Returns `false` if another process created it first; that file stays
/// unchanged.
pub(crate) fn create(path: &Path, text: &str) -> Result<bool, VaultError> {
    let failed = |source| VaultError::File { action: "create", path: path.to_owned(), source };
    if let Some(directory) = directory_of(path) {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let temporary = write_temporary(path, |file| file.write_all(text.as_bytes())).map_err(failed)?;
    let linked = match fs::hard_link(&temporary, path) {
        // On file systems without hard links, the last of several racing processes wins.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
            fs::rename(&temporary, path)
        }
        other => other,
    };
    _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_directory(path).map_err(failed).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Replaces a key file. After a crash, it has either the old text or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), VaultError> {
    replace_with(path, |file| file.write_all(text.as_bytes()))
}

/// Replaces a file with what `fill` writes. After a crash, it has either the old content or the new one.
pub(crate) fn replace_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), VaultError> {
    let failed = |source| VaultError::File { action: "write", path: path.to_owned(), source };
    let temporary = write_temporary(path, fill).map_err(failed)?;
    if let Err(error) = fs::rename(&temporary, path) {
        _ = fs::remove_file(&temporary);
        return Err(failed(error));
    }
    sync_directory(path).map_err(failed)
}

fn write_temporary(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    // A crashed process with the same id may have left it.
    _ = fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    let written = fill(&mut file).and_then(|()| file.sync_all());
    if let Err(error) = written {
        _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

fn directory_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|directory| !directory.as_os_str().is_empty())
}

/// A new file name survives a power failure only after its directory is synced.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory_of(path).unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn refuse_if_readable_by_others(path: &Path, metadata: &fs::Metadata) -> Result<(), VaultError> {
    if !is_exposed(metadata) {
        return Ok(());
    }
    Err(VaultError::ReadableByOthers { path: path.to_owned(), mode: mode(metadata) & 0o7777 })
}

/// Whether users other than the process's can read a key file, or anybody but its owner can change it. The group of a file
/// that belongs to root may read it: container platforms and systemd pass secrets to a process without privileges in this
/// form.
#[must_use]
pub fn is_exposed(file: &fs::Metadata) -> bool {
    let forbidden = if belongs_to_root(file) { 0o037 } else { 0o077 };
    mode(file) & forbidden != 0
}

#[cfg(unix)]
fn mode(file: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions())
}

#[cfg(unix)]
fn belongs_to_root(file: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(file) == 0
}

/// Elsewhere, permissions aren't bits.
#[cfg(not(unix))]
fn mode(_file: &fs::Metadata) -> u32 {
    0
}

#[cfg(not(unix))]
fn belongs_to_root(_file: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_once_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/vault.key");
        assert!(read(&path).unwrap().is_none());
        assert!(create(&path, "first").unwrap());
        assert!(!create(&path, "second").unwrap());
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "first");
        replace(&path, "third").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "third");
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "temporary files are removed");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        create(&path, "text").unwrap();
        let of_root = belongs_to_root(&fs::metadata(&path).unwrap());
        for mode in [0o644, 0o604, 0o660, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains("run `chmod 600 "), "{error}");
        }
        for mode in [0o440, 0o640] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_ok(), of_root, "as Kubernetes mounts a secret: {mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
        // That of another user, whose group the server could be in.
        if of_root && std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
            assert!(read(&path).is_err());
        }
    }
}
