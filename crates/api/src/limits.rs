//! The rate limits of sessions and API tokens, of addresses, and of wrong passwords.

use std::net::IpAddr;
use std::sync::Arc;

use bucketry_control::Control;
use bucketry_model::id::{TokenId, UserId};
use bucketry_web::accept::network;
use bucketry_web::login_guard::{Attempt, LoginGuard, SharedFailures};
use bucketry_web::rate::RateLimiter;
use bucketry_web::rate_exchange::RateExchange;

use crate::error::ApiResult;
use crate::settings::RateLimits;

/// All limits of the API.
pub(crate) struct Limits {
    tokens: Arc<RateLimiter<TokenId>>,
    addresses: Arc<RateLimiter<IpAddr>>,
    login_addresses: Arc<RateLimiter<IpAddr>>,
    logins: Arc<LoginGuard>,
}

impl Limits {
    /// Limits that this process applies alone.
    pub(crate) fn new(rates: &RateLimits) -> Self {
        let logins = LoginGuard::new(rates.login_per_account_and_network, rates.login_per_account);
        Self::with_guard(rates, logins)
    }

    /// Limits that this process applies together with others.
    pub(crate) fn shared(
        rates: &RateLimits,
        failures: Arc<dyn SharedFailures>,
        exchange: &RateExchange,
    ) -> Self {
        let logins = LoginGuard::new(rates.login_per_account_and_network, rates.login_per_account);
        let limits = Self::with_guard(rates, logins.shared(failures));
        exchange.add("token", &limits.tokens);
        exchange.add("address", &limits.addresses);
        exchange.add("login-address", &limits.login_addresses);
        limits
    }

    fn with_guard(rates: &RateLimits, logins: LoginGuard) -> Self {
        Self {
            tokens: Arc::new(RateLimiter::new("token", rates.per_token)),
            addresses: Arc::new(RateLimiter::new("address", rates.per_address)),
            login_addresses: Arc::new(RateLimiter::new("login-address", rates.login_per_address)),
            logins: Arc::new(logins),
        }
    }

    /// What limits wrong passwords, for others who check passwords.
    pub(crate) fn logins(&self) -> Arc<LoginGuard> {
        Arc::clone(&self.logins)
    }

    /// Admits or refuses a request of an address.
    pub(crate) fn check_address(&self, address: IpAddr) -> ApiResult<()> {
        Ok(self.addresses.check(&network(address))?)
    }

    /// Admits or refuses a request with a token.
    pub(crate) fn check_token(&self, token: TokenId) -> ApiResult<()> {
        Ok(self.tokens.check(&token)?)
    }

    /// Admits or refuses an attempt to log in, register or refresh.
    pub(crate) fn check_login_address(&self, address: IpAddr) -> ApiResult<()> {
        Ok(self.login_addresses.check(&network(address))?)
    }

    /// Admits or refuses an attempt to log in to the account with this e-mail address.
    pub(crate) async fn admit_login(
        &self,
        control: &Control,
        email: &str,
        network: Option<&str>,
    ) -> ApiResult<Attempt<'_>> {
        let refusal = match self.logins.admit(email, network).await {
            Ok(attempt) => return Ok(attempt),
            Err(refusal) => refusal,
        };
        // Query only where an allowance is used up, so that normal logins cost no extra query.
        match network {
            Some(network) if control.signed_in_from(email, network).await? => {
                Ok(self.logins.admit_from_known_network(email, network).await?)
            }
            _ => Err(refusal.into()),
        }
    }

    /// Admits or refuses an attempt to change a password by sending the current one.
    pub(crate) async fn admit_password_change(&self, user: UserId) -> ApiResult<Attempt<'_>> {
        Ok(self.logins.admit_change(user).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use bucketry_model::time::from_micros;
    use bucketry_web::rate::Rate;

    #[test]
    fn a_burst_is_let_through_and_then_the_wait_is_told() {
        let limits = Limits::new(&RateLimits { per_token: Rate::new(6, 2), ..RateLimits::default() });
        let (a, b) = (TokenId::new(from_micros(1), [1; 10]), TokenId::new(from_micros(1), [2; 10]));
        assert!(limits.check_token(a).is_ok() && limits.check_token(a).is_ok());
        let refused = limits.check_token(a).unwrap_err().into_response();
        assert_eq!(refused.status(), 429);
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=11).contains(&wait), "{wait}");
        assert_eq!(refused.headers()["ratelimit-policy"], "\"token\";q=2;w=21");
        assert!(refused.headers()["ratelimit"].to_str().unwrap().starts_with("\"token\";r=0;t="));
        assert!(limits.check_token(b).is_ok(), "others are not affected");
    }
}
