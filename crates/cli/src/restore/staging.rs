//! Making restored files beside their places, and moving them there.
//!
//! Files are made in `restore.partial` in the data directory. When all of them are on the disk, the directory is renamed to
//! `restore.ready`, and then each file is moved to its place. A restore that is killed before the rename has changed nothing,
//! and the next one begins again. After the rename, the next one finishes it. No server starts in between.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, lchown};
use std::path::{Path, PathBuf};

use bucketry_node::spool;
use bucketry_store::data_dir::LOCK_FILE;
use bucketry_store::sqlite::DATABASE_FILE;
use serde::{Deserialize, Serialize};

use super::PLACES;
use crate::data_directory::SPOOL;
use crate::failure::{Failure, Result};
use crate::interrupted_restore::{PARTIAL, READY};

/// In `restore.ready`: which backup it is from.
const NOTE: &str = "restore.json";
/// Where files are moved that are in the way, followed by a number.
const ASIDE: &str = "before-restore-";

#[derive(Serialize, Deserialize)]
struct RestoreNote {
    sha256: String,
    aside: String,
}

/// Refuses to restore over files, unless that was asked for.
pub(super) fn refuse_to_overwrite(
    data_dir: &Path,
    names: &[&str],
    with_spool: bool,
    overwrite: bool,
) -> Result<()> {
    let mut in_the_way: Vec<String> = names
        .iter()
        .map(|name| data_dir.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    let spool = data_dir.join(SPOOL);
    if with_spool && spool::open_files(&spool).is_ok_and(|files| !files.is_empty()) {
        in_the_way.push(spool.display().to_string());
    }
    if in_the_way.is_empty() || overwrite {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "nothing was restored, because there are already: {}. Choose another --data-dir, or pass --overwrite, which moves them \
         into a new directory in it",
        in_the_way.join(", ")
    )))
}

/// Files that are being made. Removed when dropped.
pub(super) struct Staging {
    data_dir: PathBuf,
    directory: PathBuf,
    spool: Option<(String, File)>,
    keep: bool,
}

impl Staging {
    /// Begins with an empty directory. Removes what an interrupted restore has left.
    pub(super) fn begin(data_dir: &Path) -> Result<Self> {
        let directory = data_dir.join(PARTIAL);
        let failed = |error: io::Error| failed(&directory, &error);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&directory).map_err(failed)?;
        Ok(Self { data_dir: data_dir.to_owned(), directory, spool: None, keep: false })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends to a file of the spool. Parts of one file follow each other.
    pub(super) fn spool(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        if !spool::is_file_name(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "it can't be a file of a spool"));
        }
        if let Some((current, file)) = &mut self.spool
            && current == name
        {
            return file.write_all(data);
        }
        let directory = self.directory.join(SPOOL);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.join(name))?;
        file.write_all(data)?;
        self.spool = Some((name.to_owned(), file));
        Ok(())
    }

    /// Makes sure that all files are on the disk, and marks them as ready to be moved.
    pub(super) fn ready(mut self, sha256: &str) -> Result<ReadyRestore> {
        self.spool = None;
        let aside = (1..=u32::MAX)
            .map(|number| format!("{ASIDE}{number}"))
            .find(|name| !self.data_dir.join(name).exists())
            .unwrap_or_default();
        let note = RestoreNote { sha256: sha256.to_owned(), aside };
        let ready = self.data_dir.join(READY);
        let marked = || -> io::Result<()> {
            // The lock of the database that was made there.
            remove_if_there(&self.directory.join(LOCK_FILE))?;
            fs::write(self.directory.join(NOTE), serde_json::to_vec(&note)?)?;
            hand_over(&self.directory, &self.data_dir)?;
            sync_all(&self.directory)?;
            fs::rename(&self.directory, &ready)?;
            File::open(&self.data_dir)?.sync_all()
        };
        marked().map_err(|error| failed(&self.directory, &error))?;
        self.keep = true;
        Ok(ReadyRestore { directory: ready, note })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep && fs::remove_dir_all(&self.directory).is_err() {
            tracing::warn!(directory = %self.directory.display(), "can't remove the files of a restore that failed");
        }
    }
}

/// Files that are complete and only have to be moved.
pub(super) struct ReadyRestore {
    directory: PathBuf,
    note: RestoreNote,
}

impl ReadyRestore {
    /// What an interrupted restore has left.
    pub(super) fn find(data_dir: &Path) -> Result<Option<Self>> {
        let directory = data_dir.join(READY);
        let text = match fs::read(directory.join(NOTE)) {
            Ok(text) => text,
            // The note is removed last.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match fs::remove_dir(&directory) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&directory, &error)),
                    _ => Ok(None),
                };
            }
            Err(error) => return Err(failed(&directory, &error)),
        };
        let note = serde_json::from_slice(&text).map_err(|error| failed(&directory, &error.into()))?;
        Ok(Some(Self { directory, note }))
    }

    /// Refuses another backup than the one that the files are from.
    pub(super) fn must_be_of(&self, sha256: &str, data_dir: &Path) -> Result<()> {
        if self.note.sha256 == sha256 {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "a restore of another backup into {} was interrupted when all was ready (its SHA-256 line is {}): run `bucketry \
             restore` with that backup first",
            data_dir.display(),
            self.note.sha256
        )))
    }

    /// Moves all files to their places, and what is in the way into a directory, which is returned. Continues a move that
    /// was interrupted.
    pub(super) fn move_files(self, data_dir: &Path) -> Result<Option<PathBuf>> {
        let aside = data_dir.join(&self.note.aside);
        let moved = || -> io::Result<()> {
            for name in PLACES {
                let from = self.directory.join(name);
                if from.symlink_metadata().is_err() {
                    continue;
                }
                if name == DATABASE_FILE {
                    // Logs of the older database, which SQLite would apply to the restored one.
                    for log in ["-wal", "-shm"] {
                        move_aside(data_dir, &format!("{name}{log}"), &aside)?;
                    }
                }
                move_aside(data_dir, name, &aside)?;
                fs::rename(&from, data_dir.join(name))?;
            }
            File::open(data_dir)?.sync_all()?;
            // SQLite may have left its empty logs.
            for log in ["-wal", "-shm"] {
                remove_if_there(&self.directory.join(format!("{DATABASE_FILE}{log}")))?;
            }
            remove_if_there(&self.directory.join(NOTE))?;
            fs::remove_dir(&self.directory)?;
            File::open(data_dir)?.sync_all()
        };
        moved().map_err(|error| {
            Failure::because(
                &format!(
                    "the files in {} were not all moved; run the same command again",
                    self.directory.display()
                ),
                &error,
            )
        })?;
        Ok(aside.exists().then_some(aside))
    }
}

fn move_aside(data_dir: &Path, name: &str, aside: &Path) -> io::Result<()> {
    let there = data_dir.join(name);
    if there.symlink_metadata().is_err() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(aside)?;
    fs::rename(there, aside.join(name))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// As root, gives all files to the owner of the data directory, which is the user that the server runs as.
fn hand_over(directory: &Path, data_dir: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(data_dir)?;
    let mut paths = vec![data_dir.join(LOCK_FILE), directory.to_owned()];
    while let Some(path) = paths.pop() {
        let found = match path.symlink_metadata() {
            // Not everybody locks the directory, such as tests.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        lchown(&path, Some(owner.uid()), Some(owner.gid()))?;
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                paths.push(entry?.path());
            }
        }
    }
    Ok(())
}

/// Writes everything in a directory to the disk.
fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(directory)?.sync_all()
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "nothing was restored, because the disk is full"
        }
        _ => "nothing was restored",
    };
    Failure::because(&format!("{what}: {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_directory::VAULT_KEY;
    use crate::interrupted_restore::refuse_interrupted;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap_or_else(|_| "(none)".to_owned())
    }

    /// A directory with an older registry, and a restore that is ready to replace it.
    fn ready(data_dir: &Path) -> ReadyRestore {
        for name in [DATABASE_FILE, "bucketry.db-wal", VAULT_KEY] {
            write(&data_dir.join(name), "older");
        }
        let mut staging = Staging::begin(data_dir).unwrap();
        for name in [DATABASE_FILE, VAULT_KEY, LOCK_FILE] {
            write(&staging.directory().join(name), "restored");
        }
        staging.spool("usage-000000000001.log", b"one ").unwrap();
        staging.spool("usage-000000000001.log", b"two").unwrap();
        staging.spool("usage-000000000002.log", b"three").unwrap();
        staging.ready("the backup").unwrap()
    }

    fn assert_restored(data_dir: &Path, aside: &Path) {
        for name in [DATABASE_FILE, VAULT_KEY] {
            assert_eq!(read(data_dir.join(name)), "restored", "{name}");
            assert_eq!(read(aside.join(name)), "older", "{name}");
        }
        assert_eq!(read(data_dir.join("spool/usage-000000000001.log")), "one two");
        assert_eq!(read(data_dir.join("spool/usage-000000000002.log")), "three");
        assert_eq!(read(data_dir.join("bucketry.db-wal")), "(none)", "it belongs to the older database");
        assert_eq!(read(aside.join("bucketry.db-wal")), "older");
        assert!(!data_dir.join(LOCK_FILE).exists());
        assert!(refuse_interrupted(data_dir).is_ok() && ReadyRestore::find(data_dir).unwrap().is_none());
    }

    #[test]
    fn what_is_in_the_way_is_moved_aside_and_never_lost() {
        let dir = tempfile::tempdir().unwrap();
        let aside = ready(dir.path()).move_files(dir.path()).unwrap().unwrap();
        assert_restored(dir.path(), &aside);
    }

    #[test]
    fn restored_files_belong_to_the_owner_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            lchown(dir.path(), Some(65_534), Some(65_534)).unwrap();
        }
        ready(dir.path()).move_files(dir.path()).unwrap();
        let owner = fs::metadata(dir.path()).unwrap();
        for name in [DATABASE_FILE, VAULT_KEY, SPOOL, "spool/usage-000000000001.log"] {
            let file = fs::metadata(dir.path().join(name)).unwrap();
            assert_eq!((file.uid(), file.gid()), (owner.uid(), owner.gid()), "{name}");
        }
    }

    #[test]
    fn a_move_that_was_interrupted_anywhere_is_finished_by_the_next_restore() {
        for done in 0..=4 {
            let dir = tempfile::tempdir().unwrap();
            let (data_dir, restore) = (dir.path(), ready(dir.path()));
            let aside = data_dir.join(&restore.note.aside);
            // The steps of a move, of which some were done.
            let steps: [&dyn Fn(); 4] = [
                &|| move_aside(data_dir, "bucketry.db-wal", &aside).unwrap(),
                &|| move_aside(data_dir, DATABASE_FILE, &aside).unwrap(),
                &|| fs::rename(restore.directory.join(DATABASE_FILE), data_dir.join(DATABASE_FILE)).unwrap(),
                &|| move_aside(data_dir, VAULT_KEY, &aside).unwrap(),
            ];
            for step in &steps[..done] {
                step();
            }
            let refused = refuse_interrupted(data_dir).unwrap_err();
            assert!(refused.message().contains("run the same command again"), "{}", refused.message());
            let found = ReadyRestore::find(data_dir).unwrap().unwrap();
            assert!(found.must_be_of("another", data_dir).is_err());
            found.must_be_of("the backup", data_dir).unwrap();
            found.move_files(data_dir).unwrap();
            assert_restored(data_dir, &aside);
        }
    }

    #[test]
    fn a_restore_that_fails_or_is_killed_early_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join(VAULT_KEY), "older");
        drop(Staging::begin(dir.path()).unwrap());
        assert!(refuse_interrupted(dir.path()).is_ok(), "nothing is left of a failed one");
        // Killed: it couldn't remove its files.
        let mut killed = Staging::begin(dir.path()).unwrap();
        killed.spool("usage-000000000001.log", b"x").unwrap();
        killed.keep = true;
        drop(killed);
        let refused = refuse_interrupted(dir.path()).unwrap_err();
        assert!(refused.message().contains("restore.partial to give it up"), "{}", refused.message());
        assert!(ReadyRestore::find(dir.path()).unwrap().is_none());
        let again = Staging::begin(dir.path()).unwrap();
        assert_eq!(fs::read_dir(again.directory()).unwrap().count(), 0, "the next one begins again");
        assert_eq!(read(dir.path().join(VAULT_KEY)), "older");
    }

    #[test]
    fn files_are_named_that_are_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let names = [DATABASE_FILE, VAULT_KEY];
        refuse_to_overwrite(dir.path(), &names, true, false).unwrap();
        write(&dir.path().join(VAULT_KEY), "x");
        fs::create_dir(dir.path().join(SPOOL)).unwrap();
        write(&dir.path().join("spool/usage-000000000001.log"), "x");
        let refused = refuse_to_overwrite(dir.path(), &names, true, false).unwrap_err();
        for word in ["vault.key", "/spool", "--overwrite"] {
            assert!(refused.message().contains(word), "{word}: {}", refused.message());
        }
        assert!(!refused.message().contains(DATABASE_FILE));
        refuse_to_overwrite(dir.path(), &names, true, true).unwrap();
        refuse_to_overwrite(dir.path(), &[DATABASE_FILE], false, false).unwrap();
    }

    #[test]
    fn a_spool_file_with_the_name_of_another_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut staging = Staging::begin(dir.path()).unwrap();
        for name in ["../usage-000000000001.log", "/etc/passwd", "lock", ""] {
            assert!(staging.spool(name, b"x").is_err(), "{name}");
        }
    }
}
