//! The node inside `bucketry serve`: the same agent as a remote one, with the same protocol.

use std::path::Path;
use std::sync::Arc;

use bucketry_client::{NodeClient, NodeName, Options, PipeConnector};
use bucketry_control::Control;
use bucketry_gateway::{GatewaySettings, ServerSettings};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::time::SystemClock;
use bucketry_node::{
    Agent, AgentConfig, AgentHandle, Dependencies, GatewayStart, MetricsCollector, NodeInfo, Providers,
};
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_telemetry::Tracer;
use bucketry_vault::{Identities, NodeSigningKey};
use bucketry_web::in_process::InProcess;
use bucketry_web::tls::ServerTls;
use tokio::net::TcpListener;

use crate::data_directory::{NODE_KEY, SPOOL, VAULT_KEY};
use crate::failure::{Failure, Result};
use crate::listener_url;
use crate::node_identity;
use crate::settings::{GatewayListener, NodeSettings};

/// What the node's gateway listens on.
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

/// The running embedded node.
pub(crate) struct EmbeddedNode {
    agent: AgentHandle,
    connections: Connections,
}

impl EmbeddedNode {
    /// Creates the node's keys at the first start, registers them as trusted, and starts the node, with a gateway
    /// if there is a listener. It calls the API inside the process, so busy clients can't keep it out.
    pub(crate) async fn start(
        control: &Control,
        tracer: Option<Tracer>,
        url: &str,
        api: InProcess,
        data_dir: &Path,
        settings: &NodeSettings,
        gateway: Option<NodeGateway>,
    ) -> Result<Self> {
        let failed = |error: &dyn std::error::Error| Failure::because("the embedded node can't start", error);
        let key_file = data_dir.join(NODE_KEY);
        // Generating an RSA key keeps a core busy for a moment.
        let key = tokio::task::spawn_blocking(move || NodeSigningKey::load_or_create(&key_file))
            .await
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        let public = key.verifying_key().map_err(|error| failed(&error))?;
        control.trust_deployment_key(&public).await.map_err(|error| failed(&error))?;
        let identities =
            Identities::load_or_create(&data_dir.join(VAULT_KEY)).map_err(|error| failed(&error))?;
        let (identity, token_services) = node_identity::read(|name| std::env::var(name).ok())?;
        let connections = ConnectionSettings { identity, token_services, ..settings.connections.clone() };
        let connections = Connections::new(connections).map_err(|error| failed(&error))?;

        let info = NodeInfo {
            name: settings.name.clone(),
            region: settings.region.clone(),
            provider: settings.provider.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id_org: None,
            gateway_url: gateway_url(settings, gateway.as_ref()),
        };
        let name = NodeName { ip: info.name.clone(), id_org: None };
        let clock = Arc::new(SystemClock);
        let connector = PipeConnector::new(move || api.connect());
        let client =
            NodeClient::in_process(url, connector, key, name, Arc::clone(&clock) as _, Options::default())
                .map_err(|error| failed(&error))?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)
            .map_err(|error| Failure::failed(format!("can't get random numbers: {error}")))?;
        let config =
            AgentConfig { probes: settings.probes.clone(), ..AgentConfig::new(info, data_dir.join(SPOOL)) };
        let gateway = settings.gateway.as_ref().zip(gateway);
        let gateway = gateway.map(|(configured, gateway)| gateway.start_with(configured, tracer.as_ref()));
        let dependencies = Dependencies {
            control_plane: Arc::new(client),
            cloud: Arc::new(Providers::new(connections.clone())),
            identities,
            clock,
            seed: u64::from_ne_bytes(seed),
            gateway,
            tracer,
        };
        let agent = Agent::start(config, dependencies).map_err(|error| failed(&error))?;
        Ok(Self { agent, connections })
    }

    /// Reads the metrics of the node and of its connections to providers.
    pub(crate) fn metrics(&self) -> MetricsCollector {
        MetricsCollector::new(self.agent.reader(), self.connections.clone())
    }

    /// Stops the node. Traffic that it has counted is reported, or stays in the spool.
    pub(crate) async fn stop(self) {
        self.agent.stop().await;
    }
}

/// The gateway's URL for applications: the configured one, or the listening address. `None` without a gateway.
fn gateway_url(settings: &NodeSettings, gateway: Option<&NodeGateway>) -> Option<Endpoint> {
    let NodeGateway { listener, tls } = gateway?;
    let listens = listener.local_addr().ok();
    let configured = settings.gateway.as_ref().and_then(|gateway| gateway.url.clone());
    configured.or_else(|| listens.and_then(|address| listener_url::url(address, tls.is_some()).parse().ok()))
}
