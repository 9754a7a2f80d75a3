//! Starts the tasks of the agent, and stops them in the right order.

use std::sync::Arc;

use bucketry_gateway::{Gateway, Stats};
use bucketry_model::time::Clock;
use bucketry_vault::Identities;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cloud::Cloud;
use crate::config::AgentConfig;
use crate::control_plane::ControlPlane;
use crate::gateway::{GatewayStart, Traffic};
use crate::heartbeat::Heartbeats;
use crate::jitter::Jitter;
use crate::jobs::{Jobs, Tools};
use crate::key_uses::KeyUses;
use crate::meter::UsageMeter;
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::offline::OfflineBuckets;
use crate::outbox::Outbox;
use crate::probes::Probes;
use crate::registration::Registration;
use crate::results::{ResultReports, Results};
use crate::spool::{Spool, SpoolError};
use crate::sync::Sync;
use crate::usage::{UsageReports, new_spool_name};

/// The capacity of the channel of bucket changes. When it is full, the sync task waits for the prober.
const CHANGES_WAITING: usize = 256;

/// The parts that an agent is built from. Tests replace some of them with fakes.
pub struct Dependencies {
    /// Receives the agent's messages.
    pub control_plane: Arc<dyn ControlPlane>,
    /// Opens, probes and diagnoses buckets.
    pub cloud: Arc<dyn Cloud>,
    /// The keys that open sealed secrets.
    pub identities: Identities,
    /// The clock that dates samples and results.
    pub clock: Arc<dyn Clock>,
    /// The seed of the random delays that spread probes and retries.
    pub seed: u64,
    /// The settings and the listener of the gateway. `None` for a node that serves no applications.
    pub gateway: Option<GatewayStart>,
}

/// A node's agent: syncs, probes, runs jobs and reports.
pub struct Agent;

impl Agent {
    /// Starts an agent. Must be called within a Tokio runtime. Blocks briefly while it opens the spool.
    pub fn start(config: AgentConfig, dependencies: Dependencies) -> Result<AgentHandle, SpoolError> {
        let Dependencies { control_plane, cloud, identities, clock, seed, gateway } = dependencies;
        let spool = Spool::open(&config.spool_dir, config.spool.max_bytes, &new_spool_name())?;
        let mut jitter = Jitter::new(seed);
        let metrics = Arc::new(Metrics::default());
        metrics.usage_batches_waiting.store(spool.waiting() as u64, std::sync::atomic::Ordering::Relaxed);
        let identities = Arc::new(RwLock::new(identities));
        let outbox = Arc::new(Outbox::new(config.max_samples));
        let results = Arc::new(Results::default());
        let meter = UsageMeter::new(Arc::clone(&metrics));
        let registration = Arc::new(Registration::new(
            Arc::clone(&control_plane),
            config.node.clone(),
            Arc::clone(&identities),
        ));
        // Stopping has two stages: the tasks that produce news end first, then the tasks that report it.
        let (stop_work, stop_talk) = (CancellationToken::new(), CancellationToken::new());
        let (mut work, mut talk) = (JoinSet::new(), JoinSet::new());

        let (probes_sender, probes_receiver) = mpsc::channel(CHANGES_WAITING);
        let offline = Arc::new(OfflineBuckets::default());
        let probes = Probes::new(
            config.probes.clone(),
            Arc::clone(&clock),
            Arc::clone(&outbox),
            Arc::clone(&metrics),
            Arc::clone(&offline),
            jitter.split(),
        );
        work.spawn(probes.run(probes_receiver, stop_work.clone()));
        let tools = Tools {
            identities: Arc::clone(&identities),
            registration: Arc::clone(&registration),
            cloud: Arc::clone(&cloud),
            results: Arc::clone(&results),
            clock: Arc::clone(&clock),
        };
        let (jobs, do_jobs) = Jobs::new(tools, config.max_validations, jitter.split(), stop_work.clone());
        work.spawn(do_jobs);
        let key_uses = Arc::new(KeyUses::default());
        let (stop_gateway, mut serving) = (CancellationToken::new(), JoinSet::new());
        let gateway = gateway.map(|GatewayStart { settings, listener }| {
            let traffic = Traffic {
                meter: meter.clone(),
                key_uses: Arc::clone(&key_uses),
                probes: probes_sender.clone(),
                offline,
            };
            let gateway = Gateway::new(settings, Arc::new(traffic), Arc::clone(&clock), seed);
            let (running, stop) = (gateway.clone(), stop_gateway.clone());
            serving.spawn(async move { running.run(listener, stop).await });
            gateway
        });
        let sync = Sync {
            control_plane: Arc::clone(&control_plane),
            registration: Arc::clone(&registration),
            identities,
            cloud,
            clock,
            metrics: Arc::clone(&metrics),
            probes: probes_sender,
            jobs,
            gateway: gateway.clone(),
            long_poll: config.long_poll,
        };
        work.spawn(sync.run(jitter.split(), stop_work.clone()));

        let registering = Arc::clone(&registration);
        let (registration_jitter, registration_stop) = (jitter.split(), stop_talk.clone());
        talk.spawn(async move { registering.run(registration_jitter, registration_stop).await });
        let heartbeats = Heartbeats {
            control_plane: Arc::clone(&control_plane),
            registration: Arc::clone(&registration),
            outbox: Arc::clone(&outbox),
            metrics: Arc::clone(&metrics),
            node: config.node.clone(),
            interval: config.heartbeat_interval,
            probe_interval: config.probes.interval,
        };
        talk.spawn(heartbeats.run(jitter.split(), stop_talk.clone()));
        let result_reports = ResultReports {
            control_plane: Arc::clone(&control_plane),
            registration: Arc::clone(&registration),
            results,
            node: config.node.clone(),
        };
        talk.spawn(result_reports.run(jitter.split(), stop_talk.clone()));
        let usage_reports = UsageReports {
            control_plane,
            registration: Arc::clone(&registration),
            meter: meter.clone(),
            key_uses,
            spool: Arc::new(Mutex::new(spool)),
            spooled: Arc::new(Notify::new()),
            metrics: Arc::clone(&metrics),
            node: config.node.clone(),
            flush_interval: config.spool.flush_interval,
        };
        let stop_flushes = CancellationToken::new();
        let flushes = tokio::spawn(usage_reports.clone().run_flushes(stop_flushes.clone()));
        talk.spawn(usage_reports.run_reports(jitter.split(), stop_talk.clone()));

        let shared = Arc::new(SharedAgent { outbox, metrics, registration, meter, gateway });
        let supervised = Arc::new(Alive::default());
        let alive = Arc::clone(&supervised);
        let stop_timeout = config.stop_timeout;
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let supervisor = tokio::spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                _ = work.join_next() => alive.lost(),
                _ = talk.join_next() => alive.lost(),
                Some(_) = serving.join_next() => alive.lost(),
            }
            stopping.cancelled().await;
            // The gateway bounds its own shutdown. Keys can still be revoked until it ends, because sync is
            // running.
            stop_gateway.cancel();
            while serving.join_next().await.is_some() {}
            let deadline = Instant::now() + stop_timeout;
            stop_work.cancel();
            finish(&mut work, deadline).await;
            stop_flushes.cancel();
            // Waits without a deadline: counted traffic must reach the disk.
            _ = flushes.await;
            stop_talk.cancel();
            finish(&mut talk, deadline).await;
        });
        Ok(AgentHandle { shared, alive: supervised, stop: stop.drop_guard(), supervisor })
    }
}

async fn finish(tasks: &mut JoinSet<()>, deadline: Instant) {
    let ended = timeout_at(deadline, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("a task of the node didn't stop in time and was aborted");
        tasks.shutdown().await;
    }
}

struct SharedAgent {
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    registration: Arc<Registration>,
    meter: UsageMeter,
    gateway: Option<Gateway>,
}

#[derive(Default)]
struct Alive {
    lost_a_task: std::sync::atomic::AtomicBool,
}

impl Alive {
    fn lost(&self) {
        self.lost_a_task.store(true, std::sync::atomic::Ordering::Relaxed);
        tracing::error!("a task of the node ended unexpectedly; restart the node");
    }
}

/// A running agent. Dropping the handle also stops the agent, but doesn't wait for it.
pub struct AgentHandle {
    shared: Arc<SharedAgent>,
    alive: Arc<Alive>,
    stop: DropGuard,
    supervisor: tokio::task::JoinHandle<()>,
}

impl AgentHandle {
    /// The meter that counts this node's traffic.
    pub fn usage_meter(&self) -> UsageMeter {
        self.shared.meter.clone()
    }

    /// The agent's metrics at this moment.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.reader().snapshot()
    }

    /// Returns a reader of the metrics that can outlive this handle.
    pub fn reader(&self) -> MetricsReader {
        MetricsReader { shared: Arc::clone(&self.shared), alive: Arc::clone(&self.alive) }
    }

    /// Stops the agent: ends probes and jobs, writes counted traffic to the disk, and tries to send a last
    /// heartbeat and last reports. Takes at most `stop_timeout`, plus the time for the gateway to drain and for the
    /// disk to write. Stopping continues if this future is dropped.
    pub async fn stop(self) {
        drop(self.stop);
        _ = self.supervisor.await;
    }
}

/// Reads the metrics of an agent, even after its handle is gone.
#[derive(Clone)]
pub struct MetricsReader {
    shared: Arc<SharedAgent>,
    alive: Arc<Alive>,
}

impl MetricsReader {
    /// The gateway's counters since the start. `None` if the node has no gateway.
    pub fn gateway(&self) -> Option<Stats> {
        self.shared.gateway.as_ref().map(Gateway::stats)
    }

    /// The metrics at this moment.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let (waiting, forgotten) = self.shared.outbox.counts();
        MetricsSnapshot {
            buckets: self.shared.outbox.census(),
            samples_waiting: waiting as u64,
            samples_forgotten: forgotten,
            registered: self.shared.registration.is_registered(),
            running: !self.alive.lost_a_task.load(std::sync::atomic::Ordering::Relaxed),
            ..self.shared.metrics.snapshot()
        }
    }
}
