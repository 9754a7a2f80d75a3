//! Tests that skip themselves while a run is in progress. To the test runner, they have passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::command::{self, Result};
use crate::workspace::Workspace;

/// The tests that one run skips.
#[derive(Debug)]
pub(crate) struct SkippedTests {
    /// To which tests add a line if they are skipped: their name, a tab, and the reason.
    file: PathBuf,
}

impl SkippedTests {
    /// Those of the last run.
    pub(crate) fn last(workspace: &Workspace) -> Self {
        Self { file: workspace.target.join("skipped-tests.txt") }
    }

    /// Begins a run in which no test has been skipped yet.
    pub(crate) fn begin(workspace: &Workspace) -> Result<Self> {
        let begun = Self::last(workspace);
        match fs::remove_file(&begun.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(begun),
        }
    }

    /// The variable that tells tests where to add their line, with its value.
    pub(crate) fn environment(&self) -> (&'static str, &PathBuf) {
        ("BUCKETRY_TEST_SKIPPED", &self.file)
    }

    /// Without the file, no test was skipped.
    fn lines(&self) -> String {
        fs::read_to_string(&self.file).unwrap_or_default()
    }

    /// The names of the tests that were skipped so far.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let text = self.lines();
        text.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name.to_owned()).collect()
    }

    /// How many tests were skipped so far. Prints how many there are for each reason.
    pub(crate) fn count(&self) -> u64 {
        let text = self.lines();
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
}
