//! The test servers that are Node.js programs, installed from a lock file with hashes into `target/test-tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};
use crate::workspace::Workspace;

const FOLDER: &str = "xtask/tools/npm";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

const NO_NODE: &str = "\
Node.js 20 or newer with npm is missing. A test server (Azurite, for Azure Blob) needs it. Install it:
  Debian, Ubuntu   apt-get install nodejs npm
  Fedora           dnf install nodejs
  macOS            brew install node";

/// The installed programs.
#[derive(Debug)]
pub(crate) struct NodeTools {
    modules: PathBuf,
}

impl NodeTools {
    /// Installs the packages of the lock file, unless exactly these are already installed. Scripts of packages are
    /// not run.
    ///
    /// Concurrent runs wait for each other here.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        let dir = workspace.target.join("test-tools").join("npm");
        fs::create_dir_all(&dir)?;
        let turn = fs::File::create(dir.join("turn"))?;
        turn.lock()?;
        let node = node()?;
        let from = workspace.root.join(FOLDER);
        let mut wanted = node;
        for file in FILES {
            wanted.push_str(&fs::read_to_string(from.join(file))?);
        }
        let stamp = dir.join("installed");
        let tools = Self { modules: dir.join("node_modules") };
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(tools);
        }
        command::complain("installing the test servers that need Node.js (only once; about 120 MB)");
        match fs::remove_file(&stamp) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        for file in FILES {
            fs::copy(from.join(file), dir.join(file))?;
        }
        command::run(npm(&dir).args(["ci", "--ignore-scripts"]))?;
        fs::write(&stamp, wanted)?;
        Ok(tools)
    }

    /// The directory from which our Node.js programs import packages.
    pub(crate) fn modules(&self) -> &Path {
        &self.modules
    }

    /// Azurite, the Azure Blob server.
    pub(crate) fn azurite(&self) -> PathBuf {
        self.modules.join(".bin/azurite-blob")
    }
}

/// Resolves the wanted packages into the lock file. The lock file names no registry, so that any registry can be
/// used.
pub(crate) fn lock(workspace: &Workspace) -> Result {
    node()?;
    let mut resolve = npm(&workspace.root.join(FOLDER));
    resolve.args(["install", "--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"]);
    command::run(&mut resolve)
}

fn npm(at: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(at).args(["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    npm
}

/// The version of Node.js. An error if it is too old, or it or npm is missing.
fn node() -> Result<String> {
    let usable = "process.exit(+process.versions.node.split('.')[0] < 20 ? 1 : 0)";
    let found = command::succeeds(Command::new("node").args(["-e", usable]))
        && command::succeeds(Command::new("npm").arg("--version"));
    if found { command::output(Command::new("node").arg("--version")) } else { Err(NO_NODE.into()) }
}
