//! Pools of connections for reuse between requests.
//!
//! Requests with a body and those without have separate connections: the former are sent by hyper's client, the
//! latter by a smaller one. In both, the task that waits for the response, or reads its body, moves the bytes. One
//! task therefore carries a request from end to end on one core. The health of an idle connection is checked when
//! it is taken from the pool, and connections that stay unused are closed after the idle timeout.

mod chunked;
mod idle;
mod read_size;
mod response_head;
mod with_body;
mod without_body;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::Service as _;

use self::idle::IdlePool;
pub(crate) use self::idle::Origin;
use self::with_body::{DrivenBody, PooledConnection};
use self::without_body::{PlainBody, PlainConnection};
use crate::connector::BoundedConnector;
use crate::error::ProviderError;
use crate::payload::Outgoing;

/// A connection to a provider, with or without TLS.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Sends requests over pooled connections. The number of connections per host is at most the number of requests in
/// flight plus twice `max_idle_per_host`.
pub(crate) struct Pool {
    connector: BoundedConnector,
    with_body: Arc<IdlePool<PooledConnection>>,
    without_body: Arc<IdlePool<PlainConnection>>,
}

/// Why a request got no response.
enum Lost<R> {
    /// The connection had ended before the request arrived, so the request can be sent again.
    Unsent(R),
    Failed(ProviderError),
}

impl<R> From<Lost<R>> for ProviderError {
    /// What it means if there is no other connection to try.
    fn from(lost: Lost<R>) -> Self {
        match lost {
            Lost::Unsent(_) => Self::BrokenOff,
            Lost::Failed(error) => error,
        }
    }
}

impl Pool {
    pub(crate) fn new(connector: BoundedConnector, idle_timeout: Duration, max_idle_per_host: usize) -> Self {
        Self {
            connector,
            with_body: IdlePool::new(idle_timeout, max_idle_per_host),
            without_body: IdlePool::new(idle_timeout, max_idle_per_host),
        }
    }

    /// Sends a request over an idle connection or a new one, and waits for the head of the response. If an idle
    /// connection turns out to have been closed, the next one is used. A request that the server may have seen is
    /// never repeated, unless it is a GET or HEAD to which the server sent nothing.
    ///
    /// Dropping the future closes the connection of the request.
    pub(crate) async fn send(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, ProviderError> {
        let origin = in_origin_form(&mut request)?;
        if without_body::takes(&request) {
            let head = without_body::encode(&request);
            let to_head = *request.method() == Method::HEAD;
            return self.send_head(&origin, &head, to_head, None).await;
        }
        // On the heap, the other client keeps small requests small.
        Box::pin(self.send_with_body(origin, request)).await
    }

    /// Like [`Self::send`], for a GET, or a HEAD (`to_head`), whose head is already written. Fails at the deadline
    /// if there is one.
    pub(crate) async fn send_head(
        &self,
        origin: &Origin,
        head: &[u8],
        to_head: bool,
        deadline: Option<Instant>,
    ) -> Result<Response<Incoming>, ProviderError> {
        while let Some(connection) = self.without_body.take(origin) {
            match connection.exchange(head, to_head, deadline).await {
                Ok(answer) => return Ok(answer.map(Incoming::Plain)),
                Err(Lost::Unsent(())) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        // New connections are rare, and their future is large because of the TLS handshake. On the heap, it keeps
        // requests small.
        let connecting = Box::pin(self.connect(origin));
        let stream = match deadline {
            Some(deadline) => {
                timeout_at(deadline, connecting).await.map_err(|_| ProviderError::TimedOut)??
            }
            None => connecting.await?,
        };
        let connection = PlainConnection::new(stream, self.without_body.home(origin.clone()));
        Ok(connection.exchange(head, to_head, deadline).await?.map(Incoming::Plain))
    }

    async fn send_with_body(
        &self,
        origin: Origin,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, ProviderError> {
        while let Some(connection) = self.with_body.take(&origin) {
            match connection.exchange(request).await {
                Ok(answer) => return Ok(answer.map(Incoming::Driven)),
                Err(Lost::Unsent(back)) => request = *back,
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        let stream = Box::pin(self.connect(&origin)).await?;
        let connection = PooledConnection::open(stream, self.with_body.home(origin)).await?;
        Ok(connection.exchange(request).await?.map(Incoming::Driven))
    }

    async fn connect(&self, origin: &Origin) -> Result<Stream, ProviderError> {
        let address = Uri::builder()
            .scheme(if origin.tls { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(origin.authority.clone())
            .path_and_query(PathAndQuery::from_static("/"))
            .build()
            .map_err(|_| ProviderError::InvalidRequest("the address is not a valid URL"))?;
        let stream = self.connector.clone().call(address).await;
        stream.map_err(|error| ProviderError::from_client(&*error))
    }
}

/// Removes scheme and authority from a request URI, because HTTP/1.1 sends only the path. Adds `Host` if it is
/// missing.
fn in_origin_form(request: &mut Request<Outgoing>) -> Result<Origin, ProviderError> {
    let address = request.uri().clone();
    let invalid = || ProviderError::InvalidRequest("the address is not a valid URL");
    let authority = address.authority().cloned().ok_or_else(invalid)?;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
        request.headers_mut().insert(HOST, host);
    }
    let path = address.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    Ok(Origin { tls: address.scheme() == Some(&Scheme::HTTPS), authority })
}

/// A response body. Its connection returns to the pool once the body has been read to its end. Dropping it early
/// closes the connection.
pub(crate) enum Incoming {
    Plain(PlainBody),
    Driven(DrivenBody),
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Driven(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Driven(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Driven(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;
