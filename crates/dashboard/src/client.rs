//! What is known of a request before anybody has signed in: which browser sent it, from where, and how pages for it look.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use bucketry_model::audit::RequestOrigin;
use bucketry_web::access_log::RequestTrace;
use bucketry_web::client_address::client_address;
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;

use crate::cookie;
use crate::device;
use crate::fragment::FragmentRequest;
use crate::links::Links;
use crate::public_address::RequestedAddress;
use crate::state::Dashboard;
use crate::theme::Theme;

/// What every page for a client needs.
#[derive(Clone)]
pub(crate) struct ClientFrame {
    pub(crate) app: Dashboard,
    pub(crate) theme: Theme,
    /// Whether cookies are to be `Secure`.
    pub(crate) is_https: bool,
    /// Path and query of the request, as the browser knows them.
    pub(crate) requested: String,
    /// The value of the session's cookie.
    pub(crate) session: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: Arc<str>,
    /// A name for the browser.
    pub(crate) device: String,
    /// The time of the request.
    pub(crate) now: Timestamp,
    /// Which message is shown above the title, by its name in the query.
    pub(crate) done: Option<String>,
    /// Set if a script reads the page again.
    pub(crate) fragment: Option<FragmentRequest>,
}

impl ClientFrame {
    pub(crate) fn of(parts: &Parts, app: &Dashboard) -> Self {
        let settings = app.settings();
        let address = RequestedAddress::of(parts, settings.public_url.as_ref(), &settings.trusted_proxies);
        let trace = parts.extensions.get::<Arc<RequestTrace>>();
        let client = client_address(parts, &settings.trusted_proxies);
        if let (Some(trace), Some(client)) = (trace, client) {
            trace.set_client(client);
        }
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let query = parts.uri.query().unwrap_or_default();
        let done = query.split('&').find_map(|pair| pair.strip_prefix("done="));
        let rest = parts.uri.path().strip_prefix("/ui").unwrap_or_default();
        let question = if query.is_empty() { "" } else { "?" };
        Self {
            theme: Theme::named(cookie::theme(&parts.headers).unwrap_or_default()),
            is_https: address.is_https,
            requested: app.links().ui(format_args!("{rest}{question}{query}")),
            session: cookie::session(&parts.headers, address.is_https).map(str::to_owned),
            address: client,
            request_id: trace.map_or_else(|| "".into(), |trace| trace.id()),
            device: device::name(user_agent.unwrap_or_default()),
            now: app.control().clock().now(),
            done: done.map(str::to_owned),
            fragment: FragmentRequest::of(&parts.headers),
            app: app.clone(),
        }
    }

    /// The path of the request below `/ui`: `/buckets/…`.
    pub(crate) fn path_below_home(&self) -> &str {
        let path = self.requested.split('?').next().unwrap_or_default();
        path.strip_prefix(self.links().ui("").as_str()).unwrap_or_default()
    }

    /// The page to show after signing in or changing the password.
    pub(crate) fn own_page(&self, wanted: &str) -> String {
        self.links().own_page(wanted)
    }

    /// Where the request comes from, for records.
    pub(crate) fn origin(&self) -> RequestOrigin {
        let request_id = Some(Arc::clone(&self.request_id)).filter(|id| !id.is_empty());
        RequestOrigin { address: self.address, request_id }
    }

    pub(crate) fn links(&self) -> &Links {
        self.app.links()
    }
}

impl FromRequestParts<Dashboard> for ClientFrame {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Dashboard) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}
