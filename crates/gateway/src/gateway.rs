//! The gateway as its node sees it.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::time::Clock;
use bucketry_provider::driver::SharedDriver;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::execute::{DetachedWrites, Settings};
use crate::observer::Observer;
use crate::operation::Domains;
use crate::registry::{OpenKey, Registry};
use crate::request_id::RequestIds;
use crate::server;
use crate::service::Service;
use crate::settings::GatewaySettings;
use crate::signature::Verifier;
use crate::stats::{Counters, Stats};
use crate::upload_id::UploadIds;

/// How long writes whose clients have gone may still take when everything else has ended.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The gateway. Cheap to clone; clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    service: Arc<Service>,
}

impl Gateway {
    /// A gateway that serves nothing yet. `seed` tells its requests' ids from those of other gateways.
    pub fn new(
        settings: GatewaySettings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let service = Service {
            registry: Arc::new(Registry::new(settings.protection)),
            verifier: Verifier::new(),
            domains: Domains::new(settings.domains),
            origins: settings.allowed_origins,
            translation: Settings { measure_size_change: settings.measure_size_change },
            limits: settings.server,
            counters: Arc::new(Counters::default()),
            observer,
            clock,
            request_ids: RequestIds::new(seed),
            detached: DetachedWrites::default(),
            unattended: TaskTracker::new(),
        };
        Self { service: Arc::new(service) }
    }

    /// Serves a bucket, or another state of it. Requests in flight finish with the driver that they began with.
    pub fn serve_bucket(&self, id: BucketId, driver: SharedDriver) {
        self.service.registry.serve_bucket(id, driver);
    }

    /// Serves a bucket no more.
    pub fn forget_bucket(&self, id: BucketId) {
        self.service.registry.forget_bucket(id);
    }

    /// Serves a repository, or another state of it, with exactly these keys. Requests in flight finish as they began.
    /// Without what seals its upload ids, multipart uploads are answered 503.
    pub fn serve_repository(
        &self,
        repository: &NodeRepository,
        keys: Vec<OpenKey>,
        upload_ids: Option<UploadIds>,
    ) {
        self.service.registry.serve_repository(repository, keys, upload_ids);
    }

    /// Serves a repository no more; its keys open nothing from now on.
    pub fn forget_repository(&self, id: RepoId) {
        self.service.registry.forget_repository(id);
    }

    /// All that it serves has come since the start. Until then a key that it doesn't know is told to try again: nobody
    /// can say yet that there is no such key.
    pub fn complete(&self) {
        self.service.registry.complete();
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        self.service.counters.read()
    }

    /// Takes requests until it is told to stop; returns once those in flight have ended, or were cut off because they
    /// took too long. All of them are counted by then, and also what writes changed whose clients had gone.
    ///
    /// Dropping the future cuts everything off at once but for those writes, which end by themselves.
    pub async fn run(&self, listener: TcpListener, stop: CancellationToken) {
        let service = &self.service;
        server::serve(listener, Arc::clone(service), &service.limits, stop).await;
        service.unattended.close();
        if tokio::time::timeout(LAST_WRITES, service.unattended.wait()).await.is_err() {
            tracing::warn!(
                writes = service.unattended.len(),
                "writes whose clients had gone were still under way; what they change is not counted"
            );
        }
    }
}
