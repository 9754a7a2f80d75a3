//! What `cargo xtask dist` makes: the image runs, the Debian package installs, and checksums and signatures hold.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Result, Server, binary, needs_one_control_plane, s3_bucket, shared_s3_endpoint,
};
use bucketry_test_servers::bucketry_node::{BucketryNode, NodePlace};
use http::Method;
use serde_json::Value;
use tempfile::TempDir;

/// What `cargo xtask test` has found. It counts the tests as skipped that need something else.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs a program that must succeed, and returns what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
    printed
}

/// Packages the binary under test into a new directory.
fn dist(args: &[&str]) -> Result<TempDir> {
    let to = tempfile::Builder::new().prefix("bucketry-packages-").tempdir().unwrap();
    let program = variable("BUCKETRY_TEST_XTASK").unwrap();
    let mut dist = Command::new(program);
    dist.args(["dist", "--quick", "--from-binary"]).arg(binary()?).arg("--to").arg(to.path()).args(args);
    run(dist.env("DEBFULLNAME", "The test").env("DEBEMAIL", "test@debian.org"));
    Ok(to)
}

fn file_that_ends_with(dir: &Path, ending: &str) -> PathBuf {
    let mut paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}

/// A program that runs `bucketry` as a user in another root file system, which is read-only.
fn program_in(root: &Path, user: &str, at: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deployment/in_root.sh");
    let text = format!("#!/bin/sh\nexec '{}' '{}' '{user}' \"$@\"\n", script.display(), root.display());
    fs::write(at, text).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
    at.to_owned()
}

/// Registers a bucket and stores an object in it through the gateway.
async fn put_through_the_gateway(server: &Server, key: &str) -> Result<()> {
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(server, "Packaged", &[(&id, OPEN_BUCKET)]).await?;
    let put = access.object(Method::PUT, key).raw("text/plain", "hello").send().await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let got = access.object(Method::GET, key).send().await?;
    assert_eq!((got.status, got.text().as_str()), (200, "hello"));
    Ok(())
}

/// `buildah` with a store in a directory of the test.
fn buildah(store: &Path) -> Command {
    let mut buildah = Command::new("buildah");
    buildah.args(["--storage-driver", "vfs", "--root"]).arg(store.join("root"));
    buildah.arg("--runroot").arg(store.join("run"));
    buildah
}

#[tokio::test]
async fn the_image_runs_without_root_on_a_read_only_file_system() -> Result<()> {
    needs_one_control_plane!("it is about the packages of a single server");
    if !is_installed("buildah") {
        return Ok(());
    }
    let packages = dist(&["--only", "image"])?;
    let archive = file_that_ends_with(packages.path(), "-image.tar");
    let store = tempfile::tempdir().unwrap();
    let image = run(buildah(store.path())
        .args(["pull", "--quiet"])
        .arg(format!("docker-archive:{}", archive.display())));
    let container = run(buildah(store.path()).args(["from", image.trim()]));
    let described = run(buildah(store.path()).args(["inspect", "--type", "container", container.trim()]));
    let described: Value = serde_json::from_str(&described).unwrap();
    let config = &described["Docker"]["config"];
    assert_eq!(config["User"], "10001:10001", "{config:#}");
    assert_eq!(config["Entrypoint"][0], "/usr/bin/bucketry");
    assert_eq!(config["Healthcheck"]["Test"][2], "health", "{config:#}");

    let root = PathBuf::from(run(buildah(store.path()).args(["mount", container.trim()])).trim());
    for directory in ["var/lib/bucketry", "var/backups/bucketry"] {
        let data = fs::metadata(root.join(directory)).unwrap();
        let (owner, mode) = (std::os::unix::fs::MetadataExt::uid(&data), data.permissions().mode() & 0o777);
        assert_eq!((owner, mode), (10_001, 0o700), "{directory}");
    }
    let shells = ["bin", "usr/bin"].map(|dir| root.join(dir).join("sh")).map(|shell| shell.exists());
    assert_eq!(shells, [false, false], "there is nothing but the program");
    let program = program_in(&root, "10001:10001", &store.path().join("program"));
    let server = Server::start(Options::new(&program)).await?;
    put_through_the_gateway(&server, "from-the-image.txt").await?;

    let health = |url: &str, args: &[&str]| {
        let mut health = Command::new(&program);
        health.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("BUCKETRY_URL", url);
        health.arg("health").args(args).output().unwrap()
    };
    for (args, said) in [(&[][..], "is ready"), (&["--live"], "is running")] {
        let output = health(server.api(), args);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && printed.contains(said), "{output:?}");
    }
    let output = health("http://127.0.0.1:1", &["--live"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    // The image also runs a node, whose health check has another address.
    let key = server.data_dir().join("node.pem");
    let (api, start) = (server.api().to_owned(), program.clone());
    let started = tokio::task::spawn_blocking(move || {
        BucketryNode::start(&start, NodePlace::here(), &api, &key, &["--name", "from-the-image"])
    });
    let owner = server.owner().await?;
    let (node, approved) = tokio::join!(started, owner.approve_node("from-the-image"));
    approved?;
    let node = node?.unwrap();
    let output = health(node.status(), &[]);
    assert!(output.status.success(), "{output:?}\n{}", node.log());
    drop((node, server));
    run(buildah(store.path()).args(["rm", container.trim()]));
    Ok(())
}

/// A minimal Debian in a directory, with the commands that install into it.
struct Debian {
    dir: TempDir,
}

impl Debian {
    fn unpack(archive: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("bucketry-debian-").tempdir().unwrap();
        run(Command::new("tar")
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(archive)
            .arg("-C")
            .arg(dir.path()));
        Self { dir }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new("chroot");
        command
            .arg(self.root())
            .arg(program)
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        run(&mut command)
    }

    fn install(&self, package: &Path) -> String {
        fs::copy(package, self.root().join("tmp/bucketry.deb")).unwrap();
        self.run("dpkg", &["--install", "/tmp/bucketry.deb"])
    }

    fn has(&self, path: &str) -> bool {
        self.root().join(path).exists()
    }

    /// The numbers of the user and the group that the package has created.
    fn user(&self) -> String {
        let users = fs::read_to_string(self.root().join("etc/passwd")).unwrap();
        let line = users.lines().find(|line| line.starts_with("bucketry:")).unwrap();
        line.split(':').skip(2).take(2).collect::<Vec<_>>().join(":")
    }
}

/// The same package with a higher version.
fn newer(package: &Path, dir: &Path) -> PathBuf {
    let (unpacked, newer) = (dir.join("newer"), dir.join("newer.deb"));
    run(Command::new("dpkg-deb").arg("-R").arg(package).arg(&unpacked));
    let control = unpacked.join("DEBIAN/control");
    let text = fs::read_to_string(&control).unwrap();
    fs::write(&control, text.replace("\nVersion: ", "\nVersion: 1:")).unwrap();
    run(Command::new("dpkg-deb").args(["-b", "-Znone"]).arg(&unpacked).arg(&newer));
    newer
}

#[tokio::test]
async fn the_debian_package_installs_upgrades_and_leaves_the_data_when_it_is_removed() -> Result<()> {
    needs_one_control_plane!("it is about the packages of a single server");
    let Some(archive) = variable("BUCKETRY_TEST_DEBIAN_ROOT") else {
        return Ok(());
    };
    let packages = dist(&["--only", "deb"])?;
    let package = file_that_ends_with(packages.path(), ".deb");
    let debian = Debian::unpack(&archive);
    let printed = debian.install(&package);
    assert!(printed.contains("bucketry init"), "without a configuration, it says what to do: {printed}");
    assert!(debian.run("bucketry", &["--version"]).starts_with("bucketry "));
    for path in [
        "usr/share/man/man1/bucketry.1.gz",
        "usr/share/man/man1/bucketry-node.1.gz",
        "usr/share/bash-completion/completions/bucketry",
        "usr/lib/systemd/system/bucketry-node.service",
        "usr/share/doc/bucketry/remote-nodes.md",
    ] {
        assert!(debian.has(path), "{path}");
    }

    // The paths that are the defaults for root, where there is /proc.
    let paths = ["--config", "/etc/bucketry/bucketry.toml", "--data-dir", "/var/lib/bucketry"];
    let addresses = ["--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0"];
    let printed = debian.run("bucketry", &[&["init", "--yes", "--no-unit"], &paths[..], &addresses].concat());
    assert!(printed.contains("systemctl enable --now bucketry.service"), "{printed}");
    let configuration = debian.root().join("etc/bucketry/bucketry.toml");
    // Only root can read the one that `init` wrote, and systemd passes it on. There is no systemd here.
    fs::remove_file(&configuration).unwrap();
    fs::write(&configuration, "probe_interval = 7\n").unwrap();
    let state = tempfile::tempdir().unwrap();
    let program = program_in(debian.root(), &debian.user(), &state.path().join("program"));
    let config = || "--config=/etc/bucketry/bucketry.toml";
    let mut server = Server::start(Options::new(&program).arg(config())).await?;
    put_through_the_gateway(&server, "from-the-package.txt").await?;
    assert_eq!(server.terminate().await?.and_then(|status| status.code()), Some(0));

    let data = debian.root().join("var/lib/bucketry");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("vault.key"), "kept").unwrap();
    let printed = debian.install(&newer(&package, packages.path()));
    assert!(!printed.contains("bucketry init"), "it is configured already: {printed}");
    assert_eq!(fs::read_to_string(&configuration).unwrap(), "probe_interval = 7\n");
    assert!(debian.run("dpkg-query", &["-W", "bucketry"]).contains("1:"));
    server.restart().await?;
    assert_eq!(server.owner().await?.buckets().await?.len(), 1);
    drop(server);

    debian.run("dpkg", &["--remove", "bucketry"]);
    assert!(!debian.has("usr/bin/bucketry") && debian.has("etc/bucketry/bucketry.toml"));
    let printed = debian.run("dpkg", &["--purge", "bucketry"]);
    assert!(!debian.has("etc/bucketry"));
    assert!(printed.contains("It contains keys") && debian.has("var/lib/bucketry/vault.key"), "{printed}");
    Ok(())
}

#[test]
fn lintian_finds_no_errors_in_the_debian_package() -> Result<()> {
    needs_one_control_plane!("it is about the packages of a single server");
    if !is_installed("lintian") {
        return Ok(());
    }
    let packages = dist(&["--only", "deb"])?;
    let package = file_that_ends_with(packages.path(), ".deb");
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root"]).arg(&package);
    run(&mut lintian);
    Ok(())
}

#[test]
fn tarballs_are_reproducible_and_their_checksums_are_signed() -> Result<()> {
    needs_one_control_plane!("it is about the packages of a single server");
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("release");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key));
    let args = ["--only", "tarball", "--only", "sbom", "--sign-with", &key.to_string_lossy()];
    let (one, other) = (dist(&args)?, dist(&args)?);
    let sums = |packages: &TempDir| fs::read_to_string(packages.path().join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&one), sums(&other), "the same files make the same packages");
    assert_eq!(sums(&one).lines().count(), 2);
    run(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(one.path()));

    // As deploy/README.md says.
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    fs::write(one.path().join("bucketry-release.pub"), format!("releases@bucketry {public}")).unwrap();
    let verify = "ssh-keygen -Y verify -f bucketry-release.pub -I releases@bucketry -n file -s SHA256SUMS.sig < SHA256SUMS";
    let verified = || Command::new("sh").args(["-c", verify]).current_dir(one.path()).output().unwrap();
    let output = verified();
    assert!(output.status.success(), "{output:?}");
    let altered = sums(&one).replacen('0', "1", 1);
    fs::write(one.path().join("SHA256SUMS"), altered).unwrap();
    assert!(!verified().status.success(), "an altered list isn't accepted");

    let tarball = file_that_ends_with(one.path(), ".tar.gz");
    let listed = run(Command::new("tar").arg("-tzf").arg(&tarball));
    let paths = [
        "bin/bucketry",
        "LICENSE",
        "README.md",
        "docs/operations.md",
        "deploy/compose.yaml",
        "deploy/helm/bucketry/Chart.yaml",
        "deploy/helm/bucketry-node/templates/nodes.yaml",
        "deploy/compose.node.yaml",
        "share/completions/zsh/_bucketry",
        "deploy/systemd/bucketry.service",
        "deploy/systemd/bucketry-node.service",
        "share/man/man1/bucketry.1",
    ];
    for path in paths {
        assert!(listed.lines().any(|line| line.ends_with(&format!("/{path}"))), "{path}: {listed}");
    }
    sbom_is_valid(&file_that_ends_with(one.path(), ".cdx.json"));
    Ok(())
}

const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
";

fn sbom_is_valid(file: &Path) {
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let components = document["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    assert!(components.len() > 200 && named("tokio").unwrap()["hashes"][0]["content"].is_string());
    assert!(named("proptest").is_none(), "what only tests need doesn't ship");
    if let Some(python) = variable("BUCKETRY_TEST_DEPLOYMENT_PYTHON") {
        run(Command::new(python).args(["-c", VALIDATE]).arg(file));
    }
}
