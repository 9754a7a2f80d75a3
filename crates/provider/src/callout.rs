//! Calls to other addresses that users enter than those of object stores: receivers of notifications. They go through
//! the same endpoint policy, and neither redirects nor proxies are followed.

use bucketry_model::endpoint::Host;
use http::header::{CONTENT_LENGTH, HOST, RETRY_AFTER};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connection::{Connections, ResponseTimeout};
use crate::error::ProviderError;
use crate::payload::{Outgoing, Payload};
use crate::tls::TlsFailure;

/// The longest response that is read to its end, so that the connection can be used again. The content is dropped.
const MAX_RESPONSE: usize = 16 * 1024;

/// What a receiver answered. Its text is never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalloutAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// How many seconds the receiver asks to wait, if it does.
    pub retry_after: Option<u64>,
}

impl Connections {
    /// Posts a body to a URL. Everything together takes at most the timeouts of the settings.
    pub async fn call_out(
        &self,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<CalloutAnswer, ProviderError> {
        let payload = Payload::bytes(body);
        let host = uri.authority().map_or("", Authority::as_str);
        let host = HeaderValue::from_str(host)
            .map_err(|_| ProviderError::InvalidRequest("the host is not valid in a request"))?;
        headers.insert(HOST, host);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
        let mut request = Request::new(Outgoing::empty());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        *request.body_mut() = Outgoing::of(payload).0;
        let (head, body) = self.send(request, None, ResponseTimeout::Usual).await?.into_parts();
        let retry_after =
            head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // The status counts, whatever follows.
        drop(self.document(body, MAX_RESPONSE, ResponseTimeout::Usual).await);
        Ok(CalloutAnswer { status: head.status, retry_after })
    }

    /// Connects to a host that a user entered, if the endpoint policy allows its address.
    pub async fn connect_out(&self, host: &Host, port: u16) -> Result<TcpStream, ProviderError> {
        let addresses = self.resolve(host, port).await?;
        self.connect(host, &addresses).await
    }

    /// Encrypts a connection, with the roots that connections to providers trust.
    pub async fn encrypt(
        &self,
        host: &Host,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ProviderError> {
        let name = match host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| ProviderError::Tls(TlsFailure::WrongName))?
            }
        };
        let handshake = TlsConnector::from(self.tls()).connect(name, stream);
        match tokio::time::timeout(self.settings().connect_timeout, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(ProviderError::Tls(TlsFailure::of_io(&error))),
            Err(_) => Err(ProviderError::Tls(TlsFailure::TimedOut)),
        }
    }
}
