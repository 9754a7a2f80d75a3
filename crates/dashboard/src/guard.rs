//! Refuses requests that another site makes a browser send, without tokens in forms: browsers say in `Sec-Fetch-Site`
//! where a request comes from. On plain http they don't, but they send `Origin` with every form.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::ORIGIN;
use http::{HeaderMap, Method};

use crate::client::ClientFrame;
use crate::failure::{CrossSite, PageError};
use crate::layout;
use crate::public_address::{PublicUrl, RequestedAddress};
use crate::state::Dashboard;

/// Checks a request that may change something.
fn check(
    method: &Method,
    headers: &HeaderMap,
    address: &RequestedAddress,
    public: Option<&PublicUrl>,
) -> Result<(), CrossSite> {
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { Err(CrossSite::OtherSite) };
    }
    let Some(origin) = headers.get(ORIGIN) else { return Err(CrossSite::Unknown) };
    let is_own = origin.to_str().is_ok_and(|origin| address.is_own(origin, public));
    if is_own { Ok(()) } else { Err(CrossSite::OtherSite) }
}

/// Refuses requests of other sites.
///
/// Middleware for [`axum::middleware::from_fn_with_state`].
pub(crate) async fn refuse_cross_site(
    State(app): State<Dashboard>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let public = app.settings().public_url.as_ref();
    let address = RequestedAddress::of(&parts, public, &app.settings().trusted_proxies);
    match check(&parts.method, &parts.headers, &address, public) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => {
            let frame = ClientFrame::of(&parts, &app);
            layout::bare_failure(&frame, &PageError::CrossSite(refused))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue, Request};

    fn checked(method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), CrossSite> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = map;
        let address = RequestedAddress::of(&parts, None, &[]);
        check(&method, &parts.headers, &address, None)
    }

    #[test]
    fn what_changes_something_must_come_from_an_own_page() {
        const HOST: (&str, &str) = ("host", "nas.local:8080");
        let site = |site| checked(Method::POST, &[HOST, ("sec-fetch-site", site)]);
        assert_eq!(site("same-origin"), Ok(()));
        for other in ["same-site", "cross-site", "none", ""] {
            assert_eq!(site(other), Err(CrossSite::OtherSite), "{other}");
        }
        let origin = |origin| checked(Method::POST, &[HOST, ("origin", origin)]);
        assert_eq!(origin("http://nas.local:8080"), Ok(()));
        for other in ["http://evil.example.com", "null", "http://nas.local"] {
            assert_eq!(origin(other), Err(CrossSite::OtherSite), "{other}");
        }
        assert_eq!(checked(Method::POST, &[HOST]), Err(CrossSite::Unknown));
        // A browser that says where the request comes from is believed, whatever Origin says.
        let both = [HOST, ("sec-fetch-site", "cross-site"), ("origin", "http://nas.local:8080")];
        assert_eq!(checked(Method::POST, &both), Err(CrossSite::OtherSite));
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            assert_eq!(checked(method, &[HOST]), Err(CrossSite::Unknown));
        }
        assert_eq!(
            checked(Method::GET, &[HOST, ("sec-fetch-site", "cross-site")]),
            Ok(()),
            "links from elsewhere"
        );
        assert_eq!(checked(Method::HEAD, &[]), Ok(()));
    }
}
