//! Addresses to listen on, as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An address to listen on. `PORT` is used where the text has none; with 0, a port is required.
///
/// | text | address |
/// |---|---|
/// | `127.0.0.1:8080`, `[::1]:8080` | as written |
/// | `localhost:8080`, `8080` | the port at `127.0.0.1`: only for programs on this machine |
/// | `:8080`, `*:8080` | the port at `0.0.0.0`: at all IPv4 addresses |
/// | `0.0.0.0`, `::`, `localhost` | the address with `PORT` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress<const PORT: u16>(SocketAddr);

/// Why a text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidListenAddress {
    /// It is none at all.
    Form(String),
    /// It has no port, and there is no usual one. Contains an example.
    WithoutPort(String),
    /// It names a host.
    HostName(String),
    /// The port is no number up to 65,535.
    Port(String),
}

const EXAMPLES: &str = "such as 127.0.0.1:8080, localhost:8080, [::1]:8080, :8080 (all IPv4 addresses) or 8080 (only this machine)";

impl fmt::Display for InvalidListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(f, "{text:?} is not an address to listen on, {EXAMPLES}"),
            Self::WithoutPort(example) => write!(f, "the port is missing: write {example}"),
            Self::HostName(host) => {
                write!(f, "{host:?} is a host name: write an IP address of this machine, {EXAMPLES}")
            }
            Self::Port(port) => {
                write!(f, "{port:?} is not a port: write a number from 0 to 65535, {EXAMPLES}")
            }
        }
    }
}

impl std::error::Error for InvalidListenAddress {}

impl<const PORT: u16> ListenAddress<PORT> {
    /// The usual port, only for programs on this machine.
    pub(super) fn loopback() -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))
    }

    /// The address as the operating system needs it.
    pub(crate) fn socket(self) -> SocketAddr {
        self.0
    }
}

impl<const PORT: u16> From<SocketAddr> for ListenAddress<PORT> {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl<const PORT: u16> FromStr for ListenAddress<PORT> {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        let text = text.trim();
        let form = || InvalidListenAddress::Form(text.to_owned());
        if text.is_empty() || text.contains(['/', '@']) || text.contains(char::is_whitespace) {
            return Err(form());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, parse_port(text)?))));
        }
        let (host, port) = split(text).ok_or_else(form)?;
        let host = parse_host(host)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None if PORT == 0 => {
                return Err(InvalidListenAddress::WithoutPort(SocketAddr::new(host, 8081).to_string()));
            }
            None => PORT,
        };
        Ok(Self(SocketAddr::new(host, port)))
    }
}

/// Divides an address into host and port. The host of an IPv6 address loses its brackets.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    // An IPv6 address without brackets has no port.
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

fn parse_host(host: &str) -> Result<IpAddr, InvalidListenAddress> {
    match host {
        "" | "*" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        // Not looked up: IPv4 always exists, and which address a resolver prefers depends on the machine.
        _ if host.eq_ignore_ascii_case("localhost") => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => host.parse().map_err(|_| InvalidListenAddress::HostName(host.to_owned())),
    }
}

fn parse_port(port: &str) -> Result<u16, InvalidListenAddress> {
    port.parse().map_err(|_| InvalidListenAddress::Port(port.to_owned()))
}

impl<const PORT: u16> fmt::Display for ListenAddress<PORT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const PORT: u16> Serialize for ListenAddress<PORT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<const PORT: u16>(text: &str) -> Result<String, String> {
        let parsed: Result<ListenAddress<PORT>, _> = text.parse();
        parsed.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (text, meant) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:8080", "[::1]:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("LOCALHOST:0", "127.0.0.1:0"),
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            (":8080", "0.0.0.0:8080"),
            ("*:8080", "0.0.0.0:8080"),
            ("[::]:8080", "[::]:8080"),
            (" 10.0.0.5:9000 ", "10.0.0.5:9000"),
            ("0.0.0.0", "0.0.0.0:9000"),
            ("localhost", "127.0.0.1:9000"),
            ("::", "[::]:9000"),
            ("::1", "[::1]:9000"),
            ("[::1]", "[::1]:9000"),
        ] {
            assert_eq!(address::<9000>(text).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_examples() {
        for (text, said) in [
            ("", "is not an address"),
            ("http://127.0.0.1:8080", "is not an address"),
            ("127.0.0.1 :8080", "is not an address"),
            ("::1:8080:x", "is not an address"),
            ("[::1", "is not an address"),
            ("[::1]8080", "is not an address"),
            ("storage.example.com:8080", "is a host name"),
            ("nonsense", "is a host name"),
            ("127.0.0.256:8080", "is a host name"),
            ("127.0.0.1:", "is not a port"),
            ("127.0.0.1:http", "is not a port"),
            (":65536", "is not a port"),
            ("123456", "is not a port"),
        ] {
            let error = address::<8080>(text).unwrap_err();
            assert!(error.contains(said) && error.contains("localhost:8080"), "{text}: {error}");
        }
    }

    #[test]
    fn a_setting_without_a_usual_port_needs_one() {
        assert_eq!(address::<0>("0.0.0.0"), Err("the port is missing: write 0.0.0.0:8081".to_owned()));
        assert_eq!(address::<0>("::1"), Err("the port is missing: write [::1]:8081".to_owned()));
        assert_eq!(address::<0>(":8081").as_deref(), Ok("0.0.0.0:8081"));
    }
}
