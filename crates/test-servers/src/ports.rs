//! Free loopback ports for servers that can't choose one themselves.
//!
//! A port found free may be taken before the server binds it. To make that rare, ports are drawn from below the range
//! that the operating system hands to outgoing connections; callers still try again with others when a start fails.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

/// Below Linux's default range of ephemeral ports (32768 and up), with room for [`PEER_OFFSET`].
const LOWEST: u16 = 10_240;
const HIGHEST: u16 = 22_700;

/// How far above a server's port its companion port lies: the rule of SeaweedFS for its gRPC ports.
pub const PEER_OFFSET: u16 = 10_000;

/// `N` different ports that are free now, each with a free companion [`PEER_OFFSET`] above it.
///
/// # Errors
/// When no set was found after many draws: the machine is out of ports.
pub fn free<const N: usize>() -> io::Result<[u16; N]> {
    let mut draw = Draw::seeded();
    let mut held: Vec<TcpListener> = Vec::with_capacity(N * 2);
    let mut found = [0_u16; N];
    let mut missing = N;
    for _ in 0..2_000 {
        if missing == 0 {
            return Ok(found);
        }
        let port = draw.port();
        let pair = (bind(port), bind(port + PEER_OFFSET));
        if let (Ok(own), Ok(peer)) = pair {
            held.extend([own, peer]);
            missing -= 1;
            found[missing] = port;
        }
    }
    Err(io::Error::other("no free pairs of loopback ports"))
}

fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// A small xorshift generator: tests that start together must not walk the ports in the same order.
struct Draw(u64);

impl Draw {
    fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mixed =
            u64::try_from(now & u128::from(u64::MAX)).unwrap_or(1) ^ (u64::from(std::process::id()) << 32);
        Self(mixed | 1)
    }

    fn port(&mut self) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let span = u64::from(HIGHEST - LOWEST);
        LOWEST + u16::try_from(self.0 % span).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different_and_leave_room_for_their_companions() {
        let ports = free::<5>().unwrap();
        for (at, port) in ports.iter().enumerate() {
            assert!((LOWEST..HIGHEST).contains(port));
            assert!(!ports[..at].contains(port));
        }
    }
}
