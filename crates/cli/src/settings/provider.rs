//! The settings of connections to providers.

use bucketry_provider::connection::ConnectionSettings;
use bucketry_provider::policy::EndpointPolicy;

use super::declared::ProviderValues;
use super::kinds::EndpointMode;
use crate::failure::{Failure, Result};

impl ProviderValues {
    /// Validates the settings and reads the certificates.
    pub(super) fn connections(self) -> Result<ConnectionSettings> {
        let policy = match self.endpoint_policy {
            EndpointMode::Private => "private",
            EndpointMode::Public => "public",
        };
        let policy = EndpointPolicy::parse(policy, &self.allowed_endpoints)
            .map_err(|error| Failure::usage(format!("--allowed-endpoints: {error}")))?;
        let extra_ca_pem = match &self.ca_file {
            None => None,
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                Failure::usage(format!("--ca-file: can't read {}: {error}", path.display()))
            })?),
        };
        Ok(ConnectionSettings { policy, extra_ca_pem, ..ConnectionSettings::default() })
    }
}
