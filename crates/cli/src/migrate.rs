//! `bucketry migrate`: moves the registry between the embedded database and PostgreSQL.

use std::path::{Path, PathBuf};

use bucketry_store::Store as _;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, SqliteStore};
use bucketry_store::transfer::{self, Moved, Source, Step, Table, Target};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::MigrateOptions;
use crate::database::DatabaseUrl;
use crate::failure::{Failure, Result};
use crate::output;

/// Both sides of a move; one of them is the embedded database, whose schema says what there is to move.
struct Sides {
    embedded: SqliteStore,
    server: PostgresStore,
    to_server: bool,
}

/// Moves everything from one database to an empty other one, and compares both.
pub(crate) async fn run(options: MigrateOptions) -> Result<()> {
    let sides = Sides::open(&options.from, &options.to).await?;
    let failed = |error: bucketry_store::StoreError| {
        Failure::because("the registry was not moved; the same command goes on where it ended", &error)
    };
    let tables = sides.embedded.tables().await.map_err(failed)?;
    let (from, to) = sides.ends();
    let mut total = 0;
    for table in &tables {
        total += from.count_rows(table).await.map_err(failed)?;
    }
    let bar = bar(total);
    let mut done = Done::default();
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
    sides.embedded.close().await;
    sides.server.close().await;
    match moved {
        Moved::Whole { rows } => {
            output::line(&format!("moved {rows} rows of {} tables; both sides are the same", tables.len()))?;
            output::remark(
                "Keep the data directory: vault.key, node.pem and token.key in it open what the database holds.",
            );
            Ok(())
        }
        Moved::TargetInUse => Err(Failure::failed(
            "the target holds a registry of its own and was left alone; choose an empty one with --to",
        )),
        Moved::Different { table } => Err(Failure::failed(format!(
            "the table {table} is not the same on both sides: a server still uses one of them, or something else \
             changed it; stop it, empty the target, and begin anew"
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
                    "one of --from and --to is sqlite:DATA_DIR, the other postgres://user:password@host/database",
                ));
            }
        };
        let address = url.address()?;
        if to_server && !directory.join(sqlite::DATABASE_FILE).exists() {
            return Err(Failure::failed(format!("{} holds no database", directory.display())));
        }
        let embedded = SqliteStore::open(&directory, sqlite::Options::default())
            .await
            .map_err(|error| Failure::because(&format!("can't open {}", directory.display()), &error))?;
        let server = PostgresStore::open(&address, &postgres::Options::default())
            .await
            .map_err(|error| Failure::because(&format!("can't use {address}"), &error))?;
        Ok(Self { embedded, server, to_server })
    }

    fn ends(&self) -> (&dyn Source, &dyn Target) {
        if self.to_server { (&self.embedded, &self.server) } else { (&self.server, &self.embedded) }
    }
}

/// How many rows were moved and compared, table after table.
#[derive(Default)]
struct Done {
    before: u64,
    current: Option<(Step, String, u64)>,
}

impl Done {
    fn with(&mut self, step: Step, table: &Table, rows: u64) -> u64 {
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

/// Every row is moved once and compared once. Shown where somebody looks, on standard error.
fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {pos}/{len} {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(2 * rows).with_style(style)
}

impl DatabaseUrl {
    /// The data directory, for `sqlite:DATA_DIR`.
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
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new(), key: 0 };
        let mut done = Done::default();
        assert_eq!(done.with(Step::Moving, &table("a"), 10), 10);
        assert_eq!(done.with(Step::Moving, &table("b"), 5), 15);
        assert_eq!(done.with(Step::Comparing, &table("b"), 1), 16);
    }

    #[test]
    fn a_data_directory_is_named_like_a_url() {
        let directory = |text: &str| DatabaseUrl::from(text.to_owned()).directory();
        assert_eq!(directory("sqlite:./data"), Some(PathBuf::from("./data")));
        assert_eq!(directory("sqlite:///srv/data"), Some(PathBuf::from("/srv/data")));
        assert_eq!(directory("postgres://db/registry"), None);
    }
}
