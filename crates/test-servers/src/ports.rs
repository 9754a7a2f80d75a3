//! Free loopback ports for servers that can't choose one themselves.
//!
//! A free port may be taken before the server binds it. To make that rare, ports are chosen below the range that
//! the operating system uses for outgoing connections. Callers still retry with other ports when starting fails.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

/// The range stays below Linux's ephemeral ports (32768 and up) even after adding [`PEER_OFFSET`].
const LOWEST: u16 = 10_240;
const HIGHEST: u16 = 22_700;

/// The distance from a server's port to its companion port. SeaweedFS uses this rule for its gRPC ports.
pub const PEER_OFFSET: u16 = 10_000;

/// Finds `N` different free ports, each with a free companion port [`PEER_OFFSET`] above it.
///
/// # Errors
/// No free ports were found in 2,000 attempts.
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

/// A small xorshift generator, so that tests that start together try ports in different orders.
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
