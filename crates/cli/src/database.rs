//! The registry's database: embedded in the data directory, or in PostgreSQL.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::secret::Secret;
use bucketry_store::Store;
use bucketry_store::data_dir::{self, DataDirLock};
use bucketry_store::postgres::{self, Address, PostgresStore};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_store::transfer::{Target, UnfinishedTransfer};
use clap::builder::ValueParser;
use serde::{Serialize, Serializer};

use crate::failure::{Failure, Result};
use crate::{data_directory, interrupted_restore};

/// The URL of a PostgreSQL database, as given. It may contain a password, so it is never shown unredacted.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(Secret);

// Infallible on purpose: clap would repeat a refused value in its error message.
impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl DatabaseUrl {
    /// The parser for the command line.
    pub(crate) fn parser() -> ValueParser {
        ValueParser::from(|text: &str| Ok::<_, Infallible>(Self::from(text.to_owned())))
    }

    /// The URL as given, with its password.
    pub(crate) fn text(&self) -> &str {
        self.0.expose()
    }

    /// The parsed URL.
    pub(crate) fn address(&self) -> Result<Address> {
        self.0.expose().parse().map_err(|error: postgres::WrongAddress| Failure::usage(error.to_string()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Ok(address) => write!(f, "{address}"),
            Err(_) => f.write_str("(not a valid URL)"),
        }
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

/// Which database to use, and how.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file in the data directory.
    Embedded,
    /// A PostgreSQL database.
    Postgres { address: Address, options: postgres::Options },
}

impl Database {
    /// The PostgreSQL database of the URL, or the embedded one without a URL.
    pub(crate) fn new(
        url: Option<&DatabaseUrl>,
        connections: u32,
        statement_timeout: Duration,
    ) -> Result<Self> {
        let Some(url) = url else { return Ok(Self::Embedded) };
        let options = postgres::Options { connections, statement_timeout, ..postgres::Options::default() };
        Ok(Self::Postgres { address: url.address()?, options })
    }
}

/// An open registry. Until it is dropped, no other process can use the data directory, with its keys and counts.
pub(crate) struct OpenDatabase {
    pub(crate) store: Arc<dyn Store>,
    /// `None` for the embedded database, which locks the directory itself.
    pub(crate) lock: Option<DataDirLock>,
}

/// Opens the registry and upgrades its schema.
pub(crate) async fn open(database: &Database, data_dir: &Path) -> Result<OpenDatabase> {
    interrupted_restore::refuse_interrupted(data_dir)?;
    match database {
        Database::Embedded => {
            if data_directory::lacks_its_database(data_dir) {
                // A server with PostgreSQL may be using the directory, which would be the better error.
                data_dir::lock(data_dir).map_err(|error| {
                    Failure::because(&format!("can't open {}", data_dir.display()), &error)
                })?;
                return Err(Failure::failed(format!(
                    "{} contains keys but no database: restore {DATABASE_FILE} with `bucketry restore`, or, if the registry is in \
                     PostgreSQL, pass --database-url or set BUCKETRY_DATABASE_URL. For a new registry, use another --data-dir",
                    data_dir.display()
                )));
            }
            let opened = SqliteStore::open(data_dir, sqlite::Options::default()).await;
            let store = opened
                .map_err(|error| Failure::because(&format!("can't open {}", data_dir.display()), &error))?;
            refuse_unfinished(&store).await?;
            Ok(OpenDatabase { store: Arc::new(store), lock: None })
        }
        Database::Postgres { address, options } => {
            let lock = data_dir::lock(data_dir)
                .map_err(|error| Failure::because(&format!("can't open {}", data_dir.display()), &error))?;
            if data_dir.join(DATABASE_FILE).exists() {
                tracing::warn!(
                    directory = %data_dir.display(),
                    "the data directory contains an embedded database, which is ignored"
                );
            }
            let opened = PostgresStore::open(address, options).await;
            let store = opened.map_err(|error| Failure::because(&format!("can't use {address}"), &error))?;
            refuse_unfinished(&store).await?;
            Ok(OpenDatabase { store: Arc::new(store), lock: Some(lock) })
        }
    }
}

/// Refuses a registry that was moved only in part: a server would take it for a complete one.
pub(crate) async fn refuse_unfinished(store: &dyn Target) -> Result<()> {
    match store.unfinished_transfer().await {
        Ok(None) => Ok(()),
        Ok(Some(UnfinishedTransfer::Restore)) => Err(Failure::failed(
            "a restore into this database is unfinished: run `bucketry restore` with the same backup again",
        )),
        Ok(Some(UnfinishedTransfer::Migration)) => Err(Failure::failed(
            "a migration into this database is unfinished: run `bucketry migrate` with the same --from and --to again",
        )),
        Err(error) => Err(Failure::because("can't read the database", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_shown_with_its_password() {
        let url = DatabaseUrl::from("postgres://ada:hunter2@db.example.com/registry".to_owned());
        assert_eq!(format!("{url:?}"), "postgres://ada@db.example.com:5432/registry");
        assert_eq!(serde_json::to_string(&url).unwrap(), "\"postgres://ada@db.example.com:5432/registry\"");
        let wrong = DatabaseUrl::from("hunter2".to_owned());
        assert!(!format!("{wrong:?}").contains("hunter2"));
        assert!(!wrong.address().unwrap_err().message().contains("hunter2"));
    }
}
