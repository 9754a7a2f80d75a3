//! Names what a proxy did to a request whose signature is wrong because of it.
//!
//! Proxies that replace `Host` or shorten the path usually say so in headers. If the signature is right with what these
//! headers say, the cause is certain. The headers decide nothing else: the request is refused in any case.

use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};

/// What proxies send instead of the `Host` that they replaced.
const FORWARDED_HOST: &str = "x-forwarded-host";
/// What proxies removed from the beginning of the path.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// A request as its client may have sent it, and what the proxy must have done to it.
pub(super) struct ProxyChange {
    pub(super) before: Parts,
    /// A sentence about the proxy, and what to configure.
    pub(super) explanation: String,
}

/// The changes that headers of the request report.
pub(super) fn reported_changes(request: &Parts) -> impl Iterator<Item = ProxyChange> {
    host(request).into_iter().chain(path(request))
}

fn host(request: &Parts) -> Option<ProxyChange> {
    let sent = first(&request.headers, FORWARDED_HOST)?;
    let arrived = first(&request.headers, HOST.as_str()).unwrap_or_default();
    if sent == arrived {
        return None;
    }
    let explanation = format!(
        "A proxy replaced the Host header, which is signed: the client sent '{sent}' (X-Forwarded-Host), but '{arrived}' \
         arrived. Configure the proxy to pass Host unchanged; in nginx: proxy_set_header Host $http_host"
    );
    let value = HeaderValue::from_str(sent).ok()?;
    let mut before = request.clone();
    before.headers.insert(HOST, value);
    Some(ProxyChange { before, explanation })
}

fn path(request: &Parts) -> Option<ProxyChange> {
    let prefix = first(&request.headers, FORWARDED_PREFIX)?.trim_end_matches('/');
    if !prefix.starts_with('/') {
        return None;
    }
    let rest = request.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let explanation = format!(
        "A proxy removed '{prefix}' from the path, which is signed (X-Forwarded-Prefix). The gateway can't be served below \
         a path: give it a dedicated host name or port"
    );
    let path = PathAndQuery::try_from(format!("{prefix}{rest}")).ok()?;
    let mut uri = request.uri.clone().into_parts();
    uri.path_and_query = Some(path);
    let mut before = request.clone();
    before.uri = Uri::from_parts(uri).ok()?;
    Some(ProxyChange { before, explanation })
}

/// The first entry of a header that may be a list.
fn first<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn changes(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut request = Request::builder().uri("/photos/a%20b?x=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let shown = |change: ProxyChange| {
            let host = change.before.headers.get(HOST).map(|host| host.to_str().unwrap().to_owned());
            (host.unwrap_or_default(), change.before.uri.to_string())
        };
        reported_changes(&parts).map(shown).collect()
    }

    #[test]
    fn what_proxies_report_is_undone() {
        let here = ("host", "127.0.0.1:9000");
        assert_eq!(changes(&[here]), []);
        assert_eq!(changes(&[here, ("x-forwarded-host", "127.0.0.1:9000")]), []);
        assert_eq!(
            changes(&[here, ("x-forwarded-host", "s3.example.com, other")]),
            [("s3.example.com".to_owned(), "/photos/a%20b?x=1".to_owned())]
        );
        assert_eq!(
            changes(&[here, ("x-forwarded-prefix", "/s3/")]),
            [("127.0.0.1:9000".to_owned(), "/s3/photos/a%20b?x=1".to_owned())]
        );
        for wrong in ["s3", "/", "/ä", "/a b", ""] {
            let found = changes(&[here, ("x-forwarded-prefix", wrong)]);
            assert!(found.len() <= 1, "{wrong}: {found:?}");
        }
    }
}
