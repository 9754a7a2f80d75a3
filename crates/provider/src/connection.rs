//! The connections of a process (a node or the control plane) to all providers: one pool, one endpoint policy, one
//! set of caches.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::endpoint::Host;
use bucketry_model::provider::Provider;
use bucketry_model::time::{Clock, SystemClock};
use bucketry_telemetry::TraceSpan;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper_rustls::HttpsConnector;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::body::ProviderBody;
use crate::connection_stats::{ConnectionStats, ProviderCounters};
use crate::connector::{BoundedConnector, GuardedConnector};
use crate::dial::Dialer;
use crate::error::ProviderError;
use crate::identity::{NodeIdentity, TokenServices};
use crate::payload::{BodyTimeouts, Outgoing, Progress};
use crate::policy::EndpointPolicy;
use crate::pool::{Incoming, Origin, Pool};
use crate::resolve::{Resolver, SystemResolver};
use crate::sigv4::{Credentials, SigningKeys};
use crate::temporary_credential::TemporaryCredentials;
use crate::tls;
pub use crate::tls::ConnectionsError;
use crate::upstream_span;

/// Settings of connections, with their timeouts.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// The addresses that connections may reach.
    pub policy: EndpointPolicy,
    /// Certificates (PEM) of authorities to trust in addition to the machine's own.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The timeout of each step: resolving a name, connecting, and the TLS handshake.
    pub connect_timeout: Duration,
    /// The timeout from the last byte of a request to the head of its response. Also the timeout for reading a
    /// whole document: a list page or an error.
    pub answer_timeout: Duration,
    /// The timeout without progress: while the provider accepts nothing of a request body, or sends nothing of a
    /// response body.
    pub stall_timeout: Duration,
    /// How long an unused connection stays open. Providers close theirs after 5 to 60 seconds.
    pub idle_timeout: Duration,
    /// The maximum number of unused connections per host.
    pub max_idle_per_host: usize,
    /// The node's own identities at the clouds, used for delegated access.
    pub identity: NodeIdentity,
    /// Substitutes for the services that issue temporary credentials.
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

/// Which timeout applies to a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseTimeout {
    /// [`ConnectionSettings::answer_timeout`].
    Usual,
    /// [`SLOWNESS`] times as long, for requests that make the provider work: copies and completions move whole
    /// objects.
    Slow,
}

/// The factor of [`ResponseTimeout::Slow`].
const SLOWNESS: u32 = 10;

/// Sends requests to all providers. Cheap to clone; clones share the pool and the caches.
///
/// Redirects are not followed and proxy settings in the environment are ignored, because both would bypass the
/// endpoint policy.
#[derive(Clone)]
pub struct Connections {
    inner: Arc<ConnectionsInner>,
    /// The provider that requests are counted for.
    provider: Provider,
}

struct ConnectionsInner {
    pool: Pool,
    dialer: Arc<Dialer>,
    requests: ProviderCounters,
    tls: Arc<rustls::ClientConfig>,
    settings: ConnectionSettings,
    signing_keys: SigningKeys,
    tokens: TemporaryCredentials<HeaderValue>,
    roles: TemporaryCredentials<Arc<Credentials>>,
    clock: Arc<dyn Clock>,
}

impl Connections {
    /// Creates connections with the system's resolver and clock.
    pub fn new(settings: ConnectionSettings) -> Result<Self, ConnectionsError> {
        Self::with(settings, Arc::new(SystemResolver), Arc::new(SystemClock))
    }

    /// Creates connections with a given resolver and clock. Requests are signed with the clock's time; timeouts use
    /// the runtime's.
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
        let inner = Arc::new(ConnectionsInner {
            pool,
            dialer,
            requests: ProviderCounters::default(),
            tls,
            settings,
            signing_keys: SigningKeys::new(),
            tokens: TemporaryCredentials::new(),
            roles: TemporaryCredentials::new(),
            clock,
        });
        Ok(Self { inner, provider: Provider::Other })
    }

    /// The same connections, whose requests are counted for a provider.
    pub(crate) fn of_provider(&self, provider: Provider) -> Self {
        Self { inner: Arc::clone(&self.inner), provider }
    }

    /// The settings in use.
    pub fn settings(&self) -> &ConnectionSettings {
        &self.inner.settings
    }

    /// The counts since the start.
    pub fn stats(&self) -> ConnectionStats {
        ConnectionStats { opened: self.inner.dialer.opened(), requests: self.inner.requests.read() }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    pub(crate) fn signing_keys(&self) -> &SigningKeys {
        &self.inner.signing_keys
    }

    /// The bearer tokens of all identities.
    pub(crate) fn tokens(&self) -> &TemporaryCredentials<HeaderValue> {
        &self.inner.tokens
    }

    /// The assumed-role sessions of all roles.
    pub(crate) fn roles(&self) -> &TemporaryCredentials<Arc<Credentials>> {
        &self.inner.roles
    }

    /// Sends a request and waits for the head of its response. `progress` is that of a streamed body.
    ///
    /// Dropping the future cancels the request and closes its connection. Whether the provider carries out the
    /// request is unknown.
    pub(crate) async fn send(
        &self,
        request: Request<Outgoing>,
        progress: Option<Arc<Progress>>,
        response_timeout: ResponseTimeout,
    ) -> Result<Response<Incoming>, ProviderError> {
        let within = self.answer_timeout(response_timeout);
        let span = upstream_span::begin(upstream_span::method_name(request.method()), self.provider);
        // A future is copied into the one that awaits it, at every level. On the heap it stays in place.
        let answer = Box::pin(self.inner.pool.send(request));
        let answer = match progress {
            Some(progress) => {
                let body_timeouts = BodyTimeouts { stall: self.inner.settings.stall_timeout, answer: within };
                progress.watch(answer, body_timeouts).await.flatten()
            }
            None => tokio::time::timeout(within, answer).await.unwrap_or(Err(ProviderError::TimedOut)),
        };
        self.count(&answer, span);
        answer
    }

    /// Sends a GET, or a HEAD (`to_head`), whose head is already written, as [`Self::send`] does.
    pub(crate) async fn send_head(
        &self,
        origin: &Origin,
        head: &[u8],
        to_head: bool,
        response_timeout: ResponseTimeout,
    ) -> Result<Response<Incoming>, ProviderError> {
        // A time that the clock can't express never comes.
        let deadline = Instant::now().checked_add(self.answer_timeout(response_timeout));
        let span = upstream_span::begin(if to_head { "HEAD" } else { "GET" }, self.provider);
        let answer = self.inner.pool.send_head(origin, head, to_head, deadline).await;
        self.count(&answer, span);
        answer
    }

    fn count(&self, answer: &Result<Response<Incoming>, ProviderError>, span: Option<TraceSpan>) {
        self.inner.requests.count(self.provider, answer.as_ref().ok().map(Response::status));
        if let Some(span) = span {
            upstream_span::end(span, answer);
        }
    }

    /// Reads a whole document, limited in size and time.
    pub(crate) async fn document(
        &self,
        body: Incoming,
        limit: usize,
        response_timeout: ResponseTimeout,
    ) -> Result<Bytes, ProviderError> {
        let body = ProviderBody::new(body, self.inner.settings.stall_timeout);
        body.collect_bounded(limit, self.answer_timeout(response_timeout)).await
    }

    pub(crate) fn answer_timeout(&self, response_timeout: ResponseTimeout) -> Duration {
        match response_timeout {
            ResponseTimeout::Usual => self.inner.settings.answer_timeout,
            ResponseTimeout::Slow => self.inner.settings.answer_timeout * SLOWNESS,
        }
    }

    /// Resolves a host. Returns the addresses that the policy allows.
    pub(crate) async fn resolve(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ProviderError> {
        Ok(self.inner.dialer.resolve(host, port).await?)
    }

    /// Opens a dedicated connection, outside the pool, to addresses returned by [`Connections::resolve`].
    pub(crate) async fn connect(
        &self,
        host: &Host,
        addresses: &[SocketAddr],
    ) -> Result<TcpStream, ProviderError> {
        Ok(self.inner.dialer.connect(host, addresses).await?)
    }

    /// Performs a TLS handshake over a connection and then closes it.
    pub(crate) async fn handshake(&self, host: &Host, stream: TcpStream) -> Result<(), ProviderError> {
        self.encrypt(host, stream).await.map(drop)
    }

    /// The configuration of TLS to all providers.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.inner.tls)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
