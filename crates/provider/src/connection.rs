//! The connections of a node (or of the control plane) to all providers: one pool, one policy, one set of caches.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bucketry_model::endpoint::Host;
use bucketry_model::time::{Clock, SystemClock};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper_rustls::HttpsConnector;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::body::{BodyTimeouts, Outgoing, Progress, ProviderBody};
use crate::connector::{BoundedConnector, GuardedConnector};
use crate::dial::Dialer;
use crate::error::ProviderError;
use crate::identity::{NodeIdentity, TokenServices};
use crate::policy::EndpointPolicy;
use crate::pool::{Incoming, Pool};
use crate::resolve::{Resolver, SystemResolver};
use crate::s3::{Credentials, SigningKeys};
use crate::tls::{self, TlsFailure};
use crate::token::lease::Leases;

/// How connections are made and how long anything may take.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Which addresses may be connected to.
    pub policy: EndpointPolicy,
    /// Certificates (PEM) of authorities to trust beside the machine's own.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The most time for resolving a name, for connecting, and for the TLS handshake, each.
    pub connect_timeout: Duration,
    /// The most time from a request's last byte to the head of its answer, and for reading a document (a list page,
    /// an error) to its end.
    pub answer_timeout: Duration,
    /// The most time a provider may take none of a body that is sent, or send none of a body that is read.
    pub stall_timeout: Duration,
    /// How long an unused connection is kept. Providers close theirs after 5 to 60 seconds.
    pub idle_timeout: Duration,
    /// How many unused connections are kept per host.
    pub max_idle_per_host: usize,
    /// What the node is at the clouds, for access that is delegated to it.
    pub identity: NodeIdentity,
    /// Services that stand in for those that hand out temporary credentials.
    pub token_services: TokenServices,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            policy: EndpointPolicy::default(),
            extra_ca_pem: None,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(20),
            max_idle_per_host: 64,
            identity: NodeIdentity::default(),
            token_services: TokenServices::default(),
        }
    }
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseTimeout {
    /// As long as the settings say.
    Usual,
    /// Many times as long: the provider works on it, as copies and completions move whole objects.
    Slow,
}

/// How many times longer a slow answer may take.
const SLOWNESS: u32 = 10;

/// Why connections can't be set up at all; the settings must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionsError {
    /// The extra certificates can't be read.
    #[error("the extra CA file holds no certificate in PEM form that can be trusted")]
    ExtraCa,
    /// TLS can't be configured.
    #[error("TLS can't be set up")]
    Tls,
}

/// How connections were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionStats {
    /// Connections that were opened.
    pub opened: u64,
    /// Requests that were sent over them.
    pub requests: u64,
}

/// The way to all providers. Cheap to clone; clones share the pool and the caches.
///
/// Requests follow no redirects and read no proxy settings from the environment: both would lead around the
/// endpoint policy.
#[derive(Clone)]
pub struct Connections(Arc<ConnectionsInner>);

struct ConnectionsInner {
    pool: Pool,
    dialer: Arc<Dialer>,
    requests: AtomicU64,
    tls: Arc<rustls::ClientConfig>,
    settings: ConnectionSettings,
    signing_keys: SigningKeys,
    tokens: Leases<HeaderValue>,
    roles: Leases<Arc<Credentials>>,
    clock: Arc<dyn Clock>,
}

impl Connections {
    /// Connections with the machine's resolver and clock.
    pub fn new(settings: ConnectionSettings) -> Result<Self, ConnectionsError> {
        Self::with(settings, Arc::new(SystemResolver), Arc::new(SystemClock))
    }

    /// Connections with another resolver or clock. Requests are signed with the clock's time; time-outs follow the
    /// runtime's.
    pub fn with(
        settings: ConnectionSettings,
        resolver: Arc<dyn Resolver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectionsError> {
        let tls = tls::client_config(settings.extra_ca_pem.as_deref())?;
        let dialer = Arc::new(Dialer::new(settings.policy.clone(), resolver, settings.connect_timeout));
        let connector = BoundedConnector {
            inner: HttpsConnector::from((GuardedConnector(Arc::clone(&dialer)), Arc::clone(&tls))),
            timeout: settings.connect_timeout * 3,
        };
        let pool = Pool::new(connector, settings.idle_timeout, settings.max_idle_per_host);
        Ok(Self(Arc::new(ConnectionsInner {
            pool,
            dialer,
            requests: AtomicU64::new(0),
            tls,
            settings,
            signing_keys: SigningKeys::new(),
            tokens: Leases::new(),
            roles: Leases::new(),
            clock,
        })))
    }

    /// The settings in use.
    pub fn settings(&self) -> &ConnectionSettings {
        &self.0.settings
    }

    /// How connections were used so far.
    pub fn stats(&self) -> ConnectionStats {
        ConnectionStats { opened: self.0.dialer.opened(), requests: self.0.requests.load(Ordering::Relaxed) }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn signing_keys(&self) -> &SigningKeys {
        &self.0.signing_keys
    }

    /// The bearer tokens of all identities.
    pub(crate) fn tokens(&self) -> &Leases<HeaderValue> {
        &self.0.tokens
    }

    /// The sessions of all roles.
    pub(crate) fn roles(&self) -> &Leases<Arc<Credentials>> {
        &self.0.roles
    }

    /// Sends a request and waits for the head of its answer; `progress` belongs to a streamed body.
    ///
    /// Dropping the future gives the request up: a connection that it was written to is closed, and whether the
    /// provider carries it out is unknown.
    pub(crate) async fn send(
        &self,
        request: Request<Outgoing>,
        progress: Option<Arc<Progress>>,
        response_timeout: ResponseTimeout,
    ) -> Result<Response<Incoming>, ProviderError> {
        let within = self.answer_timeout(response_timeout);
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        // A future is moved into the one that waits for it at each step outwards: on the heap it stays where it is.
        let answer = Box::pin(self.0.pool.send(request));
        match progress {
            Some(progress) => {
                let body_timeouts = BodyTimeouts { stall: self.0.settings.stall_timeout, answer: within };
                progress.watch(answer, body_timeouts).await?
            }
            None => tokio::time::timeout(within, answer).await.map_err(|_| ProviderError::TimedOut)?,
        }
    }

    /// Reads a document to its end, bounded in size and time.
    pub(crate) async fn document(
        &self,
        body: Incoming,
        limit: usize,
        response_timeout: ResponseTimeout,
    ) -> Result<Bytes, ProviderError> {
        let body = ProviderBody::new(body, self.0.settings.stall_timeout);
        body.collect_bounded(limit, self.answer_timeout(response_timeout)).await
    }

    pub(crate) fn answer_timeout(&self, response_timeout: ResponseTimeout) -> Duration {
        match response_timeout {
            ResponseTimeout::Usual => self.0.settings.answer_timeout,
            ResponseTimeout::Slow => self.0.settings.answer_timeout * SLOWNESS,
        }
    }

    /// The addresses of a host that the policy lets through.
    pub(crate) async fn resolve(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ProviderError> {
        Ok(self.0.dialer.resolve(host, port).await?)
    }

    /// A connection of its own, outside of the pool, to addresses that [`Connections::resolve`] gave.
    pub(crate) async fn connect(
        &self,
        host: &Host,
        addresses: &[SocketAddr],
    ) -> Result<TcpStream, ProviderError> {
        Ok(self.0.dialer.connect(host, addresses).await?)
    }

    /// Agrees on TLS over a connection, and closes it.
    pub(crate) async fn handshake(&self, host: &Host, stream: TcpStream) -> Result<(), ProviderError> {
        let name = match host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ProviderError::Tls(TlsFailure::WrongName))?
            }
        };
        let handshake = TlsConnector::from(Arc::clone(&self.0.tls)).connect(name, stream);
        match tokio::time::timeout(self.0.settings.connect_timeout, handshake).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(ProviderError::Tls(TlsFailure::of_io(&error))),
            Err(_) => Err(ProviderError::Tls(TlsFailure::TimedOut)),
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
