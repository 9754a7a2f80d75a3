//! The settings of `bucketry serve` and `bucketry node`. Flags override the environment, which overrides the configuration file.

mod acme;
mod clients;
mod commented;
mod control;
mod dashboard;
mod declaration;
mod declared;
mod file;
mod gateway;
mod kinds;
mod listen_address;
mod log_filter;
mod monitoring;
mod node;
mod node_process;
mod provider;
mod service_command;
mod text_value;
mod tls;
mod valid_text;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_acme::AcmeSettings;
use bucketry_api::ApiSettings;
use bucketry_model::secret::Secret;
use bucketry_telemetry::TraceSettings;
use bucketry_vault::Recipient;
use clap::Arg;
use toml::Table;

use self::listen_address::ListenAddress;
use crate::database::Database;
use crate::failure::{Failure, Result};

pub(crate) use dashboard::DashboardPlan;
#[cfg(feature = "demo")]
pub(crate) use declared::{ApiAddress, GatewayAddress};
pub(crate) use declared::{DEFAULT_NODE_NAME, SettingsLayer};
pub(crate) use gateway::GatewayListener;
pub(crate) use kinds::LogFormat;
pub(crate) use log_filter::LogFilter;
pub(crate) use node::NodePlan;
pub(crate) use node_process::NodeProcessSettings;
pub(crate) use service_command::{ServiceCommand, node_flag, serve_flag};
pub(crate) use tls::{TlsListener, TlsSettings};

/// The effective settings, validated.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    pub(crate) listen: SocketAddr,
    /// The listeners with TLS.
    pub(crate) tls: Vec<TlsSettings>,
    /// The certificate to get from an authority.
    pub(crate) acme: Option<AcmeSettings>,
    /// `None` if there is no embedded node.
    pub(crate) node: Option<NodePlan>,
    pub(crate) control: bucketry_control::Settings,
    pub(crate) audit_log: Option<PathBuf>,
    /// Whose private keys open the key files in scheduled backups.
    pub(crate) backup_recipients: Vec<Recipient>,
    pub(crate) api: ApiSettings,
    /// `None` if there is no dashboard.
    pub(crate) dashboard: Option<DashboardPlan>,
    /// `None` if nothing is traced.
    pub(crate) traces: Option<TraceSettings>,
    /// `None` if the API's address serves metrics.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// For the API and the gateway each; `None` means unlimited.
    pub(crate) connections_per_address: Option<NonZeroUsize>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: LogFilter,
    pub(crate) admin_email: String,
    pub(crate) admin_password_file: Option<PathBuf>,
    /// The first owner's password if neither a file nor the environment gives one; `None` generates one.
    pub(crate) first_password: Option<Secret>,
}

impl SettingsLayer {
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
            listen: Some(listen.into()),
            gateway_listen: Some(gateway_listen.into()),
            endpoint_policy: Some(kinds::EndpointMode::Private),
            probe_interval: Some(probe_interval),
            // One key opens all sample buckets.
            key_checks: Some(kinds::Switch::Off),
            node_name: Some("demo-node".to_owned()),
            node_region: Some("history invented".to_owned()),
            // The embedded S3 server logs each read of a missing object as an error, and one bucket is down on purpose.
            log: "warn,bucketry_node::probes=error,s3s=off,s3s_fs=off".parse().ok(),
            ..Self::default()
        }
    }

    /// The settings as a configuration file that would give the same result.
    #[cfg(test)]
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Failure::failed(format!("can't write the settings: {error}")))
    }

    /// The effective settings of a command, as a configuration file that would give the same result.
    pub(crate) fn effective(self, command: ServiceCommand) -> Result<String> {
        // A node that runs as a process has no default name.
        let lacks_name = command == ServiceCommand::Node && self.node_name.is_none();
        let failed = |error: toml::ser::Error| Failure::failed(format!("can't write the settings: {error}"));
        let table = Table::try_from(self.over_defaults()).map_err(failed)?;
        let mut text = String::new();
        let names = declared::DEFAULTS.iter().map(|(name, _)| *name).filter(|name| command.has(name));
        for name in names.filter(|name| !(lacks_name && *name == "node_name")) {
            if let Some(value) = table.get(name) {
                let line = Table::from_iter([(name.to_owned(), value.clone())]);
                text.push_str(&toml::to_string(&line).map_err(failed)?);
            }
        }
        Ok(text)
    }

    /// Validates the settings of a server and reads the files that they name.
    pub(crate) fn read(self) -> Result<Settings> {
        let values = self.values();
        let acme = acme::settings(&values.process)?;
        let tls = tls::listeners(&values, acme.as_ref())?;
        let connections = values.provider.connections()?;
        let traces = values.monitoring.traces(&values.node.node_name);
        let mut api = ApiSettings { metrics: values.monitoring.metrics()?, ..values.clients.api()? };
        let dashboard = values.dashboard.plan(&api)?;
        if let Some(plan) = &dashboard {
            api.home_page = plan.home_page();
        }
        let connections_per_address = values.clients.connections_per_address();
        let process = values.process;
        let database = Database::new(
            process.database_url.as_ref(),
            process.database_connections.max(1),
            Duration::from_secs(process.database_statement_timeout),
        )?;
        let gateway = values.gateway.listener(&api, connections_per_address)?;
        let node = values.node.plan(process.start_without_secrets, connections, gateway);
        let data_directory = Some(process.data_dir.clone());
        Ok(Settings {
            data_dir: process.data_dir,
            database,
            listen: process.listen.socket(),
            tls,
            acme,
            node: (!process.no_node).then_some(node),
            audit_log: values.control.audit_log.clone(),
            backup_recipients: values.control.backup_recipients()?,
            control: bucketry_control::Settings { data_directory, ..values.control.settings()? },
            api,
            dashboard,
            traces,
            metrics_listen: values.monitoring.metrics_listen.map(ListenAddress::socket),
            connections_per_address,
            log_format: values.log.log_format,
            log: values.log.log,
            admin_email: values.first_owner.admin_email,
            admin_password_file: values.first_owner.admin_password_file,
            first_password: None,
        })
    }
}

/// The items of a comma-separated list.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Adds to a flag what follows from its declaration: the environment variable, and the default in the help text.
fn complete_flag(flag: Arg) -> Arg {
    let name = flag.get_id().as_str();
    let Some((_, default)) = declared::DEFAULTS.iter().find(|(setting, _)| *setting == name) else {
        return flag;
    };
    let variable = environment_variable(name);
    let help = match (flag.get_help(), default().and_then(|value| shown(&value))) {
        (Some(help), Some(default)) => format!("{help} [default: {default}]").into(),
        (help, _) => help.cloned().unwrap_or_default(),
    };
    flag.env(variable).help(help)
}

/// The heading of a group of settings in help.
fn heading(group: &'static str) -> &'static str {
    match group {
        "process" => "Data and address",
        "gateway" => "Gateway",
        "provider" => "Connections to providers",
        "node" => "Embedded node",
        "control" => "Rules and retention",
        "clients" => "Clients of the API",
        "log" => "Log",
        "first_owner" => "First start",
        "node_process" => "Node",
        other => other,
    }
}

/// The environment variable of a setting.
fn environment_variable(setting: &str) -> String {
    format!("BUCKETRY_{}", setting.to_uppercase())
}

/// A default as help shows it. An empty list and a flag that is not set go without saying.
fn shown(default: &toml::Value) -> Option<String> {
    match default {
        toml::Value::Boolean(false) => None,
        toml::Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_above_wins_over_what_is_said_below() {
        let file = SettingsLayer::from_toml("listen = \"127.0.0.1:1\"\nprobe_interval = 5", "x").unwrap();
        let flags =
            SettingsLayer { listen: Some("127.0.0.1:2".parse().unwrap()), ..SettingsLayer::default() };
        let settings = flags.over(file).read().unwrap();
        assert_eq!(settings.listen.port(), 2);
        let node = settings.node.unwrap();
        assert_eq!(node.probes.interval, Duration::from_secs(5));
        assert_eq!(node.name, "embedded");
    }

    #[test]
    fn the_defaults_print_as_a_configuration_that_reads_back() {
        let text = SettingsLayer::default().effective(ServiceCommand::Serve).unwrap();
        assert!(SettingsLayer::from_toml(&text, "x").unwrap().read().is_ok(), "{text}");
    }

    #[test]
    fn each_command_prints_its_own_settings_in_the_order_of_help() {
        let served = SettingsLayer::default().effective(ServiceCommand::Serve).unwrap();
        assert!(served.starts_with("data_dir = \"./data\"\n"), "{served}");
        assert!(served.contains("\nadmin_email = ") && !served.contains("control_plane"), "{served}");
        let layer = SettingsLayer::one("control_plane", "https://x").unwrap();
        let of_node = layer.clone().effective(ServiceCommand::Node).unwrap();
        assert!(of_node.contains("control_plane = \"https://x\"") && of_node.contains("gateway_listen"));
        assert!(!of_node.contains("node_name") && !of_node.contains("admin_email"), "{of_node}");
        let named = SettingsLayer::one("node_name", "n1").unwrap().over(layer);
        assert!(named.effective(ServiceCommand::Node).unwrap().contains("node_name = \"n1\""));
    }

    /// The rows of the operator's guide about settings, without the purpose.
    fn documented() -> Vec<[String; 3]> {
        let rows =
            include_str!("../../../../docs/operations.md").lines().filter(|line| line.starts_with("| `--"));
        rows.map(|row| {
            let mut cells = row.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']).to_owned());
            [cells.next(), cells.next(), cells.next()].map(Option::unwrap)
        })
        .collect()
    }

    #[test]
    fn the_operators_guide_has_a_row_for_every_setting_in_the_same_order() {
        let rows = documented();
        let flags: Vec<_> = rows.iter().map(|[flag, ..]| flag.as_str()).collect();
        let declared: Vec<_> =
            declared::DEFAULTS.iter().map(|(name, _)| format!("--{}", name.replace('_', "-"))).collect();
        assert_eq!(flags, declared);
        for ([_, variable, default], (name, declared)) in rows.iter().zip(declared::DEFAULTS) {
            assert_eq!(variable.split('`').next().unwrap(), environment_variable(name));
            match declared() {
                Some(toml::Value::Boolean(false)) => assert_eq!(default, "off", "{name}"),
                Some(value) if shown(&value).is_some() => {
                    assert_eq!(Some(default), shown(&value).as_ref(), "{name}");
                }
                // The guide says what happens without the setting.
                _ => assert!(!default.is_empty() && default.parse::<i64>().is_err(), "{name}: {default}"),
            }
        }
    }
}
