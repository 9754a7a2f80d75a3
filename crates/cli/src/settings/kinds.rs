//! Settings that have one of a few values.

use clap::ValueEnum;
use serde::Serialize;

/// The value of a setting that turns something on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    On,
    Off,
}

/// Which endpoints buckets may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndpointMode {
    /// Public addresses only
    Public,
    /// Also private and loopback addresses
    Private,
}

/// Which requests the gateway's access log contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessLogMode {
    /// None
    Off,
    /// All
    All,
    /// Those that store or delete something, and those that failed
    WritesAndErrors,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object per line
    Json,
}
