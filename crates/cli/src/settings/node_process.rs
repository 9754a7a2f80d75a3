//! The settings of `bucketry node`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_model::node::is_node_name;
use bucketry_model::secret::Secret;
use bucketry_telemetry::TraceSettings;

use super::declared::SettingsLayer;
use super::listen_address::ListenAddress;
use super::node::NodePlan;
use super::tls::{self, TlsSettings};
use super::{LogFilter, LogFormat};
use crate::data_directory::{NODE_KEY, VAULT_KEY};
use crate::failure::{Failure, Result};

/// Where `/metrics`, `/health` and `/ready` are served unless a setting says otherwise.
type StatusAddress = ListenAddress<8081>;

/// The effective settings of a node that runs as a process, validated.
#[derive(Debug, Clone)]
pub(crate) struct NodeProcessSettings {
    pub(crate) data_dir: PathBuf,
    /// The URL of the API.
    pub(crate) control_plane: String,
    /// Certificates to trust for it, besides those of the system.
    pub(crate) control_plane_ca_file: Option<PathBuf>,
    /// The file with the key that signs the node's messages.
    pub(crate) key_file: PathBuf,
    /// The file with the keys that open secrets.
    pub(crate) identity_file: PathBuf,
    /// How long the node may serve without its control plane.
    pub(crate) configuration_max_age: Duration,
    pub(crate) plan: NodePlan,
    /// The gateway's TLS, if it has any.
    pub(crate) tls: Vec<TlsSettings>,
    pub(crate) status_listen: SocketAddr,
    /// What readers of `/metrics` must send; `None` if they need nothing.
    pub(crate) metrics_token: Option<Secret>,
    /// `None` if nothing is traced.
    pub(crate) traces: Option<TraceSettings>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: LogFilter,
}

impl SettingsLayer {
    /// Validates the settings of a node that runs as a process, and reads the files that they name.
    pub(crate) fn read_for_node(self) -> Result<NodeProcessSettings> {
        let name = self.node_name.as_deref().unwrap_or_default().trim().to_owned();
        if !is_node_name(&name) {
            return Err(wrong_name(&name));
        }
        let values = self.values();
        let tls = tls::listeners(&values, None)?;
        let process = values.node_process;
        let control_plane = process.control_plane.ok_or_else(|| {
            Failure::usage(
                "--control-plane is missing: the URL of the API that the node belongs to, such as \
                 https://storage.example.com",
            )
        })?;
        let connections = values.provider.connections()?;
        let clients = values.clients.api()?;
        let gateway = values.gateway.listener(&clients, values.clients.connections_per_address())?;
        let data_dir = values.process.data_dir;
        let plan = values.node.plan(false, connections, gateway);
        Ok(NodeProcessSettings {
            control_plane,
            control_plane_ca_file: process.control_plane_ca_file,
            key_file: process.node_key.unwrap_or_else(|| data_dir.join(NODE_KEY)),
            identity_file: process.node_identity.unwrap_or_else(|| data_dir.join(VAULT_KEY)),
            configuration_max_age: Duration::from_secs(process.configuration_max_age),
            tls,
            status_listen: values
                .monitoring
                .metrics_listen
                .map_or_else(|| StatusAddress::loopback().socket(), ListenAddress::socket),
            metrics_token: values.monitoring.metrics()?.token,
            traces: values.monitoring.traces(&name),
            plan: NodePlan { name, id_org: process.node_org, ..plan },
            data_dir,
            log_format: values.log.log_format,
            log: values.log.log,
        })
    }
}

fn wrong_name(name: &str) -> Failure {
    if name.is_empty() {
        return Failure::usage(
            "--name is missing: a name that no other node has, which should be the host name or address at which clients \
             reach the node, such as s3-eu.example.com",
        );
    }
    Failure::usage(format!(
        "--name: {name:?} can't be the name of a node: write a host name or an address, with at most 253 letters, digits \
         and '-._:[]'"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::ServiceCommand;
    use super::*;

    fn read(toml: &str) -> Result<NodeProcessSettings> {
        SettingsLayer::from_toml_of(ServiceCommand::Node, toml, "x").unwrap().read_for_node()
    }

    const LEAST: &str = "control_plane = 'https://storage.example.com/'\nnode_name = 'n1'\n";

    #[test]
    fn a_control_plane_and_a_name_are_enough() {
        let settings = read(LEAST).unwrap();
        assert_eq!(settings.control_plane, "https://storage.example.com");
        assert_eq!(settings.key_file, PathBuf::from("./data/node.pem"));
        assert_eq!(settings.identity_file, PathBuf::from("./data/vault.key"));
        assert_eq!((settings.plan.name.as_str(), settings.plan.region.as_str()), ("n1", "local"));
        assert_eq!(settings.status_listen.to_string(), "127.0.0.1:8081");
        assert!(settings.plan.gateway.is_some() && settings.plan.id_org.is_none());
    }

    #[test]
    fn what_is_missing_or_malformed_is_named_by_its_flag() {
        for (toml, said) in [
            ("node_name = 'n1'", "--control-plane is missing"),
            ("control_plane = 'https://x'", "--name is missing"),
            ("control_plane = 'https://x'\nnode_name = 'a b'", "--name: \"a b\""),
        ] {
            let failure = read(toml).unwrap_err();
            assert!(failure.message().contains(said), "{toml}: {}", failure.message());
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        for (more, said) in [
            ("gateway_tls_key = 'x'", "--gateway-tls-certificate"),
            ("metrics_token_file = '/none'", "/none"),
        ] {
            let failure = read(&format!("{LEAST}{more}")).unwrap_err();
            assert!(failure.message().contains(said), "{more}: {}", failure.message());
        }
    }

    #[test]
    fn the_gateway_may_have_a_certificate() {
        let tls =
            "gateway_tls_certificate = 'a'\ngateway_tls_key = 'b'\ngateway_url = 'https://s3.example.com'\n";
        let settings = read(&format!("{LEAST}{tls}")).unwrap();
        assert_eq!(settings.tls.len(), 1);
        assert_eq!(settings.tls[0].names[0].host, "s3.example.com");
    }
}
