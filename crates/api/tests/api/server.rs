//! The server on a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use bucketry_api::serve;
use bucketry_web::MinRate;
use bucketry_web::serve::HttpSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::deployment::Deployment;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    deployment: Deployment,
}

async fn run(settings: HttpSettings) -> Running {
    let deployment = Deployment::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (router, state) = (deployment.router.clone(), deployment.state.clone());
    let server = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve(listener, router, &state, &settings, stopped).await;
    });
    Running { address, stop, server, deployment }
}

async fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).await.unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn requests_are_answered_until_the_server_is_stopped() {
    let running = run(HttpSettings::default()).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut connection).await.starts_with("HTTP/1.1 200 OK"));
    running.stop.send(()).unwrap();
    running.server.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "the listener is closed");
    assert!(running.deployment.state.closing().is_cancelled());
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for_for_ever() {
    let settings = HttpSettings { head_timeout: Duration::from_millis(20), ..HttpSettings::default() };
    let running = run(settings).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn a_client_that_says_nothing_at_all_is_dropped() {
    let settings = HttpSettings { stall_timeout: Duration::from_millis(20), ..HttpSettings::default() };
    let running = run(settings).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let mut rest = Vec::new();
    // Closed or reset: either way, the server does not wait.
    let _ = connection.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let running = run(HttpSettings { connections: 1, ..HttpSettings::default() }).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut first).await;
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    drop(first);
    assert!(read_head(&mut second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let running = run(HttpSettings::default()).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100 << 10));
    let _ = connection.write_all(head.as_bytes()).await;
    assert!(read_head(&mut connection).await.starts_with("HTTP/1.1 431"));
}

/// Sends a request like a client that reads nothing until it has sent everything. Returns the status line.
async fn send_all(address: SocketAddr, head: &str, body: usize) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!("{head}\r\nhost: x\r\ncontent-length: {body}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&vec![b'x'; body]).await.unwrap();
    let head = read_head(&mut connection).await;
    head.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_refused_body_is_read_so_that_the_client_sees_why() {
    const LARGE: usize = 3 << 20;
    let running = run(HttpSettings::default()).await;
    let token = format!("authorization: Bearer {}", running.deployment.owner);
    let json = "content-type: application/json";
    for (head, status) in [
        (format!("POST /bucket HTTP/1.1\r\n{json}"), "401"),
        (format!("POST /bucket HTTP/1.1\r\n{json}\r\n{token}"), "413"),
        (format!("POST /user/login HTTP/1.1\r\n{json}"), "413"),
        (format!("POST /register HTTP/1.1\r\n{json}"), "413"),
        (format!("POST /nowhere HTTP/1.1\r\n{json}"), "404"),
        (format!("PATCH /bucket HTTP/1.1\r\n{json}"), "405"),
        (format!("POST /bucket HTTP/1.1\r\ncontent-type: text/plain\r\n{token}"), "415"),
    ] {
        for _ in 0..5 {
            let line = send_all(running.address, &head, LARGE).await;
            assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{line:?} instead of {status}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_loses_its_connection() {
    let min_read_rate = MinRate { window: Duration::from_millis(50), bytes: 1 << 10 };
    let running = run(HttpSettings { connections: 1, min_read_rate, ..HttpSettings::default() }).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    // More than the socket buffers of any system can hold.
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    first.write_all(requests.as_bytes()).await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(
        read_head(&mut second).await.starts_with("HTTP/1.1 200 OK"),
        "the first connection still has the only slot"
    );
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let settings =
        HttpSettings { connections_per_address: std::num::NonZeroUsize::new(1), ..HttpSettings::default() };
    let running = run(settings).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200 OK"));
    let mut second = TcpStream::connect(running.address).await.unwrap();
    let mut byte = [0];
    assert!(!matches!(second.read(&mut byte).await, Ok(1..)), "the second connection is closed");
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut first).await.contains("200 OK"), "the first connection is not affected");
}
