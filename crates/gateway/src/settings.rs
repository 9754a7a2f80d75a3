//! What the gateway is told at its start.

use std::time::Duration;

use crate::protection::ProtectionSettings;

/// What the gateway is told at its start.
#[derive(Debug, Clone, Default)]
pub struct GatewaySettings {
    /// The domains under which buckets are hosts: with `s3.example.com`, `photos.s3.example.com` is the bucket
    /// `photos`. Path style works besides.
    pub domains: Vec<String>,
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
    /// How long a connection may be idle, and how long the head of a request may take.
    pub head_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// How long a client may keep the gateway waiting for more of a body, or for room to send more of an answer.
    pub stall_timeout: Duration,
    /// The fewest bytes of a body that a client must send within a stall time-out in which it was waited for.
    pub min_body_progress: u64,
    /// How long a client is kept waiting for the head of an answer whose document takes its time, and then for each sign
    /// that something is being done.
    pub sign_of_life: Duration,
    /// How long what is in flight may take to end once the gateway is told to stop.
    pub drain: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head_timeout: Duration::from_mins(1),
            max_head_bytes: 64 << 10,
            stall_timeout: Duration::from_secs(30),
            min_body_progress: 16 << 10,
            sign_of_life: Duration::from_secs(10),
            drain: Duration::from_secs(30),
        }
    }
}
