//! The settings of the embedded node, with its connections to providers and its gateway.

use std::time::Duration;

use bucketry_model::id::OrgId;
use bucketry_node::ProbeConfig;
use bucketry_provider::connection::ConnectionSettings;

use super::declared::NodeValues;
use super::gateway::GatewayListener;

/// What a node is started with.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) provider: String,
    /// The organization whose key the node has. `None` for a node of the deployment.
    pub(crate) id_org: Option<OrgId>,
    /// Whether it may start with keys that open none of the stored secrets.
    pub(crate) start_without_secrets: bool,
    pub(crate) probes: ProbeConfig,
    pub(crate) connections: ConnectionSettings,
    /// `None` if there is no gateway.
    pub(crate) gateway: Option<GatewayListener>,
}

impl NodeValues {
    pub(super) fn plan(
        self,
        start_without_secrets: bool,
        connections: ConnectionSettings,
        gateway: Option<GatewayListener>,
    ) -> NodePlan {
        NodePlan {
            name: self.node_name,
            region: self.node_region,
            provider: self.node_provider,
            id_org: None,
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
