//! The user's directory for what commands remember: contexts and sessions. Only its owner can read the files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The directory: `$XDG_CONFIG_HOME/bucketry`, or `~/.config/bucketry`.
pub(crate) fn directory() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("bucketry")).ok_or_else(|| {
        Failure::failed("neither XDG_CONFIG_HOME nor HOME is set: set BUCKETRY_URL and BUCKETRY_TOKEN")
    })
}

/// Reads a file. `None` if it doesn't exist.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!("can't read {}: {error}", path.display()))),
    }
}

/// Writes a file that only its owner can read, and creates its directory.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Failure::failed(format!("can't save {}: {error}", path.display()));
    create_parent(path).map_err(failed)?;
    // Written to another file and renamed, so that concurrent commands leave one complete file.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    fs::rename(&aside, path).map_err(failed)
}

/// Deletes a file, if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::failed(format!("can't remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Waits until no other command changes this file. Others wait until the returned file is dropped.
pub(crate) fn lock(path: &Path) -> Result<fs::File> {
    let path = path.with_extension("lock");
    let failed = |error: std::io::Error| Failure::failed(format!("can't lock {}: {error}", path.display()));
    create_parent(&path).map_err(failed)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn create_parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::DirBuilder::new().recursive(true).mode(0o700).create(parent))
}
