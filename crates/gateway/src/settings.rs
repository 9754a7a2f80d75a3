//! What the gateway is told at its start.

use std::num::NonZeroUsize;
use std::time::Duration;

use bucketry_listener::MinRate;
use bucketry_listener::origins::AllowedOrigins;
use ipnet::IpNet;

use crate::protection::ProtectionSettings;

/// What the gateway is told at its start.
#[derive(Debug, Clone, Default)]
pub struct GatewaySettings {
    /// The domains under which buckets are hosts: with `s3.example.com`, `photos.s3.example.com` is the bucket
    /// `photos`. Path style works besides.
    pub domains: Vec<String>,
    /// The origins of web pages that browsers let read answers; none is none.
    pub allowed_origins: AllowedOrigins,
    /// Bounds of the listener.
    pub server: ServerSettings,
    /// Bounds of keys and buckets.
    pub protection: ProtectionSettings,
    /// Whether the size of what is overwritten or deleted is asked for, so that the change of the stored size is
    /// known. It costs a HEAD at the provider for each such request.
    pub measure_size_change: bool,
}

/// Bounds of the listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// How many connections may be open at once; more wait to be accepted.
    pub connections: usize,
    /// How many of them may be of one address, except for trusted proxies; more are closed. None is any number.
    pub connections_per_address: Option<NonZeroUsize>,
    /// The networks of reverse proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a connection may be idle, and how long the head of a request may take.
    pub head_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long a client may keep the gateway waiting for more of a body, or for room to send more of an answer.
    pub stall_timeout: Duration,
    /// The fewest bytes that a client must send of a body, or take of an answer, within a stall time-out in which it was
    /// waited for.
    pub min_body_progress: u64,
    /// How long a client is kept waiting for the head of an answer whose document takes its time, and then for each sign
    /// that something is being done.
    pub keep_alive_interval: Duration,
    /// How long what is in flight may take to end once the gateway is told to stop.
    pub drain: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_address: NonZeroUsize::new(1_024),
            trusted_proxies: Vec::new(),
            head_timeout: Duration::from_mins(1),
            max_head_bytes: 64 << 10,
            stall_timeout: Duration::from_secs(30),
            min_body_progress: 16 << 10,
            keep_alive_interval: Duration::from_secs(10),
            drain: Duration::from_secs(30),
        }
    }
}

impl ServerSettings {
    /// How slow a client may be.
    pub(crate) fn min_rate(&self) -> MinRate {
        MinRate { window: self.stall_timeout, bytes: self.min_body_progress }
    }
}
