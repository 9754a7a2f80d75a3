//! Probes the buckets that are assigned to the node, repeatedly. One task owns all the state. A bucket that isn't being
//! probed at the moment costs only its entry in a map. `schedule` decides which bucket is next, and `ProbeHistory`
//! what a result means for the bucket's status.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, StatusCounts};
use bucketry_model::probe_share::{ProbeAssignment, ProbeGroup};
use bucketry_model::status::{ProbeFailure, ProbeHistory, ProbedStatus};
use bucketry_model::time::Clock;
use bucketry_provider::probe::Probe;
use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::cloud::{OpenBucket, Prober};
use crate::config::ProbeConfig;
use crate::jitter::Jitter;
use crate::metrics::Metrics;
use crate::offline::OfflineBuckets;
use crate::outbox::Outbox;
use crate::schedule::{ProbeTicket, Schedule};
use crate::target_digest::TargetDigest;

/// The shortest time between two probes that were triggered by requests of applications.
const SUSPICION_PAUSE: Duration = Duration::from_secs(2);
/// For how many intervals a bucket is probed that isn't in the node's share, or no longer.
const EXTRA_INTERVALS: u32 = 2;
/// How long a prober may run past its deadline before it is aborted.
const GRACE: Duration = Duration::from_millis(500);

/// A change to the set of buckets that are probed.
pub(crate) enum Change {
    /// Which of its buckets the node probes.
    Assign(ProbeAssignment),
    /// Serve this bucket, or this newer version of it, and probe it if it is assigned to the node.
    Serve(Box<Served>),
    /// Stop serving it.
    Forget(BucketId),
    /// The node has validated the bucket, which may count as its first report. Probe the bucket until other nodes do.
    Validated(BucketId),
    /// A request of an application contradicted the last probe: probe the bucket soon.
    Suspect(BucketId),
}

/// A bucket to be probed.
pub(crate) struct Served {
    pub(crate) id: BucketId,
    /// The bucket's version. Samples contain it.
    pub(crate) version: i64,
    /// The version that last set the location and the secret.
    pub(crate) config_version: i64,
    /// With which other nodes this one shares the probes of the bucket.
    pub(crate) group: ProbeGroup,
    /// The location and the opened secret. `None` if the bucket couldn't be opened.
    pub(crate) target: Option<TargetDigest>,
    /// The open bucket, or a placeholder if it couldn't be opened.
    pub(crate) open: OpenBucket,
}

struct Entry {
    generation: u64,
    version: i64,
    config_version: i64,
    group: ProbeGroup,
    target: Option<TargetDigest>,
    prober: Arc<dyn Prober>,
    host: Arc<str>,
    history: ProbeHistory,
    /// When requests of applications last contradicted the status. Reset by a successful probe.
    suspected: Option<Instant>,
    /// Whether a probe is planned or running.
    is_probed: bool,
}

// Each bucket has one, and the map has room for up to twice as many.
const _: () = assert!(size_of::<Entry>() <= 112);

struct Finished {
    ticket: ProbeTicket,
    host: Arc<str>,
    /// `None` if the prober panicked.
    probe: Option<Probe>,
}

/// The state of the probing task.
pub(crate) struct Probes {
    config: ProbeConfig,
    clock: Arc<dyn Clock>,
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    offline: Arc<OfflineBuckets>,
    jitter: Jitter,
    assignment: Assignment,
    entries: HashMap<BucketId, Entry>,
    schedule: Schedule,
    running: JoinSet<Finished>,
    census: StatusCounts,
    last_generation: u64,
    next_first_probe: Instant,
}

impl Probes {
    pub(crate) fn new(
        config: ProbeConfig,
        clock: Arc<dyn Clock>,
        outbox: Arc<Outbox>,
        metrics: Arc<Metrics>,
        offline: Arc<OfflineBuckets>,
        jitter: Jitter,
    ) -> Self {
        let schedule = Schedule::new(config.max_running, config.max_running_per_host);
        let assignment = Assignment::new(config.interval * EXTRA_INTERVALS);
        Self {
            config,
            clock,
            outbox,
            metrics,
            offline,
            jitter,
            assignment,
            entries: HashMap::new(),
            schedule,
            running: JoinSet::new(),
            census: StatusCounts::default(),
            last_generation: 0,
            next_first_probe: Instant::now(),
        }
    }

    /// Probes until it is stopped, then aborts the running probes.
    pub(crate) async fn run(mut self, mut changes: mpsc::Receiver<Change>, stop: CancellationToken) {
        loop {
            self.begin_due();
            let due = self.schedule.next_due();
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.recv() => match change {
                    Some(change) => self.take(change),
                    None => return,
                },
                Some(finished) = self.running.join_next() => {
                    // Joining fails only for an aborted task, and tasks are aborted only at the end.
                    if let Ok(finished) = finished {
                        self.note(finished);
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Assign(assigned) => self.assign(assigned),
            Change::Serve(served) => self.serve(*served),
            Change::Forget(id) => {
                self.forget(id);
                self.assignment.forget(id);
            }
            Change::Validated(id) => self.take_over(id),
            Change::Suspect(id) => self.suspect(id),
        }
        self.outbox.set_census(self.census);
    }

    fn assign(&mut self, assigned: ProbeAssignment) {
        self.assignment.assign(assigned);
        let now = Instant::now();
        let mut own = Vec::new();
        for (id, entry) in &self.entries {
            match (entry.is_probed, self.assignment.is_own(*id, entry.group)) {
                (false, true) => own.push(*id),
                (true, true) => self.assignment.forget(*id),
                (true, false) => self.assignment.hand_over(*id, now),
                (false, false) => {}
            }
        }
        for id in own {
            self.begin_probing(id);
        }
    }

    /// Applies other pins to a bucket that the node continues to serve.
    fn regroup(&mut self, id: BucketId, group: ProbeGroup) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.group != group) else { return };
        entry.group = group;
        match (entry.is_probed, self.assignment.is_own(id, group)) {
            (false, true) => self.begin_probing(id),
            (true, true) => self.assignment.forget(id),
            (true, false) => self.assignment.hand_over(id, Instant::now()),
            (false, false) => {}
        }
    }

    /// Probes a bucket for a limited time if it isn't in the share.
    fn take_over(&mut self, id: BucketId) {
        let entry = self.entries.get(&id);
        // A bucket that was just registered may not have arrived yet.
        if entry.is_none_or(|entry| !self.assignment.is_own(id, entry.group)) {
            self.assignment.extend(id, Instant::now());
        }
        if self.entries.get(&id).is_some_and(|entry| !entry.is_probed) {
            self.begin_probing(id);
        }
    }

    fn begin_probing(&mut self, id: BucketId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.is_probed = true;
        *self.counter(None) += 1;
        self.probe_out_of_turn(id);
    }

    /// Stops to probe a bucket that the node continues to serve.
    fn release(&mut self, id: BucketId) {
        self.assignment.forget(id);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        self.last_generation += 1;
        let before = entry.history.status();
        entry.generation = self.last_generation;
        entry.history = ProbeHistory::default();
        entry.suspected = None;
        entry.is_probed = false;
        *self.counter(before) -= 1;
        self.offline.set(id, false);
        self.outbox.release(id);
        self.outbox.set_census(self.census);
    }

    fn serve(&mut self, served: Served) {
        if let Some(entry) = self.entries.get_mut(&served.id)
            && served.target.is_some()
            && entry.target == served.target
        {
            // The bucket was renamed or its secret resealed: a probe would not notice.
            entry.version = entry.version.max(served.version);
            // The gateway uses the newly opened bucket, so nobody needs the other one any more.
            entry.prober = served.open.prober;
            if entry.config_version < served.config_version {
                // The same location and secret were entered again. Earlier reports no longer count.
                entry.config_version = served.config_version;
                if entry.is_probed {
                    self.probe_out_of_turn(served.id);
                }
            }
            self.regroup(served.id, served.group);
            return;
        }
        self.forget(served.id);
        let id = served.id;
        let entry = Entry {
            generation: 0,
            version: served.version,
            config_version: served.config_version,
            group: served.group,
            target: served.target,
            prober: served.open.prober,
            host: served.open.host,
            history: ProbeHistory::default(),
            suspected: None,
            is_probed: false,
        };
        self.entries.insert(id, entry);
        if self.assignment.is_own(id, served.group) {
            self.assignment.forget(id);
        }
        if self.assignment.includes(id, served.group, Instant::now()) {
            self.begin_probing(id);
        }
    }

    fn forget(&mut self, id: BucketId) {
        if let Some(entry) = self.entries.remove(&id).filter(|entry| entry.is_probed) {
            *self.counter(entry.history.status()) -= 1;
            self.offline.set(id, false);
        }
    }

    /// Probes a bucket immediately instead of when its turn comes, unless that was just done. Cancels its planned
    /// probe and ignores the outcome of a running one. A bucket that isn't in the share is then probed for a while.
    fn suspect(&mut self, id: BucketId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let now = Instant::now();
        if !self.assignment.is_own(id, entry.group) {
            self.assignment.extend(id, now);
        }
        if !entry.is_probed {
            self.begin_probing(id);
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.suspected.is_some_and(|at| now < at + SUSPICION_PAUSE) {
            return;
        }
        entry.suspected = Some(now);
        self.last_generation += 1;
        entry.generation = self.last_generation;
        self.schedule.plan(now, ProbeTicket { bucket: id, generation: entry.generation });
    }

    /// Probes a bucket as soon as if it were new, and retains its history. Cancels its planned probe and ignores
    /// the outcome of a running one.
    fn probe_out_of_turn(&mut self, id: BucketId) {
        let at = self.first_probe_time();
        self.last_generation += 1;
        let ticket = ProbeTicket { bucket: id, generation: self.last_generation };
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.generation = ticket.generation;
            self.schedule.plan(at, ticket);
        }
    }

    /// Immediately. If many buckets are new, one after the other, spread over at most one interval.
    fn first_probe_time(&mut self) -> Instant {
        let buckets = u32::try_from(self.entries.len() + 1).unwrap_or(u32::MAX);
        let step = (Duration::from_secs(1) / self.config.first_probes_per_second.max(1))
            .min(self.config.interval / buckets);
        let at = self.next_first_probe.max(Instant::now());
        self.next_first_probe = at + step;
        at
    }

    fn begin_due(&mut self) {
        let entries = &self.entries;
        self.schedule
            .advance(Instant::now(), |ticket| current(entries, ticket).map(|entry| Arc::clone(&entry.host)));
        while let Some((ticket, host)) = self.schedule.begin() {
            let now = Instant::now();
            match current(&self.entries, ticket) {
                Some(entry) if self.assignment.includes(ticket.bucket, entry.group, now) => {
                    let (prober, deadline) = (Arc::clone(&entry.prober), self.config.timeout);
                    self.running.spawn(async move {
                        let probe = AssertUnwindSafe(probe(&*prober, deadline)).catch_unwind().await.ok();
                        Finished { ticket, host, probe }
                    });
                }
                outdated => {
                    let is_released = outdated.is_some();
                    self.schedule.finished(&host);
                    if is_released {
                        self.release(ticket.bucket);
                    }
                }
            }
        }
    }

    fn note(&mut self, Finished { ticket, host, probe }: Finished) {
        self.schedule.finished(&host);
        // If the bucket was changed or removed during the probe, the outcome is ignored.
        let Some(entry) =
            self.entries.get_mut(&ticket.bucket).filter(|entry| entry.generation == ticket.generation)
        else {
            return;
        };
        let (before, version) = (entry.history.status(), entry.version);
        let interval = self.config.interval;
        let failed = probe.as_ref().is_some_and(|probe| probe.outcome.is_err());
        if !failed {
            entry.suspected = None;
        }
        let next = match before {
            // The probe confirms what a request observed. The next probe, which decides the status, follows soon.
            Some(ProbedStatus::Online) | None if failed && entry.suspected.is_some() => {
                SUSPICION_PAUSE.min(interval)
            }
            // Buckets that started together drift apart with their second probe.
            None => self.jitter.between(interval / 4, interval),
            Some(_) => self.jitter.between(interval * 9 / 10, interval * 11 / 10),
        };
        self.schedule.plan(Instant::now() + next, ticket);
        let Some(probe) = probe else {
            tracing::error!(bucket = %ticket.bucket, "a probe panicked; its outcome is ignored");
            return;
        };
        self.metrics.count_probe(&probe);
        let latency_ms = u32::try_from(probe.latency.as_millis()).unwrap_or(u32::MAX).max(1);
        let status = entry.history.record(probe.outcome.is_ok());
        if before != Some(status) {
            *self.counter(before) -= 1;
            *self.counter(Some(status)) += 1;
            self.offline.set(ticket.bucket, status == ProbedStatus::Offline);
            log_change(ticket.bucket, before, status, probe.outcome.as_ref().err());
        }
        let sample = BucketStatus {
            bucket_id: ticket.bucket,
            status,
            latency_ms: probe.outcome.is_ok().then_some(latency_ms),
            created_at: self.clock.now(),
            failure: probe.outcome.err(),
            version: Some(version),
        };
        self.outbox.push(sample, self.census, before != Some(status));
    }

    fn counter(&mut self, status: Option<ProbedStatus>) -> &mut u64 {
        match status {
            Some(ProbedStatus::Online) => &mut self.census.online,
            Some(ProbedStatus::Offline) => &mut self.census.offline,
            None => &mut self.census.unknown,
        }
    }
}

fn current(entries: &HashMap<BucketId, Entry>, ticket: ProbeTicket) -> Option<&Entry> {
    entries.get(&ticket.bucket).filter(|entry| entry.generation == ticket.generation)
}

async fn probe(prober: &dyn Prober, deadline: Duration) -> Probe {
    timeout(deadline + GRACE, prober.probe(deadline)).await.unwrap_or_else(|_| Probe {
        latency: deadline,
        outcome: Err(ProbeFailure {
            code: CheckCode::ConnectTimeout,
            message: "The bucket's provider did not answer in time.".to_owned(),
        }),
    })
}

fn log_change(
    bucket: BucketId,
    before: Option<ProbedStatus>,
    now: ProbedStatus,
    failure: Option<&ProbeFailure>,
) {
    let before = before.map_or("unknown", ProbedStatus::as_str);
    let reason = failure.map(|failure| failure.code.as_str());
    match now {
        ProbedStatus::Online => tracing::info!(%bucket, before, now = now.as_str(), "bucket status"),
        ProbedStatus::Offline => tracing::warn!(%bucket, before, now = now.as_str(), reason, "bucket status"),
    }
}
