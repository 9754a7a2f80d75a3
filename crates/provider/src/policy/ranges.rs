//! The table of address ranges (IANA special-purpose registries, RFC 6890 and later) and what each means here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Refusal;

/// What an address is to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressClass {
    /// Globally reachable.
    Public,
    /// Refused, unless the settings allow it and [`Refusal::can_be_allowed`].
    Refused(Refusal),
}

/// Metadata services at IPv4 addresses outside of 169.254.0.0/16: Alibaba Cloud, Azure's platform address, Oracle
/// Cloud.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// Metadata services at IPv6 addresses outside of `fe80::/10`: Google Cloud, Oracle Cloud, Scaleway. All of AWS's
/// `fd00:ec2::/32` is refused below, because it also contains the credential endpoints of containers.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

pub(super) fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => embedded_v4(address).map_or_else(|| classify_v6(v6), classify_v4),
    }
}

/// The IPv4 address that a translator behind the well-known NAT64 prefix `64:ff9b::/96` (RFC 6052) connects to.
/// On IPv6-only networks with DNS64, public addresses have this form, so the embedded address is judged.
pub(super) fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let refusal = match address.octets() {
        _ if METADATA_V4.contains(&address) => Refusal::Metadata,
        [169, 254, ..] => Refusal::LinkLocal,
        [0, ..] => Refusal::Unspecified,
        [224..=239, ..] | [255, 255, 255, 255] => Refusal::Multicast,
        [127, ..] => Refusal::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Refusal::Private,
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Refusal::Reserved,
        _ => return AddressClass::Public,
    };
    AddressClass::Refused(refusal)
}

#[expect(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "the arms follow the registries, one range after the other"
)]
fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    let refusal = match segments {
        _ if address.is_unspecified() => Refusal::Unspecified,
        _ if address.is_loopback() => Refusal::Loopback,
        // IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-translated (RFC 2765), local-use NAT64 (RFC 8215), 6to4
        // (RFC 3056), Teredo (RFC 4380). In the last three, the position of the IPv4 address depends on the set-up
        // of others.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Refusal::Translated,
        [0x64, 0xff9b, 1, ..] | [0x2002, ..] | [0x2001, 0, ..] => Refusal::Translated,
        _ if METADATA_V6.contains(&address) => Refusal::Metadata,
        [0xfd00, 0x0ec2, ..] => Refusal::Metadata,
        [0xfe80..=0xfebf, ..] => Refusal::LinkLocal,
        [0xff00..=0xffff, ..] => Refusal::Multicast,
        [0xfc00..=0xfdff, ..] => Refusal::Private,
        // 2001::/23 is for protocols, 2001:db8::/32 and 3fff::/20 are for documentation.
        [0x2001, 0x0001..=0x01ff | 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => Refusal::Reserved,
        [0x2000..=0x3fff, ..] => return AddressClass::Public,
        _ => Refusal::Reserved,
    };
    AddressClass::Refused(refusal)
}
