//! Operator settings of the HTTP side.

use std::time::Duration;

use bucketry_model::secret::Secret;
use bucketry_telemetry::Tracer;
use bucketry_web::MinRate;
use bucketry_web::origins::AllowedOrigins;
use bucketry_web::rate::Rate;
use ipnet::IpNet;

/// Rate limits for requests and logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests per session or API token.
    pub per_token: Rate,
    /// Requests per address, of any kind.
    pub per_address: Rate,
    /// Failed logins per account and network (/24 or /64).
    pub login_per_account_and_network: Rate,
    /// Failed logins per account from all networks together, and per account from each network that it recently
    /// logged in from.
    pub login_per_account: Rate,
    /// Logins, registrations and refreshes per address.
    pub login_per_address: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_token: Rate::new(6_000, 300),
            per_address: Rate::new(12_000, 600),
            login_per_account_and_network: Rate::new(6, 10),
            login_per_account: Rate::new(30, 300),
            login_per_address: Rate::new(30, 30),
        }
    }
}

/// How many buckets have separate metrics, unless a setting overrides it.
pub const METRICS_BUCKETS: u32 = 5_000;

/// Who may read metrics, and how much they contain.
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// The token that readers must send. Without one, everyone may read metrics.
    pub token: Option<Secret>,
    /// Whether metrics are served only by [`metrics_router`](crate::metrics_router), at a separate address.
    pub own_listener: bool,
    /// How many buckets have separate metrics, in one response.
    pub buckets: u32,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { token: None, own_listener: false, buckets: METRICS_BUCKETS }
    }
}

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The rate limits; `None` switches them off.
    pub rate_limits: Option<RateLimits>,
    /// The proxies whose `X-Forwarded-For` is trusted. From other peers, the header is ignored.
    pub trusted_proxies: Vec<IpNet>,
    /// The time limit for receiving a request's body.
    pub body_timeout: Duration,
    /// The lowest rate at which nodes, and clients that have not authenticated yet, must send a body.
    pub unauthenticated_min_rate: MinRate,
    /// The most bytes that all bodies of these senders may occupy together, until their requests are answered.
    pub unauthenticated_body_bytes: usize,
    /// The origins whose web pages may read the API in browsers. Empty means none.
    pub allowed_origins: AllowedOrigins,
    /// The most bytes of finished list responses that are cached.
    pub list_cache_bytes: u64,
    /// The page to which `GET /` redirects browsers.
    pub home_page: String,
    /// Who may read metrics, and how much they contain.
    pub metrics: MetricsSettings,
    /// Traces requests. `None`: nothing is traced.
    pub tracer: Option<Tracer>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            rate_limits: Some(RateLimits::default()),
            trusted_proxies: Vec::new(),
            body_timeout: Duration::from_secs(30),
            unauthenticated_min_rate: MinRate { window: Duration::from_secs(5), bytes: 16 << 10 },
            unauthenticated_body_bytes: 12 << 20,
            allowed_origins: AllowedOrigins::default(),
            list_cache_bytes: 64 << 20,
            home_page: "/docs".to_owned(),
            metrics: MetricsSettings::default(),
            tracer: None,
        }
    }
}
