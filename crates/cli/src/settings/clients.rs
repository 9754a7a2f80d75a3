//! The settings for clients: of the API, and of the gateway where they apply to both.

use std::num::NonZeroUsize;

use bucketry_api::{ApiSettings, RateLimits};
use bucketry_web::origins::AllowedOrigins;

use super::declared::ClientValues;
use super::kinds::Switch;
use super::list;
use crate::failure::{Failure, Result};

impl ClientValues {
    /// Validates the settings for the API.
    pub(super) fn api(&self) -> Result<ApiSettings> {
        let mut trusted_proxies = Vec::new();
        for text in list(&self.trusted_proxies) {
            let network = text.parse().map_err(|_| {
                Failure::usage(format!("--trusted-proxies: {text:?} is not a network such as 10.0.0.0/8"))
            })?;
            trusted_proxies.push(network);
        }
        let allowed_origins = AllowedOrigins::parse(&self.allowed_origins)
            .map_err(|error| Failure::usage(format!("--allowed-origins: {error}")))?;
        let rate_limits = (self.rate_limit == Switch::On).then(RateLimits::default);
        Ok(ApiSettings { rate_limits, trusted_proxies, allowed_origins, ..ApiSettings::default() })
    }

    /// For the API and the gateway each; `None` means unlimited.
    pub(super) fn connections_per_address(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.connections_per_address as usize)
    }
}
