//! The interface between the agent and storage providers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::{CheckCode, CheckScope, Diagnosis};
use bucketry_model::status::ProbeFailure;
use bucketry_provider::connection::Connections;
use bucketry_provider::diagnose::{CheckObserver, diagnose_observed};
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::{OpenError, open};
use bucketry_provider::probe::{self, Probe};

/// Probes one open bucket, repeatedly. Dropping the future of a probe cancels it.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Checks that the bucket responds, for at most `deadline`.
    async fn probe(&self, deadline: Duration) -> Probe;
}

/// A bucket with its opened secret, ready for use.
#[derive(Clone)]
pub struct OpenBucket {
    /// Probes the bucket.
    pub prober: Arc<dyn Prober>,
    /// Executes the requests of applications. `None` if the bucket couldn't be opened.
    pub driver: Option<SharedDriver>,
    /// The host that requests to the bucket go to. Buckets of the same host share its limit of concurrent probes.
    pub host: Arc<str>,
}

impl OpenBucket {
    /// A placeholder for a bucket that can't be opened. It serves no requests, and every probe fails with
    /// `message`.
    pub(crate) fn not_opened(message: String) -> Self {
        Self { prober: Arc::new(NotOpened(message)), driver: None, host: "".into() }
    }
}

struct NotOpened(String);

#[async_trait]
impl Prober for NotOpened {
    async fn probe(&self, _: Duration) -> Probe {
        let failure = ProbeFailure { code: CheckCode::NotOpened, message: self.0.clone() };
        Probe { latency: Duration::ZERO, outcome: Err(failure) }
    }
}

/// Opens and diagnoses buckets.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// Opens a bucket without contacting its provider.
    fn open(&self, target: &BucketTarget) -> Result<OpenBucket, OpenError>;

    /// Finds out what is wrong with a bucket, within `deadline` in total. Tells the observer how far it has come.
    async fn diagnose(
        &self,
        target: &BucketTarget,
        scope: CheckScope,
        deadline: Duration,
        observer: &dyn CheckObserver,
    ) -> Diagnosis;
}

/// The real providers, reached over guarded connections.
pub struct Providers {
    connections: Connections,
}

impl Providers {
    /// Opens buckets over these connections.
    pub fn new(connections: Connections) -> Self {
        Self { connections }
    }
}

#[async_trait]
impl Cloud for Providers {
    fn open(&self, target: &BucketTarget) -> Result<OpenBucket, OpenError> {
        let driver = open(target, &self.connections)?;
        let site = driver.site();
        let host = format!("{}:{}", site.host, site.port).into();
        Ok(OpenBucket { prober: Arc::new(DriverProber(Arc::clone(&driver))), driver: Some(driver), host })
    }

    async fn diagnose(
        &self,
        target: &BucketTarget,
        scope: CheckScope,
        deadline: Duration,
        observer: &dyn CheckObserver,
    ) -> Diagnosis {
        diagnose_observed(target, &self.connections, scope, deadline, observer).await
    }
}

struct DriverProber(SharedDriver);

#[async_trait]
impl Prober for DriverProber {
    async fn probe(&self, deadline: Duration) -> Probe {
        probe::probe(&*self.0, deadline).await
    }
}
