//! Under which address a browser reaches the dashboard: by the setting `--public-url`, or by what the request and the
//! trusted proxies say.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use bucketry_web::tls::EncryptedConnection;
use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;
use http::uri::Uri;
use ipnet::IpNet;

/// An address such as `https://storage.example.com/bucketry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    is_https: bool,
    host: String,
    path: String,
}

/// The text is not an address under which a browser can reach the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the address of a web page: write https://storage.example.com, without a query")]
pub struct InvalidPublicUrl(String);

impl PublicUrl {
    /// Parses the setting.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let invalid = || InvalidPublicUrl(text.to_owned());
        let uri: Uri = text.trim().parse().map_err(|_| invalid())?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let host = authority.ok_or_else(invalid)?.as_str();
        if uri.query().is_some() || host.is_empty() || text.contains('#') {
            return Err(invalid());
        }
        Ok(Self { is_https, host: without_default_port(is_https, host), path: uri.path().to_owned() })
    }

    /// The path below which a proxy serves the dashboard.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The address, without a slash at the end.
    pub fn as_text(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host, self.path.trim_end_matches('/'))
    }

    fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }
}

/// Host and port in lower case, without the scheme's usual port.
fn without_default_port(is_https: bool, host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let port = if is_https { ":443" } else { ":80" };
    host.strip_suffix(port).map_or(host.clone(), str::to_owned)
}

/// How a browser addressed this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestedAddress {
    /// Whether the browser's connection is encrypted, as far as that can be known here.
    pub(crate) is_https: bool,
    /// Host and port as the browser sent them, in lower case. Empty if unknown.
    host: String,
}

impl RequestedAddress {
    /// The address of a request.
    pub(crate) fn of(parts: &Parts, public: Option<&PublicUrl>, trusted: &[IpNet]) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let is_proxied = peer.is_some_and(|ConnectInfo(peer)| {
            let address = peer.ip().to_canonical();
            trusted.iter().any(|net| net.contains(&address))
        });
        let forwarded = |name: &str| if is_proxied { first(&parts.headers, name) } else { None };
        let named = first(&parts.headers, HOST.as_str());
        let host = forwarded("x-forwarded-host")
            .or(named)
            .or(parts.uri.authority().map(http::uri::Authority::as_str));
        let host = host.unwrap_or_default().to_ascii_lowercase();
        // A proxy may speak plain http with the browser and TLS with this server.
        let by_connection = match forwarded("x-forwarded-proto") {
            Some(proto) => proto.eq_ignore_ascii_case("https"),
            None => parts.extensions.get::<EncryptedConnection>().is_some(),
        };
        let by_setting =
            public.is_some_and(|public| public.is_https && public.host == without_default_port(true, &host));
        Self { is_https: by_connection || by_setting, host }
    }

    /// Whether a page of this origin belongs to the dashboard. Schemes are compared only with the setting, because a proxy
    /// that ends TLS makes them differ.
    pub(crate) fn is_own(&self, origin: &str, public: Option<&PublicUrl>) -> bool {
        let origin = origin.to_ascii_lowercase();
        if public.is_some_and(|public| public.origin() == origin) {
            return true;
        }
        let (is_https, host) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
            (Some(host), _) => (true, host),
            (None, Some(host)) => (false, host),
            (None, None) => return false,
        };
        !host.is_empty() && without_default_port(is_https, host) == without_default_port(is_https, &self.host)
    }
}

/// The first entry of a header that may be a list.
fn first<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn address(peer: &str, headers: &[(&str, &str)], public: Option<&str>) -> RequestedAddress {
        let mut request = Request::builder().uri("/ui");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let public = public.map(|text| PublicUrl::parse(text).unwrap());
        RequestedAddress::of(&parts, public.as_ref(), &["10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn only_trusted_proxies_say_how_the_browser_connects() {
        let forwarded = [
            ("host", "10.0.0.9:8080"),
            ("x-forwarded-host", "s.example.com"),
            ("x-forwarded-proto", "https"),
        ];
        let by_proxy = address("10.0.0.1", &forwarded, None);
        assert!(by_proxy.is_https && by_proxy.is_own("https://s.example.com", None));
        let by_client = address("192.0.2.1", &forwarded, None);
        assert!(!by_client.is_https && !by_client.is_own("https://s.example.com", None));
    }

    #[test]
    fn an_encrypted_connection_is_https_unless_a_proxy_says_otherwise() {
        let over_tls = |peer: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri("/ui").extension(EncryptedConnection);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
            RequestedAddress::of(&parts, None, &["10.0.0.0/8".parse().unwrap()]).is_https
        };
        assert!(over_tls("192.0.2.1", &[("host", "s.example.com")]));
        assert!(over_tls("192.0.2.1", &[("x-forwarded-proto", "http")]), "a client decides nothing");
        assert!(over_tls("10.0.0.1", &[]));
        assert!(!over_tls("10.0.0.1", &[("x-forwarded-proto", "http")]));
    }

    #[test]
    fn the_setting_counts_for_its_host_only() {
        let public = Some("https://s.example.com:443/storage");
        assert!(address("192.0.2.1", &[("host", "S.example.com")], public).is_https);
        assert!(!address("192.0.2.1", &[("host", "127.0.0.1:8080")], public).is_https);
        let url = PublicUrl::parse("https://s.example.com:443/storage/").unwrap();
        assert_eq!((url.as_text().as_str(), url.path()), ("https://s.example.com/storage", "/storage/"));
    }

    #[test]
    fn origins_are_compared_by_host_and_port() {
        let here = address("192.0.2.1", &[("host", "nas.local:8080")], None);
        for own in ["http://nas.local:8080", "https://NAS.local:8080"] {
            assert!(here.is_own(own, None), "{own}");
        }
        for other in
            ["http://nas.local", "http://nas.local:8081", "null", "", "http://", "ftp://nas.local:8080"]
        {
            assert!(!here.is_own(other, None), "{other}");
        }
        let usual = address("192.0.2.1", &[("host", "nas.local")], None);
        assert!(usual.is_own("http://nas.local:80", None) && usual.is_own("https://nas.local", None));
        let public = PublicUrl::parse("https://s.example.com").unwrap();
        assert!(here.is_own("https://s.example.com", Some(&public)));
        assert!(
            !here.is_own("http://s.example.com", Some(&public)),
            "with the setting, schemes are compared"
        );
    }

    #[test]
    fn what_no_browser_can_open_is_refused() {
        for wrong in [
            "",
            "storage.example.com",
            "ftp://x",
            "https://",
            "https://a@b",
            "https://x/?a=b",
            "https://x/#a",
        ] {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
