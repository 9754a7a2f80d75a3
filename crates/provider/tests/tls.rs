//! TLS to providers: which certificates are trusted, and how failures are reported.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::connection::{ConnectionSettings, Connections, ConnectionsError};
use bucketry_provider::diagnose::diagnose;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const DEADLINE: Duration = Duration::from_secs(10);

struct TlsServer {
    port: u16,
    ca_pem: String,
}

/// A server with a certificate for `name` that responds to every request with 200.
async fn serve(name: &str) -> TlsServer {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 8_192];
                while matches!(stream.read(&mut request).await, Ok(read) if read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    TlsServer { port, ca_pem: ca.pem() }
}

fn connections(extra_ca_pem: Option<&str>) -> Connections {
    Connections::new(ConnectionSettings {
        policy: EndpointPolicy::private(),
        extra_ca_pem: extra_ca_pem.map(|pem| pem.as_bytes().to_vec()),
        ..Default::default()
    })
    .unwrap()
}

fn target(endpoint: &str) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: "bucket".to_owned(),
            key: None,
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            region: Some("us-east-1".to_owned()),
        },
        secret: None,
    }
}

async fn diagnosis(endpoint: &str, connections: &Connections) -> Diagnosis {
    diagnose(&target(endpoint), connections, CheckScope::ReadOnly, DEADLINE).await
}

fn assert_tls_failed(diagnosis: &Diagnosis, words: &str) {
    let failed = diagnosis.failure().unwrap();
    assert_eq!((failed.name, failed.error_code), (CheckName::Tls, Some(CheckCode::TlsFailed)), "{failed:?}");
    assert!(failed.message.contains(words), "{}", failed.message);
}

#[tokio::test]
async fn an_authority_of_the_operators_own_is_trusted_when_it_is_given() {
    let server = serve("localhost").await;
    let endpoint = format!("https://localhost:{}", server.port);
    let trusting = connections(Some(&server.ca_pem));
    let diagnosis = diagnosis(&endpoint, &trusting).await;
    let tls = diagnosis.checks.iter().find(|check| check.name == CheckName::Tls).unwrap();
    assert!(tls.ok, "{tls:?}");
    let driver = open(&target(&endpoint), &trusting).unwrap();
    assert_eq!(probe(&*driver, DEADLINE).await.outcome, Ok(()));
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let server = serve("localhost").await;
    let endpoint = format!("https://localhost:{}", server.port);
    assert_tls_failed(&diagnosis(&endpoint, &connections(None)).await, "does not trust");
    let driver = open(&target(&endpoint), &connections(None)).unwrap();
    assert_eq!(probe(&*driver, DEADLINE).await.outcome.unwrap_err().code, CheckCode::TlsFailed);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = serve("other.example").await;
    let endpoint = format!("https://localhost:{}", server.port);
    let trusting = connections(Some(&server.ca_pem));
    assert_tls_failed(&diagnosis(&endpoint, &trusting).await, "another host name");
}

#[tokio::test]
async fn plain_http_behind_an_https_endpoint_is_recognised() {
    let server = FaultProxy::alone(Fault::Garbage).await.unwrap();
    let endpoint = server.endpoint().replace("http://", "https://");
    server.set(Fault::Answer(Answer::new(400)));
    // The server responds only after the end of a request head, which a TLS greeting rarely contains.
    let diagnosis =
        diagnose(&target(&endpoint), &connections(None), CheckScope::Full, Duration::from_secs(1)).await;
    let failed = diagnosis.failure().unwrap();
    assert_eq!(failed.name, CheckName::Tls);
}

#[test]
fn an_extra_authority_must_be_one() {
    for pem in ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let settings = ConnectionSettings { extra_ca_pem: Some(pem.into()), ..Default::default() };
        assert_eq!(Connections::new(settings).map(drop).unwrap_err(), ConnectionsError::ExtraCa, "{pem:?}");
    }
}
