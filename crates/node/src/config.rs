//! The settings of an agent.

use std::path::PathBuf;
use std::time::Duration;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::{HEARTBEAT_SECONDS, LONG_POLL_SECONDS};

/// What a node reports about itself when it registers.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// The unique name of the node: a host name or address under which clients reach it.
    pub name: String,
    /// The region that the node runs in.
    pub region: String,
    /// The cloud that the node runs in.
    pub provider: String,
    /// The version of the software.
    pub version: String,
    /// The organization that the node serves. `None` for the deployment's own nodes, which serve all organizations.
    pub id_org: Option<OrgId>,
    /// The URL under which applications reach the node's gateway, if it has one.
    pub gateway_url: Option<Endpoint>,
}

/// How buckets are probed.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// The time between two probes of a bucket, plus or minus 10% at random.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// The largest number of concurrent probes.
    pub max_running: usize,
    /// The largest number of concurrent probes to one host, so that a slow host leaves room for the others.
    pub max_running_per_host: usize,
    /// How many new buckets are probed per second at most. Spreads the first probes of a node that starts with
    /// thousands of buckets.
    pub first_probes_per_second: u32,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_mins(1),
            timeout: Duration::from_secs(5),
            max_running: 512,
            max_running_per_host: 32,
            first_probes_per_second: 200,
        }
    }
}

/// How counted traffic is stored until it is reported.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// How often counted traffic is written to the disk. A crash loses at most this much.
    pub flush_interval: Duration,
    /// The largest size of unreported traffic on the disk, in bytes.
    pub max_bytes: u64,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { flush_interval: Duration::from_secs(5), max_bytes: 256 << 20 }
    }
}

/// How the lists of buckets are walked.
#[derive(Debug, Clone)]
pub struct InventoryConfig {
    /// How often the progress is reported, and new walks are asked for. A crash loses at most this much of a walk.
    pub report_interval: Duration,
    /// The largest number of concurrent walks.
    pub max_walks: usize,
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self { report_interval: Duration::from_secs(5), max_walks: 2 }
    }
}

/// How the node stores what it serves, for the time when the control plane is away.
#[derive(Debug, Clone)]
pub struct ConfigurationSettings {
    /// The file. Only the node can open it.
    pub file: PathBuf,
    /// The URL of the control plane. A file from another one is ignored.
    pub control_plane: String,
    /// How long the control plane may be away before the gateway refuses requests. That is how long a revoked key may
    /// still be accepted.
    pub max_age: Duration,
}

/// All settings of an agent.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The node's identity.
    pub node: NodeInfo,
    /// The directory for unreported traffic. No other process may use it.
    pub spool_dir: PathBuf,
    /// How buckets are probed.
    pub probes: ProbeConfig,
    /// The time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// How long a sync request waits at the control plane for changes.
    pub long_poll: Duration,
    /// The largest number of samples to retain while the control plane is unreachable. The oldest are dropped
    /// first.
    pub max_samples: usize,
    /// The largest number of concurrent validations.
    pub max_validations: usize,
    /// How counted traffic is stored until it is reported.
    pub spool: SpoolConfig,
    /// How the lists of buckets are walked.
    pub inventory: InventoryConfig,
    /// How the node stores what it serves. `None`: it doesn't, and serves what it last knew without a limit of time.
    pub configuration: Option<ConfigurationSettings>,
    /// How long the tasks get to end when the agent stops.
    pub stop_timeout: Duration,
}

impl AgentConfig {
    /// The default settings.
    pub fn new(node: NodeInfo, spool_dir: PathBuf) -> Self {
        Self {
            node,
            spool_dir,
            probes: ProbeConfig::default(),
            heartbeat_interval: Duration::from_secs(HEARTBEAT_SECONDS),
            long_poll: Duration::from_secs(LONG_POLL_SECONDS),
            max_samples: 120_000,
            max_validations: 16,
            spool: SpoolConfig::default(),
            inventory: InventoryConfig::default(),
            configuration: None,
            stop_timeout: Duration::from_secs(10),
        }
    }
}
