//! What the API counts and measures.
//!
//! The number of series is bounded: routes are templates, methods and statuses are few, nodes are machines, and a setting
//! limits the number of buckets. Nothing that a client sends in a request becomes a label.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use bucketry_control::credentials::EndingCredentials;
use bucketry_control::monitoring::MonitoredBuckets;
use bucketry_control::presence::NodeView;
use bucketry_control::readiness::DatabaseCheck;
use bucketry_telemetry::TraceSpan;
use bucketry_web::access_log::CompletedRequest;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::attention_metrics::AttentionCollector;
use crate::bucket_metrics::BucketCollector;
use crate::process::Process;

type FloatGauge = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeLabels {
    node: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeStatusLabels {
    node: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithinLabels {
    within_days: u8,
}

/// Metrics of the API.
pub(crate) struct Metrics {
    registry: Registry,
    /// Metrics of other components in this process.
    more: OnceLock<Registry>,
    requests: RequestCounters,
    nodes: NodeCounters,
    /// Values that are read on each request. The lock is held until they are encoded.
    on_demand: Mutex<OnDemand>,
}

struct RequestCounters {
    completed: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl RequestCounters {
    fn register(registry: &mut Registry) -> Self {
        // 0.5 ms to 16 s, with long polls beyond.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let (completed, in_flight) = (Family::default(), Gauge::default());
        let durations = Family::new_with_constructor(histogram);
        registry.register("requests", "Completed requests", completed.clone());
        registry.register_with_unit(
            "request_duration",
            "Time until the response head was ready",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("requests_in_flight", "Requests in progress", in_flight.clone());
        Self { completed, durations, in_flight }
    }
}

struct NodeCounters {
    heartbeats: Counter,
    probes: Counter,
}

impl NodeCounters {
    fn register(registry: &mut Registry) -> Self {
        let (heartbeats, probes) = (Counter::default(), Counter::default());
        registry.register("heartbeats", "Heartbeats accepted from nodes", heartbeats.clone());
        registry.register("probes", "Bucket probes reported by nodes", probes.clone());
        Self { heartbeats, probes }
    }
}

#[derive(Default)]
struct OnDemand {
    node_last_seen: Family<NodeLabels, FloatGauge>,
    node_connected: Family<NodeLabels, Gauge>,
    node_buckets: Family<NodeStatusLabels, Gauge>,
    ending_credentials: Family<WithinLabels, Gauge>,
    database_up: Gauge,
    database_writable: Gauge,
    cpu: Counter<f64, AtomicU64>,
    memory: Gauge,
    open_files: Gauge,
}

impl OnDemand {
    fn register_nodes(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "last_seen_timestamp",
            "When the node last sent a message, in seconds since 1970",
            Unit::Seconds,
            self.node_last_seen.clone(),
        );
        registry.register("connected", "Whether the node is connected", self.node_connected.clone());
        registry.register("buckets", "Buckets by status, as counted by the node", self.node_buckets.clone());
    }

    fn register_database(&self, registry: &mut Registry) {
        registry.register(
            "up",
            "Whether the database responds and this version can work with its schema",
            self.database_up.clone(),
        );
        registry.register("writable", "Whether the database accepts writes", self.database_writable.clone());
    }

    fn register_process(&self, registry: &mut Registry) {
        registry.register_with_unit("cpu", "User and system CPU time used", Unit::Seconds, self.cpu.clone());
        registry.register_with_unit("resident_memory", "Memory in use", Unit::Bytes, self.memory.clone());
        registry.register("open_fds", "Open file descriptors", self.open_files.clone());
    }
}

/// A request in progress. Dropping it without `end`, because the client disconnected, counts it as no longer in
/// flight.
pub(crate) struct InFlight<'a> {
    counters: &'a RequestCounters,
    /// The request's span, if it is traced.
    span: Option<TraceSpan>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.counters.in_flight.dec();
        if let Some(span) = &mut self.span {
            span.fail("the client disconnected");
        }
    }
}

impl InFlight<'_> {
    /// Counts the response. Routine requests aren't traced.
    pub(crate) fn end(mut self, request: CompletedRequest<'_>, is_routine: bool) {
        let CompletedRequest { id, method, route, status, took } = request;
        match self.span.take() {
            Some(span) if is_routine => span.discard(),
            Some(mut span) => {
                span.rename(format!("{method} {route}"));
                span.set("http.request.method", method);
                span.set("http.route", route.to_owned());
                span.set("bucketry.request.id", id.to_owned());
                span.set_http_status(status);
            }
            None => {}
        }
        let route_labels = RouteLabels { method, route: route.to_owned() };
        self.counters.durations.get_or_create(&route_labels).observe(took.as_secs_f64());
        let labels = RequestLabels { method, route: route_labels.route, status };
        self.counters.completed.get_or_create(&labels).inc();
    }
}

impl Metrics {
    pub(crate) fn new(started: Timestamp) -> Self {
        let mut registry = Registry::default();
        let on_demand = OnDemand::default();
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("bucketry_build", "The running version", build);
        let requests = RequestCounters::register(registry.sub_registry_with_prefix("bucketry_http"));
        let of_nodes = registry.sub_registry_with_prefix("bucketry_node");
        let nodes = NodeCounters::register(of_nodes);
        on_demand.register_nodes(of_nodes);
        registry.register(
            "bucketry_bucket_credentials_ending",
            "Buckets whose credential expires within this many days; 0 counts expired ones",
            on_demand.ending_credentials.clone(),
        );
        on_demand.register_database(registry.sub_registry_with_prefix("bucketry_database"));
        let process = registry.sub_registry_with_prefix("process");
        let start = FloatGauge::default();
        start.set(started.as_microsecond() as f64 / 1e6);
        process.register_with_unit(
            "start_time",
            "When the process started, in seconds since 1970",
            Unit::Seconds,
            start,
        );
        on_demand.register_process(process);
        Self { registry, more: OnceLock::new(), requests, nodes, on_demand: Mutex::new(on_demand) }
    }

    /// Adds metrics of other components to the output. Can be called once; returns whether this call was the first.
    pub(crate) fn add(&self, more: Registry) -> bool {
        self.more.set(more).is_ok()
    }

    /// Starts to measure a request, with its span if it is traced.
    pub(crate) fn begin(&self, span: Option<TraceSpan>) -> InFlight<'_> {
        self.requests.in_flight.inc();
        InFlight { counters: &self.requests, span }
    }

    /// Counts a heartbeat and its probes.
    pub(crate) fn heartbeat(&self, probes: usize) {
        self.nodes.heartbeats.inc();
        self.nodes.probes.inc_by(probes as u64);
    }

    /// All metrics in OpenMetrics, with what was read for this response.
    pub(crate) fn text(&self, read: &OnDemandValues) -> Result<String, std::fmt::Error> {
        let now = self.on_demand.lock();
        now.set(read);
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        if let Some(more) = self.more.get() {
            encode_registry(&mut text, more)?;
        }
        drop(now);
        encode(&mut text, Box::new(read.attention.clone()))?;
        if let Some(buckets) = &read.buckets {
            encode_buckets(&mut text, buckets)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Only the metrics of buckets, in OpenMetrics.
    pub(crate) fn text_of_buckets(buckets: &Arc<MonitoredBuckets>) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_buckets(&mut text, buckets)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

fn encode_buckets(text: &mut String, buckets: &Arc<MonitoredBuckets>) -> Result<(), std::fmt::Error> {
    encode(text, Box::new(BucketCollector(Arc::clone(buckets))))
}

fn encode(text: &mut String, collector: Box<dyn Collector>) -> Result<(), std::fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(collector);
    encode_registry(text, &registry)
}

/// Values that are read for each response. Those that couldn't be read, because the database doesn't respond, are
/// missing in the response.
#[derive(Debug, Default)]
pub(crate) struct OnDemandValues {
    pub(crate) database: DatabaseCheck,
    pub(crate) nodes: Vec<NodeView>,
    pub(crate) credentials: Option<EndingCredentials>,
    pub(crate) attention: AttentionCollector,
    pub(crate) process: Option<Process>,
    pub(crate) buckets: Option<Arc<MonitoredBuckets>>,
}

impl OnDemand {
    fn set(&self, read: &OnDemandValues) {
        self.database_up.set(i64::from(read.database.responds && read.database.migrations));
        self.database_writable.set(i64::from(read.database.writes.are_accepted()));
        self.ending_credentials.clear();
        if let Some(ending) = read.credentials {
            for (within_days, count) in
                [(0, ending.ended), (7, ending.within_7_days), (30, ending.within_30_days)]
            {
                let gauge = self.ending_credentials.get_or_create(&WithinLabels { within_days });
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        self.set_nodes(&read.nodes);
        if let Some(process) = read.process {
            self.cpu.inner().store(process.cpu_seconds.to_bits(), std::sync::atomic::Ordering::Relaxed);
            self.memory.set(process.resident_bytes);
            self.open_files.set(process.open_files);
        }
    }

    fn set_nodes(&self, nodes: &[NodeView]) {
        self.node_last_seen.clear();
        self.node_connected.clear();
        self.node_buckets.clear();
        for view in nodes {
            let node = &view.node.name;
            let labels = NodeLabels { node: node.clone() };
            let last_seen = view.node.last_seen.as_microsecond() as f64 / 1e6;
            self.node_last_seen.get_or_create(&labels).set(last_seen);
            self.node_connected.get_or_create(&labels).set(i64::from(view.connected));
            let Some(census) = view.census.filter(|_| view.connected) else { continue };
            for (status, count) in
                [("ONLINE", census.online), ("OFFLINE", census.offline), ("UNKNOWN", census.unknown)]
            {
                let labels = NodeStatusLabels { node: node.clone(), status };
                self.node_buckets.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use bucketry_control::readiness::DatabaseWrites;
    use bucketry_model::id::{NodeId, NodeKeyId};
    use bucketry_model::node::Node;
    use bucketry_model::node_protocol::StatusCounts;

    fn view(name: &str, connected: bool) -> NodeView {
        let node = Node {
            id: NodeId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            org_id: None,
            name: name.into(),
            region: "r".into(),
            provider: "p".into(),
            version: "1".into(),
            recipients: vec![],
            approved: vec![],
            key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            last_heartbeat: None,
        };
        NodeView {
            node,
            connected,
            census: Some(StatusCounts { online: 3, offline: 1, unknown: 0 }),
            gateway_url: None,
            secrets: bucketry_control::secret_access::SecretAccess::Complete,
        }
    }

    #[test]
    fn requests_and_nodes_are_told() {
        let metrics = Metrics::new(Timestamp::UNIX_EPOCH);
        let (route, took) = ("/bucket/{bucketId}", Duration::from_millis(3));
        metrics.begin(None).end(CompletedRequest { id: "1", method: "GET", route, status: 200, took }, false);
        metrics.heartbeat(5);
        let credentials = EndingCredentials { ended: 1, within_7_days: 2, within_30_days: 5 };
        let read = OnDemandValues {
            database: DatabaseCheck { responds: true, writes: DatabaseWrites::Failing, migrations: true },
            nodes: vec![view("node-1", true), view("gone", false)],
            credentials: Some(credentials),
            ..OnDemandValues::default()
        };
        let text = metrics.text(&read).unwrap();
        for line in [
            "bucketry_http_requests_total{method=\"GET\",route=\"/bucket/{bucketId}\",status=\"200\"} 1",
            "bucketry_http_requests_in_flight 0",
            "bucketry_http_request_duration_seconds_count{method=\"GET\",route=\"/bucket/{bucketId}\"} 1",
            "bucketry_node_probes_total 5",
            "bucketry_node_buckets{node=\"node-1\",status=\"ONLINE\"} 3",
            "bucketry_node_connected{node=\"gone\"} 0",
            "bucketry_bucket_credentials_ending{within_days=\"0\"} 1",
            "bucketry_bucket_credentials_ending{within_days=\"30\"} 5",
            "bucketry_database_up 1",
            "bucketry_database_writable 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let later = metrics.text(&OnDemandValues::default()).unwrap();
        assert!(!later.contains("node-1"), "nodes that are gone disappear from the metrics");
        assert!(later.contains("bucketry_database_up 0") && !later.contains("within_days"), "{later}");
    }
}
