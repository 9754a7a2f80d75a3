//! The tarball: the binary with everything that belongs to it, to be unpacked anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::common_files::{COMPLETIONS, CommonFiles};
use super::{Release, copy_file, file_name};
use crate::command::{self, Result};

/// Writes `bucketry-VERSION-ARCH-OS.tar.gz`.
pub(super) fn make(release: &Release, common: &CommonFiles) -> Result<PathBuf> {
    let (name, staging) = (file_name(), release.scratch("tarball")?);
    let root = staging.join(&name);
    copy_file(&release.binary, &root.join("bin/bucketry"), 0o755)?;
    common.copy_committed(release, "", &root)?;
    for page in fs::read_dir(&common.man)? {
        let page = page?;
        copy_file(&page.path(), &root.join("share/man/man1").join(page.file_name()), 0o644)?;
    }
    for (shell, file) in COMPLETIONS {
        copy_file(
            &common.completions.join(file),
            &root.join("share/completions").join(shell).join(file),
            0o644,
        )?;
    }
    let archive = release.to.join(format!("{name}.tar.gz"));
    pack(release, &staging, &name, &archive)?;
    Ok(archive)
}

/// Packs with the same bytes for the same files: sorted, without owners, with the time of the commit. Needs GNU tar.
fn pack(release: &Release, staging: &Path, name: &str, archive: &Path) -> Result {
    let level = if release.quick { "gzip -n -1" } else { "gzip -n -9" };
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"])
        .arg(format!("--mtime=@{}", release.epoch))
        .arg(format!("--use-compress-program={level}"))
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(staging)
        .arg(name);
    command::output(&mut tar).map(drop)
}
