//! A complete node: its connections to providers, its client of the control plane, and the agent with its gateway.

use std::path::PathBuf;
use std::sync::Arc;

use bucketry_client::{ClientError, NodeClient, NodeName, Options, PipeConnector};
use bucketry_model::time::{Clock, SystemClock};
use bucketry_provider::connection::{ConnectionSettings, Connections, ConnectionsError};
use bucketry_telemetry::Tracer;
use bucketry_vault::NodeSigningKey;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::agent::{Agent, AgentHandle, Dependencies, MetricsReader};
use crate::cloud::Providers;
use crate::collector::MetricsCollector;
use crate::config::{AgentConfig, ConfigurationSettings, NodeInfo, ProbeConfig};
use crate::gateway::GatewayStart;
use crate::node_keys::NodeKeys;
use crate::spool::SpoolError;

/// How a node reaches its control plane.
pub enum ControlPlaneAddress {
    /// Over the network.
    Network {
        /// The URL of the API.
        url: String,
        /// PEM file of certificate authorities to trust, in addition to the system's.
        ca_file: Option<PathBuf>,
    },
    /// The control plane is in the same process.
    InProcess {
        /// The URL of the API for other processes.
        url: String,
        /// Connects to the API.
        connector: PipeConnector,
    },
}

/// What a node is started with, besides its keys.
pub struct NodeSettings {
    /// What the node reports about itself.
    pub info: NodeInfo,
    /// Where its messages go.
    pub control_plane: ControlPlaneAddress,
    /// The directory for unreported traffic. No other process may use it.
    pub spool_dir: PathBuf,
    /// How buckets are probed.
    pub probes: ProbeConfig,
    /// The connections to providers, with the endpoint policy.
    pub connections: ConnectionSettings,
    /// `None` for a node that serves no applications.
    pub gateway: Option<GatewayStart>,
    /// How the node stores what it serves. `None`: it doesn't, because it never runs without its control plane.
    pub configuration: Option<ConfigurationSettings>,
    /// `None`: nothing is traced.
    pub tracer: Option<Tracer>,
}

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
pub enum NodeStartError {
    /// The settings of the connections to providers can't be used. Check the certificates to trust.
    #[error(transparent)]
    Connections(#[from] ConnectionsError),
    /// The URL of the control plane or the certificates to trust for it can't be used.
    #[error(transparent)]
    ControlPlane(#[from] ClientError),
    /// The spool can't be opened. Each node needs a separate directory that it can write to.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The operating system has no random numbers. Try again.
    #[error("can't get random numbers")]
    NoRandomNumbers,
}

/// A running node.
pub struct RunningNode {
    agent: AgentHandle,
    connections: Connections,
}

impl RunningNode {
    /// Starts a node. Must be called within a Tokio runtime. Returns before the node has registered, which it tries
    /// until it succeeds. Blocks briefly while it opens the spool.
    pub fn start(keys: NodeKeys, settings: NodeSettings) -> Result<Self, NodeStartError> {
        let NodeKeys { signing, identities } = keys;
        let NodeSettings {
            info,
            control_plane,
            spool_dir,
            probes,
            connections,
            gateway,
            configuration,
            tracer,
        } = settings;
        let connections = Connections::new(connections)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let name = NodeName { ip: info.name.clone(), id_org: info.id_org };
        let client = client(control_plane, signing, name, Arc::clone(&clock))?;
        let config = AgentConfig { probes, configuration, ..AgentConfig::new(info, spool_dir) };
        let dependencies = Dependencies {
            control_plane: Arc::new(client),
            cloud: Arc::new(Providers::new(connections.clone())),
            identities,
            clock,
            seed: seed()?,
            gateway,
            tracer,
        };
        Ok(Self { agent: Agent::start(config, dependencies)?, connections })
    }

    /// Reads the metrics of the node, its gateway and its connections to providers.
    pub fn metrics(&self) -> MetricsCollector {
        MetricsCollector::new(self.agent.reader(), self.connections.clone())
    }

    /// Reads the state of the node.
    pub fn reader(&self) -> MetricsReader {
        self.agent.reader()
    }

    /// Stops the node. Traffic that it has counted is reported, or stays in the spool.
    pub async fn stop(self) {
        self.agent.stop().await;
    }
}

fn client(
    address: ControlPlaneAddress,
    key: NodeSigningKey,
    name: NodeName,
    clock: Arc<dyn Clock>,
) -> Result<NodeClient, ClientError> {
    match address {
        ControlPlaneAddress::Network { url, ca_file } => {
            NodeClient::new(&url, key, name, clock, Options { ca_file, ..Options::default() })
        }
        ControlPlaneAddress::InProcess { url, connector } => {
            NodeClient::in_process(&url, connector, key, name, clock, Options::default())
        }
    }
}

fn seed() -> Result<u64, NodeStartError> {
    let mut seed = [0; 8];
    SystemRandom::new().fill(&mut seed).map_err(|_| NodeStartError::NoRandomNumbers)?;
    Ok(u64::from_ne_bytes(seed))
}
