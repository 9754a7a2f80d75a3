//! The user who runs this program.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// Whether this program may change the system.
pub(super) fn is_root() -> bool {
    user_id() == Some(0)
}

/// The user's id, to whom `/proc/self` belongs. `None` on systems without it, which have no systemd either.
pub(super) fn user_id() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}
