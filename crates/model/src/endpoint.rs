//! Endpoints: URLs of providers, as users type them.
//!
//! Parsing ensures that a text has exactly one meaning. Whether the address may be connected to is decided by the
//! endpoint policy in `provider`, on the resolved address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest accepted endpoint, in bytes.
pub const MAX_ENDPOINT_BYTES: usize = 1_024;

/// Why a text is not a valid endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// The text is too long.
    #[error("must be at most {MAX_ENDPOINT_BYTES} characters long")]
    TooLong,
    /// The host is missing.
    #[error("must name a host, such as https://s3.example.com")]
    NoHost,
    /// The scheme is neither http nor https.
    #[error("must start with https:// or http://")]
    Scheme,
    /// The text contains `user:password@`.
    #[error("must not contain a user name or password; give the access key and secret in their own fields")]
    UserInfo,
    /// The text contains `?`.
    #[error("must not contain a query ('?')")]
    Query,
    /// The text contains `#`.
    #[error("must not contain a fragment ('#')")]
    Fragment,
    /// The host is a number that some programs read as an address (`2130706433`, `0x7f.1`, `127.1`).
    #[error("has a numeric host that isn't a plain IPv4 address; write all four numbers, such as 192.0.2.1")]
    NumericHost,
    /// The host is malformed.
    #[error(
        "has a host that isn't a host name or an address (letters, digits, '-' and '.'; IPv6 in brackets)"
    )]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("has a port that isn't a number from 1 to 65535")]
    Port,
    /// The path contains characters or segments that would change its meaning.
    #[error(
        "has a path with characters other than letters, digits, '-', '.', '_', '~' and '/', or with '.' or '..' segments"
    )]
    Path,
}

/// The host part of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to resolve, in lower case, without a trailing dot.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The address of a provider: scheme, host, port, and the path below which all requests go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whether the connection uses TLS.
    pub tls: bool,
    /// Name or address.
    pub host: Host,
    /// Port; `None` for the default port of the scheme.
    pub port: Option<u16>,
    /// Path without a trailing slash: empty, or starting with `/`.
    pub path: String,
}

impl Endpoint {
    /// Parses an endpoint. Without a scheme, `https://` is assumed.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let text = text.trim();
        if text.len() > MAX_ENDPOINT_BYTES {
            return Err(InvalidEndpoint::TooLong);
        }
        let (tls, rest) = split_scheme(text)?;
        if rest.contains('#') {
            return Err(InvalidEndpoint::Fragment);
        }
        if rest.contains('?') {
            return Err(InvalidEndpoint::Query);
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err(InvalidEndpoint::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let port = port.filter(|port| *port != default_port(tls));
        Ok(Self { tls, host: parse_host(host)?, port, path: parse_path(path)? })
    }

    /// The port to connect to.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(default_port(self.tls))
    }

    /// `host` or `host:port`, as in the `Host` header.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn split_scheme(text: &str) -> Result<(bool, &str), InvalidEndpoint> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((true, rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((false, rest)),
        Some(_) => Err(InvalidEndpoint::Scheme),
        // `javascript:…`, `file:…` and the like: a colon that no port follows.
        None if text.split(['/', '?', '#', '@']).next().is_some_and(has_scheme_without_slashes) => {
            Err(InvalidEndpoint::Scheme)
        }
        None => Ok((true, text)),
    }
}

fn has_scheme_without_slashes(authority: &str) -> bool {
    !authority.starts_with('[')
        && authority.split_once(':').is_some_and(|(before, after)| {
            !before.contains('.')
                && !after.is_empty()
                && !after.bytes().all(|b| b.is_ascii_digit())
                && !after.contains(':')
        })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidEndpoint> {
    let host_end =
        if authority.starts_with('[') { authority.find(']').ok_or(InvalidEndpoint::Host)? + 1 } else { 0 };
    let Some(colon) = authority[host_end..].find(':').map(|at| at + host_end) else {
        return Ok((authority, None));
    };
    let digits = &authority[colon + 1..];
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidEndpoint::Port);
    }
    match digits.parse::<u16>() {
        Ok(port) if port > 0 => Ok((&authority[..colon], Some(port))),
        _ => Err(InvalidEndpoint::Port),
    }
}

fn parse_host(host: &str) -> Result<Host, InvalidEndpoint> {
    if host.is_empty() {
        return Err(InvalidEndpoint::NoHost);
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(InvalidEndpoint::Host)?;
        return inner
            .parse::<Ipv6Addr>()
            .map(|a| Host::Address(IpAddr::V6(a)))
            .map_err(|_| InvalidEndpoint::Host);
    }
    // Rust accepts only four decimal numbers without leading zeros, which is the only notation allowed.
    if let Ok(address) = host.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(label_is_fine) {
        return Err(InvalidEndpoint::Host);
    }
    // inet_aton and browsers read a name as an address if its last label is a number (decimal, octal or 0x…; WHATWG
    // URL, "ends in a number checker"). It is refused, so that two programs never read it differently.
    let last = name.rsplit('.').next().unwrap_or(&name);
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidEndpoint::NumericHost);
    }
    Ok(Host::Name(name))
}

fn parse_path(path: &str) -> Result<String, InvalidEndpoint> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let segment_is_fine = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
    };
    if path[1..].split('/').all(segment_is_fine) { Ok(path.to_owned()) } else { Err(InvalidEndpoint::Path) }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(text)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_written_in_one_form() {
        for (text, written) in [
            ("s3.us-east-1.amazonaws.com", "https://s3.us-east-1.amazonaws.com"),
            (" HTTPS://S3.Example.COM:443/ ", "https://s3.example.com"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("localhost:9000", "https://localhost:9000"),
            ("http://[::1]:80/a/b/", "http://[::1]/a/b"),
            ("https://host.example./x", "https://host.example/x"),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), written);
            assert_eq!(Endpoint::parse(written), Ok(endpoint));
        }
    }

    #[test]
    fn wrong_endpoints_are_told_apart() {
        use InvalidEndpoint as E;
        for (text, why) in [
            ("", E::NoHost),
            ("https://", E::NoHost),
            ("ftp://host", E::Scheme),
            ("file:///etc/passwd", E::Scheme),
            ("javascript:alert(1)", E::Scheme),
            ("https://user:pw@host", E::UserInfo),
            ("https://host/?a=b", E::Query),
            ("https://host#frag", E::Fragment),
            ("http://2130706433/", E::NumericHost),
            ("http://0x7f000001", E::NumericHost),
            ("http://0x7f.1", E::NumericHost),
            ("http://127.1", E::NumericHost),
            ("http://0177.0.0.1", E::NumericHost),
            ("http://127.0.0.01", E::NumericHost),
            ("http://1.2.3.4.5", E::NumericHost),
            ("http://[::1", E::Host),
            ("http://[fe80::1%25eth0]", E::Host),
            ("http://ho st", E::Host),
            ("http://höst", E::Host),
            ("http://host\\@evil", E::UserInfo),
            ("http://host\\evil", E::Host),
            ("http://a..b", E::Host),
            ("http://-a", E::Host),
            ("http://host:0", E::Port),
            ("http://host:65536", E::Port),
            ("http://host:80:80", E::Port),
            ("http://host:+80", E::Port),
            ("http://host/a/../b", E::Path),
            ("http://host/%2e%2e", E::Path),
            ("http://host//a", E::Path),
        ] {
            assert_eq!(Endpoint::parse(text), Err(why), "{text}");
        }
        assert_eq!(Endpoint::parse(&format!("http://{}", "a".repeat(2_000))), Err(E::TooLong));
    }
}
