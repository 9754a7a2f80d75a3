//! What an operator can decide about the HTTP side.

use std::num::NonZeroU32;
use std::time::Duration;

use bucketry_listener::MinRate;
use bucketry_listener::origins::AllowedOrigins;
use ipnet::IpNet;

/// A token bucket: how much may come at once, and how much flows in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests that flow in again in a minute.
    pub per_minute: NonZeroU32,
    /// Requests that may come at once after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zero is read as one.
    pub const fn new(per_minute: u32, burst: u32) -> Self {
        Self { per_minute: non_zero(per_minute), burst: non_zero(burst) }
    }
}

const fn non_zero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// How often who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// One session or API token.
    pub per_token: Rate,
    /// One address, whatever it asks for.
    pub per_address: Rate,
    /// Failed logins to one account from one network (/24 or /64).
    pub login_per_account_and_network: Rate,
    /// Failed logins to one account from all networks together, and from each network from which it was logged in to
    /// lately.
    pub login_per_account: Rate,
    /// Logins, registrations and refreshes from one address.
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

/// The HTTP side's settings.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// How often who may ask; none switches all limits off.
    pub rate_limits: Option<RateLimits>,
    /// The proxies whose `X-Forwarded-For` is believed. Nobody else's is.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How slowly those may send a body who have not signed in yet, and nodes.
    pub unauthenticated_min_rate: MinRate,
    /// How many bytes all their bodies may take together while they come and are looked at.
    pub unauthenticated_body_bytes: usize,
    /// The origins of web pages that browsers let read the API; none is none.
    pub allowed_origins: AllowedOrigins,
    /// How many bytes of finished list answers are kept for the next one who asks.
    pub list_cache_bytes: u64,
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
        }
    }
}
