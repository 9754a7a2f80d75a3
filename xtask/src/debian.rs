//! Packages of the machine's Debian or Ubuntu, without installing them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{self, Result};

/// Downloads a package of the machine's Debian or Ubuntu and unpacks it into a directory of the same name. The
/// package lists are downloaded into a separate directory, so that this needs no privileges and leaves the system
/// unchanged.
pub(crate) fn unpack(dir: &Path, package: &str) -> Result {
    let apt = dir.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(folder))?;
    }
    let option = |name: &str, value: &Path| {
        let mut option = OsString::from(format!("{name}="));
        option.push(value);
        option
    };
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command
            .current_dir(&apt)
            .arg("-qq")
            .arg("-o")
            .arg(option("Dir::State::lists", &apt.join("lists")))
            .arg("-o")
            .arg(option("Dir::Cache", &apt.join("cache")))
            .args(["-o", "APT::Sandbox::User="])
            .args(["-o", "Acquire::Languages=none"]);
        command
    };
    command::output(apt_get().arg("update"))?;
    command::output(apt_get().args(["download", package]))?;
    let fetched = fs::read_dir(&apt)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt-get downloaded nothing")?;
    command::output(Command::new("dpkg-deb").arg("-x").arg(&fetched).arg(dir.join(package)))?;
    fs::remove_dir_all(&apt)?;
    Ok(())
}
