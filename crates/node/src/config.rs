//! What an agent is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::{HEARTBEAT_SECONDS, LONG_POLL_SECONDS};

/// Who the node is.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Its unique name: a host name or address that its clients reach it by.
    pub name: String,
    /// Where it runs.
    pub region: String,
    /// Whose cloud it runs in.
    pub provider: String,
    /// The version it runs.
    pub version: String,
    /// The organization that it serves; none for the deployment's own nodes, which serve all.
    pub id_org: Option<OrgId>,
    /// Where applications reach its gateway, where it has one.
    pub gateway_url: Option<Endpoint>,
}

/// How buckets are probed.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// How often each bucket is probed, give or take a tenth.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// How many probes run at the same time at most.
    pub max_running: usize,
    /// How many of them at most go to one host, so that one that answers slowly leaves room for the others.
    pub max_running_per_host: usize,
    /// How many buckets that are new are probed for the first time within one second at most: a node that starts
    /// with thousands of buckets spreads them.
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

/// How traffic is kept until it is reported.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// How often what was counted is written to the disk. A crash loses at most so much.
    pub flush_interval: Duration,
    /// How much room unreported traffic may take, in bytes.
    pub max_bytes: u64,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { flush_interval: Duration::from_secs(5), max_bytes: 256 << 20 }
    }
}

/// What an agent is told at its start.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Who it is.
    pub node: NodeInfo,
    /// Where it keeps unreported traffic; nobody else may use the directory.
    pub spool_dir: PathBuf,
    /// How buckets are probed.
    pub probes: ProbeConfig,
    /// How often it says that it is there.
    pub heartbeat_interval: Duration,
    /// How long it lets the control plane wait for news.
    pub long_poll: Duration,
    /// How many samples it keeps at most while the control plane is away; older ones are forgotten first.
    pub max_samples: usize,
    /// How many validations run at the same time at most.
    pub max_validations: usize,
    /// How traffic is kept until it is reported.
    pub spool: SpoolConfig,
    /// How long stopping may take.
    pub stop_timeout: Duration,
}

impl AgentConfig {
    /// The usual settings.
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
            stop_timeout: Duration::from_secs(10),
        }
    }
}
