//! Accepts connections within limits, in total and per address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Pause after the operating system refused to accept, usually because file descriptors ran out.
const PAUSE: Duration = Duration::from_millis(100);
/// Minimum time between two log lines about addresses with too many connections.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// How many connections an address may have open, unless a setting overrides it.
pub const CONNECTIONS_PER_ADDRESS: u32 = 1_024;

/// How many connections may be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In total. Further connections wait to be accepted.
    pub total: usize,
    /// Per address, as [`network`] groups them. Further connections are closed at once. `None` means no limit.
    pub per_address: Option<NonZeroUsize>,
    /// Networks of reverse proxies. The limit per address doesn't apply to them, because they carry many clients.
    pub trusted_proxies: Vec<IpNet>,
}

/// A listener that enforces [`ConnectionLimits`].
pub struct Acceptor {
    listener: TcpListener,
    total: Arc<Semaphore>,
    per_address: Option<NonZeroUsize>,
    trusted_proxies: Vec<IpNet>,
    open: Arc<OpenConnections>,
    complained: Mutex<Option<Instant>>,
}

impl Acceptor {
    /// Wraps a bound listener.
    pub fn new(listener: TcpListener, limits: &ConnectionLimits) -> Self {
        Self {
            listener,
            total: Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS))),
            per_address: limits.per_address,
            trusted_proxies: limits.trusted_proxies.clone(),
            open: Arc::default(),
            complained: Mutex::default(),
        }
    }

    /// Waits for the next connection. It counts towards the limits until its permit is dropped.
    ///
    /// Dropping the future loses no accepted connection.
    pub async fn accept(&self) -> (TcpStream, SocketAddr, ConnectionPermit) {
        loop {
            let Ok(place) = Arc::clone(&self.total).acquire_owned().await else {
                // The semaphore is never closed.
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((connection, peer)) => match self.admit(peer.ip()) {
                    Some(of_address) => {
                        let permit = ConnectionPermit { _place: place, _of_address: of_address };
                        return (connection, peer, permit);
                    }
                    None => self.complain(peer.ip()),
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "can't accept connections");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Counts a connection. `None` if the address already has as many as it may.
    fn admit(&self, address: IpAddr) -> Option<OfAddress> {
        let address = address.to_canonical();
        let limited =
            self.per_address.filter(|_| !self.trusted_proxies.iter().any(|net| net.contains(&address)));
        let Some(most) = limited else { return Some(OfAddress(None)) };
        let network = network(address);
        let mut open = self.open.0.lock();
        let count = open.entry(network).or_insert(0);
        if *count >= most.get() {
            return None;
        }
        *count += 1;
        Some(OfAddress(Some((Arc::clone(&self.open), network))))
    }

    fn complain(&self, address: IpAddr) {
        let mut complained = self.complained.lock();
        if complained.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            tracing::warn!(
                %address,
                "closing connections of an address that has more open than --connections-per-address allows; if it \
                 is a reverse proxy, add it to --trusted-proxies"
            );
        }
    }
}

/// Whether only this connection failed, because its client left before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, because a client usually controls
/// all of it.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Keeps a connection counted until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    _place: OwnedSemaphorePermit,
    _of_address: OfAddress,
}

/// The open connections by address.
#[derive(Debug, Default)]
struct OpenConnections(Mutex<HashMap<IpAddr, usize>>);

/// One counted connection of an address. `None` if the address has no limit.
#[derive(Debug)]
struct OfAddress(Option<(Arc<OpenConnections>, IpAddr)>);

impl Drop for OfAddress {
    fn drop(&mut self) {
        let Some((open, network)) = self.0.take() else { return };
        let mut open = open.0.lock();
        if let Some(count) = open.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn acceptor(per_address: usize, trusted: &[&str]) -> (Acceptor, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let per_address = NonZeroUsize::new(per_address);
        (Acceptor::new(listener, &ConnectionLimits { total: 100, per_address, trusted_proxies }), address)
    }

    #[tokio::test]
    async fn one_address_gets_so_many_connections_and_another_when_one_of_them_has_ended() {
        let (acceptor, address) = acceptor(2, &[]).await;
        let _clients =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let (_, _, first) = acceptor.accept().await;
        let (_, _, _second) = acceptor.accept().await;
        let mut refused = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        tokio::select! {
            _ = acceptor.accept() => panic!("one too many was accepted"),
            read = refused.read(&mut byte) => assert!(read.is_err() || read.unwrap() == 0),
        }
        drop(first);
        let _client = TcpStream::connect(address).await.unwrap();
        acceptor.accept().await;
    }

    #[tokio::test]
    async fn a_trusted_proxy_brings_as_many_as_there_is_room_for() {
        let (acceptor, address) = acceptor(1, &["127.0.0.0/8"]).await;
        let mut open = Vec::new();
        for _ in 0..5 {
            let client = TcpStream::connect(address).await.unwrap();
            open.push((client, acceptor.accept().await));
        }
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
