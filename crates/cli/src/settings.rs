//! The settings of `bucketry serve`. Flags override the environment, which overrides the configuration file.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_api::{ApiSettings, RateLimits};
use bucketry_gateway::protection::ProtectionSettings;
use bucketry_gateway::settings::{GatewaySettings, ServerSettings};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::ConnectionSettings;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_web::origins::AllowedOrigins;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::database::{Database, DatabaseUrl};
use crate::failure::{Failure, Result};

/// The value of a setting that turns something on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    On,
    Off,
}

/// Which endpoints buckets may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndpointMode {
    /// Public addresses only
    Public,
    /// Also private and loopback addresses
    Private,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object per line
    Json,
}

/// The name of the embedded node unless a setting overrides it.
pub(crate) const DEFAULT_NODE_NAME: &str = "embedded";

/// The settings as one source (file, environment or flags) gives them; `None` is a setting that the source leaves
/// open.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServeSettings {
    /// Directory for keys and the usage spool, and for the embedded database [default: ./data]
    #[arg(long, env = "BUCKETRY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Store the registry in this PostgreSQL database (15 or newer): postgres://user:password@host/database
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    database_url: Option<DatabaseUrl>,
    /// Maximum number of connections to PostgreSQL [default: 10]
    #[arg(long, env = "BUCKETRY_DATABASE_CONNECTIONS", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    database_connections: Option<u32>,
    /// Time limit for a statement in PostgreSQL, in seconds [default: 30]
    #[arg(long, env = "BUCKETRY_DATABASE_STATEMENT_TIMEOUT", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    database_statement_timeout: Option<u64>,
    /// Start even if vault.key can't open the stored secrets; a bucket stays OFFLINE until you enter its secret
    /// again
    #[arg(long, env = "BUCKETRY_START_WITHOUT_SECRETS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    start_without_secrets: Option<bool>,
    /// Address to serve the API on; port 0 picks a free port [default: 127.0.0.1:8080]
    #[arg(long, env = "BUCKETRY_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Run without the embedded node, next to a server on the same database that has one. There are no standalone
    /// nodes yet, and no bucket can be stored before a node has registered
    #[arg(long, env = "BUCKETRY_NO_NODE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    no_node: Option<bool>,
    /// Address to serve S3 requests on; port 0 picks a free port [default: 127.0.0.1:9000]
    #[arg(long, env = "BUCKETRY_GATEWAY_LISTEN", value_name = "ADDRESS")]
    gateway_listen: Option<SocketAddr>,
    /// URL of the gateway for applications, as the API and `repo connect` report it [default: the listening
    /// address]
    #[arg(long, env = "BUCKETRY_GATEWAY_URL", value_name = "URL")]
    gateway_url: Option<String>,
    /// Don't serve S3 requests; only probe and validate buckets
    #[arg(long, env = "BUCKETRY_NO_GATEWAY", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    no_gateway: Option<bool>,
    /// Domains for virtual-host style requests, separated by commas; path style always works
    #[arg(long, env = "BUCKETRY_GATEWAY_DOMAINS", value_name = "LIST")]
    gateway_domains: Option<String>,
    /// Measure how each write changes the stored size, at the cost of one HEAD request per write [default: on]
    #[arg(long, env = "BUCKETRY_GATEWAY_SIZE_CHANGE", value_name = "SWITCH")]
    gateway_size_change: Option<Switch>,
    /// Maximum number of requests in flight per access key at the gateway [default: 256]
    #[arg(long, env = "BUCKETRY_GATEWAY_REQUESTS_PER_KEY", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    gateway_requests_per_key: Option<u32>,
    /// Maximum number of requests in flight per bucket at the gateway [default: 1024]
    #[arg(long, env = "BUCKETRY_GATEWAY_REQUESTS_PER_BUCKET", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    gateway_requests_per_bucket: Option<u32>,
    /// Addresses that bucket endpoints may have [default: public]
    #[arg(long, env = "BUCKETRY_ENDPOINT_POLICY", value_name = "POLICY")]
    endpoint_policy: Option<EndpointMode>,
    /// Host names and CIDRs of endpoints to allow regardless of the policy, separated by commas
    #[arg(long, env = "BUCKETRY_ALLOWED_ENDPOINTS", value_name = "LIST")]
    allowed_endpoints: Option<String>,
    /// PEM file of CA certificates to trust for providers, in addition to the system's
    #[arg(long, env = "BUCKETRY_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Time between two probes of a bucket, in seconds [default: 60]
    #[arg(long, env = "BUCKETRY_PROBE_INTERVAL", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    probe_interval: Option<u64>,
    /// Name of the embedded node [default: embedded]
    #[arg(long, env = "BUCKETRY_NODE_NAME", value_name = "NAME")]
    node_name: Option<String>,
    /// Region that the embedded node runs in [default: local]
    #[arg(long, env = "BUCKETRY_NODE_REGION", value_name = "REGION")]
    node_region: Option<String>,
    /// Cloud provider that the embedded node runs at [default: self-hosted]
    #[arg(long, env = "BUCKETRY_NODE_PROVIDER", value_name = "PROVIDER")]
    node_provider: Option<String>,
    /// Maximum number of buckets of a new organization; 0 means unlimited [default: 0]
    #[arg(long, env = "BUCKETRY_BUCKET_QUOTA", value_name = "NUMBER")]
    bucket_quota: Option<u64>,
    /// Maximum number of repositories of a new organization; 0 means unlimited [default: 0]
    #[arg(long, env = "BUCKETRY_REPO_QUOTA", value_name = "NUMBER")]
    repo_quota: Option<u64>,
    /// Days to retain traffic by minute; traffic by day is retained permanently [default: 32]
    #[arg(long, env = "BUCKETRY_USAGE_MINUTES_RETENTION", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3_650))]
    usage_minutes_retention: Option<u16>,
    /// Let anyone register an organization [default: off]
    #[arg(long, env = "BUCKETRY_REGISTRATION", value_name = "SWITCH")]
    registration: Option<Switch>,
    /// Days after which a session ends, even if it is refreshed [default: 90]
    #[arg(long, env = "BUCKETRY_SESSION_LIFETIME", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3_650))]
    session_lifetime: Option<u16>,
    /// Maximum lifetime of new API tokens, in days; 0 means unlimited [default: 0]
    #[arg(long, env = "BUCKETRY_TOKEN_LIFETIME", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(0..=3_650))]
    token_lifetime: Option<u16>,
    /// Limit the rate of requests per token and per address [default: on]
    #[arg(long, env = "BUCKETRY_RATE_LIMIT", value_name = "SWITCH")]
    rate_limit: Option<Switch>,
    /// Networks (CIDR) of reverse proxies whose X-Forwarded-For header to trust, separated by commas
    #[arg(long, env = "BUCKETRY_TRUSTED_PROXIES", value_name = "LIST")]
    trusted_proxies: Option<String>,
    /// Maximum number of connections per client address, to the API and to the gateway each; trusted proxies are
    /// exempt, 0 means unlimited [default: 1024]
    #[arg(long, env = "BUCKETRY_CONNECTIONS_PER_ADDRESS", value_name = "NUMBER")]
    connections_per_address: Option<u32>,
    /// Origins of web pages that may use the API and the gateway (CORS), separated by commas; `*` allows any
    /// [default: none]
    #[arg(long, env = "BUCKETRY_ALLOWED_ORIGINS", value_name = "LIST")]
    allowed_origins: Option<String>,
    /// Format of log lines, which go to standard error [default: text]
    #[arg(long, env = "BUCKETRY_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Log level, or directives such as info,bucketry_node=debug [default: info]
    #[arg(long, env = "BUCKETRY_LOG", value_name = "FILTER")]
    log: Option<String>,
    // Not a doc comment, because rustdoc takes the `@` for a link.
    #[arg(
        long,
        env = "BUCKETRY_ADMIN_EMAIL",
        value_name = "EMAIL",
        help = "E-mail address of the first owner, for the first start [default: admin@localhost]"
    )]
    admin_email: Option<String>,
    /// File with the password of the first owner; or set BUCKETRY_ADMIN_PASSWORD
    #[arg(long, env = "BUCKETRY_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
}

/// The effective settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    /// Whether the embedded node may start with keys that open none of the stored secrets.
    pub(crate) start_without_secrets: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) embedded_node: bool,
    /// The gateway's address and settings; `None` if there is no gateway.
    pub(crate) gateway: Option<(SocketAddr, GatewaySettings)>,
    /// The gateway's URL for applications, if it isn't the listening address.
    pub(crate) gateway_url: Option<Endpoint>,
    pub(crate) policy: EndpointPolicy,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) probe_interval: Duration,
    pub(crate) node_name: String,
    pub(crate) node_region: String,
    pub(crate) node_provider: String,
    pub(crate) bucket_quota: Option<u64>,
    pub(crate) repo_quota: Option<u64>,
    pub(crate) keep_minutes_for_days: u16,
    pub(crate) open_registration: bool,
    /// In days.
    pub(crate) session_lifetime: u16,
    /// In days; `None` means unlimited.
    pub(crate) token_lifetime: Option<u16>,
    pub(crate) api: ApiSettings,
    /// For the API and the gateway each; `None` means unlimited.
    pub(crate) connections_per_address: Option<NonZeroUsize>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: String,
    pub(crate) admin_email: String,
    pub(crate) admin_password_file: Option<PathBuf>,
    /// The first owner's password if neither a file nor the environment gives one; `None` generates one.
    pub(crate) first_password: Option<Secret>,
}

impl ServeSettings {
    /// Reads a configuration file.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("can't read the configuration {}: {error}", path.display()))
        })?;
        toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("the configuration {} is not valid: {error}", path.display()))
        })
    }

    /// These settings, with the gaps filled from `lower`.
    #[must_use]
    pub(crate) fn over(self, lower: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(lower.data_dir),
            database_url: self.database_url.or(lower.database_url),
            database_connections: self.database_connections.or(lower.database_connections),
            database_statement_timeout: self.database_statement_timeout.or(lower.database_statement_timeout),
            start_without_secrets: self.start_without_secrets.or(lower.start_without_secrets),
            listen: self.listen.or(lower.listen),
            no_node: self.no_node.or(lower.no_node),
            gateway_listen: self.gateway_listen.or(lower.gateway_listen),
            gateway_url: self.gateway_url.or(lower.gateway_url),
            no_gateway: self.no_gateway.or(lower.no_gateway),
            gateway_domains: self.gateway_domains.or(lower.gateway_domains),
            gateway_size_change: self.gateway_size_change.or(lower.gateway_size_change),
            gateway_requests_per_key: self.gateway_requests_per_key.or(lower.gateway_requests_per_key),
            gateway_requests_per_bucket: self
                .gateway_requests_per_bucket
                .or(lower.gateway_requests_per_bucket),
            endpoint_policy: self.endpoint_policy.or(lower.endpoint_policy),
            allowed_endpoints: self.allowed_endpoints.or(lower.allowed_endpoints),
            ca_file: self.ca_file.or(lower.ca_file),
            probe_interval: self.probe_interval.or(lower.probe_interval),
            node_name: self.node_name.or(lower.node_name),
            node_region: self.node_region.or(lower.node_region),
            node_provider: self.node_provider.or(lower.node_provider),
            bucket_quota: self.bucket_quota.or(lower.bucket_quota),
            repo_quota: self.repo_quota.or(lower.repo_quota),
            usage_minutes_retention: self.usage_minutes_retention.or(lower.usage_minutes_retention),
            registration: self.registration.or(lower.registration),
            session_lifetime: self.session_lifetime.or(lower.session_lifetime),
            token_lifetime: self.token_lifetime.or(lower.token_lifetime),
            rate_limit: self.rate_limit.or(lower.rate_limit),
            trusted_proxies: self.trusted_proxies.or(lower.trusted_proxies),
            connections_per_address: self.connections_per_address.or(lower.connections_per_address),
            allowed_origins: self.allowed_origins.or(lower.allowed_origins),
            log_format: self.log_format.or(lower.log_format),
            log: self.log.or(lower.log),
            admin_email: self.admin_email.or(lower.admin_email),
            admin_password_file: self.admin_password_file.or(lower.admin_password_file),
        }
    }

    /// The settings that apply unless a source overrides them.
    pub(crate) fn defaults() -> Self {
        Self {
            data_dir: Some(PathBuf::from("./data")),
            database_url: None,
            database_connections: Some(10),
            database_statement_timeout: Some(30),
            start_without_secrets: Some(false),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
            no_node: Some(false),
            gateway_listen: Some(SocketAddr::from(([127, 0, 0, 1], 9000))),
            gateway_url: None,
            no_gateway: Some(false),
            gateway_domains: Some(String::new()),
            gateway_size_change: Some(Switch::On),
            gateway_requests_per_key: Some(256),
            gateway_requests_per_bucket: Some(1_024),
            endpoint_policy: Some(EndpointMode::Public),
            allowed_endpoints: Some(String::new()),
            ca_file: None,
            probe_interval: Some(60),
            node_name: Some(DEFAULT_NODE_NAME.to_owned()),
            node_region: Some("local".to_owned()),
            node_provider: Some("self-hosted".to_owned()),
            bucket_quota: Some(0),
            repo_quota: Some(0),
            usage_minutes_retention: Some(32),
            registration: Some(Switch::Off),
            session_lifetime: Some(90),
            token_lifetime: Some(0),
            rate_limit: Some(Switch::On),
            trusted_proxies: Some(String::new()),
            connections_per_address: Some(1_024),
            allowed_origins: Some(String::new()),
            log_format: Some(LogFormat::Text),
            log: Some("info".to_owned()),
            admin_email: Some("admin@localhost".to_owned()),
            admin_password_file: None,
        }
    }

    /// The demo's settings: endpoints may be on loopback, where its S3 server is, and probes are frequent.
    #[cfg(feature = "demo")]
    pub(crate) fn for_demo(
        data_dir: PathBuf,
        listen: SocketAddr,
        gateway_listen: SocketAddr,
        probe_interval: u64,
    ) -> Self {
        Self {
            data_dir: Some(data_dir),
            listen: Some(listen),
            gateway_listen: Some(gateway_listen),
            endpoint_policy: Some(EndpointMode::Private),
            probe_interval: Some(probe_interval),
            // The sample bucket's server logs each read of a missing object as an error.
            log: Some("warn,s3s=off,s3s_fs=off".to_owned()),
            ..Self::default()
        }
    }

    /// The settings as a configuration file that would give the same result.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Failure::failed(format!("can't write the settings: {error}")))
    }

    /// Validates the settings and reads the files that they name.
    pub(crate) fn read(self) -> Result<Settings> {
        let all = self.over(Self::defaults());
        // `over(defaults)` leaves none of these empty. The fallbacks only satisfy the types.
        let policy = match all.endpoint_policy {
            Some(EndpointMode::Private) => "private",
            Some(EndpointMode::Public) | None => "public",
        };
        let policy = EndpointPolicy::parse(policy, &all.allowed_endpoints.unwrap_or_default())
            .map_err(|error| Failure::usage(format!("--allowed-endpoints: {error}")))?;
        let ca_pem = match &all.ca_file {
            None => None,
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                Failure::usage(format!("--ca-file: can't read {}: {error}", path.display()))
            })?),
        };
        let mut trusted_proxies = Vec::new();
        for text in parts(&all.trusted_proxies.unwrap_or_default()) {
            let network = text.parse().map_err(|_| {
                Failure::usage(format!("--trusted-proxies: {text:?} is not a network such as 10.0.0.0/8"))
            })?;
            trusted_proxies.push(network);
        }
        let database = Database::new(
            all.database_url.as_ref(),
            all.database_connections.unwrap_or(10).max(1),
            Duration::from_secs(all.database_statement_timeout.unwrap_or(30)),
        )?;
        let per_address = all.connections_per_address.map_or(1_024, |most| most as usize);
        let connections_per_address = NonZeroUsize::new(per_address);
        let allowed_origins = AllowedOrigins::parse(&all.allowed_origins.unwrap_or_default())
            .map_err(|error| Failure::usage(format!("--allowed-origins: {error}")))?;
        let gateway = GatewaySettings {
            allowed_origins: allowed_origins.clone(),
            server: ServerSettings {
                connections_per_address,
                trusted_proxies: trusted_proxies.clone(),
                ..ServerSettings::default()
            },
            domains: parts(&all.gateway_domains.unwrap_or_default()).map(str::to_owned).collect(),
            protection: ProtectionSettings {
                requests_per_key: all.gateway_requests_per_key.map_or(256, |n| n as usize),
                requests_per_bucket: all.gateway_requests_per_bucket.map_or(1_024, |n| n as usize),
                ..ProtectionSettings::default()
            },
            measure_size_change: all.gateway_size_change != Some(Switch::Off),
        };
        let gateway_url = match all.gateway_url.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(
                text.parse::<Endpoint>().map_err(|error| Failure::usage(format!("--gateway-url {error}")))?,
            ),
        };
        let gateway_listen = all.gateway_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9000)));
        let gateway = (all.no_gateway != Some(true)).then_some((gateway_listen, gateway));
        let limited = all.rate_limit != Some(Switch::Off);
        let api = ApiSettings {
            rate_limits: limited.then(RateLimits::default),
            trusted_proxies,
            allowed_origins,
            ..ApiSettings::default()
        };
        Ok(Settings {
            data_dir: all.data_dir.unwrap_or_default(),
            database,
            start_without_secrets: all.start_without_secrets == Some(true),
            listen: all.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            embedded_node: all.no_node != Some(true),
            gateway,
            gateway_url,
            policy,
            ca_pem,
            probe_interval: Duration::from_secs(all.probe_interval.unwrap_or(60)),
            node_name: all.node_name.unwrap_or_default(),
            node_region: all.node_region.unwrap_or_default(),
            node_provider: all.node_provider.unwrap_or_default(),
            bucket_quota: all.bucket_quota.filter(|quota| *quota > 0),
            repo_quota: all.repo_quota.filter(|quota| *quota > 0),
            keep_minutes_for_days: all.usage_minutes_retention.unwrap_or(32).max(1),
            open_registration: all.registration == Some(Switch::On),
            session_lifetime: all.session_lifetime.unwrap_or(90).max(1),
            token_lifetime: all.token_lifetime.filter(|days| *days > 0),
            api,
            connections_per_address,
            log_format: all.log_format.unwrap_or(LogFormat::Text),
            log: all.log.unwrap_or_default(),
            admin_email: all.admin_email.unwrap_or_default(),
            admin_password_file: all.admin_password_file,
            first_password: None,
        })
    }
}

/// The items of a comma-separated list.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|text| !text.is_empty())
}

impl Settings {
    /// The settings of the node's connections to providers.
    pub(crate) fn connections(&self) -> ConnectionSettings {
        ConnectionSettings {
            policy: self.policy.clone(),
            extra_ca_pem: self.ca_pem.clone(),
            ..ConnectionSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_above_wins_over_what_is_said_below() {
        let file: ServeSettings = toml::from_str("listen = \"127.0.0.1:1\"\nprobe_interval = 5").unwrap();
        let flags =
            ServeSettings { listen: Some("127.0.0.1:2".parse().unwrap()), ..ServeSettings::default() };
        let settings = flags.over(file).read().unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.probe_interval, Duration::from_secs(5));
        assert_eq!(settings.node_name, "embedded");
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        assert!(toml::from_str::<ServeSettings>("lisen = \"127.0.0.1:1\"").is_err());
    }

    #[test]
    fn the_defaults_print_as_a_configuration_that_reads_back() {
        let text = ServeSettings::defaults().to_toml().unwrap();
        assert!(toml::from_str::<ServeSettings>(&text).unwrap().read().is_ok(), "{text}");
    }
}
