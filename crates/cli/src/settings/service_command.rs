//! Which settings `bucketry serve` has, which `bucketry node` has, and how `bucketry node` shows them.

use std::fmt;

use clap::Arg;

use super::declared::DEFAULTS;

/// A command that runs a part of Bucketry until it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceCommand {
    Serve,
    Node,
}

/// Settings of nodes that run as processes.
const ONLY_OF_NODE: [&str; 6] = [
    "control_plane",
    "control_plane_ca_file",
    "node_org",
    "node_key",
    "node_identity",
    "configuration_max_age",
];

/// Settings of both commands.
const OF_BOTH: [&str; 28] = [
    "data_dir",
    "gateway_listen",
    "gateway_tls_certificate",
    "gateway_tls_key",
    "gateway_url",
    "no_gateway",
    "gateway_domains",
    "gateway_size_change",
    "gateway_access_log",
    "gateway_access_log_file",
    "gateway_requests_per_key",
    "gateway_requests_per_bucket",
    "endpoint_policy",
    "allowed_endpoints",
    "ca_file",
    "probe_interval",
    "node_name",
    "node_region",
    "node_provider",
    "trusted_proxies",
    "connections_per_address",
    "allowed_origins",
    "metrics_listen",
    "metrics_token_file",
    "otlp_endpoint",
    "otlp_ratio",
    "log_format",
    "log",
];

/// Short names for flags of `bucketry node`.
const SHORT: [(&str, &str); 6] = [
    ("node_org", "org"),
    ("node_key", "key"),
    ("node_identity", "identity"),
    ("node_name", "name"),
    ("node_region", "region"),
    ("node_provider", "provider"),
];

/// Help texts that differ from those of `bucketry serve`.
const NODE_HELP: [(&str, &str); 9] = [
    (
        "data_dir",
        "Directory for the node's keys, its usage spool and its last configuration [default: ./data]",
    ),
    (
        "gateway_tls_certificate",
        "PEM file with the gateway's certificate for TLS and those of its authorities; it is read again when it changes [default: no TLS]",
    ),
    ("node_name", "Unique name of the node: the host name or address at which its clients reach it"),
    ("node_region", "Region that the node runs in [default: local]"),
    ("node_provider", "Cloud provider that the node runs at [default: self-hosted]"),
    (
        "trusted_proxies",
        "Networks (CIDR) of reverse proxies whose X-Forwarded-For header to trust, separated by commas",
    ),
    (
        "connections_per_address",
        "Maximum number of connections per client address; trusted proxies are exempt, and 0 means unlimited [default: 1024]",
    ),
    (
        "allowed_origins",
        "Origins of web pages that may use the gateway (CORS), separated by commas; `*` allows any [default: none]",
    ),
    (
        "metrics_listen",
        "Address to serve /metrics, /health and /ready on; port 0 picks a free port [default: 127.0.0.1:8081]",
    ),
];

impl ServiceCommand {
    /// Whether the command has a setting.
    pub(crate) fn has(self, setting: &str) -> bool {
        match self {
            Self::Serve => is_setting(setting) && !ONLY_OF_NODE.contains(&setting),
            Self::Node => ONLY_OF_NODE.contains(&setting) || OF_BOTH.contains(&setting),
        }
    }

    /// The other command, if it has the setting and this one doesn't.
    pub(crate) fn other_with(self, setting: &str) -> Option<Self> {
        let other = match self {
            Self::Serve => Self::Node,
            Self::Node => Self::Serve,
        };
        (!self.has(setting) && other.has(setting)).then_some(other)
    }
}

impl fmt::Display for ServiceCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serve => "serve",
            Self::Node => "node",
        })
    }
}

fn is_setting(name: &str) -> bool {
    DEFAULTS.iter().any(|(setting, _)| *setting == name)
}

/// A flag of `bucketry serve`, and of `bucketry init`, which has the same settings.
pub(crate) fn serve_flag(flag: Arg) -> Arg {
    flag_of(ServiceCommand::Serve, flag)
}

/// A flag of `bucketry node`.
pub(crate) fn node_flag(flag: Arg) -> Arg {
    let name = flag.get_id().to_string();
    let flag = flag_of(ServiceCommand::Node, flag);
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(setting, _)| *setting == name).map(|(_, text)| *text)
    };
    let flag = match find(&NODE_HELP) {
        Some(help) => flag.help(help),
        None => flag,
    };
    let flag =
        if flag.get_help_heading() == Some("Embedded node") { flag.help_heading("Node") } else { flag };
    match find(&SHORT) {
        Some(short) => flag.visible_alias(short),
        None => flag,
    }
}

/// Hides a setting that only the other command has, and ignores its environment variable.
fn flag_of(command: ServiceCommand, flag: Arg) -> Arg {
    if command.other_with(flag.get_id().as_str()).is_none() {
        return flag;
    }
    flag.hide(true).env(None::<&'static str>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_settings_and_each_setting_belongs_to_a_command() {
        let tables = [&ONLY_OF_NODE[..], &OF_BOTH].concat();
        let others = SHORT.iter().chain(&NODE_HELP).map(|(setting, _)| *setting);
        for setting in tables.into_iter().chain(others) {
            assert!(is_setting(setting), "{setting}");
            assert!(ServiceCommand::Node.has(setting), "{setting}");
        }
        for (setting, _) in DEFAULTS {
            assert!(ServiceCommand::Serve.has(setting) || ServiceCommand::Node.has(setting), "{setting}");
        }
        assert_eq!(ServiceCommand::Node.other_with("listen"), Some(ServiceCommand::Serve));
        assert_eq!(ServiceCommand::Node.other_with("config"), None);
    }
}
