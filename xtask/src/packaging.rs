//! What the tests of the packages need: this program, and tools that can't be installed from lock files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};
use crate::debian;
use crate::workspace::Workspace;

/// Optional programs, each with what isn't tested without it.
const PROGRAMS: [(&str, &str); 2] =
    [("buildah", "the image was not built and run"), ("lintian", "the Debian package was not checked")];

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Packaging {
    debian_root: Option<PathBuf>,
}

impl Packaging {
    /// Makes the Debian into which the package is installed, if that is possible here.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let debian_root = debian::root(&workspace.target.join("test-tools"))?;
        Ok(Self { debian_root })
    }

    /// The variables that the tests read.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variable = |name: &str, path: &Path| (name.to_owned(), path.to_string_lossy().into_owned());
        let program = std::env::current_exe().ok();
        let program = program.iter().map(|program| variable("BUCKETRY_TEST_XTASK", program));
        let root = self.debian_root.iter().map(|root| variable("BUCKETRY_TEST_DEBIAN_ROOT", root));
        program.chain(root).collect()
    }

    /// The number of tests that pass without doing anything, after saying why.
    pub(crate) fn skipped(&self) -> u64 {
        let mut skipped = 0;
        for (program, consequence) in PROGRAMS {
            if !command::succeeds(Command::new(program).arg("--version")) {
                command::complain(&format!(
                    "{program} is not installed: {consequence}. To enable this: apt-get install {program}"
                ));
                skipped += 1;
            }
        }
        if self.debian_root.is_none() {
            command::complain(
                "the Debian package was not installed and upgraded: run the tests as root, with debootstrap installed",
            );
            skipped += 1;
        }
        skipped
    }
}
