//! The agent: what it is built from, and the handle of a running one. `tasks` starts and ends its tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bucketry_gateway::{Gateway, Stats};
use bucketry_model::time::Clock;
use bucketry_telemetry::Tracer;
use bucketry_vault::Identities;
use parking_lot::RwLock;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cloud::Cloud;
use crate::config::AgentConfig;
use crate::control_plane::ControlPlane;
use crate::gateway::GatewayStart;
use crate::jitter::Jitter;
use crate::meter::UsageMeter;
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::outbox::Outbox;
use crate::registration::Registration;
use crate::spool::{Spool, SpoolError};
use crate::tasks::{AgentParts, Tasks};
use crate::usage::new_spool_name;

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
    /// Traces jobs. `None`: nothing is traced.
    pub tracer: Option<Tracer>,
}

/// A node's agent: syncs, probes, runs jobs and reports.
pub struct Agent;

impl Agent {
    /// Starts an agent. Must be called within a Tokio runtime. Blocks briefly while it opens the spool.
    pub fn start(config: AgentConfig, dependencies: Dependencies) -> Result<AgentHandle, SpoolError> {
        let spool = Spool::open(&config.spool_dir, config.spool.max_bytes, &new_spool_name())?;
        let Dependencies { control_plane, cloud, identities, clock, seed, gateway, tracer } = dependencies;
        let identities = Arc::new(RwLock::new(identities));
        let metrics = Arc::new(Metrics::default());
        metrics.usage_batches_waiting.store(spool.waiting() as u64, Ordering::Relaxed);
        let registration =
            Registration::new(Arc::clone(&control_plane), config.node.clone(), Arc::clone(&identities));
        let parts = AgentParts {
            control_plane,
            cloud,
            identities,
            clock,
            tracer,
            node: config.node,
            registration: Arc::new(registration),
            outbox: Arc::new(Outbox::new(config.max_samples)),
            results: Arc::default(),
            progress: Arc::default(),
            meter: UsageMeter::new(Arc::clone(&metrics)),
            metrics,
            key_uses: Arc::default(),
            refused_keys: Arc::default(),
            offline: Arc::default(),
            open_buckets: Arc::default(),
        };

        let mut jitter = Jitter::new(seed);
        let mut tasks = Tasks::default();
        let probe_interval = config.probes.interval;
        let probes = tasks.start_probes(&parts, config.probes, jitter.split());
        let jobs = tasks.start_jobs(&parts, probes.clone(), config.max_validations, jitter.split());
        let gateway = gateway.map(|start| tasks.start_gateway(&parts, start, seed, probes.clone()));
        let stored =
            config.configuration.map(|settings| tasks.start_storing(&parts, settings, gateway.clone()));
        let intakes = (probes, jobs);
        tasks.start_sync(&parts, intakes, gateway.clone(), stored, config.long_poll, jitter.split());
        tasks.start_registration(&parts, jitter.split());
        tasks.start_heartbeats(&parts, config.heartbeat_interval, probe_interval, jitter.split());
        tasks.start_result_reports(&parts, jitter.split());
        tasks.start_progress_reports(&parts);
        tasks.start_inventories(&parts, config.inventory, jitter.split());
        tasks.start_usage_reports(&parts, spool, config.spool.flush_interval, jitter.split());

        let AgentParts { outbox, metrics, registration, meter, .. } = parts;
        let alive = Arc::new(Alive::default());
        let stop = CancellationToken::new();
        let lost = Arc::clone(&alive);
        let supervisor =
            tokio::spawn(tasks.supervise(stop.clone(), config.stop_timeout, move || lost.lost()));
        let shared = Arc::new(SharedAgent { outbox, metrics, registration, meter, gateway });
        Ok(AgentHandle { shared, alive, stop: stop.drop_guard(), supervisor })
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
    lost_a_task: AtomicBool,
}

impl Alive {
    fn lost(&self) {
        self.lost_a_task.store(true, Ordering::Relaxed);
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
            running: !self.alive.lost_a_task.load(Ordering::Relaxed),
            ..self.shared.metrics.snapshot()
        }
    }
}
