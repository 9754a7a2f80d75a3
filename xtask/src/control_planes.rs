//! End-to-end tests with several control planes per deployment, in place of one.

use std::fs;
use std::path::Path;

use crate::command::Result;
use crate::skipped_tests::SkippedTests;
use crate::workspace::Workspace;

/// Journeys that a complete run repeats with a single control plane and the embedded database, as most people start it: those
/// that use a deployment through its API, its gateway and the command line.
///
/// All journeys run with three control planes on PostgreSQL. Those that are skipped there run with one, too, without being
/// listed here.
const ALSO_WITH_ONE: [&str; 12] = [
    "changes_reach_the_gateway",
    "crashes",
    "daily_work",
    "import",
    "metering_survives",
    "register_a_bucket",
    "repository_commands",
    "roles",
    "statistics",
    "validation_progress",
    "vault_rotation",
    "wrong_requests",
];

/// How many control planes each deployment gets in a complete run.
const IN_COMPLETE_RUN: u8 = 3;

/// A run in which each deployment has several control planes.
#[derive(Debug)]
pub(crate) struct ControlPlaneRun {
    count: u8,
}

impl ControlPlaneRun {
    pub(crate) fn new(count: u8) -> Self {
        Self { count }
    }

    /// The part of a complete run.
    pub(crate) fn complete() -> Self {
        Self::new(IN_COMPLETE_RUN)
    }

    /// The variables that make the journeys start several control planes, each with its value.
    pub(crate) fn environment(&self) -> [(String, String); 2] {
        [
            ("BUCKETRY_TEST_ENGINE", "postgres".to_owned()),
            ("BUCKETRY_TEST_CONTROL_PLANES", self.count.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }
}

/// An expression of nextest for what remains to be tested with a single control plane after all journeys ran with several:
/// everything but journeys, the journeys that were skipped, and those that are repeated.
pub(crate) fn rest(skipped: &SkippedTests) -> String {
    let skipped = skipped.names().into_iter().map(|name| format!("test(={name})"));
    let repeated = ALSO_WITH_ONE.into_iter().map(|journey| format!("binary(={journey})"));
    let kinds = "not (package(bucketry-e2e) & kind(test))".to_owned();
    std::iter::once(kinds).chain(repeated).chain(skipped).collect::<Vec<_>>().join(" | ")
}

/// The arguments of the test runner for all journeys. They select no package: a single package would be rebuilt, with different
/// features of its dependencies.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<String>> {
    let mut journeys = Vec::new();
    for entry in fs::read_dir(workspace.root.join("e2e/tests"))? {
        journeys.extend(journey_in(&entry?.path()));
    }
    journeys.sort();
    Ok(select(journeys.into_iter()))
}

/// The name of the tests in a file or folder, if it is a crate of tests.
fn journey_in(path: &Path) -> Option<String> {
    let is_crate =
        path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
    path.file_stem().filter(|_| is_crate).map(|name| name.to_string_lossy().into_owned())
}

fn select(journeys: impl Iterator<Item = String>) -> Vec<String> {
    journeys.flat_map(|journey| ["--test".to_owned(), journey]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journeys_that_are_repeated_exist() {
        let workspace = Workspace::find().unwrap();
        let all = all(&workspace).unwrap();
        assert!(all.contains(&"remote_node".to_owned()), "a folder with a main file: {all:?}");
        assert!(!all.contains(&"older".to_owned()), "other folders: {all:?}");
        for journey in ALSO_WITH_ONE {
            assert!(all.iter().any(|one| one == journey), "e2e/tests/{journey}.rs");
        }
    }
}
