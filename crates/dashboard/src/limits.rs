//! The rate limits of sessions and addresses, and of wrong passwords.

use std::net::IpAddr;
use std::sync::Arc;

use bucketry_control::Control;
use bucketry_model::id::{TokenId, UserId};
use bucketry_web::accept::network;
use bucketry_web::login_guard::{Attempt, LoginGuard};
use bucketry_web::rate::RateLimiter;

use crate::failure::PageError;
use crate::settings::{DashboardSettings, PageRates};

/// All limits of the dashboard.
pub(crate) struct PageLimits {
    requests: Option<RequestLimits>,
    logins: Option<Arc<LoginGuard>>,
}

struct RequestLimits {
    sessions: Arc<RateLimiter<TokenId>>,
    addresses: Arc<RateLimiter<IpAddr>>,
    sign_ins: Arc<RateLimiter<IpAddr>>,
}

impl PageLimits {
    pub(crate) fn new(settings: &DashboardSettings) -> Self {
        let limits = |rates: &PageRates| RequestLimits {
            sessions: Arc::new(RateLimiter::new("session", rates.per_session)),
            addresses: Arc::new(RateLimiter::new("address", rates.per_address)),
            sign_ins: Arc::new(RateLimiter::new("login-address", rates.sign_in_per_address)),
        };
        let requests = settings.rates.as_ref().map(limits);
        if let (Some(limits), Some(exchange)) = (&requests, &settings.rate_exchange) {
            exchange.add("page-session", &limits.sessions);
            exchange.add("page-address", &limits.addresses);
            exchange.add("page-login-address", &limits.sign_ins);
        }
        Self { requests, logins: settings.login_guard.clone() }
    }

    /// Admits or refuses a request of an address.
    pub(crate) fn check_address(&self, address: Option<IpAddr>) -> Result<(), PageError> {
        match (&self.requests, address) {
            (Some(limits), Some(address)) => Ok(limits.addresses.check(&network(address))?),
            _ => Ok(()),
        }
    }

    /// Admits or refuses an attempt to sign in.
    pub(crate) fn check_sign_in(&self, address: Option<IpAddr>) -> Result<(), PageError> {
        match (&self.requests, address) {
            (Some(limits), Some(address)) => Ok(limits.sign_ins.check(&network(address))?),
            _ => Ok(()),
        }
    }

    /// Admits or refuses a request of a session.
    pub(crate) fn check_session(&self, session: TokenId) -> Result<(), PageError> {
        self.requests.as_ref().map_or(Ok(()), |limits| Ok(limits.sessions.check(&session)?))
    }

    /// Admits or refuses an attempt to sign in to the account with this address. An attempt that isn't refunded counts as
    /// failed.
    pub(crate) async fn admit_login(
        &self,
        control: &Control,
        email: &str,
        from: Option<&str>,
    ) -> Result<Option<Attempt<'_>>, PageError> {
        let Some(logins) = &self.logins else { return Ok(None) };
        let refusal = match logins.admit(email, from).await {
            Ok(attempt) => return Ok(Some(attempt)),
            Err(refusal) => refusal,
        };
        match from {
            Some(from) if control.signed_in_from(email, from).await? => {
                Ok(Some(logins.admit_from_known_network(email, from).await?))
            }
            _ => Err(refusal.into()),
        }
    }

    /// Admits or refuses an attempt to change a password by sending the current one.
    pub(crate) async fn admit_password_change(&self, user: UserId) -> Result<Option<Attempt<'_>>, PageError> {
        match &self.logins {
            Some(logins) => Ok(Some(logins.admit_change(user).await?)),
            None => Ok(None),
        }
    }
}
