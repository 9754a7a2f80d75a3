//! A node in a separate process: starts its listeners and the node, and stops them.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use bucketry_model::endpoint::{Endpoint, Host};
use bucketry_node::{
    ConfigurationSettings, ControlPlaneAddress, NodeKeys, NodeSettings, RunningNode, StateCollector,
    StatusPages, status_router,
};
use bucketry_telemetry::Tracer;
use bucketry_web::serve::{HttpSettings, serve};
use bucketry_web::tls::ServerTls;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::data_directory::{self, CONFIGURATION, SPOOL};
use crate::disk_metrics::DiskCollector;
use crate::failure::{Failure, Result};
use crate::listener_url::url;
use crate::node_start::{NodeGateway, node_settings};
use crate::server_certificates::ServerCertificates;
use crate::settings::{NodeProcessSettings, TlsListener};
use crate::trace_export;

/// How long the start waits for the configuration.
const CONFIGURED_WITHIN: Duration = Duration::from_secs(10);
/// How often to look for it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long readers of the status pages may take when the node stops.
const DRAIN: Duration = Duration::from_secs(2);

/// A running node with its listeners.
pub(crate) struct NodeProcess {
    node: RunningNode,
    gateway: Option<SocketAddr>,
    /// `None` for plain http.
    gateway_tls: Option<ServerTls>,
    status: SocketAddr,
    status_server: JoinHandle<()>,
    stopping: CancellationToken,
    background: JoinSet<()>,
    /// `None` if nothing is traced.
    tracer: Option<Tracer>,
}

impl NodeProcess {
    /// Starts everything, and returns when the node knows what to serve. If that takes long, it returns earlier.
    pub(crate) async fn start(settings: &NodeProcessSettings) -> Result<Self> {
        let certificates = ServerCertificates::read(&settings.tls, None)?;
        let tracer = settings.traces.as_ref().map(trace_export::start).transpose()?;
        let keys = keys(settings).await?;
        let gateway = match &settings.plan.gateway {
            Some(gateway) => Some(bind(gateway.address, "the gateway", "--gateway-listen").await?),
            None => None,
        };
        let status = bind(settings.status_listen, "metrics", "--metrics-listen").await?;
        let status_address = status.local_addr().map_err(|error| cannot_start(&error))?;
        let gateway_address = gateway.as_ref().and_then(|gateway| gateway.local_addr().ok());
        let gateway_tls = certificates.of(TlsListener::Gateway);
        let gateway = gateway.map(|listener| NodeGateway { listener, tls: gateway_tls.clone() });
        let started = started_with(settings, gateway, tracer.clone())?;
        let node = RunningNode::start(keys, started).map_err(|error| cannot_start(&error))?;

        let stopping = CancellationToken::new();
        let pages = StatusPages {
            node: node.reader(),
            metrics: registry(settings, &node, &certificates, tracer.as_ref()),
            metrics_token: settings.metrics_token.clone(),
            version: env!("CARGO_PKG_VERSION"),
            stopping: stopping.clone(),
        };
        let process = Self {
            node,
            gateway: gateway_address,
            gateway_tls,
            status: status_address,
            status_server: tokio::spawn(serve_status(status, pages)),
            stopping,
            background: watch_certificates(certificates),
            tracer,
        };
        process.wait_for_configuration().await;
        Ok(process)
    }

    async fn wait_for_configuration(&self) {
        let reader = self.node.reader();
        let configured = async {
            while !reader.snapshot().configured {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(CONFIGURED_WITHIN, configured).await.is_err() {
            tracing::warn!("the node has no configuration yet; it continues to try");
        }
    }

    /// The gateway's URL for programs on this machine, if there is a gateway.
    pub(crate) fn gateway_url(&self) -> Option<String> {
        self.gateway.map(|address| url(address, self.gateway_tls.is_some()))
    }

    /// The URL of metrics, health and readiness for programs on this machine.
    pub(crate) fn status_url(&self) -> String {
        url(self.status, false)
    }

    /// Stops everything: refuses new requests, lets those in flight finish, and reports counted traffic.
    pub(crate) async fn stop(mut self) {
        // Load balancers learn that the node stops while it finishes its requests.
        self.stopping.cancel();
        self.node.stop().await;
        self.status_server.abort();
        self.background.shutdown().await;
        if let Some(tracer) = &self.tracer {
            tracer.stop().await;
        }
    }
}

fn cannot_start(error: &dyn std::error::Error) -> Failure {
    Failure::because("the node can't start", error)
}

/// Prepares the data directory, and reads the node's keys.
async fn keys(settings: &NodeProcessSettings) -> Result<NodeKeys> {
    create_private(&settings.data_dir)?;
    for fault in data_directory::open_to_others(&settings.data_dir) {
        tracing::warn!("{fault}");
    }
    refuse_missing_key(&settings.key_file)?;
    NodeKeys::load_or_create(&settings.key_file, &settings.identity_file)
        .await
        .map_err(|error| cannot_start(&error))
}

fn started_with(
    settings: &NodeProcessSettings,
    gateway: Option<NodeGateway>,
    tracer: Option<Tracer>,
) -> Result<NodeSettings> {
    warn_without_tls(&settings.control_plane);
    let control_plane = ControlPlaneAddress::Network {
        url: settings.control_plane.clone(),
        ca_file: settings.control_plane_ca_file.clone(),
    };
    let configuration = ConfigurationSettings {
        file: settings.data_dir.join(CONFIGURATION),
        control_plane: settings.control_plane.clone(),
        max_age: settings.configuration_max_age,
    };
    let spool_dir = settings.data_dir.join(SPOOL);
    let started = node_settings(&settings.plan, control_plane, spool_dir, gateway, tracer)?;
    Ok(NodeSettings { configuration: Some(configuration), ..started })
}

/// Serves the status pages until the task is aborted, which is when the node has stopped.
async fn serve_status(listener: TcpListener, pages: StatusPages) {
    let settings = HttpSettings { drain: DRAIN, ..HttpSettings::default() };
    serve(listener, status_router(pages), &settings, &[], std::future::pending()).await;
}

/// Replaces certificates whose files change.
fn watch_certificates(certificates: ServerCertificates) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if !certificates.is_empty() {
        tasks.spawn(async move { certificates.keep_current(|_| {}).await });
    }
    tasks
}

fn registry(
    settings: &NodeProcessSettings,
    node: &RunningNode,
    certificates: &ServerCertificates,
    tracer: Option<&Tracer>,
) -> Registry {
    let mut registry = Registry::default();
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("bucketry_build", "The running version", build);
    registry.register_collector(Box::new(StateCollector(node.reader())));
    registry.register_collector(Box::new(node.metrics()));
    registry.register_collector(Box::new(certificates.stats()));
    registry.register_collector(Box::new(DiskCollector { data_dir: settings.data_dir.clone() }));
    if let Some(tracer) = tracer {
        registry.register_collector(Box::new(tracer.collector()));
    }
    registry
}

async fn bind(address: SocketAddr, purpose: &str, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!(
            "can't listen on {address} for {purpose}: {error}. Choose another address with {flag}"
        ))
    })
}

/// Creates the data directory, which only its owner can enter, unless it exists.
fn create_private(data_dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(|error| {
        Failure::because(&format!("can't create the data directory {}", data_dir.display()), &error)
    })
}

/// A node doesn't create its signing key, because the control plane would not know it.
fn refuse_missing_key(key: &Path) -> Result<()> {
    if key.exists() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "the key that signs the node's messages is missing: {} doesn't exist. Put a key there that the control plane knows, \
         or name its file with --key. For a node that serves all organizations, that is node.pem from the data directory of \
         a server of the deployment that has run with an embedded node; for a node with --org, the private key of the \
         organization",
        key.display()
    )))
}

fn warn_without_tls(control_plane: &str) {
    let Ok(url) = Endpoint::parse(control_plane) else { return };
    let is_local = match &url.host {
        Host::Address(address) => address.is_loopback(),
        Host::Name(name) => name == "localhost",
    };
    if !url.tls && !is_local {
        tracing::warn!(
            "messages to {control_plane} aren't encrypted, because its URL begins with http://: anybody in between can read \
             names and traffic counts, and answer in its place. Use https:// unless the network is encrypted"
        );
    }
}
