//! What the embedded node and `bucketry node` start with: the settings, and what is known only at the start.

use std::path::PathBuf;

use bucketry_gateway::{GatewaySettings, ServerSettings};
use bucketry_model::endpoint::Endpoint;
use bucketry_node::{ControlPlaneAddress, GatewayStart, NodeInfo, NodeSettings};
use bucketry_provider::connection::ConnectionSettings;
use bucketry_telemetry::Tracer;
use bucketry_web::tls::ServerTls;
use tokio::net::TcpListener;

use crate::failure::Result;
use crate::listener_url;
use crate::node_identity;
use crate::settings::{GatewayListener, NodePlan};

/// What a node's gateway listens on.
pub(crate) struct NodeGateway {
    pub(crate) listener: TcpListener,
    /// `None` for plain http.
    pub(crate) tls: Option<ServerTls>,
}

impl NodeGateway {
    /// Adds what is known only at the start to the settings.
    fn start_with(self, configured: &GatewayListener, tracer: Option<&Tracer>) -> GatewayStart {
        let Self { listener, tls } = self;
        let server = ServerSettings { tls, ..configured.settings.server.clone() };
        let settings = GatewaySettings { tracer: tracer.cloned(), server, ..configured.settings.clone() };
        GatewayStart { settings, listener }
    }
}

/// The settings of a node that starts now. The node's identity at the clouds is read from the environment.
pub(crate) fn node_settings(
    plan: &NodePlan,
    control_plane: ControlPlaneAddress,
    spool_dir: PathBuf,
    gateway: Option<NodeGateway>,
    tracer: Option<Tracer>,
) -> Result<NodeSettings> {
    let (identity, token_services) = node_identity::read(|name| std::env::var(name).ok())?;
    let info = NodeInfo {
        name: plan.name.clone(),
        region: plan.region.clone(),
        provider: plan.provider.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        id_org: plan.id_org,
        gateway_url: gateway_url(plan, gateway.as_ref()),
    };
    let gateway = plan.gateway.as_ref().zip(gateway);
    Ok(NodeSettings {
        info,
        control_plane,
        spool_dir,
        probes: plan.probes.clone(),
        connections: ConnectionSettings { identity, token_services, ..plan.connections.clone() },
        configuration: None,
        gateway: gateway.map(|(configured, gateway)| gateway.start_with(configured, tracer.as_ref())),
        tracer,
    })
}

/// The gateway's URL for applications: the configured one, or the listening address. `None` without a gateway.
fn gateway_url(plan: &NodePlan, gateway: Option<&NodeGateway>) -> Option<Endpoint> {
    let NodeGateway { listener, tls } = gateway?;
    let listens = listener.local_addr().ok();
    let configured = plan.gateway.as_ref().and_then(|gateway| gateway.url.clone());
    configured.or_else(|| listens.and_then(|address| listener_url::url(address, tls.is_some()).parse().ok()))
}
