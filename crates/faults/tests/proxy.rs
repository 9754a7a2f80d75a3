//! The proxy passes bytes unchanged, and misbehaves exactly as the fault says.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::ErrorKind;
use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy, OriginStub};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any response takes, and short enough to wait for in a test.
const SILENCE: Duration = Duration::from_millis(100);

async fn ask(proxy: &FaultProxy, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything that the other side sends until it closes.
async fn answer(mut stream: TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

const GET: &str = "GET /b HTTP/1.1\r\nhost: h\r\n\r\n";

#[tokio::test]
async fn a_fault_acts_on_connections_that_are_open_already() {
    let origin = OriginStub::start().await.unwrap();
    let proxy = FaultProxy::start(origin.address()).await.unwrap();
    let mut stream = ask(&proxy, GET).await;
    let mut first = [0; 1_024];
    let read = stream.read(&mut first).await.unwrap();
    assert!(first[..read].starts_with(b"HTTP/1.1 200 OK\r\n"));

    proxy.set(Fault::Answer(Answer::slow_down(3)));
    stream.write_all(GET.as_bytes()).await.unwrap();
    let second = answer(stream).await.unwrap();
    assert!(
        second.starts_with("HTTP/1.1 503 ")
            && second.contains("retry-after: 3")
            && second.contains("SlowDown")
    );
    assert_eq!((origin.requests(), proxy.faults_met()), (1, 1));

    proxy.healthy();
    ask(&proxy, "HEAD /b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .await
        .read_exact(&mut [0; 15])
        .await
        .unwrap();
    assert_eq!((origin.requests(), proxy.faults_met()), (2, 1));
}

#[tokio::test]
async fn a_connection_whose_request_was_held_meets_later_faults() {
    for held in [Fault::HoldRequest, Fault::HoldAnswer] {
        let origin = OriginStub::start().await.unwrap();
        let proxy = FaultProxy::start(origin.address()).await.unwrap();
        proxy.set(held);
        let mut stream = ask(&proxy, GET).await;
        let mut first = [0; 1_024];
        assert!(tokio::time::timeout(SILENCE, stream.read(&mut first)).await.is_err());
        proxy.healthy();
        let read = stream.read(&mut first).await.unwrap();
        assert!(first[..read].starts_with(b"HTTP/1.1 200 OK\r\n"));

        proxy.set(Fault::Answer(Answer::slow_down(3)));
        stream.write_all(GET.as_bytes()).await.unwrap();
        assert!(answer(stream).await.unwrap().starts_with("HTTP/1.1 503 "));
        assert_eq!((origin.requests(), proxy.faults_met()), (1, 2));
    }
}

#[tokio::test]
async fn a_head_gets_the_header_of_an_answer_only() {
    let proxy = FaultProxy::alone(Fault::Answer(Answer::new(404).body("gone"))).await.unwrap();
    let head = answer(ask(&proxy, "HEAD /b HTTP/1.1\r\nhost: h\r\n\r\n").await).await.unwrap();
    assert!(head.contains("content-length: 4") && head.ends_with("\r\n\r\n"), "{head}");
    let get = answer(ask(&proxy, GET).await).await.unwrap();
    assert!(get.ends_with("\r\n\r\ngone"), "{get}");
}

#[tokio::test]
async fn connections_end_as_told() {
    let alone = async |fault| FaultProxy::alone(fault).await.unwrap();
    let reset = alone(Fault::Reset).await;
    assert_eq!(answer(ask(&reset, GET).await).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let early = alone(Fault::CloseEarly).await;
    assert_eq!(answer(ask(&early, GET).await).await.unwrap(), "");
    let middle = alone(Fault::CloseMidBody).await;
    assert!(answer(ask(&middle, GET).await).await.unwrap().ends_with("\r\n\r\nten bytes."));
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up() {
    for fault in [Fault::StallBeforeHeaders, Fault::StallReading] {
        let proxy = FaultProxy::alone(fault.clone()).await.unwrap();
        let waiting = tokio::time::timeout(SILENCE, answer(ask(&proxy, GET).await)).await;
        assert!(waiting.is_err(), "{fault:?}: {waiting:?}");
    }
    let origin = OriginStub::start().await.unwrap();
    let proxy = FaultProxy::start(origin.address()).await.unwrap();
    proxy.set(Fault::StallMidBody { after: 12 });
    let mut stream = ask(&proxy, GET).await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert!(tokio::time::timeout(SILENCE, stream.read_u8()).await.is_err(), "more than 12 bytes passed");
}

#[tokio::test]
async fn everything_stops_when_it_is_dropped() {
    let proxy = FaultProxy::alone(Fault::StallBeforeHeaders).await.unwrap();
    let address = proxy.address();
    let open = ask(&proxy, GET).await;
    drop(proxy);
    assert!(answer(open).await.unwrap_or_default().is_empty());
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
