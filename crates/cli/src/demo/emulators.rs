//! The programs that emulate clouds: where they are, and how to install those that are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo_options::Cloud;
use crate::failure::{Failure, Result};

/// The newest Azurite that runs on Node.js 20.
const AZURITE_FOR_NODE_20: &str = "azurite@3.35.0";
/// The first version of Node.js on which newer versions of Azurite run.
const NODE_OF_NEWEST_AZURITE: u32 = 22;

impl Cloud {
    /// The names under which the program is installed: that of the project, then those in packages.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Azurite => &["azurite-blob"],
            Self::Gcs => &[
                "fake-gcs-server",
                "fake-gcs-server-linux-amd64",
                "fake-gcs-server-linux-arm64",
                "fake-gcs-server-darwin-amd64",
                "fake-gcs-server-darwin-arm64",
            ],
        }
    }

    /// The program's usual name.
    pub(crate) fn program(self) -> &'static str {
        self.names()[0]
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Azurite => "BUCKETRY_DEMO_AZURITE",
            Self::Gcs => "BUCKETRY_DEMO_FAKE_GCS",
        }
    }

    /// How to install the program where `node` is the major version of the installed Node.js.
    fn remedy(self, node: Option<u32>) -> String {
        match (self, node) {
            (Self::Azurite, None) => {
                "install Node.js 22 or newer, then: npm install --global azurite".to_owned()
            }
            (Self::Azurite, Some(version)) if version >= NODE_OF_NEWEST_AZURITE => {
                "npm install --global azurite".to_owned()
            }
            (Self::Azurite, Some(version)) => {
                format!(
                    "npm install --global {AZURITE_FOR_NODE_20}   (newer versions need Node.js 22; this is {version})"
                )
            }
            (Self::Gcs, _) => {
                "download it from https://github.com/fsouza/fake-gcs-server/releases".to_owned()
            }
        }
    }

    /// The program's path: the one in its environment variable, or the first in `search` (a `PATH`).
    fn find(self, named: Option<PathBuf>, search: &Path) -> Option<PathBuf> {
        if named.is_some() {
            return named;
        }
        let folders: Vec<PathBuf> = std::env::split_paths(search.as_os_str()).collect();
        let in_folders =
            |name: &&'static str| folders.iter().map(|dir| dir.join(name)).find(|file| file.is_file());
        self.names().iter().find_map(in_folders)
    }

    /// Why the program may have ended at once.
    pub(crate) fn likely_cause(self) -> String {
        match (self, node_version()) {
            (Self::Azurite, Some(version)) if version < NODE_OF_NEWEST_AZURITE => format!(
                ". Versions after {AZURITE_FOR_NODE_20} need Node.js 22, and this is {version}: \
                 npm install --global {AZURITE_FOR_NODE_20}"
            ),
            _ => String::new(),
        }
    }
}

/// Finds the programs of these clouds, or names all that are missing.
pub(crate) fn find(clouds: &[Cloud]) -> Result<Vec<(Cloud, PathBuf)>> {
    let search = PathBuf::from(std::env::var_os("PATH").unwrap_or_default());
    let named = |cloud: Cloud| std::env::var_os(cloud.variable()).filter(|path| !path.is_empty());
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for &cloud in clouds {
        match cloud.find(named(cloud).map(PathBuf::from), &search) {
            _ if found.iter().any(|(known, _)| *known == cloud) || missing.contains(&cloud) => {}
            Some(program) => found.push((cloud, program)),
            None => missing.push(cloud),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(Failure::failed(explain(&missing, node_version()))) }
}

fn explain(missing: &[Cloud], node: Option<u32>) -> String {
    let mut lines = vec!["the demo needs programs that are not in PATH:".to_owned()];
    for cloud in missing {
        let (program, variable) = (cloud.program(), cloud.variable());
        lines.push(format!("  {program}: {}", cloud.remedy(node)));
        lines.push(format!("  {:1$}  or set {variable} to its path", "", program.len()));
    }
    lines.join("\n")
}

/// The major version of the installed Node.js.
fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_programs_are_named_with_versions_that_work_here() {
        let text = explain(&[Cloud::Azurite, Cloud::Gcs], major("v20.20.2\n"));
        assert!(text.contains("npm install --global azurite@3.35.0"), "{text}");
        assert!(text.contains("fake-gcs-server") && text.contains("BUCKETRY_DEMO_FAKE_GCS"), "{text}");
        assert!(explain(&[Cloud::Azurite], Some(22)).contains("npm install --global azurite\n"));
        assert!(explain(&[Cloud::Azurite], None).contains("Node.js 22 or newer"));
        assert_eq!(major("not found"), None);
    }

    #[test]
    fn programs_are_found_under_the_names_that_packages_give_them() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fake-gcs-server-linux-amd64");
        assert_eq!(Cloud::Gcs.find(None, dir.path()), None);
        std::fs::write(&program, "").unwrap();
        assert_eq!(Cloud::Gcs.find(None, dir.path()), Some(program));
        let named = Some(PathBuf::from("/opt/gcs"));
        assert_eq!(Cloud::Gcs.find(named.clone(), dir.path()), named);
    }
}
