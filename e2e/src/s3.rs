//! A dedicated S3 server, for journeys that stop it or fill it.

use bucketry_test_servers::seaweedfs;

use crate::{Result, environment};

/// A running SeaweedFS with the identities [`crate::ADMIN`], [`crate::READ_ONLY`], [`crate::WRITE_ONLY`] and
/// [`crate::NO_LIST`], and the buckets [`crate::SCOPED_BUCKET`] and [`crate::OPEN_BUCKET`]. Dropping it stops it
/// and removes its data.
///
/// A step that is dropped before it has finished continues in the background, and then stops the server.
#[derive(Debug)]
pub struct SeaweedFs {
    // Moved to a blocking thread while a step runs.
    inner: Option<seaweedfs::SeaweedFs>,
    endpoint: String,
}

impl SeaweedFs {
    /// Starts a server on free ports and waits until it accepts requests, which takes two to four seconds.
    pub async fn start() -> Result<Self> {
        let program = environment::weed()?;
        Self::start_by(move || seaweedfs::SeaweedFs::start(&program)).await
    }

    /// Like [`SeaweedFs::start`], but in a version that treats upload ids and versions as paths.
    pub async fn start_older() -> Result<Self> {
        let program = environment::older_weed()?;
        Self::start_by(move || seaweedfs::SeaweedFs::start_older(&program)).await
    }

    async fn start_by(
        start: impl FnOnce() -> bucketry_test_servers::Result<seaweedfs::SeaweedFs> + Send + 'static,
    ) -> Result<Self> {
        let inner = tokio::task::spawn_blocking(start).await??;
        Ok(Self { endpoint: inner.endpoint(), inner: Some(inner) })
    }

    /// The S3 endpoint, `http://127.0.0.1:PORT`. A restart doesn't change it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Creates an empty bucket. An existing bucket is left unchanged.
    pub async fn create_bucket(&mut self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.step(move |server| server.create_bucket(&name)).await
    }

    /// Stops the server immediately. Connections are then refused.
    pub async fn stop(&mut self) -> Result<()> {
        self.step(seaweedfs::SeaweedFs::stop).await
    }

    /// Starts the server again on the same ports with the same data, and waits until it accepts requests.
    pub async fn start_again(&mut self) -> Result<()> {
        self.step(seaweedfs::SeaweedFs::start_again).await
    }

    async fn step(
        &mut self,
        act: impl FnOnce(&mut seaweedfs::SeaweedFs) -> bucketry_test_servers::Result<()> + Send + 'static,
    ) -> Result<()> {
        crate::server::in_background(&mut self.inner, act).await
    }
}
