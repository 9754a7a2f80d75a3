//! The permissions of the spool's files. They show who uses which bucket when, so only their owner may read them.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a directory that only its owner can enter. Also restricts one that an earlier version created, with its
/// files.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    shut(path)
}

/// Opens a file for writing. A new file is readable by its owner only.
pub(super) fn writing() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn shut(path: &Path) -> io::Result<()> {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let restrict = |path: &Path, mode: u32| {
        let others = fs::metadata(path)?.permissions().mode() & 0o077;
        if others == 0 {
            return Ok(());
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    };
    restrict(path, 0o700)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            restrict(&entry.path(), 0o600)?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn shut(_path: &Path) -> io::Result<()> {
    Ok(())
}
