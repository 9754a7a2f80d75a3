//! The settings of the gateway.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;

use bucketry_api::ApiSettings;
use bucketry_gateway::ProtectionSettings;
use bucketry_gateway::{AccessLog, GatewaySettings, LoggedRequests, ServerSettings};
use bucketry_model::endpoint::Endpoint;

use super::declared::GatewayValues;
use super::kinds::{AccessLogMode, Switch};
use super::list;
use crate::failure::{Failure, Result};
use crate::log_file;

/// Where the gateway listens, and how it serves.
#[derive(Debug, Clone)]
pub(crate) struct GatewayListener {
    pub(crate) address: SocketAddr,
    /// Its URL for applications, if it isn't the listening address.
    pub(crate) url: Option<Endpoint>,
    pub(crate) settings: GatewaySettings,
}

impl GatewayValues {
    /// Validates the settings. Origins and proxies are those of the API. `None` if there is to be no gateway.
    pub(super) fn listener(
        self,
        api: &ApiSettings,
        connections_per_address: Option<NonZeroUsize>,
    ) -> Result<Option<GatewayListener>> {
        let access_log = match self.gateway_access_log {
            AccessLogMode::Off => None,
            AccessLogMode::All => Some(LoggedRequests::All),
            AccessLogMode::WritesAndErrors => Some(LoggedRequests::WritesAndErrors),
        };
        let access_log = access_log.filter(|_| !self.no_gateway);
        let access_log = access_log
            .map(|requests| start_access_log(requests, &self.gateway_access_log_file))
            .transpose()?;
        let settings = GatewaySettings {
            access_log,
            // The tracer is started later, with the runtime.
            tracer: None,
            allowed_origins: api.allowed_origins.clone(),
            server: ServerSettings {
                connections_per_address,
                trusted_proxies: api.trusted_proxies.clone(),
                ..ServerSettings::default()
            },
            domains: list(&self.gateway_domains).map(str::to_owned).collect(),
            protection: ProtectionSettings {
                requests_per_key: self.gateway_requests_per_key,
                requests_per_bucket: self.gateway_requests_per_bucket,
                ..ProtectionSettings::default()
            },
            measure_size_change: self.gateway_size_change == Switch::On,
        };
        let url = self.gateway_url.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let url = url
            .map(|text| text.parse().map_err(|error| Failure::usage(format!("--gateway-url {error}"))))
            .transpose()?;
        let address = self.gateway_listen.socket();
        Ok((!self.no_gateway).then_some(GatewayListener { address, url, settings }))
    }
}

fn start_access_log(requests: LoggedRequests, path: &Path) -> Result<AccessLog> {
    let to = log_file::open(path).map_err(|error| {
        Failure::because(&format!("can't open the access log {}", path.display()), &error)
    })?;
    AccessLog::start(requests, to).map_err(|error| Failure::because("can't start the access log", &error))
}
