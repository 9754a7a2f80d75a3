//! The pool's connector: the guarded dialer, then TLS if the scheme is https, both within one timeout.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bucketry_model::endpoint::Host;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::dial::{DialError, Dialer};
use crate::error::BoxError;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Opens TCP connections through the [`Dialer`].
#[derive(Debug, Clone)]
pub(crate) struct GuardedConnector(pub(crate) Arc<Dialer>);

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = Arc::clone(&self.0);
        Box::pin(async move {
            let host = host_of(&uri).ok_or(DialError::DnsFailed)?;
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
            let addresses = dialer.resolve(&host, port).await?;
            Ok(TokioIo::new(dialer.connect(&host, &addresses).await?))
        })
    }
}

/// The host of a URI as the policy sees it. A literal address never reaches a resolver. A host that only looks like
/// a number is a name and is judged by the addresses that it resolves to.
fn host_of(uri: &Uri) -> Option<Host> {
    let text = uri.host()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    Some(bare.parse().map_or_else(|_| Host::Name(text.to_ascii_lowercase()), Host::Address))
}

/// Adds TLS and one timeout for resolving, connecting and the handshake together, so that a silent peer can't block
/// a request forever.
#[derive(Clone, Debug)]
pub(crate) struct BoundedConnector {
    pub(crate) inner: HttpsConnector<GuardedConnector>,
    pub(crate) timeout: Duration,
}

impl Service<Uri> for BoundedConnector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(
            async move { tokio::time::timeout(timeout, connecting).await.map_err(|_| DialError::TimedOut)? },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_hosts_are_recognised_in_every_notation_that_names_one_address() {
        for (uri, host) in [
            ("http://127.0.0.1/", Host::Address([127, 0, 0, 1].into())),
            ("http://[::1]:9000/", Host::Address("::1".parse().unwrap())),
            ("http://[::ffff:127.0.0.1]/", Host::Address("::ffff:127.0.0.1".parse().unwrap())),
            ("http://2130706433/", Host::Name("2130706433".into())),
            ("http://0x7f.1/", Host::Name("0x7f.1".into())),
            ("http://LocalHost/", Host::Name("localhost".into())),
        ] {
            assert_eq!(host_of(&uri.parse().unwrap()), Some(host), "{uri}");
        }
    }
}
