//! The tasks of an agent: how each is started, and in which order they end.

use std::sync::Arc;
use std::time::Duration;

use bucketry_gateway::Gateway;
use bucketry_model::time::Clock;
use bucketry_telemetry::Tracer;
use bucketry_vault::Identities;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::config::{ConfigurationSettings, InventoryConfig, NodeInfo, ProbeConfig};
use crate::control_plane::ControlPlane;
use crate::gateway::{GatewayStart, Traffic};
use crate::heartbeat::Heartbeats;
use crate::inventory::InventoryWalks;
use crate::jitter::Jitter;
use crate::jobs::{Jobs, Tools};
use crate::key_uses::KeyUses;
use crate::meter::UsageMeter;
use crate::metrics::Metrics;
use crate::offline::OfflineBuckets;
use crate::open_buckets::OpenBuckets;
use crate::outbox::Outbox;
use crate::probes::{Change, Probes};
use crate::progress::{ProgressReports, RunningValidations};
use crate::refused_keys::RefusedKeys;
use crate::registration::Registration;
use crate::results::{ResultReports, Results};
use crate::spool::Spool;
use crate::stored_configuration::StoredConfiguration;
use crate::sync::Sync;
use crate::usage::UsageReports;

/// The capacity of the channel of bucket changes. When it is full, the sync task waits for the prober.
const CHANGES_WAITING: usize = 256;

/// What the tasks of an agent share.
pub(crate) struct AgentParts {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) identities: Arc<RwLock<Identities>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) node: NodeInfo,
    pub(crate) registration: Arc<Registration>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) results: Arc<Results>,
    pub(crate) progress: Arc<RunningValidations>,
    pub(crate) meter: UsageMeter,
    pub(crate) key_uses: Arc<KeyUses>,
    pub(crate) refused_keys: Arc<RefusedKeys>,
    pub(crate) offline: Arc<OfflineBuckets>,
    pub(crate) open_buckets: Arc<OpenBuckets>,
}

/// Tasks that end together.
#[derive(Default)]
struct TaskGroup {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl TaskGroup {
    /// Stops the tasks, and waits for them without a deadline.
    async fn end(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Stops the tasks, and aborts those that are running at the deadline.
    async fn end_by(&mut self, deadline: Instant) {
        if timeout_at(deadline, self.end()).await.is_err() {
            tracing::warn!("a task of the node didn't stop in time and was aborted");
            self.tasks.shutdown().await;
        }
    }
}

/// The tasks of an agent, in the order in which they end: the gateway, the tasks that produce news, the one that
/// writes traffic to the disk, and those that report.
#[derive(Default)]
pub(crate) struct Tasks {
    gateway: TaskGroup,
    work: TaskGroup,
    flushes: TaskGroup,
    reports: TaskGroup,
    spool_operations: TaskTracker,
}

impl Tasks {
    /// Starts to probe buckets. Returns where to send changes to the set of buckets.
    pub(crate) fn start_probes(
        &mut self,
        parts: &AgentParts,
        config: ProbeConfig,
        jitter: Jitter,
    ) -> mpsc::Sender<Change> {
        let (sender, receiver) = mpsc::channel(CHANGES_WAITING);
        let probes = Probes::new(
            config,
            Arc::clone(&parts.clock),
            Arc::clone(&parts.outbox),
            Arc::clone(&parts.metrics),
            Arc::clone(&parts.offline),
            jitter,
        );
        self.work.tasks.spawn(probes.run(receiver, self.work.stop.clone()));
        sender
    }

    /// Starts to run jobs. Returns their intake.
    pub(crate) fn start_jobs(
        &mut self,
        parts: &AgentParts,
        probes: mpsc::Sender<Change>,
        max_validations: usize,
        jitter: Jitter,
    ) -> Jobs {
        let tools = Tools {
            identities: Arc::clone(&parts.identities),
            registration: Arc::clone(&parts.registration),
            cloud: Arc::clone(&parts.cloud),
            results: Arc::clone(&parts.results),
            progress: Arc::clone(&parts.progress),
            clock: Arc::clone(&parts.clock),
            tracer: parts.tracer.clone(),
            buckets: Arc::clone(&parts.open_buckets),
            probes,
        };
        let (jobs, run) = Jobs::new(tools, max_validations, jitter, self.work.stop.clone());
        self.work.tasks.spawn(run);
        jobs
    }

    /// Starts to serve applications.
    pub(crate) fn start_gateway(
        &mut self,
        parts: &AgentParts,
        start: GatewayStart,
        seed: u64,
        probes: mpsc::Sender<Change>,
    ) -> Gateway {
        let GatewayStart { settings, listener } = start;
        let traffic = Traffic {
            meter: parts.meter.clone(),
            key_uses: Arc::clone(&parts.key_uses),
            refused_keys: Arc::clone(&parts.refused_keys),
            probes,
            offline: Arc::clone(&parts.offline),
        };
        let gateway = Gateway::new(settings, Arc::new(traffic), Arc::clone(&parts.clock), seed);
        let (running, stop) = (gateway.clone(), self.gateway.stop.clone());
        self.gateway.tasks.spawn(async move { running.run(listener, stop).await });
        gateway
    }

    /// Starts to store what the node serves, and to refuse requests when it is too old.
    pub(crate) fn start_storing(
        &mut self,
        parts: &AgentParts,
        settings: ConfigurationSettings,
        gateway: Option<Gateway>,
    ) -> Arc<StoredConfiguration> {
        let stored = Arc::new(StoredConfiguration::new(
            settings,
            &parts.node,
            Arc::clone(&parts.clock),
            Arc::clone(&parts.identities),
            Arc::clone(&parts.metrics),
            gateway,
        ));
        self.flushes.tasks.spawn(Arc::clone(&stored).run(self.flushes.stop.clone()));
        stored
    }

    /// Starts to fetch buckets, repositories and jobs.
    pub(crate) fn start_sync(
        &mut self,
        parts: &AgentParts,
        (probes, jobs): (mpsc::Sender<Change>, Jobs),
        gateway: Option<Gateway>,
        stored: Option<Arc<StoredConfiguration>>,
        long_poll: Duration,
        jitter: Jitter,
    ) {
        let sync = Sync {
            control_plane: Arc::clone(&parts.control_plane),
            registration: Arc::clone(&parts.registration),
            identities: Arc::clone(&parts.identities),
            cloud: Arc::clone(&parts.cloud),
            clock: Arc::clone(&parts.clock),
            metrics: Arc::clone(&parts.metrics),
            open_buckets: Arc::clone(&parts.open_buckets),
            probes,
            jobs,
            gateway,
            long_poll,
            region: parts.node.region.clone(),
            stored,
        };
        self.work.tasks.spawn(sync.run(jitter, self.work.stop.clone()));
    }

    /// Starts to register the node, and to register it again whenever that is necessary.
    pub(crate) fn start_registration(&mut self, parts: &AgentParts, jitter: Jitter) {
        let (registration, stop) = (Arc::clone(&parts.registration), self.reports.stop.clone());
        self.reports.tasks.spawn(async move { registration.run(jitter, stop).await });
    }

    /// Starts to send heartbeats.
    pub(crate) fn start_heartbeats(
        &mut self,
        parts: &AgentParts,
        interval: Duration,
        probe_interval: Duration,
        jitter: Jitter,
    ) {
        let heartbeats = Heartbeats {
            control_plane: Arc::clone(&parts.control_plane),
            registration: Arc::clone(&parts.registration),
            outbox: Arc::clone(&parts.outbox),
            metrics: Arc::clone(&parts.metrics),
            node: parts.node.clone(),
            interval,
            probe_interval,
            process: Uuid::new_v4().to_string(),
        };
        self.reports.tasks.spawn(heartbeats.run(jitter, self.reports.stop.clone()));
    }

    /// Starts to report results of jobs.
    pub(crate) fn start_result_reports(&mut self, parts: &AgentParts, jitter: Jitter) {
        let reports = ResultReports {
            control_plane: Arc::clone(&parts.control_plane),
            registration: Arc::clone(&parts.registration),
            results: Arc::clone(&parts.results),
            node: parts.node.clone(),
        };
        self.reports.tasks.spawn(reports.run(jitter, self.reports.stop.clone()));
    }

    /// Starts to report how far validations have come.
    pub(crate) fn start_progress_reports(&mut self, parts: &AgentParts) {
        let reports = ProgressReports {
            control_plane: Arc::clone(&parts.control_plane),
            progress: Arc::clone(&parts.progress),
            node: parts.node.clone(),
        };
        self.reports.tasks.spawn(reports.run(self.reports.stop.clone()));
    }

    /// Starts to walk through the lists of buckets whose inventories are due.
    pub(crate) fn start_inventories(&mut self, parts: &AgentParts, config: InventoryConfig, jitter: Jitter) {
        let walks = InventoryWalks::new(
            Arc::clone(&parts.control_plane),
            Arc::clone(&parts.registration),
            Arc::clone(&parts.open_buckets),
            parts.node.clone(),
            config,
            Arc::clone(&parts.clock),
        );
        self.reports.tasks.spawn(walks.run(jitter, self.reports.stop.clone()));
    }

    /// Starts to write counted traffic to the spool, and to report it from there.
    pub(crate) fn start_usage_reports(
        &mut self,
        parts: &AgentParts,
        spool: Spool,
        flush_interval: Duration,
        jitter: Jitter,
    ) {
        let reports = UsageReports {
            control_plane: Arc::clone(&parts.control_plane),
            registration: Arc::clone(&parts.registration),
            meter: parts.meter.clone(),
            key_uses: Arc::clone(&parts.key_uses),
            refused_keys: Arc::clone(&parts.refused_keys),
            spool: Arc::new(Mutex::new(spool)),
            spool_operations: self.spool_operations.clone(),
            spooled: Arc::new(Notify::new()),
            metrics: Arc::clone(&parts.metrics),
            node: parts.node.clone(),
            flush_interval,
        };
        self.flushes.tasks.spawn(reports.clone().run_flushes(self.flushes.stop.clone()));
        self.reports.tasks.spawn(reports.run_reports(jitter, self.reports.stop.clone()));
    }

    /// Waits until the agent is to stop, then ends the tasks. Calls `lost` if a task ends before that.
    pub(crate) async fn supervise(
        mut self,
        stop: CancellationToken,
        stop_timeout: Duration,
        lost: impl FnOnce() + Send,
    ) {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = self.work.tasks.join_next() => lost(),
            _ = self.reports.tasks.join_next() => lost(),
            Some(_) = self.gateway.tasks.join_next() => lost(),
            _ = self.flushes.tasks.join_next() => lost(),
        }
        stop.cancelled().await;
        // The gateway bounds its own shutdown. Keys can still be revoked until it ends, because sync is running.
        self.gateway.end().await;
        let deadline = Instant::now() + stop_timeout;
        self.work.end_by(deadline).await;
        // Without a deadline: counted traffic must reach the disk.
        self.flushes.end().await;
        self.reports.end_by(deadline).await;
        // A report that was cut off may have left a thread behind that uses the spool, which another agent may open next.
        self.spool_operations.close();
        self.spool_operations.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Tasks that run until they are stopped, one in each group.
    fn running() -> Tasks {
        let mut tasks = Tasks::default();
        for group in [&mut tasks.gateway, &mut tasks.work, &mut tasks.flushes, &mut tasks.reports] {
            let stop = group.stop.clone();
            group.tasks.spawn(async move { stop.cancelled().await });
        }
        tasks
    }

    #[tokio::test]
    async fn a_task_that_ends_or_panics_is_noticed_whatever_it_does() {
        let groups: [fn(&mut Tasks) -> &mut TaskGroup; 4] = [
            |tasks| &mut tasks.gateway,
            |tasks| &mut tasks.work,
            |tasks| &mut tasks.flushes,
            |tasks| &mut tasks.reports,
        ];
        for (group, panics) in groups.into_iter().flat_map(|group| [(group, false), (group, true)]) {
            let mut tasks = running();
            group(&mut tasks).tasks.spawn(async move { assert!(!panics, "a bug") });
            let (sender, noticed) = oneshot::channel();
            let stop = CancellationToken::new();
            let supervisor = tokio::spawn(tasks.supervise(stop.clone(), Duration::from_secs(5), move || {
                sender.send(()).unwrap();
            }));
            noticed.await.unwrap();
            stop.cancel();
            supervisor.await.unwrap();
        }
    }

    #[tokio::test]
    async fn tasks_that_are_stopped_are_not_lost() {
        let stop = CancellationToken::new();
        stop.cancel();
        let lost = || unreachable!("they were stopped");
        running().supervise(stop, Duration::from_secs(5), lost).await;
    }
}
