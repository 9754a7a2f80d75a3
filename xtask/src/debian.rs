//! Packages of the machine's Debian or Ubuntu, without installing them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};

/// The oldest release on which the package is tested.
const DEBIAN: &str = "bookworm";

/// A minimal Debian in a tar archive, made once by `debootstrap`, which needs root. `None` where it can't be made.
pub(crate) fn root(dir: &Path) -> Result<Option<PathBuf>> {
    let archive = dir.join("debian-root.tar");
    if archive.exists() {
        return Ok(Some(archive));
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root || !command::succeeds(Command::new("debootstrap").arg("--version")) {
        return Ok(None);
    }
    command::complain("making a minimal Debian for the tests of the package (only once; about 200 MB)");
    let unpacked = tempfile::Builder::new().prefix("debian-root-").tempdir_in(dir)?;
    let mut make = Command::new("debootstrap");
    make.args(["--variant=minbase", "--include=adduser,ca-certificates", DEBIAN]).arg(unpacked.path());
    command::output(&mut make)?;
    // Temporary directories are closed to other users, and this becomes the root of a system.
    fs::set_permissions(unpacked.path(), fs::Permissions::from_mode(0o755))?;
    // Renamed when it is complete, so that an interrupted run leaves no part of it.
    let aside = dir.join("debian-root.new");
    let mut pack = Command::new("tar");
    pack.args(["--create", "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb", "--file"])
        .arg(&aside);
    command::output(pack.arg("--directory").arg(unpacked.path()).arg("."))?;
    fs::rename(&aside, &archive)?;
    Ok(Some(archive))
}

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
