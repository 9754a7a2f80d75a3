//! `bucketry migrate`: moves the registry between the embedded database and PostgreSQL.

use std::path::{Path, PathBuf};

use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::Store as _;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_store::transfer::{self, Moved, Source, Step, StoredTable, Target};
use bucketry_vault::Identities;
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::MigrateOptions;
use crate::data_directory::{BESIDE_THE_DATABASE, VAULT_KEY};
use crate::database::DatabaseUrl;
use crate::failure::{Failure, Result};
use crate::sealed_secrets::{self, Extent};
use crate::{interrupted_restore, output};

/// Both sides of a move. One is the embedded database, whose schema lists the tables to move.
struct Sides {
    embedded: SqliteStore,
    server: PostgresStore,
    to_server: bool,
    directory: PathBuf,
    /// The PostgreSQL database, in a form that can be shown.
    address: String,
}

/// Moves all rows to an empty database, and compares both sides.
pub(crate) async fn run(options: MigrateOptions) -> Result<()> {
    let sides = Sides::open(&options.from, &options.to).await?;
    let failed = |error: bucketry_store::StoreError| {
        Failure::because("the registry was not moved; run the same command again to continue", &error)
    };
    let tables = sides.embedded.tables().await.map_err(failed)?;
    let (from, to) = sides.ends();
    let mut total = 0;
    for table in &tables {
        total += from.count_rows(table).await.map_err(failed)?;
    }
    let bar = bar(total);
    let mut done = MigrationSummary::default();
    let moved = transfer::run(from, to, &tables, |step, table, rows| {
        bar.set_message(match step {
            Step::Moving => format!("moving {}", table.name),
            Step::Comparing => format!("comparing {}", table.name),
        });
        bar.set_position(done.with(step, table, rows));
    })
    .await
    .map_err(failed)?;
    bar.finish_and_clear();
    let next = sides.next_steps().await;
    sides.embedded.close().await;
    sides.server.close().await;
    match moved {
        Moved::Whole { rows } => {
            output::line(&format!("moved {rows} rows of {} tables; both sides are identical", tables.len()))?;
            for line in &next {
                output::remark(line);
            }
            Ok(())
        }
        Moved::Disturbed => Err(Failure::failed(
            "the connection that kept servers out of PostgreSQL was lost, so a server may have written to it: the move is \
             not finished, and no server starts on the target. Stop all servers, empty the target and start again",
        )),
        Moved::TargetInUse => Err(Failure::failed(
            "the target already contains a registry and was not changed: choose an empty one with --to",
        )),
        Moved::Different { table } => Err(Failure::failed(format!(
            "the table {table} differs between the two sides: a server is still using one of them, or something else \
             changed it. Stop all servers, empty the target and start again"
        ))),
    }
}

impl Sides {
    async fn open(from: &DatabaseUrl, to: &DatabaseUrl) -> Result<Self> {
        let (directory, url, to_server) = match (from.directory(), to.directory()) {
            (Some(directory), None) => (directory, to, true),
            (None, Some(directory)) => (directory, from, false),
            _ => {
                return Err(Failure::usage(
                    "one of --from and --to must be sqlite:DATA_DIR, the other postgres://user:password@host/database",
                ));
            }
        };
        let address = url.address()?;
        interrupted_restore::refuse_interrupted(&directory)?;
        if to_server && !directory.join(sqlite::DATABASE_FILE).exists() {
            return Err(Failure::failed(format!(
                "there is no database in {}: name the server's data directory with --from sqlite:DATA_DIR",
                directory.display()
            )));
        }
        let embedded = SqliteStore::open_to_move(&directory, sqlite::Options::default())
            .await
            .map_err(|error| Failure::because(&format!("can't open {}", directory.display()), &error))?;
        let server = PostgresStore::open_alone(&address, &postgres::Options::default())
            .await
            .map_err(|error| Failure::because(&format!("can't use {address}"), &error))?;
        Ok(Self { embedded, server, to_server, directory, address: address.to_string() })
    }

    /// What to do before a server starts on the target: which files to copy where.
    async fn next_steps(&self) -> Vec<String> {
        let directory = &self.directory;
        let path = directory.join(VAULT_KEY);
        let keys = Identities::load(&path).ok().flatten();
        let examined =
            sealed_secrets::examine(&self.embedded, keys.as_ref(), "", Extent::FirstPage, SystemClock.now())
                .await
                .unwrap_or_default();
        let missing: Vec<&str> = BESIDE_THE_DATABASE
            .into_iter()
            .filter(|file| !directory.join(file).exists() || (*file == VAULT_KEY && examined.unopened > 0))
            .collect();
        next_steps(self.to_server, directory, &self.address, &missing)
    }

    fn ends(&self) -> (&dyn Source, &dyn Target) {
        if self.to_server { (&self.embedded, &self.server) } else { (&self.server, &self.embedded) }
    }
}

/// `missing` lists the files that the embedded side's directory lacks or that belong to another registry.
fn next_steps(to_server: bool, directory: &Path, address: &str, missing: &[&str]) -> Vec<String> {
    let directory = directory.display();
    if to_server {
        let there: Vec<&str> =
            BESIDE_THE_DATABASE.into_iter().filter(|file| !missing.contains(file)).collect();
        return vec![
            format!(
                "The registry is now in {address}. The keys and counts that belong to it stay in {directory}: {}.",
                there.join(", ")
            ),
            format!(
                "On this machine, run: bucketry serve --data-dir {directory} --database-url postgres://… . On another machine, first \
                 copy these files from {directory} into its data directory."
            ),
            format!(
                "{directory}/{DATABASE_FILE} was not changed and is now out of date: archive or delete it."
            ),
        ];
    }
    let mut steps = vec![format!("The registry is now in {directory}/{DATABASE_FILE}.")];
    if !missing.is_empty() {
        steps.push(format!(
            "Copy {} from the data directory of the server that used {address} into {directory}, or the secrets can't be opened.",
            missing.join(", ")
        ));
    }
    steps.push(format!(
        "Then run: bucketry serve --data-dir {directory}, without --database-url and BUCKETRY_DATABASE_URL."
    ));
    steps
}

/// Counts the rows that were moved and compared, over all tables.
#[derive(Default)]
struct MigrationSummary {
    before: u64,
    current: Option<(Step, String, u64)>,
}

impl MigrationSummary {
    fn with(&mut self, step: Step, table: &StoredTable, rows: u64) -> u64 {
        match &mut self.current {
            Some((last, name, count)) if *last == step && *name == table.name => *count = rows,
            current => {
                self.before += current.take().map_or(0, |(_, _, count)| count);
                *current = Some((step, table.name.clone(), rows));
            }
        }
        self.before + rows
    }
}

/// A progress bar on standard error. It counts every row twice, because rows are moved and then compared.
fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {pos}/{len} {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(2 * rows).with_style(style)
}

impl DatabaseUrl {
    /// The data directory in `sqlite:DATA_DIR`; `None` for other URLs.
    fn directory(&self) -> Option<PathBuf> {
        let path = self.text().strip_prefix("sqlite:")?;
        Some(Path::new(path.strip_prefix("//").unwrap_or(path)).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_goes_on_from_table_to_table() {
        let table = |name: &str| StoredTable { name: name.to_owned(), columns: Vec::new(), key: 0 };
        let mut done = MigrationSummary::default();
        assert_eq!(done.with(Step::Moving, &table("a"), 10), 10);
        assert_eq!(done.with(Step::Moving, &table("b"), 5), 15);
        assert_eq!(done.with(Step::Comparing, &table("b"), 1), 16);
    }

    #[test]
    fn files_are_to_be_copied_towards_the_target() {
        let steps = |to_server, missing: &[&str]| {
            next_steps(to_server, Path::new("/srv/data"), "postgres://ada@db/registry", missing).join(" ")
        };
        let there = steps(true, &["spool"]);
        assert!(there.contains("now in postgres://ada@db/registry"), "{there}");
        assert!(
            there.contains("vault.key, node.pem, token.key.") && there.contains("from /srv/data into"),
            "{there}"
        );
        let back = steps(false, &["vault.key", "token.key"]);
        assert!(back.contains("now in /srv/data/bucketry.db"), "{back}");
        assert!(back.contains("Copy vault.key, token.key from") && back.contains("into /srv/data"), "{back}");
        assert!(!steps(false, &[]).contains("Copy"));
    }

    #[test]
    fn a_data_directory_is_named_like_a_url() {
        let directory = |text: &str| DatabaseUrl::from(text.to_owned()).directory();
        assert_eq!(directory("sqlite:./data"), Some(PathBuf::from("./data")));
        assert_eq!(directory("sqlite:///srv/data"), Some(PathBuf::from("/srv/data")));
        assert_eq!(directory("postgres://db/registry"), None);
    }
}
