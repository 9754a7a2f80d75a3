//! The gateway's interface to its node.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::time::Clock;
use bucketry_provider::driver::SharedDriver;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::s3::S3Front;
use crate::object::context::Settings;
use crate::object::write_state::DetachedWrites;
use crate::request::note::Notes;
use crate::request::observer::Observer;
use crate::request::request_id::RequestIds;
use crate::request::service::Service;
use crate::request::stats::{Counters, Stats};
use crate::routing::registry::{OpenKey, Registry};
use crate::routing::seals::Seals;
use crate::server;
use crate::settings::GatewaySettings;

/// How long detached writes, those whose clients have disconnected, may take after everything else has ended.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The gateway. Cheap to clone; clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    service: Arc<Service<S3Front>>,
}

impl Gateway {
    /// Creates a gateway that serves nothing yet. Gateways with different seeds generate different request ids.
    pub fn new(
        settings: GatewaySettings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let service = Service {
            front: S3Front::new(settings.domains),
            registry: Arc::new(Registry::new(settings.protection)),
            origins: settings.allowed_origins,
            execution: Settings { measure_size_change: settings.measure_size_change },
            limits: settings.server,
            counters: Arc::new(Counters::default()),
            observer,
            clock,
            request_ids: RequestIds::new(seed),
            notes: Notes::new(settings.access_log, settings.tracer),
            detached: DetachedWrites::default(),
            unattended: TaskTracker::new(),
        };
        Self { service: Arc::new(service) }
    }

    /// Adds or replaces a bucket. Requests in flight finish with the driver they started with.
    pub fn serve_bucket(&self, id: BucketId, driver: SharedDriver) {
        self.service.registry.serve_bucket(id, driver);
    }

    /// Stops serving a bucket.
    pub fn forget_bucket(&self, id: BucketId) {
        self.service.registry.forget_bucket(id);
    }

    /// Adds or replaces a repository, with exactly these keys. Requests in flight finish with the configuration
    /// they started with. Without `seals`, multipart uploads and lists of several pages are answered
    /// with 503.
    pub fn serve_repository(&self, repository: &NodeRepository, keys: Vec<OpenKey>, seals: Option<Seals>) {
        self.service.registry.serve_repository(repository, keys, seals);
    }

    /// Stops serving a repository. Its keys are rejected from now on.
    pub fn forget_repository(&self, id: RepoId) {
        self.service.registry.forget_repository(id);
    }

    /// Reports that the whole configuration has been loaded since the start. Until then an unknown key is answered
    /// with "try again", because the node can't know yet that there is no such key.
    pub fn complete(&self) {
        self.service.registry.complete();
    }

    /// Sets whether the configuration is too old to be used, because the node can't know which keys have been revoked
    /// since. While it is, every request is answered with 503.
    pub fn set_stale(&self, is_stale: bool) {
        self.service.registry.set_stale(is_stale);
    }

    /// A snapshot of the counters.
    pub fn stats(&self) -> Stats {
        self.service.counters.read()
    }

    /// Serves requests until `stop` is cancelled. Returns once all requests in flight have ended, or were cut off
    /// because they took too long. By then all of them are counted, including the size changes of detached writes.
    ///
    /// Dropping the future cuts off everything at once except detached writes, which run to their end.
    pub async fn run(&self, listener: TcpListener, stop: CancellationToken) {
        let service = &self.service;
        server::serve(listener, Arc::clone(service), &service.limits, stop).await;
        service.unattended.close();
        if tokio::time::timeout(LAST_WRITES, service.unattended.wait()).await.is_err() {
            tracing::warn!(
                writes = service.unattended.len(),
                "some writes of disconnected clients did not end in time; their size changes are not counted"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper::body::Incoming;

    use super::*;
    use crate::front::s3::auth::RememberedAuthorization;
    use crate::request::service::ClientConnection;

    fn size_of_future<'a, F>(
        _: impl FnOnce(
            &'a Service<S3Front>,
            Request<Incoming>,
            &'a ClientConnection<RememberedAuthorization>,
        ) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// The future of a request is copied to the heap, and what it awaits is copied within it.
    #[test]
    fn the_future_of_a_request_is_small() {
        let size = size_of_future(Service::serve);
        assert!(size < 4_800, "{size} bytes");
    }
}
