//! What the node serves, stored on its disk: with it, a node that is restarted while the control plane is away serves
//! what it last knew. How long it may do so is bounded, because it can't learn of revoked keys meanwhile.

mod format;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucketry_gateway::Gateway;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::{CLOCK_TOLERANCE_SECONDS, NodeBucket, NodeRepository};
use bucketry_model::time::Clock;
use bucketry_vault::{Identities, Recipient};
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, RwLock};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::format::{ConfigurationOwner, ReadConfiguration};
use crate::catalog::Changes;
use crate::config::{ConfigurationSettings, NodeInfo};
use crate::metrics::Metrics;

/// How often the age is checked, and whether there is something to write.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The shortest pause between two writes, so that constant changes don't keep the disk busy.
const WRITE_PAUSE: Duration = Duration::from_secs(15);
/// A confirmation alone is written when this part of the maximum age has passed since the last one that was written: a
/// node that is restarted refuses requests earlier by at most that much.
const PART_OF_AGE: u32 = 24;

/// The node's configuration as it is stored.
pub(crate) struct StoredConfiguration {
    settings: ConfigurationSettings,
    owner: ConfigurationOwner,
    clock: Arc<dyn Clock>,
    identities: Arc<RwLock<Identities>>,
    metrics: Arc<Metrics>,
    /// `None` if the node serves no applications.
    gateway: Option<Gateway>,
    state: Mutex<ConfigurationState>,
}

/// The maps and their entries are shared with a write in progress.
#[derive(Default)]
struct ConfigurationState {
    buckets: Arc<BTreeMap<BucketId, Arc<NodeBucket>>>,
    repositories: Arc<BTreeMap<RepoId, Arc<NodeRepository>>>,
    /// When the control plane last confirmed that this is everything.
    confirmed_at: Option<Timestamp>,
    /// Whether the control plane has sent everything since the start. Before that, the file is left alone.
    is_whole: bool,
    has_changed: bool,
    written: Option<WrittenConfiguration>,
}

impl ConfigurationState {
    fn begin_write(&mut self, confirmed_at: Timestamp) -> ToWrite {
        self.has_changed = false;
        let (buckets, repositories) = (Arc::clone(&self.buckets), Arc::clone(&self.repositories));
        ToWrite { confirmed_at, buckets, repositories }
    }
}

/// The last successful write.
struct WrittenConfiguration {
    confirmed_at: Timestamp,
    recipient: Recipient,
}

/// What is to be written.
struct ToWrite {
    confirmed_at: Timestamp,
    buckets: Arc<BTreeMap<BucketId, Arc<NodeBucket>>>,
    repositories: Arc<BTreeMap<RepoId, Arc<NodeRepository>>>,
}

/// What a file contained that may be served.
pub(crate) struct LoadedConfiguration {
    pub(crate) buckets: Vec<NodeBucket>,
    pub(crate) repositories: Vec<NodeRepository>,
}

impl StoredConfiguration {
    pub(crate) fn new(
        settings: ConfigurationSettings,
        node: &NodeInfo,
        clock: Arc<dyn Clock>,
        identities: Arc<RwLock<Identities>>,
        metrics: Arc<Metrics>,
        gateway: Option<Gateway>,
    ) -> Self {
        let owner = ConfigurationOwner {
            node: node.name.clone(),
            id_org: node.id_org,
            control_plane: settings.control_plane.clone(),
        };
        let state = Mutex::default();
        Self { settings, owner, clock, identities, metrics, gateway, state }
    }

    /// Reads the file, if there is one that can be used. One that can't is ignored.
    pub(crate) async fn load(self: &Arc<Self>) -> Option<LoadedConfiguration> {
        let this = Arc::clone(self);
        let read =
            spawn_blocking(move || format::read(&this.settings.file, &this.identities.read(), &this.owner));
        let file = self.settings.file.display();
        let read = match read.await.ok()? {
            Ok(read) => read?,
            Err(error) => {
                tracing::warn!(%file, %error, "ignoring the stored configuration");
                return None;
            }
        };
        let age = self.clock.now().duration_since(read.confirmed_at);
        if age < SignedDuration::from_secs(-CLOCK_TOLERANCE_SECONDS) {
            tracing::warn!(%file, confirmed_at = %read.confirmed_at, "ignoring the stored configuration, which is from the future: check the clock");
            return None;
        }
        self.accept(read)
    }

    /// Begins with what a file contained. `None` if it is too old to be served.
    fn accept(&self, read: ReadConfiguration) -> Option<LoadedConfiguration> {
        let ReadConfiguration { confirmed_at, buckets, repositories } = read;
        let file = self.settings.file.display();
        let mut state = self.state.lock();
        state.confirmed_at = Some(confirmed_at);
        if self.update_staleness(&state) {
            tracing::warn!(%file, %confirmed_at, "the stored configuration is too old to be used");
            return None;
        }
        let (count, of) = (buckets.len(), repositories.len());
        tracing::info!(%file, %confirmed_at, buckets = count, repositories = of, "serving the stored configuration until the control plane answers");
        state.buckets =
            Arc::new(buckets.iter().map(|bucket| (bucket.id, Arc::new(bucket.clone()))).collect());
        state.repositories = Arc::new(
            repositories.iter().map(|repository| (repository.id, Arc::new(repository.clone()))).collect(),
        );
        Some(LoadedConfiguration { buckets, repositories })
    }

    /// Records changes that the node is about to carry out.
    pub(crate) fn note(&self, changes: &Changes) {
        if *changes == Changes::default() {
            return;
        }
        let mut state = self.state.lock();
        state.has_changed = true;
        let buckets = Arc::make_mut(&mut state.buckets);
        changes.forget.iter().for_each(|id| _ = buckets.remove(id));
        buckets.extend(changes.open.iter().map(|bucket| (bucket.id, Arc::new(bucket.clone()))));
        let repositories = Arc::make_mut(&mut state.repositories);
        changes.forget_repositories.iter().for_each(|id| _ = repositories.remove(id));
        let changed = changes.open_repositories.iter();
        repositories.extend(changed.map(|repository| (repository.id, Arc::new(repository.clone()))));
    }

    /// Records that the control plane has sent everything that there is.
    pub(crate) fn confirm(&self) {
        let mut state = self.state.lock();
        state.confirmed_at = Some(self.clock.now());
        state.is_whole = true;
        self.update_staleness(&state);
    }

    /// Checks the age and writes the file when necessary until it is stopped, then writes what is new.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut next_write = Instant::now();
        while stop.run_until_cancelled(sleep(LOOK_EVERY)).await.is_some() {
            self.update_staleness(&self.state.lock());
            if Instant::now() >= next_write
                && let Some(to_write) = self.due()
            {
                self.write(to_write).await;
                next_write = Instant::now() + WRITE_PAUSE;
            }
        }
        if let Some(to_write) = self.unwritten() {
            self.write(to_write).await;
        }
    }

    /// Tells the gateway whether the configuration is too old. Returns whether it is.
    fn update_staleness(&self, state: &ConfigurationState) -> bool {
        let is_stale = state.confirmed_at.is_some_and(|at| {
            // After the clock was set back, the age is unknown, and counts as zero.
            let age = Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default();
            age > self.settings.max_age
        });
        let was_stale = self.metrics.stale.swap(is_stale, Ordering::Relaxed);
        if let Some(gateway) = &self.gateway {
            gateway.set_stale(is_stale);
        }
        if is_stale && !was_stale {
            let max_age = self.settings.max_age.as_secs();
            tracing::error!(
                max_age,
                "the control plane has been unreachable for longer than --configuration-max-age; the gateway refuses requests until it answers"
            );
        }
        is_stale
    }

    /// What is to be written now, if anything is.
    fn due(&self) -> Option<ToWrite> {
        let refresh = (self.settings.max_age / PART_OF_AGE).min(Duration::from_hours(1));
        let in_use = self.identities.read().in_use();
        let mut state = self.state.lock();
        let confirmed_at = state.confirmed_at.filter(|_| state.is_whole)?;
        let is_due = state.has_changed
            || state.written.as_ref().is_none_or(|written| {
                let since = confirmed_at.duration_since(written.confirmed_at);
                written.recipient != in_use || since.unsigned_abs() >= refresh
            });
        is_due.then(|| state.begin_write(confirmed_at))
    }

    /// What is newer than the file.
    fn unwritten(&self) -> Option<ToWrite> {
        let mut state = self.state.lock();
        let confirmed_at = state.confirmed_at.filter(|_| state.is_whole)?;
        let is_new = state.has_changed
            || state.written.as_ref().is_none_or(|written| written.confirmed_at != confirmed_at);
        is_new.then(|| state.begin_write(confirmed_at))
    }

    async fn write(self: &Arc<Self>, to_write: ToWrite) {
        let this = Arc::clone(self);
        let written = spawn_blocking(move || {
            let recipient = this.identities.read().in_use();
            let confirmed_at = to_write.confirmed_at;
            let buckets = to_write.buckets.values().map(|bucket| &**bucket);
            let repositories = to_write.repositories.values().map(|repository| &**repository);
            let file = &this.settings.file;
            format::write(file, &recipient, &this.owner, confirmed_at, buckets, repositories)
                .map(|()| WrittenConfiguration { confirmed_at, recipient })
        });
        match written.await {
            Ok(Ok(written)) => self.state.lock().written = Some(written),
            Ok(Err(error)) => {
                self.state.lock().has_changed = true;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "can't store the configuration; the node tries again");
            }
            Err(error) => tracing::error!(%error, "storing the configuration panicked, which is a bug"),
        }
    }
}

#[cfg(test)]
mod tests;
