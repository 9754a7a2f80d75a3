//! Operator settings of the dashboard.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bucketry_web::login_guard::LoginGuard;
use bucketry_web::rate::Rate;
use bucketry_web::rate_exchange::RateExchange;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::public_address::PublicUrl;

/// How often pages may be requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRates {
    /// Requests per session.
    pub per_session: Rate,
    /// Requests per address, of any kind.
    pub per_address: Rate,
    /// Attempts to sign in per address.
    pub sign_in_per_address: Rate,
}

/// Settings of the dashboard.
#[derive(Clone)]
pub struct DashboardSettings {
    /// The address under which browsers reach the dashboard. `None`: whatever a request names as its host.
    pub public_url: Option<PublicUrl>,
    /// The proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The rate limits; `None` switches them off.
    pub rates: Option<PageRates>,
    /// Limits wrong passwords. Share it with the API, so that nobody can guess twice as often by using both.
    pub login_guard: Option<Arc<LoginGuard>>,
    /// Through which the rate limits apply to several servers together. `None`: each counts alone.
    pub rate_exchange: Option<Arc<RateExchange>>,
    /// The time limit for receiving a form.
    pub body_timeout: Duration,
    /// Whether this server serves the API's page at `/docs`, too.
    pub has_docs: bool,
    /// Ends the streams of open pages when the server stops.
    pub closing: CancellationToken,
}

impl fmt::Debug for DashboardSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardSettings").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Default for DashboardSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxies: Vec::new(),
            rates: None,
            login_guard: None,
            rate_exchange: None,
            body_timeout: Duration::from_secs(30),
            has_docs: true,
            closing: CancellationToken::new(),
        }
    }
}
