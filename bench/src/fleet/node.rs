//! A simulated node: the typed client, real signatures and the intervals of a real node, but no storage, no gateway and
//! no secrets. Each of its probes finds the bucket ONLINE.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bucketry_client::{ClientError, NodeClient, NodeName, Options};
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::node_protocol::{
    BucketStatus, HEARTBEAT_SECONDS, Heartbeat, InventoryReport, LONG_POLL_SECONDS, MAX_BATCH, Register,
    StatusCounts, SyncAnswer,
};
use bucketry_model::probe_share::ProbeShare;
use bucketry_model::secret::Secret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_vault::{Identities, NodeSigningKey};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::probing::ProbeRound;
use crate::Result;

pub(super) const REGION: &str = "bench";
const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
/// Time between two reports on inventories, as in a real node.
const INVENTORY: Duration = Duration::from_secs(5);
/// The shortest time between two synchronisations that bring nothing, as in a real node.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a node waits after a failure before it tries the next control plane.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What all simulated nodes share.
pub(super) struct Fleet {
    /// The URLs of the control planes.
    pub(super) planes: Vec<String>,
    /// The key with which they sign, as PEM.
    pub(super) key: Secret,
    /// Time between two probes of a bucket.
    pub(super) probe_interval: Duration,
    /// Within which time after a change the nodes ask for the next one. All simulated nodes sign in one thread, a millisecond
    /// each: if many did so at once, it would delay what the others receive.
    pub(super) poll_within: Duration,
    /// Messages that were answered.
    pub(super) messages: AtomicU64,
    /// Messages that failed.
    pub(super) failures: AtomicU64,
    /// When each bucket that was registered during the measurement reached nodes.
    arrivals: Mutex<HashMap<BucketId, Vec<Instant>>>,
    /// When nodes that had lost their control plane were answered by another one.
    moved: Mutex<Vec<Instant>>,
}

impl Fleet {
    pub(super) fn new(
        planes: Vec<String>,
        key: Secret,
        probe_interval: Duration,
        poll_within: Duration,
    ) -> Self {
        let (arrivals, moved) = (Mutex::default(), Mutex::default());
        let (messages, failures) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { planes, key, probe_interval, poll_within, messages, failures, arrivals, moved }
    }

    /// When a bucket reached nodes so far, once for each of them.
    pub(super) fn arrivals(&self, id: BucketId) -> Vec<Instant> {
        self.arrivals.lock().get(&id).cloned().unwrap_or_default()
    }

    /// When nodes that had lost their control plane were answered by another one.
    pub(super) fn moved(&self) -> Vec<Instant> {
        self.moved.lock().clone()
    }
}

/// The control plane that a node talks to at present.
struct Attached {
    plane: usize,
    client: Arc<NodeClient>,
    /// Whether the node has lost another one, and no message was answered since.
    is_moving: bool,
}

#[derive(Default)]
struct SimulatedState {
    cursor: Option<String>,
    /// The buckets of the snapshot, in which registrations during the measurement are missing.
    buckets: Arc<Vec<BucketId>>,
    /// The buckets of the snapshot so far, while it is incomplete.
    incomplete: Vec<BucketId>,
    is_complete: bool,
    share: Option<ProbeShare>,
    /// The buckets of the share. `None` after either has changed.
    round: Option<ProbeRound>,
}

/// What a node already knows when it starts.
#[derive(Clone)]
pub(super) struct KnownConfiguration {
    cursor: String,
    buckets: Arc<Vec<BucketId>>,
}

impl KnownConfiguration {
    /// The same for a node that probes nothing.
    pub(super) fn without_buckets(&self) -> Self {
        Self { buckets: Arc::default(), ..self.clone() }
    }

    /// Buckets from all parts of the registry, at most `count`.
    pub(super) fn sample(&self, count: usize) -> Vec<BucketId> {
        let stride = self.buckets.len().div_ceil(count).max(1);
        self.buckets.iter().step_by(stride).copied().collect()
    }
}

pub(super) struct SimulatedNode {
    fleet: Arc<Fleet>,
    name: NodeName,
    recipients: Vec<String>,
    /// Where in each interval the node sends its messages, from 0 to 1.
    phase: f64,
    attached: Mutex<Attached>,
    state: Mutex<SimulatedState>,
}

impl SimulatedNode {
    /// A node that talks to one of the control planes, depending on its number. With a known configuration, it
    /// fetches only changes.
    pub(super) fn new(
        fleet: &Arc<Fleet>,
        number: usize,
        organization: Option<OrgId>,
        known: Option<KnownConfiguration>,
    ) -> Result<Self> {
        let kind = if organization.is_some() { "private" } else { "shared" };
        let name = NodeName { ip: format!("{kind}-{number}.example.com"), id_org: organization };
        let plane = number % fleet.planes.len();
        let client = connect(fleet, plane, &name)?;
        let mut state = SimulatedState::default();
        if let Some(known) = known {
            (state.cursor, state.buckets, state.is_complete) = (Some(known.cursor), known.buckets, true);
        }
        Ok(Self {
            fleet: Arc::clone(fleet),
            name,
            recipients: vec![Identities::generate().in_use().to_string()],
            phase: (number * 7_919 % 1_000) as f64 / 1_000.0,
            attached: Mutex::new(Attached { plane, client, is_moving: false }),
            state: Mutex::new(state),
        })
    }

    /// The control plane that the node talks to at present.
    pub(super) fn plane(&self) -> usize {
        self.attached.lock().plane
    }

    /// Whether the node has received all buckets.
    pub(super) fn is_complete(&self) -> bool {
        self.state.lock().is_complete
    }

    /// The number of buckets that the node has received in its snapshot.
    pub(super) fn bucket_count(&self) -> usize {
        self.state.lock().buckets.len()
    }

    /// The number of buckets so far, also of an incomplete snapshot.
    pub(super) fn received(&self) -> usize {
        let state = self.state.lock();
        state.incomplete.len() + state.buckets.len()
    }

    /// What the node knows, for further nodes that serve the same buckets.
    pub(super) fn known(&self) -> Option<KnownConfiguration> {
        let state = self.state.lock();
        let cursor = state.cursor.clone().filter(|_| state.is_complete)?;
        // The rest of the cursor is about the node's own share of the probes.
        let position = cursor.split('~').next().unwrap_or_default().to_owned();
        Some(KnownConfiguration { cursor: position, buckets: Arc::clone(&state.buckets) })
    }

    /// The latest share of the probes that the node was assigned.
    pub(super) fn share(&self) -> Option<ProbeShare> {
        self.state.lock().share.clone()
    }

    /// Registers, then sends the messages of a node until the future is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        self.register().await;
        tokio::join!(self.follow(), self.beat(), self.report_inventories());
    }

    async fn register(&self) {
        let message = Register {
            ip: self.name.ip.clone(),
            provider: "OTHER".to_owned(),
            status: "active".to_owned(),
            region: REGION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id_org: self.name.id_org,
            node_services: Some(1),
            recipients: self.recipients.clone(),
        };
        loop {
            let (plane, client) = self.client();
            match client.register(&message).await {
                Ok(_) => return self.note_answer(),
                Err(error) => self.recover(plane, &error).await,
            }
        }
    }

    async fn follow(&self) {
        loop {
            let (plane, client) = self.client();
            let cursor = self.state.lock().cursor.clone();
            let asked = Instant::now();
            match client.sync(cursor.as_deref(), Duration::from_secs(LONG_POLL_SECONDS)).await {
                Ok(answer) => {
                    self.note_answer();
                    let is_idle = !answer.more && answer.buckets.is_empty() && answer.probing.is_none();
                    let is_change = !answer.snapshot && !answer.buckets.is_empty();
                    self.take(answer);
                    if is_idle && asked.elapsed() < PAUSE {
                        sleep(PAUSE).await;
                    } else if is_change {
                        sleep(self.fleet.poll_within.mul_f64(self.phase)).await;
                    }
                }
                Err(error) => self.recover(plane, &error).await,
            }
        }
    }

    fn take(&self, answer: SyncAnswer) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let ids = answer.buckets.iter().map(|bucket| bucket.id);
        if answer.snapshot {
            state.incomplete.extend(ids);
            if !answer.more {
                state.buckets = Arc::new(std::mem::take(&mut state.incomplete));
                (state.is_complete, state.round) = (true, None);
            }
        } else {
            let mut arrivals = self.fleet.arrivals.lock();
            ids.for_each(|id| arrivals.entry(id).or_default().push(now));
        }
        if answer.probing.is_some() {
            (state.share, state.round) = (answer.probing.map(|assigned| assigned.share), None);
        }
        state.cursor = Some(answer.cursor);
    }

    async fn beat(&self) {
        let mut next = Instant::now() + HEARTBEAT.mul_f64(self.phase);
        loop {
            sleep_until(next).await;
            next += HEARTBEAT;
            for message in self.heartbeats() {
                let (plane, client) = self.client();
                match client.heartbeat(&message).await {
                    Ok(_) => self.note_answer(),
                    Err(error) => self.recover(plane, &error).await,
                }
            }
        }
    }

    /// A heartbeat with the probes that are due, or several if there are many.
    fn heartbeats(&self) -> Vec<Heartbeat> {
        let mut state = self.state.lock();
        let SimulatedState { buckets, share, round, .. } = &mut *state;
        let round = round.get_or_insert_with(|| ProbeRound::new(buckets, share.as_ref(), self.phase));
        let due = round.due(HEARTBEAT, self.fleet.probe_interval);
        let census = StatusCounts { online: round.len() as u64, ..StatusCounts::default() };
        let created_at = SystemClock.now();
        let sample = |id: &BucketId| BucketStatus {
            bucket_id: *id,
            status: ProbedStatus::Online,
            latency_ms: Some(12),
            created_at,
            failure: None,
            version: None,
        };
        let message = |probes: &[BucketId]| Heartbeat {
            ip: self.name.ip.clone(),
            region: REGION.to_owned(),
            id_org: self.name.id_org,
            probe_interval_ms: u64::try_from(self.fleet.probe_interval.as_millis()).unwrap_or(u64::MAX),
            buckets: probes.iter().map(sample).collect(),
            census,
            gateway_url: None,
            waiting_batches: Some(0),
            process: None,
            released: Vec::new(),
            leaving: false,
        };
        if due.is_empty() { vec![message(&[])] } else { due.chunks(MAX_BATCH).map(message).collect() }
    }

    async fn report_inventories(&self) {
        let message = InventoryReport {
            ip: self.name.ip.clone(),
            id_org: self.name.id_org,
            walks: Vec::new(),
            free: 4,
        };
        let mut next = Instant::now() + INVENTORY.mul_f64(self.phase);
        loop {
            sleep_until(next).await;
            next += INVENTORY;
            let (plane, client) = self.client();
            match client.inventory(&message).await {
                Ok(_) => self.note_answer(),
                Err(error) => self.recover(plane, &error).await,
            }
        }
    }

    fn client(&self) -> (usize, Arc<NodeClient>) {
        let attached = self.attached.lock();
        (attached.plane, Arc::clone(&attached.client))
    }

    fn note_answer(&self) {
        self.fleet.messages.fetch_add(1, Ordering::Relaxed);
        let mut attached = self.attached.lock();
        if std::mem::take(&mut attached.is_moving) {
            self.fleet.moved.lock().push(Instant::now());
        }
    }

    /// Turns to the next control plane if this one can't be reached.
    async fn recover(&self, plane: usize, error: &ClientError) {
        self.fleet.failures.fetch_add(1, Ordering::Relaxed);
        sleep(AFTER_FAILURE.mul_f64(1.0 + self.phase)).await;
        if matches!(error, ClientError::Refused(_)) {
            return;
        }
        let mut attached = self.attached.lock();
        if attached.plane == plane {
            let next = (plane + 1) % self.fleet.planes.len();
            if let Ok(client) = connect(&self.fleet, next, &self.name) {
                *attached = Attached { plane: next, client, is_moving: true };
            }
        }
    }
}

fn connect(fleet: &Fleet, plane: usize, name: &NodeName) -> Result<Arc<NodeClient>> {
    let url = fleet.planes.get(plane).ok_or("no such control plane")?;
    let key = NodeSigningKey::from_pem(&fleet.key)?;
    Ok(Arc::new(NodeClient::new(url, key, name.clone(), Arc::new(SystemClock), Options::default())?))
}
