//! The clouds, as far as the agent needs them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::{CheckCode, CheckScope, Diagnosis};
use bucketry_model::status::ProbeFailure;
use bucketry_provider::connection::Connections;
use bucketry_provider::driver::SharedDriver;

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// How long the bucket took to answer.
    pub latency: Duration,
    /// Whether it is there.
    pub outcome: Result<(), ProbeFailure>,
}

/// An open bucket that can be probed again and again. Dropping a probe's future gives it up.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks the bucket whether it is there, for at most `deadline`.
    async fn probe(&self, deadline: Duration) -> Probed;
}

/// A bucket that was opened.
#[derive(Clone)]
pub struct OpenBucket {
    /// Probes it.
    pub prober: Arc<dyn Prober>,
    /// Carries requests of applications to it; none where nothing can.
    pub driver: Option<SharedDriver>,
    /// The host that its requests go to: what shares a host shares its bound of running probes.
    pub host: Arc<str>,
}

impl OpenBucket {
    /// Stands for a bucket that can't be opened: no request is carried to it, and each probe tells why.
    pub(crate) fn not_opened(message: String) -> Self {
        Self { prober: Arc::new(NotOpened(message)), driver: None, host: "".into() }
    }
}

struct NotOpened(String);

#[async_trait]
impl Prober for NotOpened {
    async fn probe(&self, _: Duration) -> Probed {
        let failure = ProbeFailure { code: CheckCode::NotOpened, message: self.0.clone() };
        Probed { latency: Duration::ZERO, outcome: Err(failure) }
    }
}

/// Opens buckets and finds out what is wrong with them.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// Opens a bucket without asking its provider anything. The error is one sentence without secrets.
    fn open(&self, target: &BucketTarget) -> Result<OpenBucket, String>;

    /// Finds out what is wrong with a bucket, for at most `deadline` in all.
    async fn diagnose(&self, target: &BucketTarget, scope: CheckScope, deadline: Duration) -> Diagnosis;
}

/// The real clouds, by way of the guarded connections.
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
    fn open(&self, target: &BucketTarget) -> Result<OpenBucket, String> {
        let driver =
            bucketry_provider::open::open(target, &self.connections).map_err(|error| error.to_string())?;
        let site = driver.site();
        let host = format!("{}:{}", site.host, site.port).into();
        Ok(OpenBucket { prober: Arc::new(DriverProber(Arc::clone(&driver))), driver: Some(driver), host })
    }

    async fn diagnose(&self, target: &BucketTarget, scope: CheckScope, deadline: Duration) -> Diagnosis {
        bucketry_provider::diagnose::diagnose(target, &self.connections, scope, deadline).await
    }
}

struct DriverProber(SharedDriver);

#[async_trait]
impl Prober for DriverProber {
    async fn probe(&self, deadline: Duration) -> Probed {
        let probe = bucketry_provider::probe::probe(&*self.0, deadline).await;
        Probed { latency: probe.latency, outcome: probe.outcome }
    }
}
