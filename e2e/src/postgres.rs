//! PostgreSQL databases on the server that all tests share, or on a dedicated server that can be stopped.

use std::process::Stdio;

use bucketry_test_servers::postgres::{self, Postgres as Inner, Settings as PostgresSettings};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::environment::{postgres_programs, shared_postgres};
use crate::server::in_background;
use crate::{Error, Result};

/// Creates an empty database on the shared server and returns its URL.
pub async fn new_database() -> Result<String> {
    tokio::task::spawn_blocking(make_database).await?
}

/// Blocking version of [`new_database`].
pub(crate) fn make_database() -> Result<String> {
    let (programs, server) = (postgres_programs()?, shared_postgres()?);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("journey_{}_{since}", std::process::id());
    postgres::create_database(&programs, &server, &name).map_err(Error::Server)
}

/// Runs a statement in a database, bypassing Bucketry, and returns its rows as lines of columns separated by `|`.
pub async fn query(database: &str, sql: &str) -> Result<String> {
    let (programs, database, sql) = (postgres_programs()?, database.to_owned(), sql.to_owned());
    let response = tokio::task::spawn_blocking(move || postgres::query(&programs, &database, &sql)).await?;
    response.map_err(Error::Server)
}

/// A session of another program in a database. Dropping it ends the session and rolls back what it didn't commit.
#[derive(Debug)]
pub struct Stranger {
    _session: Child,
}

impl Stranger {
    /// Opens a session, runs these statements in it, and leaves it open.
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

/// A dedicated PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    inner: Option<Inner>,
}

impl Postgres {
    /// Starts an empty server.
    pub async fn start() -> Result<Self> {
        Self::start_with(PostgresSettings::default()).await
    }

    /// Starts an empty server with other settings.
    pub async fn start_with(settings: PostgresSettings) -> Result<Self> {
        let programs = postgres_programs()?;
        let inner = tokio::task::spawn_blocking(move || Inner::start_with(&programs, settings)).await??;
        Ok(Self { inner: Some(inner) })
    }

    /// Creates an empty database and returns its URL.
    pub async fn create_database(&mut self, name: &str) -> Result<String> {
        let name = name.to_owned();
        in_background(&mut self.inner, move |server| server.create_database(&name)).await
    }

    /// Starts a standby of this server, which receives every write.
    pub async fn start_standby(&mut self) -> Result<Self> {
        let standby = in_background(&mut self.inner, |server| server.start_standby()).await?;
        Ok(Self { inner: Some(standby) })
    }

    /// The URL of a database on the server.
    pub fn url_of(&self, database: &str) -> String {
        let address = self.inner.as_ref().map(Inner::address).unwrap_or_default();
        format!("{address}/{database}")
    }

    /// Ends the server as a crash would.
    pub async fn crash(&mut self) -> Result<()> {
        in_background(&mut self.inner, Inner::crash).await
    }

    /// Stops the server: open connections are cut and new ones refused.
    pub async fn stop(&mut self) -> Result<()> {
        in_background(&mut self.inner, Inner::stop).await
    }

    /// Starts the server again on the same port with the same data.
    pub async fn start_again(&mut self) -> Result<()> {
        in_background(&mut self.inner, Inner::start_again).await
    }
}
