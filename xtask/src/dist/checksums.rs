//! `SHA256SUMS`, and a signature over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};

/// Separates these signatures from all others that the key makes.
const NAMESPACE: &str = "file";

/// Writes the checksums of `files`, which are in `dir`, and signs them with an SSH key if one is given. `ssh-keygen`
/// asks for the passphrase of the key.
pub(super) fn write(dir: &Path, files: &[PathBuf], key: Option<&Path>) -> Result<Vec<PathBuf>> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = command::output(Command::new("sha256sum").current_dir(dir).arg("--").args(names))?;
    let (list, signature) = (dir.join("SHA256SUMS"), dir.join("SHA256SUMS.sig"));
    if signature.exists() {
        fs::remove_file(&signature)?;
    }
    fs::write(&list, sums)?;
    let Some(key) = key else {
        command::complain("SHA256SUMS is not signed: pass an SSH key with --sign-with");
        return Ok(vec![list]);
    };
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key).arg(&list);
    command::run(&mut sign)?;
    Ok(vec![list, signature])
}
