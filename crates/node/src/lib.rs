//! The node's agent: learns from the control plane which buckets to serve, probes them, runs jobs, counts traffic
//! and reports. `docs/nodes.md` describes the protocol.
//!
//! - [`RunningNode::start`] starts a complete node, inside `bucketry serve` or as a process.
//! - [`Agent::start`] starts an agent over a [`ControlPlane`] and a [`Cloud`]. The real ones are
//!   `bucketry_client::NodeClient` and [`Providers`].
//! - [`UsageMeter`] counts traffic. [`spool`] stores the counts until the control plane acknowledges them.
//!
//! **Invariants:** plain secrets exist in memory only. Everything that can accumulate while the control plane is
//! unreachable is bounded. Spooled traffic is counted exactly once.

mod agent;
mod assignment;
mod backoff;
mod catalog;
mod cloud;
mod collector;
mod config;
mod control_plane;
mod gateway;
mod heartbeat;
mod inventory;
mod jitter;
mod jobs;
mod key_checks;
mod key_uses;
mod meter;
mod metrics;
mod newest;
mod node;
mod node_keys;
mod offline;
mod open_buckets;
mod outbox;
mod probes;
mod progress;
mod refused_keys;
mod registration;
mod results;
mod schedule;
pub mod spool;
mod state_collector;
mod status_pages;
mod stored_configuration;
mod sync;
mod target_digest;
mod tasks;
mod uploads;
mod usage;

pub use agent::{Agent, AgentHandle, Dependencies, MetricsReader};
pub use cloud::{Cloud, OpenBucket, Prober, Providers};
pub use collector::MetricsCollector;
pub use config::{AgentConfig, ConfigurationSettings, InventoryConfig, NodeInfo, ProbeConfig, SpoolConfig};
pub use control_plane::{ControlPlane, ControlPlaneError};
pub use gateway::GatewayStart;
pub use meter::UsageMeter;
pub use metrics::{LATENCY_BOUNDS_MS, MetricsSnapshot};
pub use node::{ControlPlaneAddress, NodeSettings, NodeStartError, RunningNode};
pub use node_keys::NodeKeys;
pub use state_collector::StateCollector;
pub use status_pages::{StatusPages, status_router};
