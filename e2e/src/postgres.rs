//! PostgreSQL databases: on the server that all tests share, or on one of one's own that can be stopped.

use bucketry_test_servers::postgres::{self, Postgres as Inner};

use crate::environment::{postgres_programs, shared_postgres};
use crate::server::in_background;
use crate::{Error, Result};

/// Makes an empty database on the shared server and answers its address.
pub async fn new_database() -> Result<String> {
    let (programs, server) = (postgres_programs()?, shared_postgres()?);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("journey_{}_{since}", std::process::id());
    let made =
        tokio::task::spawn_blocking(move || postgres::create_database(&programs, &server, &name)).await?;
    made.map_err(Error::Server)
}

/// A PostgreSQL server of one's own.
#[derive(Debug)]
pub struct Postgres {
    inner: Option<Inner>,
}

impl Postgres {
    /// Starts it, empty.
    pub async fn start() -> Result<Self> {
        let programs = postgres_programs()?;
        let inner = tokio::task::spawn_blocking(move || Inner::start(&programs)).await??;
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
