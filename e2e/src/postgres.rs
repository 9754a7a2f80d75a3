//! PostgreSQL databases: on the server that all tests share, or on one of one's own that can be stopped.

use std::process::Stdio;

use bucketry_test_servers::postgres::{self, Postgres as Inner, Settings as PostgresSettings};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::environment::{postgres_programs, shared_postgres};
use crate::server::in_background;
use crate::{Error, Result};

/// Makes an empty database on the shared server and answers its address.
pub async fn new_database() -> Result<String> {
    tokio::task::spawn_blocking(make_database).await?
}

/// The same, waiting for it.
pub(crate) fn make_database() -> Result<String> {
    let (programs, server) = (postgres_programs()?, shared_postgres()?);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("journey_{}_{since}", std::process::id());
    postgres::create_database(&programs, &server, &name).map_err(Error::Server)
}

/// Runs a statement in a database, past the server, and answers what it tells: lines of columns separated by `|`.
pub async fn query(database: &str, sql: &str) -> Result<String> {
    let (programs, database, sql) = (postgres_programs()?, database.to_owned(), sql.to_owned());
    let response = tokio::task::spawn_blocking(move || postgres::query(&programs, &database, &sql)).await?;
    response.map_err(Error::Server)
}

/// Somebody else at work in a database. Dropping it ends its session and undoes what it did not commit.
#[derive(Debug)]
pub struct Stranger {
    _session: Child,
}

impl Stranger {
    /// Opens a session in which these statements are run, and that stays open.
    pub async fn begin(database: &str, sql: &str) -> Result<Self> {
        let mut psql = Command::new(postgres_programs()?.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--dbname", database]);
        psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut session = psql.spawn().map_err(Error::Files)?;
        if let Some(stdin) = &mut session.stdin {
            stdin.write_all(format!("{sql};\n").as_bytes()).await.map_err(Error::Files)?;
        }
        Ok(Self { _session: session })
    }
}

/// A PostgreSQL server of one's own.
#[derive(Debug)]
pub struct Postgres {
    inner: Option<Inner>,
}

impl Postgres {
    /// Starts it, empty.
    pub async fn start() -> Result<Self> {
        Self::start_with(PostgresSettings::default()).await
    }

    /// Starts it, empty, set up in another way.
    pub async fn start_with(settings: PostgresSettings) -> Result<Self> {
        let programs = postgres_programs()?;
        let inner = tokio::task::spawn_blocking(move || Inner::start_with(&programs, settings)).await??;
        Ok(Self { inner: Some(inner) })
    }

    /// Makes an empty database and answers its address.
    pub async fn create_database(&mut self, name: &str) -> Result<String> {
        let name = name.to_owned();
        in_background(&mut self.inner, move |server| server.create_database(&name)).await
    }

    /// Stops it: connections are cut, and refused from now on.
    pub async fn stop(&mut self) -> Result<()> {
        in_background(&mut self.inner, Inner::stop).await
    }

    /// Starts it again on the same port with the same data.
    pub async fn start_again(&mut self) -> Result<()> {
        in_background(&mut self.inner, Inner::start_again).await
    }
}
