//! The container image: its build context, and the image itself where a program that builds images is installed.
//!
//! The context contains a root file system with nothing but the binary, the shared libraries that the linker of this
//! machine resolves for it, and the certificate authorities of Debian's package. There is no shell in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Release, VERSION, copy_file, file_name, write_file};
use crate::command::{self, Result};

/// The number of the user as whom the server runs; the Containerfile has it, too.
const USER: &str = "10001";

/// Where Debian's package `ca-certificates` has the authorities that Mozilla trusts. The bundle in `/etc/ssl/certs` may
/// contain those of this machine, too.
const AUTHORITIES: &str = "/usr/share/ca-certificates/mozilla";

/// Debian packages whose files are in the image, for their licences.
const PACKAGES: [&str; 3] = ["libc6", "libgcc-s1", "ca-certificates"];

/// Writes the folder `container` and, if it can, `bucketry-VERSION-ARCH-OS-image.tar`.
pub(super) fn make(release: &Release) -> Result<Option<PathBuf>> {
    let context = release.to.join("container");
    if context.exists() {
        fs::remove_dir_all(&context)?;
    }
    write_context(release, &context)?;
    if !command::succeeds(Command::new("buildah").arg("--version")) {
        command::complain(
            "buildah is not installed: the image was not built, only its context in container/",
        );
        return Ok(None);
    }
    build(release, &context).map(Some)
}

fn write_context(release: &Release, context: &Path) -> Result {
    let root = context.join("root");
    copy_file(&release.binary, &root.join("usr/bin/bucketry"), 0o755)?;
    for library in shared_libraries(&release.binary)? {
        copy_file(&library, &below(&root, &library), 0o755)?;
    }
    write_file(&root.join("etc/ssl/certs/ca-certificates.crt"), &authorities()?, 0o644)?;
    let user = format!("bucketry:x:{USER}:{USER}:Bucketry:/var/lib/bucketry:/usr/sbin/nologin\n");
    write_file(&root.join("etc/passwd"), &format!("root:x:0:0:root:/:/usr/sbin/nologin\n{user}"), 0o644)?;
    write_file(&root.join("etc/group"), &format!("root:x:0:\nbucketry:x:{USER}:\n"), 0o644)?;
    write_file(&root.join("etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n", 0o644)?;
    copy_file(&release.root.join("LICENSE"), &root.join("usr/share/doc/bucketry/copyright"), 0o644)?;
    for package in PACKAGES {
        let licence = Path::new("/usr/share/doc").join(package).join("copyright");
        if licence.exists() {
            copy_file(&licence, &below(&root, &licence), 0o644)?;
        }
    }
    for directory in ["var/lib", "var/backups"] {
        fs::create_dir_all(root.join(directory))?;
    }
    // Without a file, some programs that build images would leave out the directory.
    write_file(&context.join("data/bucketry/.keep"), "", 0o600)?;
    copy_file(&release.root.join("deploy/container/Containerfile"), &context.join("Containerfile"), 0o644)
}

/// The path that an absolute path has in another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The libraries that a program loads, as paths where the loader finds them.
fn shared_libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = command::output(Command::new("ldd").arg(program))?;
    if let Some(missing) = listed.lines().find(|line| line.contains("not found")) {
        return Err(format!("a library of the binary is missing: {}", missing.trim()).into());
    }
    Ok(listed.lines().filter_map(library).collect())
}

/// The path in a line of `ldd`: `libm.so.6 => /lib/libm.so.6 (0x…)`, or `/lib64/ld-linux.so.2 (0x…)` for the loader.
fn library(line: &str) -> Option<PathBuf> {
    let line = line.trim();
    let path = line.split_once(" => ").map_or(line, |(_, path)| path);
    path.split(' ').next().filter(|path| path.starts_with('/')).map(PathBuf::from)
}

/// The certificate authorities that Mozilla trusts, in one text.
fn authorities() -> Result<String> {
    let missing =
        |error: std::io::Error| format!("{AUTHORITIES}: {error}. Install Debian's package ca-certificates");
    let entries = fs::read_dir(AUTHORITIES).map_err(missing)?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(fs::read_to_string).collect::<std::io::Result<_>>()?;
    Ok(texts.concat())
}

/// Builds the image and saves it in a form that Docker, Podman and `ctr` load.
fn build(release: &Release, context: &Path) -> Result<PathBuf> {
    let archive = release.to.join(format!("{}-image.tar", file_name()));
    if archive.exists() {
        fs::remove_file(&archive)?;
    }
    let storage = release.scratch("images")?;
    let buildah = || {
        let mut buildah = Command::new("buildah");
        // A separate store: nothing of this machine's images is read or changed.
        buildah.args(["--storage-driver", "vfs", "--root"]).arg(storage.join("root"));
        buildah.arg("--runroot").arg(storage.join("run"));
        buildah
    };
    let tag = format!("bucketry:{VERSION}");
    let mut build = buildah();
    build.args(["build", "--isolation", "chroot", "--format", "docker", "--timestamp", &release.epoch]);
    build.args(["--label", &format!("org.opencontainers.image.version={VERSION}"), "--tag", &tag]);
    command::output(build.arg(context))?;
    let destination = format!("docker-archive:{}:{tag}", archive.display());
    command::output(buildah().args(["push", &tag, &destination]))?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_prints() {
        let lines = [
            "\tlinux-vdso.so.1 (0x00007ffd)",
            "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f02)",
            "\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)",
            "\tstatically linked",
        ];
        let found: Vec<_> = lines.into_iter().filter_map(library).collect();
        assert_eq!(
            found,
            ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
        );
    }
}
