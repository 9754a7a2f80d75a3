//! Follows the control plane's list of buckets and repositories, and fetches jobs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucketry_gateway::{Credential, Gateway, OpenKey, Seals};
use bucketry_model::bucket::BucketTarget;
use bucketry_model::node_protocol::{NodeBucket, NodeRepository, NodeRepositoryKey, SyncAnswer};
use bucketry_model::time::Clock;
use bucketry_vault::{Identities, SecretContext};
use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::catalog::{Catalog, Changes};
use crate::cloud::{Cloud, OpenBucket};
use crate::control_plane::{ControlPlane, ControlPlaneError};
use crate::jitter::Jitter;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::open_buckets::{OpenBuckets, OpenDriver, ReceivedBucket};
use crate::probes::{Change, Served};
use crate::registration::Registration;
use crate::stored_configuration::{LoadedConfiguration, StoredConfiguration};
use crate::target_digest::TargetDigest;

/// The pause before the next request when the control plane answers "nothing new" immediately instead of waiting.
const PAUSE: Duration = Duration::from_secs(1);

/// The state of the sync task.
pub(crate) struct Sync {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) identities: Arc<RwLock<Identities>>,
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) open_buckets: Arc<OpenBuckets>,
    pub(crate) probes: mpsc::Sender<Change>,
    pub(crate) jobs: Jobs,
    /// `None` if the node serves no applications.
    pub(crate) gateway: Option<Gateway>,
    pub(crate) long_poll: Duration,
    /// The region of the node.
    pub(crate) region: String,
    /// `None` if the node doesn't store what it serves.
    pub(crate) stored: Option<Arc<StoredConfiguration>>,
}

impl Sync {
    /// Syncs until it is stopped.
    pub(crate) async fn run(self, jitter: Jitter, stop: CancellationToken) {
        // Syncing can be cancelled at any point, because its state is only in memory and ends with the agent.
        stop.run_until_cancelled(self.follow(jitter)).await;
    }

    async fn follow(self, jitter: Jitter) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), jitter);
        let mut catalog = Catalog::default();
        let mut cursor: Option<String> = None;
        let mut knows_to_wait = false;
        self.serve_stored(&mut catalog).await;
        loop {
            self.registration.wait().await;
            let asked = Instant::now();
            match self.control_plane.sync(cursor.as_deref(), self.long_poll).await {
                Ok(mut answer) => {
                    backoff.reset();
                    knows_to_wait = false;
                    self.metrics.note_sync(self.clock.now());
                    let is_idle = is_idle(&answer);
                    let is_whole = !answer.more;
                    cursor = Some(std::mem::take(&mut answer.cursor));
                    self.jobs.add(std::mem::take(&mut answer.jobs));
                    self.apply(&mut catalog, answer).await;
                    if is_whole {
                        self.metrics.configured.store(true, Ordering::Relaxed);
                        if let Some(gateway) = &self.gateway {
                            gateway.complete();
                        }
                        if let Some(stored) = &self.stored {
                            stored.confirm();
                        }
                    }
                    if is_idle && asked.elapsed() < PAUSE {
                        sleep(PAUSE).await;
                    }
                    continue;
                }
                Err(ControlPlaneError::Unregistered(_) | ControlPlaneError::WrongClock(_)) => {
                    self.registration.invalidate();
                }
                Err(ControlPlaneError::Unavailable(error)) => {
                    tracing::warn!(error, "can't sync with the control plane");
                }
                Err(ControlPlaneError::NotApproved(message)) => {
                    // The control plane has made the node wait, so approval is noticed soon.
                    backoff.reset();
                    if !std::mem::replace(&mut knows_to_wait, true) {
                        let recipient = self.identities.read().in_use().to_string();
                        tracing::warn!(recipient, "waiting for approval: {message}");
                    }
                }
                Err(ControlPlaneError::Refused { message, .. }) => {
                    tracing::warn!(
                        error = message,
                        "the control plane rejected the sync request; starting over with a full list"
                    );
                    cursor = None;
                }
            }
            sleep(backoff.after_failure()).await;
        }
    }

    /// Serves what the node last knew before its start. The gateway isn't complete then: there may be newer keys.
    async fn serve_stored(&self, catalog: &mut Catalog) {
        let Some(stored) = &self.stored else { return };
        if let Some(LoadedConfiguration { buckets, repositories }) = stored.load().await {
            let changes = catalog.take_stored(buckets, repositories);
            self.serve_changes(catalog, changes).await;
            self.metrics.configured.store(true, Ordering::Relaxed);
        }
    }

    async fn apply(&self, catalog: &mut Catalog, mut answer: SyncAnswer) {
        // Before the buckets that it is about.
        if let Some(assigned) = answer.probing.take() {
            _ = self.probes.send(Change::Assign(assigned)).await;
        }
        let changes = catalog.take(answer);
        if let Some(stored) = &self.stored {
            stored.note(&changes);
        }
        self.serve_changes(catalog, changes).await;
    }

    async fn serve_changes(&self, catalog: &mut Catalog, changes: Changes) {
        if let Some(gateway) = &self.gateway {
            // Revocations take effect before anything that takes time.
            changes.forget_repositories.iter().for_each(|id| gateway.forget_repository(*id));
            changes.forget.iter().for_each(|id| gateway.forget_bucket(*id));
            self.open_repositories(gateway, catalog, changes.open_repositories).await;
        }
        for id in changes.forget {
            self.open_buckets.remove(id);
            _ = self.probes.send(Change::Forget(id)).await;
        }
        self.open_buckets(catalog, changes.open).await;
    }

    async fn open_repositories(
        &self,
        gateway: &Gateway,
        catalog: &mut Catalog,
        repositories: Vec<NodeRepository>,
    ) {
        if repositories.is_empty() {
            return;
        }
        let ids: Vec<_> = repositories.iter().map(|repository| repository.id).collect();
        let identities = Arc::clone(&self.identities);
        let serving = gateway.clone();
        let opening = spawn_blocking(move || {
            let identities = identities.read();
            let mut unusable = Vec::new();
            for repository in repositories {
                let keys = open_keys(&repository, &identities);
                let seals = open_seals(&repository, &identities);
                if keys.len() < repository.keys.len() || seals.is_some() != repository.sealing_key.is_some() {
                    unusable.push(repository.id);
                }
                serving.serve_repository(&repository, keys, seals);
            }
            unusable
        });
        let Ok(unusable) = opening.await else {
            tracing::error!(
                repositories = ids.len(),
                "opening repositories panicked; they may not be served"
            );
            for id in ids {
                catalog.note_unusable_repository(id);
            }
            return;
        };
        for id in unusable {
            catalog.note_unusable_repository(id);
        }
    }

    async fn open_buckets(&self, catalog: &mut Catalog, buckets: Vec<NodeBucket>) {
        if buckets.is_empty() {
            return;
        }
        let ids: Vec<_> = buckets.iter().map(|bucket| bucket.id).collect();
        let (identities, cloud) = (Arc::clone(&self.identities), Arc::clone(&self.cloud));
        let region = self.region.clone();
        // Opening a secret takes some tenths of a millisecond of CPU time, and a page contains many.
        let opening = spawn_blocking(move || {
            let identities = identities.read();
            buckets.into_iter().map(|bucket| open(bucket, &region, &identities, &*cloud)).collect::<Vec<_>>()
        });
        let Ok(opened) = opening.await else {
            tracing::error!(buckets = ids.len(), "opening buckets panicked; they are not probed");
            for id in ids {
                catalog.note_unusable(id);
            }
            return;
        };
        for (served, known) in opened {
            if served.target.is_none() {
                catalog.note_unusable(served.id);
            }
            match known {
                Some(known) => self.open_buckets.set(served.id, known),
                None => self.open_buckets.remove(served.id),
            }
            if let Some(gateway) = &self.gateway {
                match served.open.driver.clone() {
                    Some(driver) => gateway.serve_bucket(served.id, driver),
                    None => gateway.forget_bucket(served.id),
                }
            }
            _ = self.probes.send(Change::Serve(Box::new(served))).await;
        }
    }
}

fn is_idle(answer: &SyncAnswer) -> bool {
    !answer.more
        && answer.buckets.is_empty()
        && answer.removed.is_empty()
        && answer.repositories.is_empty()
        && answer.removed_repositories.is_empty()
        && answer.jobs.is_empty()
        && answer.probing.is_none()
}

/// The repository's access keys that can be opened. None if its applications use a protocol that the gateway doesn't
/// serve.
fn open_keys(repository: &NodeRepository, identities: &Identities) -> Vec<OpenKey> {
    let open = |key: &NodeRepositoryKey| {
        let context = SecretContext::of_repository_key(repository.org_id, key.id);
        match bucketry_vault::open(&key.secret, &context, identities) {
            Ok(secret) => {
                let credential = Credential::new(repository.storage_type, secret)?;
                Some(OpenKey { id: key.id, access_key: key.key.clone(), access: key.access, credential })
            }
            Err(error) => {
                tracing::warn!(repository = %repository.id, key = %key.id, %error, "can't open a repository's key");
                None
            }
        }
    };
    repository.keys.iter().filter_map(open).collect()
}

/// Seals what the repository's clients store for the gateway. `None` if the sealing key is missing or can't be opened.
fn open_seals(repository: &NodeRepository, identities: &Identities) -> Option<Seals> {
    let context = SecretContext::of_repository(repository.org_id, repository.id);
    match bucketry_vault::open(repository.sealing_key.as_ref()?, &context, identities) {
        Ok(sealing_key) => Seals::new(&sealing_key).ok(),
        Err(error) => {
            tracing::warn!(repository = %repository.id, %error, "can't open a repository's sealing key");
            None
        }
    }
}

const HOW_TO_SEAL: &str = "Run `bucketry vault rotate` to seal all secrets to all nodes. If no node can open this \
                           secret, enter it again.";

/// Opens a bucket for probes, and for jobs if the cloud has a driver for it.
fn open(
    bucket: NodeBucket,
    region: &str,
    identities: &Identities,
    cloud: &dyn Cloud,
) -> (Served, Option<ReceivedBucket>) {
    let NodeBucket { id, org_id, version, config_version, location, secret, pinned_to } = bucket;
    let group = pinned_to.probe_group(region);
    let served = |target, open| Served { id, version, config_version, group, target, open };
    let context = SecretContext::of_bucket(org_id, id);
    let secret = match secret.map(|sealed| bucketry_vault::open(&sealed, &context, identities)).transpose() {
        Ok(secret) => secret,
        Err(error) => {
            tracing::warn!(bucket = %id, %error, "can't open the bucket's secret");
            let reason = format!("The node can't open the bucket's secret: {error}. {HOW_TO_SEAL}");
            return (served(None, OpenBucket::not_opened(reason)), Some(ReceivedBucket::Sealed));
        }
    };
    let target = BucketTarget { location, secret };
    match cloud.open(&target) {
        Ok(open) => {
            let target = TargetDigest::of(&target);
            let driver = open.driver.clone();
            let known = driver.map(|driver| ReceivedBucket::Open(OpenDriver { config_version, driver }));
            (served(Some(target), open), known)
        }
        Err(error) => {
            tracing::warn!(bucket = %id, %error, "can't open the bucket");
            let placeholder = OpenBucket::not_opened(format!("The node can't open the bucket: {error}."));
            (served(None, placeholder), Some(ReceivedBucket::Malformed(error)))
        }
    }
}
