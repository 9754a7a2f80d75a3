//! A cloud in which each bucket, by its name, behaves as a test decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::diagnosis::{Check, CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::status::ProbeFailure;
use bucketry_node::{Cloud, OpenBucket, Prober};
use bucketry_provider::azure::AzureOpenError;
use bucketry_provider::diagnose::CheckObserver;
use bucketry_provider::open::OpenError;
use bucketry_provider::probe::Probe;
use bucketry_provider::target_error::TargetError;
use tokio::time::{Instant, sleep};

/// What a bucket does when it is probed or validated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Responds after this time.
    Online(Duration),
    /// Refuses after this time.
    Refusing(Duration),
    /// Never responds, whatever the deadline.
    Stalling,
    /// Begins a check again and again for this time.
    Chatty(Duration),
    /// Panics, like a driver with a bug.
    Panicking,
}

#[derive(Default)]
pub(crate) struct FakeCloud {
    behaviours: Mutex<HashMap<String, Behaviour>>,
    /// When each bucket's probes began.
    probes: Mutex<HashMap<String, Vec<Instant>>>,
    secrets: Mutex<Vec<Option<String>>>,
}

/// The behaviour of a bucket that a test hasn't set.
const USUAL: Behaviour = Behaviour::Online(Duration::from_millis(20));

impl FakeCloud {
    pub(crate) fn set(&self, bucket: &str, behaviour: Behaviour) {
        self.behaviours.lock().unwrap().insert(bucket.to_owned(), behaviour);
    }

    /// When a bucket's probes began.
    pub(crate) fn probes(&self, bucket: &str) -> Vec<Instant> {
        self.probes.lock().unwrap().get(bucket).cloned().unwrap_or_default()
    }

    /// The secrets that buckets were opened with.
    pub(crate) fn secrets(&self) -> Vec<Option<String>> {
        self.secrets.lock().unwrap().clone()
    }

    fn behaviour(&self, bucket: &str) -> Behaviour {
        self.behaviours.lock().unwrap().get(bucket).copied().unwrap_or(USUAL)
    }
}

async fn behave(behaviour: Behaviour) -> Result<(), ProbeFailure> {
    match behaviour {
        Behaviour::Online(after) => {
            sleep(after).await;
            Ok(())
        }
        Behaviour::Refusing(after) => {
            sleep(after).await;
            Err(ProbeFailure { code: CheckCode::ConnectionRefused, message: "Nothing listens there.".into() })
        }
        Behaviour::Chatty(lasts) => {
            sleep(lasts).await;
            Ok(())
        }
        Behaviour::Stalling => std::future::pending().await,
        Behaviour::Panicking => panic!("a bug of the driver"),
    }
}

/// The cloud in the form that the agent takes.
pub(crate) struct SharedCloud(pub(crate) Arc<FakeCloud>);

#[async_trait]
impl Cloud for SharedCloud {
    fn open(&self, target: &BucketTarget) -> Result<OpenBucket, OpenError> {
        if target.location.storage_type != StorageType::S3 {
            return Err(AzureOpenError::Target(TargetError::MissingSecret).into());
        }
        let secret = target.secret.as_ref().map(|secret| secret.expose().to_owned());
        self.0.secrets.lock().unwrap().push(secret);
        let host = target.location.endpoint.as_ref().map_or_else(|| "aws".to_owned(), Endpoint::authority);
        let prober = FakeProber { cloud: Arc::clone(&self.0), bucket: target.location.bucket.clone() };
        Ok(OpenBucket { prober: Arc::new(prober), driver: None, host: host.into() })
    }

    /// One check that always passes at once, and one that behaves as the bucket does.
    async fn diagnose(
        &self,
        target: &BucketTarget,
        _: CheckScope,
        _: Duration,
        observer: &dyn CheckObserver,
    ) -> Diagnosis {
        let check = |name, outcome: Result<(), ProbeFailure>| Check {
            name,
            ok: outcome.is_ok(),
            latency_ms: 20,
            message: "checked".into(),
            error_code: outcome.err().map(|failure| failure.code),
            hint: None,
        };
        let dns = check(CheckName::Dns, Ok(()));
        observer.ended(&dns);
        observer.begins(CheckName::Bucket);
        if let Behaviour::Chatty(lasts) = self.0.behaviour(&target.location.bucket) {
            let until = Instant::now() + lasts;
            while Instant::now() < until {
                sleep(Duration::from_millis(10)).await;
                observer.begins(CheckName::Bucket);
            }
        }
        let bucket = check(CheckName::Bucket, behave(self.0.behaviour(&target.location.bucket)).await);
        observer.ended(&bucket);
        Diagnosis::new(vec![dns, bucket])
    }
}

struct FakeProber {
    cloud: Arc<FakeCloud>,
    bucket: String,
}

#[async_trait]
impl Prober for FakeProber {
    async fn probe(&self, _: Duration) -> Probe {
        let begun = Instant::now();
        self.cloud.probes.lock().unwrap().entry(self.bucket.clone()).or_default().push(begun);
        let outcome = behave(self.cloud.behaviour(&self.bucket)).await;
        Probe { latency: begun.elapsed(), outcome }
    }
}
