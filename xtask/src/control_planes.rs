//! End-to-end tests with several control planes per deployment, in place of one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, Result};
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
    /// To which tests add a line if they are skipped: their name, a tab, and the reason.
    skipped: PathBuf,
}

impl ControlPlaneRun {
    pub(crate) fn new(workspace: &Workspace, count: u8) -> Result<Self> {
        let skipped = workspace.target.join("skipped-tests.txt");
        match fs::remove_file(&skipped) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(Self { count, skipped }),
        }
    }

    /// The part of a complete run.
    pub(crate) fn complete(workspace: &Workspace) -> Result<Self> {
        Self::new(workspace, IN_COMPLETE_RUN)
    }

    /// The variables that make the journeys start several control planes, each with its value.
    pub(crate) fn environment(&self) -> [(String, String); 3] {
        [
            ("BUCKETRY_TEST_ENGINE", "postgres".to_owned()),
            ("BUCKETRY_TEST_CONTROL_PLANES", self.count.to_string()),
            ("BUCKETRY_TEST_SKIPPED", self.skipped.to_string_lossy().into_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// An expression of nextest for what remains to be tested with a single control plane: everything but journeys, the
    /// journeys that were skipped in this run, and those that are repeated.
    pub(crate) fn rest(&self) -> String {
        // Without the file, no test was skipped.
        let text = fs::read_to_string(&self.skipped).unwrap_or_default();
        let skipped = text.lines().filter_map(|line| line.split_once('\t'));
        let skipped: BTreeSet<_> = skipped.map(|(name, _)| format!(" | test(={name})")).collect();
        let repeated = ALSO_WITH_ONE.map(|journey| format!(" | binary(={journey})"));
        let kinds = "not (package(bucketry-e2e) & kind(test))";
        kinds.to_owned() + &repeated.concat() + &skipped.into_iter().collect::<String>()
    }

    /// How many tests were skipped so far. Prints how many there are for each reason.
    pub(crate) fn skipped(&self) -> u64 {
        // Without the file, no test was skipped.
        let text = fs::read_to_string(&self.skipped).unwrap_or_default();
        let by_reason = count_reasons(&text);
        for (reason, tests) in &by_reason {
            command::say(&format!("skipped {tests}: {reason}"));
        }
        by_reason.values().sum()
    }
}

/// How many tests were skipped for each reason.
fn count_reasons(lines: &str) -> BTreeMap<&str, u64> {
    let mut by_reason = BTreeMap::new();
    for (_, reason) in lines.lines().filter_map(|line| line.split_once('\t')) {
        *by_reason.entry(reason).or_default() += 1;
    }
    by_reason
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
    fn skipped_tests_are_counted_by_reason() {
        let lines = "one\tit kills a process\ntwo\tit has no server\nthree\tit kills a process\n";
        let counted = count_reasons(lines);
        assert_eq!(
            counted.into_iter().collect::<Vec<_>>(),
            [("it has no server", 1), ("it kills a process", 2)]
        );
    }

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
