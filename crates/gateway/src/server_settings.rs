//! Limits of the listener, its connections and the requests on them.

use std::num::NonZeroUsize;
use std::time::Duration;

use bucketry_web::MinRate;
use bucketry_web::accept::CONNECTIONS_PER_ADDRESS;
use bucketry_web::tls::ServerTls;
use ipnet::IpNet;

/// Limits of the listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// How many connections may be open at once. Others wait to be accepted.
    pub connections: usize,
    /// How many connections one address may have open, except trusted proxies. Others are closed. `None` is
    /// unlimited.
    pub connections_per_address: Option<NonZeroUsize>,
    /// The networks of reverse proxies, which have no limit per address.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a connection may be idle, and how long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long a client may neither send more of a body nor read more of a response.
    pub stall_timeout: Duration,
    /// How many bytes a client must at least send or receive in each [`Self::stall_timeout`] in which the gateway
    /// waits for it.
    pub min_body_progress: u64,
    /// How long `CopyObject` and other slow operations may take before the gateway sends a response head, and the
    /// interval at which it then sends white space to keep the connection alive.
    pub keep_alive_interval: Duration,
    /// How long requests in flight may take to end once the gateway stops.
    pub drain: Duration,
    /// How the gateway speaks TLS; `None` for plain http.
    pub tls: Option<ServerTls>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_address: NonZeroUsize::new(CONNECTIONS_PER_ADDRESS as usize),
            trusted_proxies: Vec::new(),
            head_timeout: Duration::from_mins(1),
            max_head_bytes: 64 << 10,
            stall_timeout: Duration::from_secs(30),
            min_body_progress: 16 << 10,
            keep_alive_interval: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            tls: None,
        }
    }
}

impl ServerSettings {
    pub(crate) fn min_rate(&self) -> MinRate {
        MinRate { window: self.stall_timeout, bytes: self.min_body_progress }
    }
}
