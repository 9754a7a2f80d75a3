//! The settings of the embedded node, with its connections to providers and its gateway.

use std::time::Duration;

use bucketry_node::ProbeConfig;
use bucketry_provider::connection::ConnectionSettings;

use super::declared::NodeValues;
use super::gateway::GatewayListener;

/// What the embedded node is started with.
#[derive(Debug, Clone)]
pub(crate) struct NodeSettings {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) provider: String,
    /// Whether it may start with keys that open none of the stored secrets.
    pub(crate) start_without_secrets: bool,
    pub(crate) probes: ProbeConfig,
    pub(crate) connections: ConnectionSettings,
    /// `None` if there is no gateway.
    pub(crate) gateway: Option<GatewayListener>,
}

impl NodeValues {
    pub(super) fn settings(
        self,
        start_without_secrets: bool,
        connections: ConnectionSettings,
        gateway: Option<GatewayListener>,
    ) -> NodeSettings {
        NodeSettings {
            name: self.node_name,
            region: self.node_region,
            provider: self.node_provider,
            start_without_secrets,
            probes: ProbeConfig {
                interval: Duration::from_secs(self.probe_interval),
                ..ProbeConfig::default()
            },
            connections,
            gateway,
        }
    }
}
