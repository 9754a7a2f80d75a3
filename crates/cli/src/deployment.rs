//! Wires store, use cases, API and embedded node together, and starts and stops them.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use bucketry_api::{ApiSettings, ApiState, AuditLog, stream_audit};
use bucketry_control::{Control, Environment};
use bucketry_dashboard::{Dashboard, DashboardSettings};
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_node::RunningNode;
use bucketry_notify::{NotificationSender, SenderSettings};
use bucketry_store::Store;
use bucketry_store::data_dir::DataDirLock;
use bucketry_telemetry::Tracer;
use bucketry_web::in_process::InProcess;
use bucketry_web::serve::{HttpSettings, serve};
use bucketry_web::tls::ServerTls;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::data_directory::{self, VAULT_KEY};
use crate::database::{self, OpenDatabase};
use crate::disk_metrics::DiskCollector;
use crate::failure::{Failure, Result};
use crate::first_start::{FirstOwner, access_tokens, first_owner};
use crate::listener_url::url;
use crate::node_start::NodeGateway;
use crate::server_certificates::ServerCertificates;
use crate::settings::{DashboardPlan, GatewayListener, NodePlan, Settings, TlsListener};
use crate::tls_metrics::TlsStats;
use crate::{embedded_node, log_file, scheduled_backup, sealed_secrets, trace_export};

/// How long the start waits for the embedded node to report.
const NODE_WITHIN: Duration = Duration::from_secs(10);
/// How often to check whether the node has reported.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long requests in flight may take when the server stops.
const DRAIN: Duration = Duration::from_secs(30);
/// How long releasing leases may take when the server stops.
const RELEASE: Duration = Duration::from_secs(5);

/// A running deployment.
pub(crate) struct Deployment {
    /// The API's listening address.
    pub(crate) address: SocketAddr,
    /// The gateway's listening address, if there is a gateway.
    gateway: Option<SocketAddr>,
    /// The dedicated listening address of metrics, if there is one.
    metrics: Option<SocketAddr>,
    /// What the first start created; `None` at later starts.
    #[cfg_attr(not(feature = "demo"), expect(dead_code, reason = "only the demo logs in as this owner"))]
    pub(crate) first_owner: Option<FirstOwner>,
    control: Control,
    state: ApiState,
    node: Option<RunningNode>,
    server: JoinHandle<()>,
    background: JoinSet<()>,
    /// `None` if nothing is traced.
    tracer: Option<Tracer>,
    /// How the API and the gateway speak TLS.
    tls: DeploymentTls,
    // Locked until everything has ended.
    _lock: Option<DataDirLock>,
}

impl Deployment {
    /// Starts everything, and returns when the API answers and the embedded node has reported.
    /// At a first start, `met` gets the owner before anything else can fail, because a generated password is stored
    /// nowhere else in plain text.
    pub(crate) async fn start(settings: &Settings, met: impl FnOnce(&FirstOwner, &str)) -> Result<Self> {
        Self::start_control_plane(settings, met).await?.start_node(settings).await
    }

    /// Starts everything but the embedded node.
    pub(crate) async fn start_control_plane(
        settings: &Settings,
        met: impl FnOnce(&FirstOwner, &str),
    ) -> Result<ControlPlaneStarted> {
        let certificates = ServerCertificates::read(&settings.tls, settings.acme.as_ref())?;
        let tracer = settings.traces.as_ref().map(trace_export::start).transpose()?;
        let OpenDatabase { store, lock } = database::open(&settings.database, &settings.data_dir).await?;
        for fault in data_directory::open_to_others(&settings.data_dir) {
            tracing::warn!("{fault}");
        }
        if let Some(node) = &settings.node {
            refuse_lost_secrets(&*store, &settings.data_dir, node).await?;
        }
        let new_keys = data_directory::missing_keys(&settings.data_dir, settings.node.is_some());
        let tokens = access_tokens(&settings.data_dir)?;
        let shares_database = matches!(settings.database, database::Database::Postgres { .. });
        let rules = bucketry_control::Settings { shares_database, ..settings.control.clone() };
        let control = Control::new(store, Environment::system(), rules, tokens);
        let listener = bind(settings.listen, "the API", "--listen").await?;
        let metrics_listener = match settings.metrics_listen {
            Some(address) => Some(bind(address, "metrics", "--metrics-listen").await?),
            None => None,
        };
        let address = listener.local_addr().map_err(|error| Failure::because("can't listen", &error))?;
        let first_owner = first_owner(&control, settings).await?;
        if let Some(owner) = &first_owner {
            met(owner, &url(address, certificates.of(TlsListener::Api).is_some()));
        } else {
            for warning in new_keys {
                tracing::warn!("{warning}");
            }
        }
        let audit_log = settings.audit_log.as_deref().map(open_audit_log).transpose()?;
        let api = ApiSettings { tracer: tracer.clone(), ..settings.api.clone() };
        let state = ApiState::new(control.clone(), api);
        let dashboard = dashboard(&control, &state, settings.dashboard.as_ref());
        let (server, in_process) = serve_api(listener, &state, settings, dashboard, &certificates).await?;
        let mut deployment = Self {
            address,
            gateway: None,
            metrics: metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok()),
            first_owner,
            node: None,
            server,
            background: background_tasks(&control, &state, audit_log),
            control,
            state,
            tracer,
            tls: DeploymentTls::of(&certificates),
            _lock: lock,
        };
        deployment.keep_current(certificates);
        if let Some(listener) = metrics_listener {
            deployment.serve_metrics(listener, settings.connections_per_address);
        }
        Ok(ControlPlaneStarted { deployment, in_process })
    }

    /// Serves metrics at their own address until the deployment is stopped.
    fn serve_metrics(&mut self, listener: TcpListener, connections_per_address: Option<NonZeroUsize>) {
        let router = bucketry_api::metrics_router(self.state.clone());
        let state = self.state.clone();
        let settings = HttpSettings { drain: DRAIN, connections_per_address, ..HttpSettings::default() };
        self.background.spawn(async move {
            let stop = state.closing().clone();
            bucketry_api::serve(listener, router, &state, &settings, stop.cancelled()).await;
        });
    }

    /// Replaces certificates whose files change until the deployment is stopped.
    fn keep_current(&mut self, certificates: ServerCertificates) {
        if !certificates.is_empty() {
            let control = self.control.clone();
            let report = move |all| control.report_server_certificates(all);
            self.background.spawn(async move { certificates.keep_current(report).await });
        }
    }

    /// Adds what isn't part of the API to its metrics.
    fn collect_metrics(&self, data_dir: &Path) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.tls.stats.clone()));
        registry.register_collector(Box::new(DiskCollector { data_dir: data_dir.to_owned() }));
        if let Some(node) = &self.node {
            registry.register_collector(Box::new(node.metrics()));
        }
        if let Some(tracer) = &self.tracer {
            registry.register_collector(Box::new(tracer.collector()));
        }
        self.state.add_metrics(registry);
    }

    async fn wait_for_node(&self) {
        if self.node.is_none() {
            return;
        }
        let ready = async {
            while !self.control.has_connected_node().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(NODE_WITHIN, ready).await.is_err() {
            tracing::warn!("the embedded node has not reported yet; it continues to try");
        }
    }

    async fn run_node(&mut self, api: InProcess, data_dir: &Path, plan: &NodePlan) -> Result<()> {
        let listener = match &plan.gateway {
            Some(GatewayListener { address, .. }) => {
                Some(TcpListener::bind(address).await.map_err(|error| {
                    Failure::because(&format!("can't listen on {address} for the gateway"), &error)
                })?)
            }
            None => None,
        };
        self.gateway = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let node = embedded_node::start(
            &self.control,
            self.tracer.clone(),
            &url(self.address, false),
            api,
            data_dir,
            plan,
            listener.map(|listener| NodeGateway { listener, tls: self.tls.gateway.clone() }),
        )
        .await?;
        let sender =
            SenderSettings { connections: plan.connections.clone(), vault_key: data_dir.join(VAULT_KEY) };
        let sender = NotificationSender::new(self.control.clone(), sender)
            .map_err(|error| Failure::because("notifications can't be sent", &error))?;
        // In each process that has a node: a sender claims one message of a channel, and what it reports of a claim that
        // another one has taken over is refused.
        spawn(&mut self.background, &self.control, async move { sender.run().await });
        self.node = Some(node);
        Ok(())
    }

    /// The use cases.
    #[cfg_attr(not(feature = "demo"), expect(dead_code, reason = "only the demo calls them"))]
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    /// The API's URL for programs on this machine.
    pub(crate) fn url(&self) -> String {
        url(self.address, self.tls.api.is_some())
    }

    /// The gateway's URL for programs on this machine, if there is a gateway.
    pub(crate) fn gateway_url(&self) -> Option<String> {
        self.gateway.map(|address| url(address, self.tls.gateway.is_some()))
    }

    /// The URL of metrics for programs on this machine, if they have their own address.
    pub(crate) fn metrics_url(&self) -> Option<String> {
        self.metrics.map(|address| url(address, false))
    }

    /// Stops everything: refuses new requests, lets those in flight finish, reports the node's counts and closes
    /// the database.
    pub(crate) async fn stop(mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
        self.state.closing().cancel();
        if tokio::time::timeout(DRAIN + Duration::from_secs(5), &mut self.server).await.is_err() {
            tracing::warn!("some requests did not finish in time and were aborted");
            self.server.abort();
        }
        self.background.shutdown().await;
        release_leases(&self.control).await;
        if let Some(tracer) = &self.tracer {
            tracer.stop().await;
        }
        self.control.store().close().await;
    }
}

/// The TLS of a deployment.
struct DeploymentTls {
    api: Option<ServerTls>,
    gateway: Option<ServerTls>,
    stats: TlsStats,
}

impl DeploymentTls {
    fn of(certificates: &ServerCertificates) -> Self {
        Self {
            api: certificates.of(TlsListener::Api),
            gateway: certificates.of(TlsListener::Gateway),
            stats: certificates.stats(),
        }
    }
}

/// A deployment whose API answers, and whose embedded node hasn't been started.
pub(crate) struct ControlPlaneStarted {
    deployment: Deployment,
    in_process: InProcess,
}

impl ControlPlaneStarted {
    /// What has been started so far.
    #[cfg_attr(
        not(feature = "demo"),
        expect(dead_code, reason = "only the demo does something before the node")
    )]
    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Starts the embedded node, if there is one, and returns when it has reported.
    pub(crate) async fn start_node(self, settings: &Settings) -> Result<Deployment> {
        let Self { mut deployment, in_process } = self;
        if let Some(node) = &settings.node {
            deployment.run_node(in_process, &settings.data_dir, node).await?;
        } else {
            embedded_node::create_deployment_key(&deployment.control, &settings.data_dir).await?;
        }
        // Not before the node has started, because checks without any node fail. Several servers take different keys and rules.
        // A late result about keys is at most a minute old, and the next round replaces it; a late result about a rule is
        // refused.
        let (keys, freshness) = (deployment.control.clone(), deployment.control.clone());
        let Deployment { background, control, .. } = &mut deployment;
        spawn(background, control, async move { keys.run_key_checks().await });
        spawn(background, control, async move { freshness.run_freshness_checks().await });
        // At a first start, the node has just created key files that backups contain. Of several processes, only one that
        // holds an advisory lock makes a backup, to a new file.
        if let Some(backups) = scheduled_backup::schedule(&deployment.control, settings)? {
            spawn(&mut deployment.background, &deployment.control, backups);
        }
        deployment.collect_metrics(&settings.data_dir);
        deployment.wait_for_node().await;
        Ok(deployment)
    }
}

/// Refuses a start that would lose the registry's secrets, unless the settings accept it. Called before any key is
/// created that a second start could take for an existing one.
async fn refuse_lost_secrets(store: &dyn Store, data_dir: &Path, node: &NodePlan) -> Result<()> {
    let keys = data_dir.join(VAULT_KEY);
    let (name, accepted) = (&node.name, node.start_without_secrets);
    let allowed = sealed_secrets::refuse_without(store, &keys, name, accepted, SystemClock.now()).await;
    if allowed.is_err() {
        store.close().await;
    }
    allowed
}

async fn bind(address: SocketAddr, purpose: &str, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!(
            "can't listen on {address} for {purpose}: {error}. Choose another address with {flag}"
        ))
    })
}

/// The dashboard, which shares the limits of wrong passwords with the API.
fn dashboard(control: &Control, state: &ApiState, plan: Option<&DashboardPlan>) -> Option<Dashboard> {
    let settings = DashboardSettings {
        login_guard: state.login_guard(),
        rate_exchange: state.rate_exchange(),
        closing: state.closing().clone(),
        ..plan?.settings.clone()
    };
    Some(Dashboard::new(control.clone(), settings))
}

/// Serves the API, and with it the dashboard, until the state is closing. Returns the task, and a way to call the API
/// inside the process.
async fn serve_api(
    listener: TcpListener,
    state: &ApiState,
    settings: &Settings,
    dashboard: Option<Dashboard>,
    certificates: &ServerCertificates,
) -> Result<(JoinHandle<()>, InProcess)> {
    let mut router = bucketry_api::router(state.clone());
    let in_process = InProcess::new(router.clone());
    let http = HttpSettings {
        drain: DRAIN,
        connections_per_address: settings.connections_per_address,
        tls: certificates.of(TlsListener::Api),
        ..HttpSettings::default()
    };
    let own_address = settings.dashboard.as_ref().and_then(|plan| plan.listen);
    let mut own_server = None;
    match (dashboard, own_address) {
        (Some(dashboard), None) => router = router.merge(bucketry_dashboard::router(dashboard)),
        (Some(dashboard), Some(address)) => {
            let http = HttpSettings { tls: certificates.of(TlsListener::Dashboard), ..http.clone() };
            own_server = Some(serve_dashboard(address, dashboard, state, settings, http).await?);
        }
        (None, _) => {}
    }
    let state = state.clone();
    let server = tokio::spawn(async move {
        let stop = state.closing().clone();
        bucketry_api::serve(listener, router, &state, &http, stop.cancelled()).await;
        if let Some(own_server) = own_server {
            // A task that panicked has reported it.
            let _ = own_server.await;
        }
    });
    Ok((server, in_process))
}

/// Serves the dashboard on its own address until the state is closing.
async fn serve_dashboard(
    address: SocketAddr,
    dashboard: Dashboard,
    state: &ApiState,
    settings: &Settings,
    http: HttpSettings,
) -> Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!(
            "can't listen on {address} for the dashboard: {error}. Choose another address with --dashboard-listen"
        ))
    })?;
    let (stop, proxies) = (state.closing().clone(), settings.api.trusted_proxies.clone());
    let router = bucketry_dashboard::standalone(dashboard);
    Ok(tokio::spawn(async move {
        serve(listener, router, &http, &proxies, stop.cancelled()).await;
    }))
}

/// Starts what the control plane does without being asked. Other control planes on the same database do so too. What must
/// not happen twice is under a lease (`control::leases`), or claims single rows.
fn background_tasks(control: &Control, state: &ApiState, audit_log: Option<AuditLog>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    // Under a lease, as long as a rotation is in progress.
    let rotations = control.clone();
    spawn(&mut tasks, control, async move { rotations.drive_rotations().await });
    // Prunes and plans under a lease. What concerns the memory of this process is done in each.
    let maintenance = control.clone();
    spawn(&mut tasks, control, async move { maintenance.run_maintenance().await });
    // Under a lease.
    let watch = control.clone();
    spawn(&mut tasks, control, async move { watch.watch_conditions().await });
    // In each process, for its own nodes and callers.
    let others = control.clone();
    spawn(&mut tasks, control, async move { others.follow_other_processes().await });
    // In each process, for its own clients.
    let limits = state.clone();
    spawn(&mut tasks, control, async move { limits.share_rate_limits().await });
    // In each process, because each has its own log, which contains the records of all.
    if let Some(log) = audit_log {
        let records = control.clone();
        spawn(&mut tasks, control, async move { stream_audit(&records, log).await });
    }
    tasks
}

/// Starts work that uses the database. It ends when a newer version has upgraded the database so that this one can't work with it.
fn spawn(tasks: &mut JoinSet<()>, control: &Control, work: impl Future<Output = ()> + Send + 'static) {
    let control = control.clone();
    tasks.spawn(async move { control.until_outdated(work).await });
}

/// Releases the leases of a control plane whose background tasks have ended. If the database doesn't respond, they expire.
async fn release_leases(control: &Control) {
    let released: std::result::Result<(), Box<dyn std::error::Error>> =
        match tokio::time::timeout(RELEASE, control.release_leases()).await {
            Ok(released) => released.map_err(Into::into),
            Err(late) => Err(late.into()),
        };
    if let Err(error) = released {
        tracing::warn!(
            error = &*error,
            "the leases of this control plane couldn't be released: others take over when they expire"
        );
    }
}

/// Opens the log that audit records are written to. An existing file is continued.
fn open_audit_log(path: &Path) -> Result<AuditLog> {
    let to = log_file::open(path)
        .map_err(|error| Failure::because(&format!("can't open the audit log {}", path.display()), &error))?;
    Ok(AuditLog::new(to))
}
