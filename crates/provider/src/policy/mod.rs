//! The endpoint policy: which addresses this deployment may connect to when users enter endpoints.
//!
//! Without a policy, anyone who may register a bucket could make a node connect to services inside its network
//! (server-side request forgery). The policy judges *resolved addresses*, never names. It is a pure function.
//! [`crate::connection`] applies it before connecting and once more afterwards.
//!
//! An address belongs to one of three groups:
//! - **always refused**, whatever the settings: link-local addresses, cloud metadata services, unspecified,
//!   multicast and broadcast addresses, and IPv6 forms that hide an IPv4 address where it can't be judged (6to4,
//!   Teredo, local-use NAT64, IPv4-compatible);
//! - **inside** (loopback, private, shared, reserved): refused unless the mode is [`PolicyMode::Private`] or the
//!   list of allowed endpoints contains the host or a network with the address (reserved addresses need the list);
//! - **public**: allowed.

mod ranges;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::policy::ranges::{AddressClass, classify};

/// The environment variable that sets the mode.
pub const MODE_SETTING: &str = "BUCKETRY_ENDPOINT_POLICY";
/// The environment variable that lists host names and networks.
pub const ALLOWED_SETTING: &str = "BUCKETRY_ALLOWED_ENDPOINTS";

/// Which addresses are allowed without being listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyMode {
    /// Public addresses only.
    #[default]
    Public,
    /// Loopback and private addresses too, for object stores in the operator's own network.
    Private,
}

/// One entry of the list of allowed endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedEndpoint {
    /// A host name, in lower case and without a trailing dot. All addresses that it resolves to are allowed, except
    /// those that are always refused.
    Name(String),
    /// A network. A single address is a network of one.
    Network(IpNet),
}

/// The endpoint policy of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointPolicy {
    /// Which addresses are allowed without being listed.
    pub mode: PolicyMode,
    /// Hosts and networks that are allowed in addition to the mode.
    pub allowed: Vec<AllowedEndpoint>,
}

/// A value of one of the two settings is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// The mode is neither `public` nor `private`.
    #[error("{MODE_SETTING} must be `public` or `private`, not `{0}`")]
    Mode(String),
    /// An entry of the list is neither a host name nor a network.
    #[error("{ALLOWED_SETTING}: `{0}` is neither a host name nor a network such as 10.0.0.0/8 or fd00::/8")]
    Entry(String),
}

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Link-local, the range of most cloud metadata services. Never allowed.
    LinkLocal,
    /// A cloud metadata service outside the link-local range. Never allowed.
    Metadata,
    /// `0.0.0.0/8` or `::`, which means "this machine" to many systems. Never allowed.
    Unspecified,
    /// Multicast or broadcast. Never allowed.
    Multicast,
    /// An IPv6 address that contains an IPv4 address for a tunnel or a translator. Never allowed.
    Translated,
    /// A loopback address, which is the node's own machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, or RFC 6598 shared addresses).
    Private,
    /// Reserved for documentation, benchmarks, protocols or future use.
    Reserved,
}

impl Refusal {
    /// Whether a setting can allow the address.
    pub fn can_be_allowed(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::Reserved)
    }

    /// What to do about the refusal, as a sentence without its full stop. Names the setting that can allow the
    /// address, if there is one.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Loopback | Self::Private => {
                "To allow this network, the operator can set BUCKETRY_ENDPOINT_POLICY=private, or add the host or \
                 its network to BUCKETRY_ALLOWED_ENDPOINTS"
            }
            Self::Reserved => {
                "To allow this network, the operator can add the host or its network to BUCKETRY_ALLOWED_ENDPOINTS"
            }
            _ => "No setting can allow this address; enter the public address of the object store",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud metadata service",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Translated => "an IPv6 address that hides an IPv4 address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private network address",
            Self::Reserved => "a reserved address",
        })
    }
}

impl EndpointPolicy {
    /// Parses the two settings: the mode `public` or `private`, and a comma-separated list of host names and
    /// networks. An empty mode is `public`; an empty list allows nothing more.
    pub fn parse(mode: &str, allowed: &str) -> Result<Self, InvalidPolicy> {
        let mode = mode.parse()?;
        let entries = allowed.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self { mode, allowed: entries.map(str::parse).collect::<Result<_, _>>()? })
    }

    /// A policy that also allows loopback addresses and private networks.
    pub fn private() -> Self {
        Self { mode: PolicyMode::Private, allowed: Vec::new() }
    }

    /// Judges an address that `host` resolved to. `host` is the name as the user typed it, or `None` for a literal
    /// address. `Ok` allows the connection.
    pub fn judge(&self, host: Option<&str>, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let refusal = match classify(address) {
            AddressClass::Public => return Ok(()),
            AddressClass::Refused(refusal) => refusal,
        };
        let by_mode =
            self.mode == PolicyMode::Private && matches!(refusal, Refusal::Loopback | Refusal::Private);
        if refusal.can_be_allowed() && (by_mode || self.lists(host, address)) { Ok(()) } else { Err(refusal) }
    }

    fn lists(&self, host: Option<&str>, address: IpAddr) -> bool {
        self.allowed.iter().any(|entry| match entry {
            AllowedEndpoint::Name(name) => host.is_some_and(|host| host.eq_ignore_ascii_case(name)),
            AllowedEndpoint::Network(network) => {
                network.contains(&address)
                    || ranges::embedded_v4(address).is_some_and(|v4| network.contains(&IpAddr::V4(v4)))
            }
        })
    }
}

impl FromStr for PolicyMode {
    type Err = InvalidPolicy;
    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _ => Err(InvalidPolicy::Mode(text.to_owned())),
        }
    }
}

impl FromStr for AllowedEndpoint {
    type Err = InvalidPolicy;
    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        let wrong = || InvalidPolicy::Entry(text.to_owned());
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address.to_canonical())));
        }
        if text.contains('/') {
            return text.parse::<IpNet>().map(|network| Self::Network(network.trunc())).map_err(|_| wrong());
        }
        // The endpoint parser checks the host name and refuses numeric forms that only look like one.
        let endpoint = bucketry_model::endpoint::Endpoint::parse(text).map_err(|_| wrong())?;
        match endpoint.host {
            bucketry_model::endpoint::Host::Name(name)
                if endpoint.port.is_none() && !text.contains("://") =>
            {
                Ok(Self::Name(name))
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &EndpointPolicy, address: &str) -> Result<(), Refusal> {
        policy.judge(None, address.parse().unwrap())
    }

    #[test]
    fn every_range_is_judged_in_both_modes() {
        use Refusal as R;
        let public = EndpointPolicy::default();
        let private = EndpointPolicy::private();
        let always_refused = |refusal| (Err(refusal), Err(refusal));
        let inside = |refusal| (Err(refusal), Ok(()));
        for (address, expected) in [
            ("1.1.1.1", (Ok(()), Ok(()))),
            ("52.219.1.1", (Ok(()), Ok(()))),
            ("172.15.255.255", (Ok(()), Ok(()))),
            ("172.32.0.0", (Ok(()), Ok(()))),
            ("100.63.255.255", (Ok(()), Ok(()))),
            ("100.128.0.0", (Ok(()), Ok(()))),
            ("2606:4700::1111", (Ok(()), Ok(()))),
            ("2a00:1450::1", (Ok(()), Ok(()))),
            ("127.0.0.1", inside(R::Loopback)),
            ("127.255.255.255", inside(R::Loopback)),
            ("::1", inside(R::Loopback)),
            ("10.0.0.1", inside(R::Private)),
            ("172.16.0.1", inside(R::Private)),
            ("172.31.255.255", inside(R::Private)),
            ("192.168.255.1", inside(R::Private)),
            ("100.64.0.1", inside(R::Private)),
            ("100.127.255.255", inside(R::Private)),
            ("fc00::1", inside(R::Private)),
            ("fdff:ffff::1", inside(R::Private)),
            ("169.254.0.1", always_refused(R::LinkLocal)),
            ("169.254.169.254", always_refused(R::LinkLocal)),
            ("169.254.170.2", always_refused(R::LinkLocal)),
            ("fe80::1", always_refused(R::LinkLocal)),
            ("febf::1", always_refused(R::LinkLocal)),
            ("fd00:ec2::254", always_refused(R::Metadata)),
            ("fd00:ec2::23", always_refused(R::Metadata)),
            ("fd20:ce::254", always_refused(R::Metadata)),
            ("fd00:c1::a9fe:a9fe", always_refused(R::Metadata)),
            ("fd00:42::42", always_refused(R::Metadata)),
            ("100.100.100.200", always_refused(R::Metadata)),
            ("168.63.129.16", always_refused(R::Metadata)),
            ("192.0.0.192", always_refused(R::Metadata)),
            ("0.0.0.0", always_refused(R::Unspecified)),
            ("0.255.255.255", always_refused(R::Unspecified)),
            ("::", always_refused(R::Unspecified)),
            ("224.0.0.1", always_refused(R::Multicast)),
            ("239.255.255.255", always_refused(R::Multicast)),
            ("255.255.255.255", always_refused(R::Multicast)),
            ("ff02::1", always_refused(R::Multicast)),
            ("192.0.0.1", always_refused(R::Reserved)),
            ("192.0.2.1", always_refused(R::Reserved)),
            ("192.88.99.1", always_refused(R::Reserved)),
            ("198.18.0.1", always_refused(R::Reserved)),
            ("198.19.255.255", always_refused(R::Reserved)),
            ("198.51.100.1", always_refused(R::Reserved)),
            ("203.0.113.1", always_refused(R::Reserved)),
            ("240.0.0.1", always_refused(R::Reserved)),
            ("2001:db8::1", always_refused(R::Reserved)),
            ("3fff::1", always_refused(R::Reserved)),
            ("2001:2::1", always_refused(R::Reserved)),
            ("100::1", always_refused(R::Reserved)),
            ("fec0::1", always_refused(R::Reserved)),
            ("5f00::1", always_refused(R::Reserved)),
            ("4000::1", always_refused(R::Reserved)),
        ] {
            assert_eq!((judge(&public, address), judge(&private, address)), expected, "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is() {
        let public = EndpointPolicy::default();
        let private = EndpointPolicy::private();
        for (address, in_public, in_private) in [
            ("::ffff:127.0.0.1", Err(Refusal::Loopback), Ok(())),
            ("::ffff:7f00:1", Err(Refusal::Loopback), Ok(())),
            ("::ffff:10.1.2.3", Err(Refusal::Private), Ok(())),
            ("::ffff:169.254.169.254", Err(Refusal::LinkLocal), Err(Refusal::LinkLocal)),
            ("::ffff:8.8.8.8", Ok(()), Ok(())),
            ("64:ff9b::8.8.8.8", Ok(()), Ok(())),
            ("64:ff9b::127.0.0.1", Err(Refusal::Loopback), Ok(())),
            ("64:ff9b::10.0.0.1", Err(Refusal::Private), Ok(())),
            ("64:ff9b::a9fe:a9fe", Err(Refusal::LinkLocal), Err(Refusal::LinkLocal)),
            ("64:ff9b::0.0.0.0", Err(Refusal::Unspecified), Err(Refusal::Unspecified)),
            ("64:ff9b:1::a9fe:a9fe", Err(Refusal::Translated), Err(Refusal::Translated)),
            ("2002:7f00:1::1", Err(Refusal::Translated), Err(Refusal::Translated)),
            ("2002:808:808::1", Err(Refusal::Translated), Err(Refusal::Translated)),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Err(Refusal::Translated), Err(Refusal::Translated)),
            ("::127.0.0.1", Err(Refusal::Translated), Err(Refusal::Translated)),
            ("::ffff:0:127.0.0.1", Err(Refusal::Translated), Err(Refusal::Translated)),
        ] {
            assert_eq!(
                (judge(&public, address), judge(&private, address)),
                (in_public, in_private),
                "{address}"
            );
        }
    }

    #[test]
    fn the_list_allows_a_name_or_a_network_but_never_metadata() {
        let policy =
            EndpointPolicy::parse("public", "Minio.Internal., 10.1.0.0/16,, fd12::/16,127.0.0.1 ,[::1]")
                .unwrap();
        let judge = |host, address: &str| policy.judge(host, address.parse().unwrap());
        assert_eq!(judge(Some("minio.internal"), "192.168.1.1"), Ok(()));
        assert_eq!(judge(Some("MINIO.internal"), "198.18.0.1"), Ok(()));
        assert_eq!(judge(Some("other.internal"), "192.168.1.1"), Err(Refusal::Private));
        assert_eq!(judge(Some("minio.internal"), "169.254.169.254"), Err(Refusal::LinkLocal));
        assert_eq!(judge(Some("minio.internal"), "fd00:ec2::254"), Err(Refusal::Metadata));
        assert_eq!(judge(None, "10.1.200.7"), Ok(()));
        assert_eq!(judge(None, "::ffff:10.1.200.7"), Ok(()));
        assert_eq!(judge(None, "64:ff9b::10.1.200.7"), Ok(()));
        assert_eq!(judge(None, "10.2.0.1"), Err(Refusal::Private));
        assert_eq!(judge(None, "fd12::9"), Ok(()));
        assert_eq!(judge(None, "127.0.0.1"), Ok(()));
        assert_eq!(judge(None, "127.0.0.2"), Err(Refusal::Loopback));
        assert_eq!(judge(None, "::1"), Ok(()));

        let everything = EndpointPolicy::parse("private", "0.0.0.0/0,::/0").unwrap();
        for address in ["169.254.169.254", "fe80::1", "100.100.100.200", "0.0.0.0", "::", "2002:a9fe:a9fe::1"]
        {
            assert!(everything.judge(None, address.parse().unwrap()).is_err(), "{address}");
        }
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_with_their_text() {
        assert_eq!(EndpointPolicy::parse("", ""), Ok(EndpointPolicy::default()));
        assert_eq!(EndpointPolicy::parse("PRIVATE", " "), Ok(EndpointPolicy::private()));
        assert_eq!(EndpointPolicy::parse("open", ""), Err(InvalidPolicy::Mode("open".into())));
        for wrong in [
            "10.0.0.0/33",
            "10.0.0",
            "0x7f000001",
            "http://minio",
            "a b",
            "host:9000",
            "user@host",
            "*.internal",
        ] {
            assert_eq!(
                EndpointPolicy::parse("public", wrong),
                Err(InvalidPolicy::Entry(wrong.into())),
                "{wrong}"
            );
        }
    }
}
