//! Opens TCP connections to endpoints, always through the endpoint policy.
//!
//! A name is resolved once and every returned address is judged. Connections go to the allowed addresses only,
//! without a second lookup, so a name that changes its addresses between the check and the connection gains
//! nothing. The peer address of the connected socket is judged once more.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bucketry_model::endpoint::Host;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::policy::{EndpointPolicy, Refusal};
use crate::resolve::Resolver;

/// How long to wait for one address before trying the next in parallel (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// The maximum number of addresses to try per name.
const MAX_ADDRESSES: usize = 8;

/// Why no connection was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DialError {
    /// The policy refuses all addresses of the host.
    #[error("the endpoint policy refuses {0}")]
    Blocked(Refusal),
    /// The name has no addresses, or the lookup failed.
    #[error("the host name can't be resolved")]
    DnsFailed,
    /// The host refuses connections to the port.
    #[error("the connection was refused")]
    Refused,
    /// No address responded in time.
    #[error("the connection attempt timed out")]
    TimedOut,
    /// The network has no route to the address, or the attempt failed in another way.
    #[error("the address can't be reached")]
    Unreachable,
}

/// Opens connections to addresses that users typed. Nothing else does.
#[derive(Debug)]
pub(crate) struct Dialer {
    policy: EndpointPolicy,
    resolver: Arc<dyn Resolver>,
    connect_timeout: Duration,
    opened: AtomicU64,
}

impl Dialer {
    pub(crate) fn new(
        policy: EndpointPolicy,
        resolver: Arc<dyn Resolver>,
        connect_timeout: Duration,
    ) -> Self {
        Self { policy, resolver, connect_timeout, opened: AtomicU64::new(0) }
    }

    /// Resolves `host`. Returns at least one address, all of them allowed by the policy.
    pub(crate) async fn resolve(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let (name, addresses) = match host {
            Host::Address(address) => (None, vec![*address]),
            Host::Name(name) => {
                let answer = timeout(self.connect_timeout, self.resolver.resolve(name)).await;
                (
                    Some(name.as_str()),
                    answer.map_err(|_| DialError::DnsFailed)?.map_err(|_| DialError::DnsFailed)?,
                )
            }
        };
        let mut refusal = None;
        let mut allowed = Vec::new();
        for address in addresses {
            match self.policy.judge(name, address) {
                Ok(()) if allowed.len() < MAX_ADDRESSES => allowed.push(SocketAddr::new(address, port)),
                Ok(()) => {}
                Err(why) => refusal = Some(why),
            }
        }
        match (allowed.is_empty(), refusal) {
            (false, _) => Ok(allowed),
            (true, Some(why)) => Err(DialError::Blocked(why)),
            (true, None) => Err(DialError::DnsFailed),
        }
    }

    /// Connects to whichever of `addresses` (from [`Dialer::resolve`]) responds first. Dropping the future cancels
    /// all attempts.
    pub(crate) async fn connect(
        &self,
        host: &Host,
        addresses: &[SocketAddr],
    ) -> Result<TcpStream, DialError> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut waiting = addresses.iter();
        let mut attempts = FuturesUnordered::new();
        let mut last = DialError::Unreachable;
        loop {
            if let Some(address) = waiting.next() {
                attempts.push(self.attempt(host, *address));
            } else if attempts.is_empty() {
                return Err(last);
            }
            let next_attempt =
                if waiting.len() == 0 { deadline } else { deadline.min(Instant::now() + STAGGER) };
            match timeout_at(next_attempt, attempts.next()).await {
                Ok(Some(Ok(stream))) => {
                    self.opened.fetch_add(1, Ordering::Relaxed);
                    return Ok(stream);
                }
                Ok(Some(Err(error))) => last = error,
                Err(_) if Instant::now() >= deadline => return Err(DialError::TimedOut),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// The number of connections opened so far.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    async fn attempt(&self, host: &Host, address: SocketAddr) -> Result<TcpStream, DialError> {
        let stream = TcpStream::connect(address).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => DialError::Refused,
            std::io::ErrorKind::TimedOut => DialError::TimedOut,
            _ => DialError::Unreachable,
        })?;
        let peer = stream.peer_addr().map_err(|_| DialError::Unreachable)?;
        self.judge_peer(host, address.ip(), peer.ip())?;
        // Requests are written whole, so Nagle's algorithm would only add latency. The connection also works if
        // this fails.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn judge_peer(&self, host: &Host, asked: IpAddr, peer: IpAddr) -> Result<(), DialError> {
        if asked.to_canonical() != peer.to_canonical() {
            return Err(DialError::Unreachable);
        }
        let name = match host {
            Host::Name(name) => Some(name.as_str()),
            Host::Address(_) => None,
        };
        self.policy.judge(name, peer).map_err(DialError::Blocked)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::atomic::AtomicUsize;

    use async_trait::async_trait;
    use tokio::net::TcpListener;

    use super::*;

    /// Returns answer `n` to lookup `n`, and the last answer from then on.
    #[derive(Debug)]
    struct Script {
        answers: Vec<Vec<IpAddr>>,
        asked: AtomicUsize,
    }

    impl Script {
        fn new(answers: &[&[&str]]) -> Arc<Self> {
            let answers = answers.iter().map(|a| a.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
            Arc::new(Self { answers, asked: AtomicUsize::new(0) })
        }
    }

    #[async_trait]
    impl Resolver for Script {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let question = self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(self.answers[question.min(self.answers.len() - 1)].clone())
        }
    }

    fn dialer(policy: EndpointPolicy, resolver: Arc<Script>) -> Dialer {
        Dialer::new(policy, resolver, Duration::from_secs(5))
    }

    fn name(text: &str) -> Host {
        Host::Name(text.into())
    }

    #[tokio::test]
    async fn a_name_that_turns_to_loopback_after_the_check_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolver = Script::new(&[&["192.0.2.1", "127.0.0.1"], &["127.0.0.1"]]);
        let policy = EndpointPolicy::parse("public", "192.0.2.0/24").unwrap();
        let dialer = Dialer::new(policy, Arc::clone(&resolver) as _, Duration::from_millis(50));

        let addresses = dialer.resolve(&name("rebind.example"), port).await.unwrap();
        assert_eq!(addresses, [SocketAddr::new([192, 0, 2, 1].into(), port)], "loopback is filtered out");

        let outcome = dialer.connect(&name("rebind.example"), &addresses).await;
        assert!(outcome.is_err(), "nothing listens at the checked address");
        assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "connecting resolved the name again");
        let dialed = timeout(Duration::ZERO, listener.accept()).await;
        assert!(dialed.is_err(), "connected to the address of the second answer");
    }

    #[tokio::test]
    async fn a_name_with_only_refused_addresses_is_blocked_with_the_reason() {
        for (answer, refusal) in [
            (&["169.254.169.254"][..], Refusal::LinkLocal),
            (&["10.0.0.1"], Refusal::Private),
            (&["::ffff:127.0.0.1"], Refusal::Loopback),
            (&["fd00:ec2::254"], Refusal::Metadata),
        ] {
            let outcome = dialer(EndpointPolicy::default(), Script::new(&[answer]))
                .resolve(&name("x.example"), 80)
                .await;
            assert_eq!(outcome, Err(DialError::Blocked(refusal)), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn literal_addresses_are_judged_without_a_resolver() {
        let resolver = Script::new(&[&["1.1.1.1"]]);
        let dialer = dialer(EndpointPolicy::default(), Arc::clone(&resolver));
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let outcome = dialer.resolve(&Host::Address(address), 80).await;
            assert_eq!(outcome, Err(DialError::Blocked(Refusal::Loopback)));
        }
        assert_eq!(resolver.asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn no_addresses_are_a_dns_failure() {
        let outcome =
            dialer(EndpointPolicy::default(), Script::new(&[&[]])).resolve(&name("gone.example"), 80).await;
        assert_eq!(outcome, Err(DialError::DnsFailed));
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolver = Script::new(&[&["127.0.0.2", "127.0.0.1"]]);
        let dialer = dialer(EndpointPolicy::private(), resolver);
        let host = name("two.example");
        let addresses = dialer.resolve(&host, port).await.unwrap();
        let stream = dialer.connect(&host, &addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_silence() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let dialer = dialer(EndpointPolicy::private(), Script::new(&[&["127.0.0.1"]]));
        let host = Host::Address(Ipv4Addr::LOCALHOST.into());
        let addresses = dialer.resolve(&host, port).await.unwrap();
        assert_eq!(dialer.connect(&host, &addresses).await.unwrap_err(), DialError::Refused);
    }

    #[test]
    fn a_peer_other_than_the_checked_address_is_refused() {
        let policy = EndpointPolicy::parse("public", "192.0.2.1").unwrap();
        let dialer = dialer(policy, Script::new(&[&[]]));
        let judge = |asked: &str, peer: &str| {
            dialer.judge_peer(&name("x.example"), asked.parse().unwrap(), peer.parse().unwrap())
        };
        assert_eq!(judge("192.0.2.1", "::ffff:192.0.2.1"), Ok(()));
        assert_eq!(judge("192.0.2.1", "127.0.0.1"), Err(DialError::Unreachable));
        assert_eq!(judge("127.0.0.1", "127.0.0.1"), Err(DialError::Blocked(Refusal::Loopback)));
    }
}
