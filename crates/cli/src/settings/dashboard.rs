//! The settings of the dashboard.

use std::net::SocketAddr;

use bucketry_api::{ApiSettings, RateLimits};
use bucketry_dashboard::{DashboardSettings, PageRates, PublicUrl};

use super::declared::DashboardValues;
use super::listen_address::ListenAddress;
use crate::failure::{Failure, Result};

/// Where the dashboard is served, and how.
#[derive(Debug, Clone)]
pub(crate) struct DashboardPlan {
    /// Its own address. `None`: that of the API.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) settings: DashboardSettings,
}

impl DashboardValues {
    /// Validates the settings. Limits and proxies are those of the API. `None` if there is to be no dashboard.
    pub(super) fn plan(&self, api: &ApiSettings) -> Result<Option<DashboardPlan>> {
        let url = self.public_url.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let public_url = url.map(PublicUrl::parse).transpose();
        let public_url = public_url.map_err(|error| Failure::usage(format!("--public-url: {error}")))?;
        let settings = DashboardSettings {
            public_url,
            trusted_proxies: api.trusted_proxies.clone(),
            rates: api.rate_limits.as_ref().map(page_rates),
            body_timeout: api.body_timeout,
            has_docs: self.dashboard_listen.is_none(),
            ..DashboardSettings::default()
        };
        let listen = self.dashboard_listen.map(ListenAddress::socket);
        Ok((!self.no_dashboard).then_some(DashboardPlan { listen, settings }))
    }
}

fn page_rates(rates: &RateLimits) -> PageRates {
    PageRates {
        per_session: rates.per_token,
        per_address: rates.per_address,
        sign_in_per_address: rates.login_per_address,
    }
}

impl DashboardPlan {
    /// The page to which the API's address redirects browsers.
    pub(crate) fn home_page(&self) -> String {
        match (&self.settings.public_url, self.listen) {
            (Some(url), _) => format!("{}/ui", url.as_text()),
            (None, None) => "/ui".to_owned(),
            (None, Some(_)) => "/docs".to_owned(),
        }
    }
}
