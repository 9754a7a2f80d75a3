//! Single requests to servers that aren't Bucketry, such as a collector of traces. The operator names them.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use crate::error::ClientError;
use crate::transport::{Options, Transport};

/// Sends requests to one server. Clones share its connections.
#[derive(Clone)]
pub struct PlainClient {
    transport: Transport,
    options: Options,
}

impl std::fmt::Debug for PlainClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainClient")
    }
}

impl PlainClient {
    /// A client of the server with this URL, which must not contain a password.
    pub fn new(url: &str, options: Options) -> Result<Self, ClientError> {
        Ok(Self { transport: Transport::new(url, options.clone())?, options })
    }

    /// Sends a request with a complete URL, and reads the whole response, whatever its status is.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let after = self.options.timeout;
        let (status, headers, body) =
            tokio::time::timeout(after, self.transport.exchange(request.map(Full::new)))
                .await
                .map_err(|_| ClientError::TimedOut { url: self.transport.base_url(), after })??;
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}
