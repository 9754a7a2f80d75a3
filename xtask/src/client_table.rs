//! The table of S3 clients in `docs/provider-matrix.md`: how many operations of each client work at each provider.
//!
//! The tests of the client matrix write their outcomes to the target directory and compare their counts with this
//! table, so it can't be out of date for long.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::command::Result;

const PROVIDERS: [&str; 3] = ["s3", "azure", "gcs"];

/// Working operations and all operations, by client and provider.
type Counts = BTreeMap<(String, String), (usize, usize)>;

/// The table made of the outcomes that the last tests left in a directory. None if one of the providers has none.
/// A client that wasn't installed has no row.
pub(crate) fn table(outcomes: &Path) -> Result<Option<String>> {
    let mut counts = Counts::new();
    let Ok(files) = fs::read_dir(outcomes) else { return Ok(None) };
    for file in files {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with("clients-") {
            count(&fs::read_to_string(file.path())?, &mut counts);
        }
    }
    let complete = PROVIDERS.iter().all(|name| counts.keys().any(|(_, provider)| provider == name));
    Ok(complete.then(|| render(&counts)))
}

/// Adds lines of provider, client, operation and outcome, separated by tabs.
fn count(lines: &str, counts: &mut Counts) {
    for line in lines.lines() {
        let mut columns = line.split('\t');
        if let (Some(provider), Some(client), Some(_), Some(outcome)) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        {
            let (worked, all) = counts.entry((client.to_owned(), provider.to_owned())).or_default();
            *worked += usize::from(outcome == "ok");
            *all += 1;
        }
    }
}

fn render(counts: &Counts) -> String {
    let mut text = "\n| client | s3 | azure | gcs |\n|---|---|---|---|\n".to_owned();
    let clients: BTreeSet<_> = counts.keys().map(|(client, _)| client).collect();
    for client in clients {
        let cell = |provider: &&str| match counts.get(&(client.clone(), (*provider).to_owned())) {
            Some((worked, all)) => format!("{worked} of {all}"),
            None => String::new(),
        };
        // Writing to a string can't fail.
        let _ =
            writeln!(text, "| {client} | {} |", PROVIDERS.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_by_client_and_provider() {
        let mut counts = Counts::new();
        count("s3\trestic\tinit\tok\ns3\trestic\tcheck\tno such key\ngcs\trestic\tinit\tok", &mut counts);
        assert!(render(&counts).contains("\n| restic | 1 of 2 |  | 1 of 1 |\n"), "{}", render(&counts));
    }

    #[test]
    fn without_outcomes_of_every_provider_there_is_no_table() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(table(dir.path()).unwrap(), None);
        fs::write(dir.path().join("clients-s3-boto3.tsv"), "s3\tboto3\tput\tok").unwrap();
        assert_eq!(table(dir.path()).unwrap(), None);
    }
}
