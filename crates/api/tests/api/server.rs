//! The server on a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use bucketry_api::{ServeSettings, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::deployment::Deployment;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
    deployment: Deployment,
}

async fn run(settings: ServeSettings) -> Running {
    let deployment = Deployment::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (router, state) = (deployment.router.clone(), deployment.state.clone());
    let server = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve(listener, router, &state, &settings, stopped).await
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
    let running = run(ServeSettings::default()).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut connection).await.starts_with("HTTP/1.1 200 OK"));
    running.stop.send(()).unwrap();
    running.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
    assert!(running.deployment.state.closing().is_cancelled());
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for_for_ever() {
    let settings = ServeSettings { head_timeout: Duration::from_millis(20), ..ServeSettings::default() };
    let running = run(settings).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn a_client_that_says_nothing_at_all_is_dropped() {
    let settings = ServeSettings { stall_timeout: Duration::from_millis(20), ..ServeSettings::default() };
    let running = run(settings).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let mut rest = Vec::new();
    // Closed or reset: either way nothing is waited for.
    let _ = connection.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let running = run(ServeSettings { connections: 1, ..ServeSettings::default() }).await;
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
    let running = run(ServeSettings::default()).await;
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100 << 10));
    let _ = connection.write_all(head.as_bytes()).await;
    assert!(read_head(&mut connection).await.starts_with("HTTP/1.1 431"));
}
