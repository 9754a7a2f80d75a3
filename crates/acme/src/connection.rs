//! Requests to the authority.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::AcmeError;

/// Time limit of a request, with its response.
const RESPONSE_WITHIN: Duration = Duration::from_secs(30);
/// The largest response that is read, in bytes. A chain of certificates has a few KiB.
const LARGEST_RESPONSE: usize = 1 << 20;

/// Connections to the authority, verified with the system's certificates and those of a file.
#[derive(Clone)]
pub(crate) struct AuthorityConnection(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

impl AuthorityConnection {
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, AcmeError> {
        #[expect(clippy::disallowed_methods, reason = "the address comes from the operator, not from a user")]
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(RESPONSE_WITHIN));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(ca_file)?)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

fn tls_config(ca_file: Option<&Path>) -> Result<ClientConfig, AcmeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let wrong = |reason: String| AcmeError::Authorities { file: file.to_owned(), reason };
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AcmeError::Cryptography(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl HttpClient for AuthorityConnection {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let sent = self.0.request(request);
        Box::pin(async move {
            match tokio::time::timeout(RESPONSE_WITHIN, whole_response(sent)).await {
                Ok(response) => response,
                Err(_) => {
                    Err(Error::Other(format!("no answer within {} s", RESPONSE_WITHIN.as_secs()).into()))
                }
            }
        })
    }
}

/// Reads the response, up to the limit: the library would wait for any body, and for ever.
async fn whole_response(sent: ResponseFuture) -> Result<BytesResponse, Error> {
    let (parts, body) = sent.await.map_err(|error| Error::Other(error.into()))?.into_parts();
    let body = Limited::new(body, LARGEST_RESPONSE).collect().await.map_err(Error::Other)?;
    Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body.to_bytes()))))
}
