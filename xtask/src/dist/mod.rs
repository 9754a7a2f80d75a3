//! `cargo xtask dist`: what a release consists of, in `target/dist-packages`.
//!
//! A tarball, a Debian package, the build context of the container image and, where a program that builds images is
//! installed, the image itself, a bill of materials, checksums, and a signature over the checksums.

mod checksums;
mod common_files;
mod deb;
mod image;
mod options;
mod sbom;
mod tarball;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::common_files::CommonFiles;
use self::options::{DistOptions, ReleasePart};
use crate::command::{self, Result};
use crate::workspace::Workspace;

/// The version of all packages: that of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds the binary unless one is given, and packages it.
pub(crate) fn run(args: &[&str]) -> Result {
    let options = DistOptions::parse(args)?;
    let workspace = Workspace::find()?;
    let to = options.to.clone().unwrap_or_else(|| workspace.target.join("dist-packages"));
    let built = match &options.from_binary {
        Some(binary) => binary.clone(),
        None => build(&workspace)?,
    };
    fs::create_dir_all(&to)?;
    let to = to.canonicalize()?;
    let scratch = tempfile::Builder::new().prefix("bucketry-dist-").tempdir()?;
    let release = Release {
        root: workspace.root.clone(),
        binary: stripped(&built, scratch.path())?,
        scratch: scratch.path().to_owned(),
        to,
        epoch: epoch(&workspace.root)?,
        quick: options.quick,
    };
    let common = CommonFiles::collect(&release)?;
    let mut made = Vec::new();
    for part in ReleasePart::ALL.into_iter().filter(|part| options.makes(*part)) {
        match part {
            ReleasePart::Tarball => made.push(tarball::make(&release, &common)?),
            ReleasePart::Deb => made.extend(deb::make(&release, &common)?),
            ReleasePart::Image => made.extend(image::make(&release)?),
            ReleasePart::Sbom => made.push(sbom::make(&release)?),
        }
    }
    made.extend(checksums::write(&release.to, &made, options.sign_with.as_deref())?);
    for file in &made {
        let size = fs::metadata(file)?.len();
        command::say(&format!("{:>12} bytes  {}", size, file.display()));
    }
    Ok(())
}

/// What the packages are made of, and where they go.
#[derive(Debug)]
struct Release {
    /// The root of the repository.
    root: PathBuf,
    /// The program, without symbols.
    binary: PathBuf,
    /// Removed at the end.
    scratch: PathBuf,
    /// The directory of the packages.
    to: PathBuf,
    /// The time of the commit in seconds since 1970: the time of all files in packages, so that two builds are equal.
    epoch: String,
    /// Whether to compress fast rather than well.
    quick: bool,
}

impl Release {
    /// An empty directory that is removed at the end.
    fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.scratch.join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// The name of files for this version and platform, such as `bucketry-0.1.0-x86_64-linux`.
fn file_name() -> String {
    format!("bucketry-{VERSION}-{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut build = command::cargo(&workspace.root);
    build.args(["build", "--locked", "--profile", "dist", "--package", "bucketry", "--bin", "bucketry"]);
    command::run(&mut build)?;
    Ok(workspace.target.join("dist").join("bucketry"))
}

/// A copy of the binary without symbols. The profile `dist` leaves none; a binary from elsewhere may have them.
fn stripped(binary: &Path, scratch: &Path) -> Result<PathBuf> {
    let copy = scratch.join("bucketry");
    fs::copy(binary, &copy).map_err(|error| format!("can't read {}: {error}", binary.display()))?;
    command::output(Command::new("strip").arg(&copy))?;
    Ok(copy)
}

/// `SOURCE_DATE_EPOCH` if it is set, otherwise the time of the last commit.
fn epoch(root: &Path) -> Result<String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let time = command::output(Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"]))?;
    Ok(time.trim().to_owned())
}

/// Copies a file and creates the directories above it.
fn copy_file(from: &Path, to: &Path, mode: u32) -> Result {
    create_parent(to)?;
    fs::copy(from, to).map_err(|error| format!("can't copy {}: {error}", from.display()))?;
    set_mode(to, mode)
}

/// Writes a file and creates the directories above it.
fn write_file(to: &Path, text: &str, mode: u32) -> Result {
    create_parent(to)?;
    fs::write(to, text)?;
    set_mode(to, mode)
}

fn create_parent(to: &Path) -> Result {
    Ok(to.parent().map_or(Ok(()), fs::create_dir_all)?)
}

fn set_mode(path: &Path, mode: u32) -> Result {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
