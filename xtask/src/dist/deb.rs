//! The Debian package, made by `dpkg-deb` from a staged root.
//!
//! The scripts in `deploy/debian` create the user and enable the service. The service is started only if there is a
//! configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::common_files::CommonFiles;
use super::{Release, VERSION, copy_file, set_mode, write_file};
use crate::command::{self, Result};

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Writes `bucketry_VERSION_ARCH.deb`. `None` on systems without Debian's tools.
pub(super) fn make(release: &Release, common: &CommonFiles) -> Result<Option<PathBuf>> {
    for tool in ["dpkg-deb", "dpkg-shlibdeps"] {
        if !command::succeeds(Command::new(tool).arg("--version")) {
            command::complain(&format!("{tool} is not installed: the Debian package was not made"));
            return Ok(None);
        }
    }
    let root = release.scratch("deb")?.join("root");
    stage(release, common, &root)?;
    let architecture = command::output(Command::new("dpkg").arg("--print-architecture"))?;
    let control = control(release, &root, architecture.trim())?;
    write_file(&root.join("DEBIAN/control"), &control, 0o644)?;
    for script in SCRIPTS {
        let from = release.root.join("deploy/debian").join(script);
        copy_file(&from, &root.join("DEBIAN").join(script), 0o755)?;
    }
    write_file(&root.join("DEBIAN/md5sums"), &md5sums(&root)?, 0o644)?;
    let package = release.to.join(format!("bucketry_{VERSION}_{}.deb", architecture.trim()));
    let compression: &[&str] = if release.quick { &["-Zgzip", "-z1"] } else { &["-Zxz"] };
    let mut build = Command::new("dpkg-deb");
    build.args(["--build", "--root-owner-group"]).args(compression).arg(&root).arg(&package);
    command::output(build.env("SOURCE_DATE_EPOCH", &release.epoch))?;
    Ok(Some(package))
}

/// Lays out the files as they are installed.
fn stage(release: &Release, common: &CommonFiles, root: &Path) -> Result {
    let share = root.join("usr/share");
    copy_file(&release.binary, &root.join("usr/bin/bucketry"), 0o755)?;
    for unit in ["bucketry.service", "bucketry-node.service"] {
        let from = release.root.join("deploy/systemd").join(unit);
        copy_file(&from, &root.join("usr/lib/systemd/system").join(unit), 0o644)?;
    }
    for page in fs::read_dir(&common.man)? {
        let page = page?;
        let to = share.join("man/man1").join(page.file_name());
        copy_file(&page.path(), &to, 0o644)?;
        gzip(&to)?;
    }
    for (shell, directory) in [
        ("bucketry", "bash-completion/completions"),
        ("_bucketry", "zsh/vendor-completions"),
        ("bucketry.fish", "fish/vendor_completions.d"),
    ] {
        copy_file(&common.completions.join(shell), &share.join(directory).join(shell), 0o644)?;
    }
    let doc = share.join("doc/bucketry");
    common.copy_committed(release, "docs", &doc)?;
    for folder in ["grafana", "prometheus"] {
        let examples = doc.join("examples").join(folder);
        common.copy_committed(release, &format!("deploy/{folder}"), &examples)?;
    }
    copy_file(&release.root.join("deploy/debian/copyright"), &doc.join("copyright"), 0o644)?;
    write_file(&doc.join("changelog"), &changelog(release)?, 0o644)?;
    gzip(&doc.join("changelog"))?;
    fs::create_dir_all(root.join("etc/bucketry"))?;
    for directory in directories(root)? {
        set_mode(&directory, 0o755)?;
    }
    Ok(())
}

fn control(release: &Release, root: &Path, architecture: &str) -> Result<String> {
    let size: u64 = files(root)?.iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum();
    Ok(format!(
        "Package: bucketry\n\
         Version: {VERSION}\n\
         Architecture: {architecture}\n\
         Maintainer: {}\n\
         Installed-Size: {}\n\
         Depends: {}, adduser, ca-certificates\n\
         Suggests: postgresql (>= 15)\n\
         Section: net\n\
         Priority: optional\n\
         Description: registry of buckets with an S3 gateway\n \
         Register the buckets that you own at any provider, see which of them work,\n \
         and serve them through one S3 endpoint. The package contains the server\n \
         with its dashboard, and the command line.\n \
         .\n \
         The server is set up with \"bucketry init --no-unit\".\n",
        maintainer(release)?,
        size.div_ceil(1024),
        libraries(release)?,
    ))
}

/// The packages with the shared libraries that the binary needs, in the versions that it needs.
fn libraries(release: &Release) -> Result<String> {
    // The tool insists on the description of a source package in the current directory.
    let dir = release.scratch("shlibdeps")?;
    write_file(
        &dir.join("debian/control"),
        "Source: bucketry\n\nPackage: bucketry\nArchitecture: any\n",
        0o644,
    )?;
    let mut ask = Command::new("dpkg-shlibdeps");
    let found = command::output(ask.current_dir(&dir).arg("-O").arg(&release.binary))?;
    let depends = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    depends.map(str::to_owned).ok_or_else(|| format!("dpkg-shlibdeps found no dependencies: {found}").into())
}

/// Who answers for the package: Debian's usual variables say so, or it is the author of the last commit.
fn maintainer(release: &Release) -> Result<String> {
    if let (Ok(name), Ok(address)) = (std::env::var("DEBFULLNAME"), std::env::var("DEBEMAIL")) {
        return Ok(format!("{name} <{address}>"));
    }
    let mut git = Command::new("git");
    let author = command::output(git.current_dir(&release.root).args(["log", "-1", "--format=%an <%ae>"]))?;
    Ok(author.trim().to_owned())
}

/// Debian's form of a changelog, with the version and where the changes are described.
fn changelog(release: &Release) -> Result<String> {
    let time =
        command::output(Command::new("date").args(["-R", "-u", "-d", &format!("@{}", release.epoch)]))?;
    Ok(format!(
        "bucketry ({VERSION}) stable; urgency=medium\n\n  * CHANGELOG.md of the release describes the changes.\n\n \
         -- {}  {}\n",
        maintainer(release)?,
        time.trim()
    ))
}

fn gzip(file: &Path) -> Result {
    command::output(Command::new("gzip").args(["-9", "-n", "--force"]).arg(file)).map(drop)
}

/// The checksums by which `debsums` finds files that have changed.
fn md5sums(root: &Path) -> Result<String> {
    let below = |file: &PathBuf| file.strip_prefix(root).ok().map(Path::to_owned);
    let installed =
        files(root)?.iter().filter_map(below).filter(|file| !file.starts_with("DEBIAN")).collect::<Vec<_>>();
    command::output(Command::new("md5sum").current_dir(root).arg("--").args(installed))
}

fn files(below: &Path) -> Result<Vec<PathBuf>> {
    Ok(tree(below)?.into_iter().filter(|path| path.is_file()).collect())
}

fn directories(below: &Path) -> Result<Vec<PathBuf>> {
    Ok(tree(below)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Everything below a directory, and itself.
fn tree(below: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (vec![below.to_owned()], vec![below.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
