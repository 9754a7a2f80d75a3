//! An S3 server of a journey's own, for journeys that stop it or fill it.

use bucketry_test_servers::seaweedfs;

use crate::{Result, environment};

/// A running SeaweedFS with the identities [`crate::ADMIN`], [`crate::READ_ONLY`], [`crate::WRITE_ONLY`] and
/// [`crate::NO_LIST`], and the buckets [`crate::SCOPED_BUCKET`] and [`crate::OPEN_BUCKET`]. Dropping it ends it and
/// removes its data.
///
/// A step that is dropped before it is done still runs to its end in the background, and then ends the server.
#[derive(Debug)]
pub struct SeaweedFs {
    // Moves to a blocking thread while a step is under way.
    inner: Option<seaweedfs::SeaweedFs>,
    endpoint: String,
}

impl SeaweedFs {
    /// Starts one on free ports and waits until it takes requests: two to four seconds.
    pub async fn start() -> Result<Self> {
        let program = environment::weed()?;
        Self::start_by(move || seaweedfs::SeaweedFs::start(&program)).await
    }

    /// As [`SeaweedFs::start`], in a version that takes upload ids and versions for paths.
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

    /// Where S3 requests go, as `http://127.0.0.1:PORT`; the same after a restart.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes an empty bucket; an existing one stays as it is.
    pub async fn create_bucket(&mut self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.step(move |server| server.create_bucket(&name)).await
    }

    /// Stops it at once: connections are refused from now on.
    pub async fn stop(&mut self) -> Result<()> {
        self.step(seaweedfs::SeaweedFs::stop).await
    }

    /// Starts it again on the same ports with the same data, and waits until it takes requests.
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
