//! Where the registry is kept: in the data directory, or in a PostgreSQL database.

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
use bucketry_store::transfer::Target;
use clap::builder::ValueParser;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::data_directory;
use crate::failure::{Failure, Result};

/// The address of a PostgreSQL database, as it was given. It may hold a password: it is never shown as it is.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(Secret);

// Infallible on purpose: a refused value of the command line would be repeated in the error.
impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl DatabaseUrl {
    /// Takes it from the command line.
    pub(crate) fn parser() -> ValueParser {
        ValueParser::from(|text: &str| Ok::<_, Infallible>(Self::from(text.to_owned())))
    }

    /// As it was given.
    pub(crate) fn text(&self) -> &str {
        self.0.expose()
    }

    /// What it means.
    pub(crate) fn address(&self) -> Result<Address> {
        self.0.expose().parse().map_err(|error: postgres::WrongAddress| Failure::usage(error.to_string()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Ok(address) => write!(f, "{address}"),
            Err(_) => f.write_str("(not understood)"),
        }
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// Which database, and how it is used.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file in the data directory.
    Embedded,
    /// A PostgreSQL database.
    Postgres { address: Address, options: postgres::Options },
}

impl Database {
    /// As the settings say.
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

/// An open registry. The data directory, which also holds keys and counts, is this process's alone for as long.
pub(crate) struct OpenDatabase {
    pub(crate) store: Arc<dyn Store>,
    /// The embedded database locks the directory itself.
    pub(crate) lock: Option<DataDirLock>,
}

/// Opens the registry and brings its schema up to date.
pub(crate) async fn open(database: &Database, data_dir: &Path) -> Result<OpenDatabase> {
    match database {
        Database::Embedded => {
            if data_directory::lacks_its_database(data_dir) {
                // A server whose registry is in PostgreSQL may be using it, which is the better reason.
                data_dir::lock(data_dir).map_err(|error| {
                    Failure::because(&format!("can't open {}", data_dir.display()), &error)
                })?;
                return Err(Failure::failed(format!(
                    "{} holds keys and no database: put the backup of {DATABASE_FILE} in place, or, where the registry is in \
                     PostgreSQL, name it with --database-url or BUCKETRY_DATABASE_URL. For a new registry use another --data-dir",
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
                    "the data directory holds an embedded database, which is not used"
                );
            }
            let opened = PostgresStore::open(address, options).await;
            let store = opened.map_err(|error| Failure::because(&format!("can't use {address}"), &error))?;
            refuse_unfinished(&store).await?;
            Ok(OpenDatabase { store: Arc::new(store), lock: Some(lock) })
        }
    }
}

/// A registry that was moved in part would be taken for a whole one.
pub(crate) async fn refuse_unfinished(store: &dyn Target) -> Result<()> {
    match store.unfinished_transfer().await {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::failed(
            "a migration into this database was not finished: run `bucketry migrate` with the same --from and --to again",
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
