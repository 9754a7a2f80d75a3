//! Starts the agent's tasks, and ends them in the right order.

use std::sync::{Arc, Mutex, RwLock};

use bucketry_gateway::{Gateway, Stats};
use bucketry_model::time::Clock;
use bucketry_vault::Identities;
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

/// How many changes of buckets wait for the prober at most; beyond, the synchronisation waits.
const CHANGES_WAITING: usize = 256;

/// What an agent works with.
pub struct Dependencies {
    /// Takes its messages.
    pub control_plane: Arc<dyn ControlPlane>,
    /// Opens buckets.
    pub cloud: Arc<dyn Cloud>,
    /// Opens secrets.
    pub identities: Identities,
    /// Tells the time of samples.
    pub clock: Arc<dyn Clock>,
    /// Seeds the chance that spreads probes and retries.
    pub seed: u64,
    /// What the gateway starts with; none for a node that carries no traffic.
    pub gateway: Option<GatewayStart>,
}

/// A node's agent: synchronises, probes, does jobs, and reports.
pub struct Agent;

impl Agent {
    /// Starts an agent. It needs a Tokio runtime, and blocks shortly on opening its spool.
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
        // Two stages: what makes news stops first, then what tells it.
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
            // It bounds its own end. Until then keys can still be revoked.
            stop_gateway.cancel();
            while serving.join_next().await.is_some() {}
            let deadline = Instant::now() + stop_timeout;
            stop_work.cancel();
            finish(&mut work, deadline).await;
            stop_flushes.cancel();
            // Never given up: it is what must not be lost.
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
        tracing::warn!("a task of the node didn't end in time and is given up");
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
        tracing::error!("a task of the node ended by itself; restart the node");
    }
}

/// A running agent. Dropping it stops the agent too, without waiting for the end.
pub struct AgentHandle {
    shared: Arc<SharedAgent>,
    alive: Arc<Alive>,
    stop: DropGuard,
    supervisor: tokio::task::JoinHandle<()>,
}

impl AgentHandle {
    /// Where traffic is counted.
    pub fn usage_meter(&self) -> UsageMeter {
        self.shared.meter.clone()
    }

    /// What the agent did and how it stands.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.reader().snapshot()
    }

    /// Reads metrics for as long as it is wanted, whoever holds the handle.
    pub fn reader(&self) -> MetricsReader {
        MetricsReader { shared: Arc::clone(&self.shared), alive: Arc::clone(&self.alive) }
    }

    /// Stops: no more probes and jobs, what was counted goes to the disk, last heartbeat and reports are tried.
    /// Takes at most the configured time and what the disk needs. Dropping the future doesn't stop the stopping.
    pub async fn stop(self) {
        drop(self.stop);
        _ = self.supervisor.await;
    }
}

/// Reads an agent's metrics.
#[derive(Clone)]
pub struct MetricsReader {
    shared: Arc<SharedAgent>,
    alive: Arc<Alive>,
}

impl MetricsReader {
    /// What the gateway did so far; none where there is no gateway.
    pub fn gateway(&self) -> Option<Stats> {
        self.shared.gateway.as_ref().map(Gateway::stats)
    }

    /// The metrics of this moment.
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
