//! Every setting of `bucketry serve` and of `bucketry node`, in the order of `--help`. [`super::service_command`] says
//! which command has which.

use std::path::PathBuf;

use bucketry_api::METRICS_BUCKETS;
use bucketry_control::settings::{
    AUDIT_DAYS, DISK_MIN_FREE, ERROR_RATE, EVENTS_DAYS, FINDING_DELAY, INVENTORY_RESULTS, NODE_QUOTA,
    NOTIFICATION_WINDOW, NOTIFICATIONS_DAYS, SESSION_DAYS, USAGE_HOURS_DAYS, USAGE_MINUTES_DAYS,
};
use bucketry_gateway::ProtectionSettings;
use bucketry_model::id::OrgId;
use bucketry_model::probe_share::PROBING_NODES;
use bucketry_node::ProbeConfig;
use bucketry_store::postgres;
use bucketry_web::accept::CONNECTIONS_PER_ADDRESS;
use clap::value_parser;

use super::declaration::{default_value, settings, value_type};
use super::kinds::{AccessLogMode, EndpointMode, LogFormat, Switch};
use super::listen_address::ListenAddress;
use super::log_filter::LogFilter;
use super::valid_text;
use crate::database::DatabaseUrl;

/// The name of the embedded node unless a setting overrides it.
pub(crate) const DEFAULT_NODE_NAME: &str = "embedded";

/// Where the API is served.
pub(crate) type ApiAddress = ListenAddress<8080>;
/// Where the gateway is served.
pub(crate) type GatewayAddress = ListenAddress<9000>;
/// Where something is served that has no usual port.
pub(crate) type OtherAddress = ListenAddress<0>;
/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

settings! {
    /// Where the process keeps its data and serves the API, and which parts it runs.
    process: ProcessValues {
        /// Directory for keys and the usage spool, and for the embedded database
        #[arg(value_name = "DIR")]
        data_dir: PathBuf = PathBuf::from("./data"),
        /// Store the registry in this PostgreSQL database (15 or newer): postgres://user:password@host/database
        #[arg(value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
        database_url: DatabaseUrl,
        /// Maximum number of connections to PostgreSQL
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1_000))]
        database_connections: u32 = postgres::Options::default().connections,
        /// Time limit for a statement in PostgreSQL, in seconds
        #[arg(value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=3_600))]
        database_statement_timeout: u64 = postgres::Options::default().statement_timeout.as_secs(),
        /// Start even if vault.key can't open the stored secrets; a bucket stays OFFLINE until you enter its secret
        /// again
        #[arg(num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
        start_without_secrets: bool = false,
        /// Address to serve the API on, such as :8080 for all addresses; port 0 picks a free port
        #[arg(value_name = "ADDRESS")]
        listen: ApiAddress = ApiAddress::loopback(),
        /// PEM file with the certificate for TLS and those of its authorities, for the API, the dashboard and the
        /// gateway; it is read again when it changes [default: no TLS]
        #[arg(value_name = "FILE")]
        tls_certificate: PathBuf,
        /// PEM file with the private key of the certificate
        #[arg(value_name = "FILE")]
        tls_key: PathBuf,
        /// Host names for which to get a certificate from an ACME authority, separated by commas; you accept its terms of
        /// service, and the names' port 443 must lead to a listener of this server [default: none]
        #[arg(value_name = "LIST")]
        acme_domain: String = String::new(),
        /// E-mail address that the ACME authority may write to
        #[arg(value_name = "EMAIL")]
        acme_contact: String,
        /// URL of the ACME authority's directory
        #[arg(value_name = "URL")]
        acme_directory: String = LETS_ENCRYPT.to_owned(),
        /// PEM file of CA certificates to trust for the ACME authority, in addition to the system's
        #[arg(value_name = "FILE")]
        acme_ca_file: PathBuf,
        /// Run without the embedded node; another server on the same database must have one, or `bucketry node` must run
        /// elsewhere, because no secret can be stored before a node has registered
        #[arg(num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
        no_node: bool = false,
    }

    /// The dashboard.
    dashboard: DashboardValues {
        /// Don't serve the dashboard, the web pages at /ui
        #[arg(num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
        no_dashboard: bool = false,
        /// URL at which browsers reach the dashboard, such as `https://storage.example.com`, if a proxy changes it
        /// [default: the address that browsers send]
        #[arg(value_name = "URL", value_parser = valid_text::public_url)]
        public_url: String,
        /// Separate address to serve the dashboard on [default: the address of the API]
        #[arg(value_name = "ADDRESS")]
        dashboard_listen: OtherAddress,
        /// Certificate for the dashboard's separate address [default: that of --tls-certificate]
        #[arg(value_name = "FILE")]
        dashboard_tls_certificate: PathBuf,
        /// Private key of the dashboard's certificate
        #[arg(value_name = "FILE")]
        dashboard_tls_key: PathBuf,
    }

    /// The S3 gateway of the embedded node.
    gateway: GatewayValues {
        /// Address to serve S3 requests on, such as :9000 for all addresses; port 0 picks a free port
        #[arg(value_name = "ADDRESS")]
        gateway_listen: GatewayAddress = GatewayAddress::loopback(),
        /// Certificate for the gateway [default: that of --tls-certificate]
        #[arg(value_name = "FILE")]
        gateway_tls_certificate: PathBuf,
        /// Private key of the gateway's certificate
        #[arg(value_name = "FILE")]
        gateway_tls_key: PathBuf,
        /// URL of the gateway for applications, as the API and `repo connect` report it [default: the listening
        /// address]
        #[arg(value_name = "URL", value_parser = valid_text::gateway_url)]
        gateway_url: String,
        /// Don't serve S3 requests; only probe and validate buckets
        #[arg(num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
        no_gateway: bool = false,
        /// Domains for virtual-host style requests, separated by commas; path style always works
        #[arg(value_name = "LIST")]
        gateway_domains: String = String::new(),
        /// Measure how each write changes the stored size, at the cost of HEAD requests to the provider
        #[arg(value_name = "SWITCH")]
        gateway_size_change: Switch = Switch::On,
        /// Which requests at the gateway to log, as JSON lines
        #[arg(value_name = "REQUESTS")]
        gateway_access_log: AccessLogMode = AccessLogMode::Off,
        /// File for the gateway's access log; `-` for standard output
        #[arg(value_name = "FILE")]
        gateway_access_log_file: PathBuf = PathBuf::from("-"),
        /// Maximum number of requests in flight per access key at the gateway
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
        gateway_requests_per_key: u32 = ProtectionSettings::default().requests_per_key,
        /// Maximum number of requests in flight per bucket at the gateway
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
        gateway_requests_per_bucket: u32 = ProtectionSettings::default().requests_per_bucket,
    }

    /// The connections to providers.
    provider: ProviderValues {
        /// Addresses that bucket endpoints may have
        #[arg(value_name = "POLICY")]
        endpoint_policy: EndpointMode = EndpointMode::Public,
        /// Host names and CIDRs of endpoints to allow regardless of the policy, separated by commas
        #[arg(value_name = "LIST", value_parser = valid_text::allowed_endpoints)]
        allowed_endpoints: String = String::new(),
        /// PEM file of CA certificates to trust for providers, in addition to the system's
        #[arg(value_name = "FILE")]
        ca_file: PathBuf,
    }

    /// The embedded node.
    node: NodeValues {
        /// Time between two probes of a bucket, in seconds
        #[arg(value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=86_400))]
        probe_interval: u64 = ProbeConfig::default().interval.as_secs(),
        /// Name of the embedded node
        #[arg(value_name = "NAME")]
        node_name: String = DEFAULT_NODE_NAME.to_owned(),
        /// Region that the embedded node runs in
        #[arg(value_name = "REGION")]
        node_region: String = "local".to_owned(),
        /// Cloud provider that the embedded node runs at
        #[arg(value_name = "PROVIDER")]
        node_provider: String = "self-hosted".to_owned(),
    }

    /// The rules of the control plane.
    control: ControlValues {
        /// Maximum number of buckets of a new organization; 0 means unlimited
        #[arg(value_name = "NUMBER")]
        bucket_quota: u64 = 0,
        /// Maximum number of repositories of a new organization; 0 means unlimited
        #[arg(value_name = "NUMBER")]
        repo_quota: u64 = 0,
        /// Maximum number of own nodes that an organization may register; 0 means unlimited
        #[arg(value_name = "NUMBER")]
        node_quota: u64 = NODE_QUOTA,
        /// How many of the deployment's nodes probe each bucket; the same number of its organization's own nodes do, too
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u16).range(1..=1_000))]
        probing_nodes: u16 = PROBING_NODES,
        /// Days to retain traffic by minute; traffic by day is retained permanently
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        usage_minutes_retention: u16 = USAGE_MINUTES_DAYS,
        /// Days to retain traffic by hour and workspace
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        usage_hours_retention: u16 = USAGE_HOURS_DAYS,
        /// Days to retain the status changes of buckets
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        events_retention: u16 = EVENTS_DAYS,
        /// Also write audit records to this file as JSON lines; `-` for standard output. If several servers share a
        /// database, set it on only one of them
        #[arg(value_name = "FILE")]
        audit_log: PathBuf,
        /// Days to retain audit records
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        audit_retention: u16 = AUDIT_DAYS,
        /// Number of inventory results to retain per bucket
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u16).range(1..=1_000))]
        inventory_results: u16 = INVENTORY_RESULTS,
        /// Seconds that a notification waits for further conditions, to report them in the same message
        #[arg(value_name = "SECONDS", value_parser = value_parser!(u16).range(0..=3_600))]
        notification_window: u16 = NOTIFICATION_WINDOW,
        /// Days to retain the log of notifications
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        notifications_retention: u16 = NOTIFICATIONS_DAYS,
        /// Price sheet (TOML) from which costs of traffic and storage are estimated; read at the start
        #[arg(value_name = "FILE")]
        price_sheet: PathBuf,
        /// Seconds that an outage must last before it is reported as a finding
        #[arg(value_name = "SECONDS", value_parser = value_parser!(u16).range(0..=3_600))]
        finding_delay: u16 = FINDING_DELAY,
        /// Days without traffic through the gateway after which a bucket is reported as unused; 0 means never
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(0..=3_650))]
        unused_after: u16 = 0,
        /// Find out about once a day whether a bucket's key opens other buckets too
        #[arg(value_name = "SWITCH")]
        key_checks: Switch = Switch::On,
        /// Per cent of a bucket's requests that fail at its provider from which on that is a finding; 0 means never
        #[arg(value_name = "PERCENT", value_parser = value_parser!(u8).range(0..=100))]
        error_rate: u8 = ERROR_RATE,
        /// Days after which the last backup is reported as too old; 0 means that backups aren't checked
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(0..=3_650))]
        backup_max_age: u16 = 0,
        /// Directory to write scheduled backups to [default: no backups are scheduled]
        #[arg(value_name = "DIR")]
        backup_dir: PathBuf,
        /// Hours between two scheduled backups
        #[arg(value_name = "HOURS", value_parser = value_parser!(u16).range(1..=8_760))]
        backup_interval: u16 = 24,
        /// Age public keys (age1…), separated by commas, to which scheduled backups include the key files in encrypted
        /// form; empty for backups without key files
        #[arg(value_name = "LIST")]
        backup_recipients: String = String::new(),
        /// Number of scheduled backups to retain, the newest ones
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u16).range(1..=10_000))]
        backup_keep: u16 = 7,
        /// Days for which to retain further scheduled backups
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(0..=3_650))]
        backup_keep_days: u16 = 0,
        /// MiB of free space with which the disk of the data directory counts as not full; with less, it is reported if
        /// less than 5 % or less than 1 GiB is free; 0 means that the disk isn't checked
        #[arg(value_name = "MIB")]
        disk_min_free: u32 = DISK_MIN_FREE,
        /// Let anyone register an organization
        #[arg(value_name = "SWITCH")]
        registration: Switch = Switch::Off,
        /// Days after which a session ends, even if it is refreshed
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_650))]
        session_lifetime: u16 = SESSION_DAYS,
        /// Maximum lifetime of new API tokens, in days; 0 means unlimited
        #[arg(value_name = "DAYS", value_parser = value_parser!(u16).range(0..=3_650))]
        token_lifetime: u16 = 0,
    }

    /// The clients of the API, and of the gateway unless it says otherwise.
    clients: ClientValues {
        /// Limit the rate of requests per token and per address
        #[arg(value_name = "SWITCH")]
        rate_limit: Switch = Switch::On,
        /// Networks (CIDR) of reverse proxies whose X-Forwarded-For header to trust, separated by commas
        #[arg(value_name = "LIST", value_parser = valid_text::trusted_proxies)]
        trusted_proxies: String = String::new(),
        /// Maximum number of connections per client address, separately for the API and the gateway; trusted proxies
        /// are exempt, and 0 means unlimited
        #[arg(value_name = "NUMBER")]
        connections_per_address: u32 = CONNECTIONS_PER_ADDRESS,
        /// Origins of web pages that may use the API and the gateway (CORS), separated by commas; `*` allows any
        /// [default: none]
        #[arg(value_name = "LIST", value_parser = valid_text::allowed_origins)]
        allowed_origins: String = String::new(),
    }

    /// What monitoring programs read.
    monitoring: MonitoringValues {
        /// Address to serve /metrics, /health and /ready on; the API's address then doesn't serve /metrics. Port 0 picks a
        /// free port [default: the API's address]
        #[arg(value_name = "ADDRESS")]
        metrics_listen: OtherAddress,
        /// File with the token that readers of /metrics must send [default: none is needed]
        #[arg(value_name = "FILE")]
        metrics_token_file: PathBuf,
        /// Maximum number of buckets in /metrics, which contains the oldest ones; 0 means none
        #[arg(value_name = "NUMBER", value_parser = value_parser!(u32).range(0..=50_000))]
        metrics_buckets: u32 = METRICS_BUCKETS,
        /// Send traces to this collector (OTLP over HTTP), such as http://127.0.0.1:4318 [default: no traces]
        #[arg(value_name = "URL")]
        otlp_endpoint: String,
        /// Share of requests to trace, from 0 to 1; a caller's traceparent header takes precedence
        #[arg(value_name = "SHARE", value_parser = valid_text::share)]
        otlp_ratio: f64 = 0.01,
    }

    /// The log.
    log: LogValues {
        /// Format of log lines, which go to standard error
        #[arg(value_name = "FORMAT")]
        log_format: LogFormat = LogFormat::Text,
        /// Log level (off, error, warn, info, debug or trace), or directives such as info,bucketry_node=debug
        #[arg(value_name = "FILTER")]
        log: LogFilter = LogFilter::default(),
    }

    /// The owner that the first start creates.
    first_owner: FirstOwnerValues {
        /// E-mail address of the first owner, for the first start
        #[arg(value_name = "EMAIL", value_parser = valid_text::email)]
        admin_email: String = "admin@localhost".to_owned(),
        /// File with the password of the first owner; or set BUCKETRY_ADMIN_PASSWORD
        #[arg(value_name = "FILE")]
        admin_password_file: PathBuf,
    }

    /// A node that runs as a separate process.
    node_process: NodeProcessValues {
        /// URL of the API that the node belongs to, such as `https://storage.example.com`
        #[arg(value_name = "URL", value_parser = valid_text::control_plane)]
        control_plane: String,
        /// PEM file of CA certificates to trust for the control plane, in addition to the system's
        #[arg(value_name = "FILE")]
        control_plane_ca_file: PathBuf,
        /// Organization that the node's key belongs to, and that the node serves [default: none: the key is that of the
        /// deployment, and the node serves all organizations]
        #[arg(value_name = "ORG_ID")]
        node_org: OrgId,
        /// File with the private key that signs the node's messages; the control plane must know it [default: node.pem in
        /// the data directory]
        #[arg(value_name = "FILE")]
        node_key: PathBuf,
        /// File with the keys that open secrets sealed to the node; it is created if it is missing [default: vault.key in
        /// the data directory]
        #[arg(value_name = "FILE")]
        node_identity: PathBuf,
        /// Seconds without contact to the control plane after which the gateway refuses requests; a revoked key may be
        /// accepted for this long
        #[arg(value_name = "SECONDS", value_parser = value_parser!(u64).range(60..=31_536_000))]
        configuration_max_age: u64 = 86_400,
    }
}
