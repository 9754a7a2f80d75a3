//! The files that the tarball and the Debian package have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Release, copy_file};
use crate::command::{self, Result};
use crate::files;

/// Shells, and the names of the files with which they complete `bucketry`.
pub(super) const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "bucketry"), ("zsh", "_bucketry"), ("fish", "bucketry.fish")];

/// Folders of the repository with files for users.
const FOLDERS: [&str; 2] = ["docs/", "deploy/"];

/// Files for users outside these folders.
const PAGES: [&str; 5] = ["LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "ARCHITECTURE.md"];

/// Generated and committed files, beside the binary.
#[derive(Debug)]
pub(super) struct CommonFiles {
    /// The directory with the man pages.
    pub(super) man: PathBuf,
    /// The directory with the completions, one file per shell.
    pub(super) completions: PathBuf,
    /// Paths of committed files, relative to the root of the repository.
    pub(super) committed: Vec<PathBuf>,
}

impl CommonFiles {
    /// Generates man pages and completions with the binary, and lists the committed files.
    pub(super) fn collect(release: &Release) -> Result<Self> {
        let man = release.scratch("man")?;
        if command::succeeds(program(release).args(["man-pages", "--help"])) {
            command::output(program(release).arg("man-pages").arg(&man))?;
        } else {
            command::complain("the binary writes no man pages, so the packages contain none");
        }
        let completions = release.scratch("completions")?;
        for (shell, file) in COMPLETIONS {
            let script = command::output(program(release).args(["completions", shell]))?;
            fs::write(completions.join(file), script)?;
        }
        let is_common =
            |path: &str| PAGES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder));
        let listed = files::paths(&release.root)?.into_iter().filter(|path| is_common(path));
        let committed = listed.map(PathBuf::from).filter(|path| release.root.join(path).is_file()).collect();
        Ok(Self { man, completions, committed })
    }

    /// Copies committed files in a folder (`docs`, or empty for all) to `to`, with the paths they have below it.
    pub(super) fn copy_committed(&self, release: &Release, folder: &str, to: &Path) -> Result {
        for path in &self.committed {
            if let Ok(below) = path.strip_prefix(folder) {
                copy_file(&release.root.join(path), &to.join(below), 0o644)?;
            }
        }
        Ok(())
    }
}

/// The binary, without the settings of the user who makes the packages.
fn program(release: &Release) -> Command {
    let mut program = Command::new(&release.binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BUCKETRY_")) {
        program.env_remove(name);
    }
    program.stdin(Stdio::null());
    program
}
