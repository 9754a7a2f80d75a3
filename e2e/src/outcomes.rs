//! Compares the outcomes of clients' operations with `clients/known-failures.txt`. Both a failure that is not
//! listed and a listed operation that works are reported, so the list only shrinks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{Error, Result};

const PAGE: &str = include_str!("../../docs/provider-matrix.md");
const LIST: &str = include_str!("../clients/known-failures.txt");

/// The name of the Rust crate `object_store` in the list. The other clients are [`crate::S3Client`]s.
pub const OBJECT_STORE: &str = "object_store";

/// The outcomes of operations on a bucket at one kind of provider.
#[derive(Debug)]
pub struct Outcomes {
    provider: &'static str,
    by_client: BTreeMap<String, BTreeMap<String, String>>,
}

impl Outcomes {
    /// No outcomes yet, for the provider with this name in the list.
    pub fn new(provider: &'static str) -> Self {
        Self { provider, by_client: BTreeMap::new() }
    }

    /// Adds the outcomes of a client, which map operations to `ok` or the reason of the failure.
    pub fn add(&mut self, client: &str, response: BTreeMap<String, String>) {
        self.by_client.insert(client.to_owned(), response);
    }

    /// Writes all outcomes as a tab-separated table for people to read.
    ///
    /// # Errors
    /// [`Error::Files`] if the file can't be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let rows = self
            .all()
            .map(|(client, operation, outcome)| [self.provider, client, operation, outcome].join("\t"));
        std::fs::write(file, rows.collect::<Vec<_>>().join("\n")).map_err(Error::Files)
    }

    /// The differences from the list of known failures, for the clients that have outcomes.
    pub fn surprises(&self) -> Vec<String> {
        let known: BTreeSet<_> = known_failures()
            .filter(|(provider, client, _)| {
                *provider == self.provider && self.by_client.get(*client).is_some_and(|ran| !ran.is_empty())
            })
            .map(|(_, client, operation)| (client, operation))
            .collect();
        let failed: BTreeMap<_, _> = self
            .all()
            .filter(|(_, _, outcome)| *outcome != "ok")
            .map(|(client, operation, outcome)| ((client, operation), outcome))
            .collect();
        let new = failed
            .iter()
            .filter(|(which, _)| !known.contains(*which))
            .map(|((client, operation), outcome)| format!("{client} {operation} fails: {outcome}"));
        let mended = known.iter().filter(|which| !failed.contains_key(*which)).map(|(client, operation)| {
            format!("{client} {operation} works now: remove it from the list of known failures")
        });
        new.chain(mended).collect()
    }

    /// The clients whose count of working operations differs from the table in `docs/provider-matrix.md`. Clients
    /// that are not installed are omitted.
    pub fn not_in_the_table(&self) -> Vec<String> {
        let heading = PAGE.lines().find(|line| line.starts_with("| client |")).unwrap_or_default();
        let column = cells(heading).position(|cell| cell == self.provider);
        let ran = self.by_client.iter().filter(|(_, response)| !response.is_empty());
        ran.filter_map(|(client, response)| {
            let row = PAGE.lines().find(|line| cells(line).next() == Some(client.as_str())).unwrap_or_default();
            let shown = column.and_then(|column| cells(row).nth(column)).unwrap_or_default();
            let worked = response.values().filter(|outcome| *outcome == "ok").count();
            let wanted = format!("{worked} of {}", response.len());
            (shown != wanted).then(|| {
                format!("{client}: {wanted}, but docs/provider-matrix.md says {shown:?}: run `cargo xtask providers`")
            })
        })
        .collect()
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.by_client.iter().flat_map(|(client, response)| {
            response
                .iter()
                .map(move |(operation, outcome)| (client.as_str(), operation.as_str(), outcome.as_str()))
        })
    }
}

/// The texts in a row of a Markdown table.
fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.trim_matches('|').split('|').map(str::trim)
}

/// The provider, client and operation of each line `provider client operation reason…`.
fn known_failures() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?, words.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Client;

    #[test]
    fn every_line_of_the_list_is_of_a_client_and_a_provider_that_are_tested() {
        let clients: Vec<_> = S3Client::GENERAL
            .iter()
            .chain(&S3Client::DATA)
            .map(|client| client.name())
            .chain([OBJECT_STORE])
            .collect();
        for (provider, client, operation) in known_failures() {
            assert!(
                ["s3", "azure", "gcs"].contains(&provider) && clients.contains(&client),
                "{provider} {client} {operation}"
            );
        }
    }

    #[test]
    fn new_failures_and_mended_ones_are_both_surprises() {
        let mut outcomes = Outcomes::new("azure");
        let response = [("put_object", "ok"), ("get_object", "AccessDenied")];
        outcomes.add(
            "s3cmd",
            response.map(|(operation, outcome)| (operation.to_owned(), outcome.to_owned())).into(),
        );
        let surprises = outcomes.surprises();
        assert!(surprises.contains(&"s3cmd get_object fails: AccessDenied".to_owned()), "{surprises:?}");
        assert!(surprises.iter().any(|line| line.starts_with("s3cmd put_object works")), "{surprises:?}");
        assert!(surprises.iter().all(|line| line.starts_with("s3cmd ")), "{surprises:?}");
    }
}
