//! A server with TLS and its clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::routing::get;
use axum::{Extension, Router};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::test_certificates::{Pair, now};
use super::{CurrentCertificate, EncryptedConnection, OfferedProtocols, OwnershipProofs, ServerTls};
use crate::serve::{HttpSettings, serve};

const NAME: &str = "s3.example.com";
/// Long enough for a busy machine.
const SOON: Duration = Duration::from_mins(1);

struct TestServer {
    address: SocketAddr,
    certificate: Arc<CurrentCertificate>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl TestServer {
    async fn start(pair: &Pair, connections: usize) -> Self {
        Self::start_with(CurrentCertificate::new(pair.read()), connections).await
    }

    async fn start_with(certificate: Arc<CurrentCertificate>, connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = ServerTls::new(Arc::clone(&certificate), OfferedProtocols::Http2AndHttp1).unwrap();
        let settings = HttpSettings { connections, tls: Some(tls), ..HttpSettings::default() };
        let answer = |encrypted: Option<Extension<EncryptedConnection>>| async move {
            if encrypted.is_some() { "encrypted" } else { "plain" }
        };
        let router = Router::new().route("/", get(answer));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            serve(listener, router, &settings, &[], async { drop(stopped.await) }).await;
        });
        Self { address, certificate, stop, ended }
    }

    async fn connect(&self, trusted: &Pair) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_with(trusted, &[b"http/1.1"]).await
    }

    async fn connect_with(
        &self,
        trusted: &Pair,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.read().key.cert[0].clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(TestTime))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(NAME).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

/// The time at which the certificates of tests are valid.
#[derive(Debug)]
struct TestTime;

impl TimeProvider for TestTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(now().duration_since(SystemTime::UNIX_EPOCH).ok()?))
    }
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), connection: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nhost: {NAME}\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"encrypted") && stream.read_buf(&mut response).await.unwrap_or(0) > 0 {}
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn requests_are_served_over_tls_and_know_it() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 100).await;
    let mut client = server.connect(&pair).await.unwrap();
    assert!(exchange(&mut client, "close").await.ends_with("encrypted"));
    server.stop.send(()).unwrap();
    server.ended.await.unwrap();
}

#[tokio::test]
async fn clients_choose_the_protocol() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 100).await;
    for (offered, chosen) in
        [(&[b"h2".as_slice(), b"http/1.1"][..], b"h2".as_slice()), (&[b"http/1.1"], b"http/1.1")]
    {
        let client = server.connect_with(&pair, offered).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(chosen));
    }
    assert!(server.connect_with(&pair, &[b"smtp"]).await.is_err());
}

#[tokio::test]
async fn a_new_certificate_reaches_new_connections_and_open_ones_continue() {
    let (old, new) = (Pair::for_names(&[NAME]), Pair::for_names(&[NAME]));
    let server = TestServer::start(&old, 100).await;
    let mut open = server.connect(&old).await.unwrap();
    assert!(exchange(&mut open, "keep-alive").await.ends_with("encrypted"));
    server.certificate.replace(new.read());
    assert!(server.connect(&old).await.is_err());
    assert!(exchange(&mut server.connect(&new).await.unwrap(), "close").await.ends_with("encrypted"));
    assert!(exchange(&mut open, "close").await.ends_with("encrypted"));
}

#[tokio::test]
async fn only_authorities_that_ask_for_the_proof_of_a_name_get_it() {
    let (pair, proof) = (Pair::for_names(&[NAME]), Pair::for_names(&[NAME]));
    let proofs = OwnershipProofs::default();
    let certificate = CurrentCertificate::with_proofs(pair.read(), proofs.clone());
    let server = TestServer::start_with(certificate, 100).await;
    let asks = [&b"acme-tls/1"[..]];
    assert!(server.connect_with(&proof, &asks).await.is_err(), "there is none yet");
    proofs.set("S3.example.com", &proof.certificate_pem(), &proof.key_pem()).unwrap();
    let authority = server.connect_with(&proof, &asks).await.unwrap();
    assert_eq!(authority.get_ref().1.alpn_protocol(), Some(asks[0]));
    for offered in [&[&b"http/1.1"[..]][..], &[b"acme-tls/1", b"http/1.1"]] {
        let client = server.connect_with(&pair, offered).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    proofs.clear();
    assert!(server.connect_with(&proof, &asks).await.is_err(), "it isn't shown any more");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_the_clients_to_refuse() {
    let other = Pair::for_names(&["other.example.com"]);
    let server = TestServer::start(&other, 100).await;
    let refused = server.connect(&other).await.unwrap_err().to_string();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn clients_that_never_finish_their_handshake_hold_up_nobody() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 100).await;
    let mut slow = Vec::new();
    for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"].into_iter().cycle().take(45) {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(sent).await.unwrap();
        slow.push(client);
    }
    let mut client = tokio::time::timeout(SOON, server.connect(&pair)).await.unwrap().unwrap();
    assert!(exchange(&mut client, "close").await.ends_with("encrypted"));
    // Nor do they hold up the end.
    server.stop.send(()).unwrap();
    tokio::time::timeout(SOON, server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn unfinished_handshakes_leave_half_of_the_connections_to_others() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 8).await;
    let mut client = server.connect(&pair).await.unwrap();
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(TcpStream::connect(server.address).await.unwrap());
    }
    // The fifth is closed at once.
    let mut fifth = TcpStream::connect(server.address).await.unwrap();
    let read = tokio::time::timeout(SOON, fifth.read(&mut [0])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(exchange(&mut client, "close").await.ends_with("encrypted"));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_ten_seconds() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 100).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"\x16\x03").await.unwrap();
    let began = tokio::time::Instant::now();
    let read = client.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!((9..12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_request_without_tls_is_told_to_use_https() {
    let pair = Pair::for_names(&[NAME]);
    let server = TestServer::start(&pair, 100).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{response}");
    assert!(response.ends_with("Use https:// instead of http:// in the URL.\n"), "{response}");
    // Something else gets no response.
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"\0\0\0\0").await.unwrap();
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
}
