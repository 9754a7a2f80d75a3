//! The repository's files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{self, Result};

/// The path and text of every file that is or could be committed. Files that are not text, and deleted files that are
/// still in the index, are skipped.
pub(crate) fn texts(root: &Path) -> Result<impl Iterator<Item = (String, String)>> {
    Ok(paths(root)?.into_iter().filter_map(move |path| {
        let text = fs::read_to_string(root.join(&path)).ok()?;
        Some((path, text))
    }))
}

/// The path of every file that is or could be committed.
pub(crate) fn paths(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = command::output(&mut git)?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Whether a path is that of a Rust file.
pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}
