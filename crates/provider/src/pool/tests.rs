//! Reuse of one connection for several requests, and what ends a connection. Everything that both clients must do is
//! tested with a GET, which the small one sends, and with a POST, which hyper's sends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_rustls::HttpsConnector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::connector::GuardedConnector;
use crate::dial::Dialer;
use crate::payload::Payload;
use crate::policy::EndpointPolicy;
use crate::resolve::SystemResolver;
use crate::tls;

/// One method for each client.
const BOTH: [Method; 2] = [Method::GET, Method::POST];
const LONG: Duration = Duration::from_secs(20);

fn pool(idle_timeout: Duration, max_idle_per_host: usize) -> Pool {
    let dialer = Arc::new(Dialer::new(EndpointPolicy::private(), Arc::new(SystemResolver), LONG));
    let tls = tls::client_config(None).unwrap();
    let inner = HttpsConnector::from((GuardedConnector(dialer), tls));
    Pool::new(BoundedConnector { inner, timeout: LONG }, idle_timeout, max_idle_per_host)
}

/// A server whose connections each test answers by hand.
struct Server(TcpListener);

impl Server {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn request(&self, method: Method) -> Request<Outgoing> {
        let mut request = Request::new(Outgoing::empty());
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{}/k?a=b", self.address()).parse().unwrap();
        request
    }

    async fn accept(&self) -> TcpStream {
        tokio::time::timeout(LONG, self.0.accept()).await.unwrap().unwrap().0
    }

    async fn has_another(&self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.0.accept()).await.is_ok()
    }
}

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

async fn answer(stream: &mut TcpStream, text: &str) -> String {
    let head = head(stream).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    head
}

const FIVE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345";
const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";

async fn read(answer: Response<Incoming>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn idle_connections(pool: &Pool) -> usize {
    pool.with_body.count() + pool.without_body.count()
}

#[tokio::test]
async fn one_connection_carries_one_request_after_the_other() {
    for method in BOTH {
        let (pool, server) = (pool(LONG, 8), Server::start().await);
        let serving = async {
            let mut stream = server.accept().await;
            for text in [FIVE, NOTHING, CHUNKED, INTERIM, FIVE] {
                let head = answer(&mut stream, text).await;
                assert!(head.starts_with(&format!("{method} /k?a=b HTTP/1.1\r\n")), "{head}");
                assert!(head.contains(&format!("host: {}\r\n", server.address())), "{head}");
            }
            stream
        };
        let asking = async {
            for content in ["12345", "", "12345", "12345", "12345"] {
                let answer = pool.send(server.request(method.clone())).await.unwrap();
                assert_eq!(read(answer).await, content);
                assert_eq!(idle_connections(&pool), 1, "after {content:?}");
            }
        };
        let (_stream, ()) = tokio::join!(serving, asking);
        assert!(!server.has_another().await);
    }
}

#[tokio::test]
async fn a_connection_is_kept_when_the_last_byte_was_read_and_nobody_asked_for_the_end() {
    for method in BOTH {
        let (pool, server) = (pool(LONG, 8), Server::start().await);
        let serving = async {
            let mut stream = server.accept().await;
            answer(&mut stream, FIVE).await;
            stream
        };
        let (_stream, sent) = tokio::join!(serving, pool.send(server.request(method)));
        let mut body = sent.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "12345");
        assert_eq!(idle_connections(&pool), 1);
    }
}

/// The timer of a connection stays set from one request to the next.
#[tokio::test]
async fn each_request_over_a_connection_has_its_own_deadline() {
    const SHORT: Duration = Duration::from_millis(100);
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let origin = Origin { tls: false, authority: server.address().to_string().parse().unwrap() };
    let ask = async |within: Duration| {
        let deadline = Instant::now().checked_add(within);
        let answer = pool.send_head(&origin, b"GET / HTTP/1.1\r\n\r\n", false, deadline).await;
        answer.map(|answer| answer.status())
    };
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, NOTHING).await;
        head(&mut stream).await;
        tokio::time::sleep(3 * SHORT).await;
        stream.write_all(NOTHING.as_bytes()).await.unwrap();
        head(&mut stream).await;
        stream
    };
    let asking = async {
        ask(SHORT).await.unwrap();
        ask(LONG).await.unwrap();
        let began = Instant::now();
        assert!(matches!(ask(SHORT).await, Err(ProviderError::TimedOut)));
        assert!((SHORT..LONG / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert_eq!(idle_connections(&pool), 0);
    };
    let (_stream, ()) = tokio::join!(serving, asking);
    assert!(!server.has_another().await, "all requests went over one connection");
}

/// A task that records whether its own polling woke it.
#[derive(Default)]
struct Sleeper {
    task: AtomicWaker,
    is_polled: AtomicBool,
    disturbed: AtomicBool,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        if self.is_polled.load(Ordering::Acquire) {
            self.disturbed.store(true, Ordering::Release);
        }
        self.task.wake();
    }
}

#[tokio::test]
async fn who_reads_an_answer_is_woken_by_the_network_alone() {
    for method in BOTH {
        woken_by_the_network_alone(&method).await;
    }
}

async fn woken_by_the_network_alone(method: &Method) {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        let mut stream = server.accept().await;
        for text in [FIVE, FIVE] {
            answer(&mut stream, text).await;
        }
        stream
    };
    let asking = async {
        // The first request connects, which may wake the task. The second one must not.
        read(pool.send(server.request(method.clone())).await.unwrap()).await;
        let mut reading =
            pin!(async { read(pool.send(server.request(method.clone())).await.unwrap()).await });
        let sleeper = Arc::new(Sleeper::default());
        let waker = Waker::from(Arc::clone(&sleeper));
        poll_fn(|cx| {
            sleeper.task.register(cx.waker());
            sleeper.is_polled.store(true, Ordering::Release);
            let polled = reading.as_mut().poll(&mut Context::from_waker(&waker));
            sleeper.is_polled.store(false, Ordering::Release);
            polled
        })
        .await;
        assert!(!sleeper.disturbed.load(Ordering::Acquire));
    };
    tokio::join!(serving, asking);
}

#[tokio::test]
async fn an_answer_that_is_not_read_to_its_end_closes_its_connection() {
    for method in BOTH {
        let (pool, server) = (pool(LONG, 8), Server::start().await);
        let serving = async {
            let mut stream = server.accept().await;
            answer(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234").await;
            stream
        };
        let (mut stream, answer) = tokio::join!(serving, pool.send(server.request(method)));
        drop(answer);
        assert_eq!(idle_connections(&pool), 0);
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the connection is closed");
    }
}

#[tokio::test]
async fn giving_a_request_up_closes_its_connection() {
    for method in BOTH {
        let (pool, server) = (pool(LONG, 8), Server::start().await);
        let mut stream = tokio::select! {
            _ = pool.send(server.request(method)) => panic!("no response is sent"),
            stream = async {
                let mut stream = server.accept().await;
                head(&mut stream).await;
                stream
            } => stream,
        };
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the connection is closed");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_kept_is_replaced_whatever_the_request() {
    for method in BOTH {
        replaced_when_closed(&method).await;
    }
}

async fn replaced_when_closed(method: &Method) {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        for _ in 0..2 {
            // The server closes the connection after its response.
            answer(&mut server.accept().await, NOTHING).await;
        }
    };
    let asking = async {
        for _ in 0..2 {
            assert!(pool.send(server.request(method.clone())).await.is_ok());
            let mut closed = false;
            while !closed {
                tokio::task::yield_now().await;
                closed = pool.with_body.has_no_fit_connection() && pool.without_body.has_no_fit_connection();
            }
        }
    };
    tokio::join!(serving, asking);
}

#[tokio::test]
async fn a_connection_whose_request_was_not_sent_to_its_end_is_not_kept() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let endless = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
    let mut request = server.request(Method::PUT);
    *request.body_mut() = Outgoing::of(Payload::stream(endless, 10)).0;
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        stream
    };
    let (_stream, answer) = tokio::join!(serving, pool.send(request));
    assert_eq!(answer.unwrap().status(), 403);
    assert_eq!(idle_connections(&pool), 0);
}

#[tokio::test]
async fn what_nobody_uses_is_closed_after_a_while_and_never_more_is_kept_than_allowed() {
    let (pool, server) = (pool(Duration::from_millis(200), 2), Server::start().await);
    let serving = async {
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(server.accept().await);
        }
        for stream in &mut streams {
            answer(stream, NOTHING).await;
        }
        streams
    };
    let ask = || pool.send(server.request(Method::GET));
    let (streams, first, second, third) = tokio::join!(serving, ask(), ask(), ask());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert!(idle_connections(&pool) <= 2);
    for mut stream in streams {
        let ended = tokio::time::timeout(LONG, stream.read(&mut [0])).await.unwrap();
        assert_eq!(ended.unwrap_or(0), 0, "the connection is closed");
    }
    assert!(!pool.without_body.is_watched(), "nothing is left to watch");
}

/// Sends a GET or HEAD to a server that answers with this text and closes the connection.
async fn answered(method: Method, text: &str) -> Result<Result<Bytes, ProviderError>, ProviderError> {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        // The client may have given up before the whole text is sent.
        let mut stream = server.accept().await;
        head(&mut stream).await;
        let _ = stream.write_all(text.as_bytes()).await;
    };
    let ((), answer) = tokio::join!(serving, pool.send(server.request(method)));
    let content = answer?.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    assert_eq!(idle_connections(&pool), 0, "{text:?}");
    Ok(content)
}

#[tokio::test]
async fn a_response_ends_where_its_head_says() {
    for (method, text, content) in [
        (Method::GET, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\n12345", "12345"),
        (Method::GET, "HTTP/1.1 200 OK\r\n\r\n12345", "12345"),
        (Method::GET, "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n12345", "12345"),
        // What follows a body belongs to no request, so the connection isn't used again.
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345HTTP/1.1 200 OK\r\n\r\n", "12345"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345", ""),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
    ] {
        assert_eq!(answered(method, text).await.unwrap().unwrap(), content, "{text:?}");
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_is_an_error() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n1234",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n1234",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\n12345\r\n0\r\n\r\n",
    ] {
        let outcome = answered(Method::GET, text).await.unwrap();
        assert!(matches!(outcome, Err(ProviderError::BrokenOff)), "{text:?}: {outcome:?}");
    }
    for text in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"] {
        let outcome = answered(Method::GET, text).await;
        assert!(matches!(outcome, Err(ProviderError::BrokenOff)), "{text:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_or_leaves_its_end_open_is_no_response() {
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n123456",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    ] {
        let outcome = answered(Method::GET, text).await;
        let wanted = matches!(outcome, Err(ProviderError::NotAnObjectStore { status: None }));
        assert!(wanted, "{text:?}: {outcome:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(20_000));
    assert!(answered(Method::GET, &endless).await.is_err());
}

#[tokio::test]
async fn a_get_is_repeated_when_its_kept_connection_ends_before_an_answer_and_a_post_is_not() {
    for (method, repeated) in [(Method::GET, true), (Method::POST, false)] {
        let (pool, server) = (pool(LONG, 8), Server::start().await);
        let serving = async {
            let mut stream = server.accept().await;
            answer(&mut stream, NOTHING).await;
            // The server closes the connection when the next request is already on its way.
            head(&mut stream).await;
            drop(stream);
            if repeated {
                answer(&mut server.accept().await, FIVE).await;
            }
        };
        let asking = async {
            read(pool.send(server.request(method.clone())).await.unwrap()).await;
            pool.send(server.request(method.clone())).await
        };
        let ((), outcome) = tokio::join!(serving, asking);
        match outcome {
            Ok(answer) => assert!(repeated && read(answer).await == "12345", "{method}"),
            Err(error) => {
                assert!(!repeated && matches!(error, ProviderError::BrokenOff), "{method}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_head_may_arrive_byte_by_byte() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        let mut stream = server.accept().await;
        stream.set_nodelay(true).unwrap();
        head(&mut stream).await;
        for byte in CHUNKED.bytes() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream
    };
    let asking = async { read(pool.send(server.request(Method::GET)).await.unwrap()).await };
    let (_stream, content) = tokio::join!(serving, asking);
    assert_eq!(content, "12345");
    assert_eq!(idle_connections(&pool), 1);
}

mod any_bytes {
    //! Damaged responses, in whatever pieces they arrive.

    use proptest::prelude::*;

    use super::super::chunked::Piece;
    use super::super::response_head::{Framing, Parsed, parse};
    use super::*;

    /// What a client reads from a connection: status, body, whether the end of the body was found, and what is left.
    type Read = Option<(u16, Vec<u8>, bool, Vec<u8>)>;

    fn read_all(text: &[u8], at_once: usize) -> Read {
        let mut pieces = text.chunks(at_once.max(1));
        let mut buffer = bytes::BytesMut::new();
        let mut head = loop {
            match parse(&mut buffer, false).ok()? {
                Parsed::Head(head) => break head,
                Parsed::Interim => {}
                Parsed::Incomplete => buffer.extend_from_slice(pieces.next()?),
            }
        };
        let (mut body, mut is_complete) = (Vec::new(), false);
        loop {
            match &mut head.framing {
                Framing::Length(left) => {
                    let count = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    body.extend_from_slice(&buffer.split_to(count));
                    *left -= count as u64;
                    is_complete = *left == 0;
                }
                Framing::Chunked(chunked) => loop {
                    match chunked.next(&mut buffer) {
                        Ok(Piece::Data(data)) => body.extend_from_slice(&data),
                        Ok(Piece::Incomplete) => break,
                        Ok(Piece::End) => {
                            is_complete = true;
                            break;
                        }
                        Err(_) => return Some((head.status.as_u16(), body, false, Vec::new())),
                    }
                },
                Framing::UntilClose => body.extend_from_slice(&buffer.split()),
            }
            let more = if is_complete { None } else { pieces.next() };
            let Some(piece) = more else {
                let rest = buffer.iter().copied().chain(pieces.flatten().copied()).collect();
                return Some((head.status.as_u16(), body, is_complete, rest));
            };
            buffer.extend_from_slice(piece);
        }
    }

    /// `cargo xtask fuzz` asks for many more.
    fn more_cases() -> ProptestConfig {
        let config = ProptestConfig::default();
        ProptestConfig { cases: config.cases.max(2_000), ..config }
    }

    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let seed = prop_oneof![
            Just(FIVE),
            Just(NOTHING),
            Just(CHUNKED),
            Just(INTERIM),
            Just("HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n12345"),
            Just(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n12\r\n1\r\n3\r\n0\r\nx: y\r\n\r\nHTTP/1.1"
            ),
        ];
        let byte = prop_oneof![
            Just(b'\r'),
            Just(b'\n'),
            Just(b':'),
            Just(b' '),
            Just(b','),
            Just(b'0'),
            Just(b'9'),
            any::<u8>()
        ];
        let changes = proptest::collection::vec((any::<prop::sample::Index>(), byte, 0..3_u8), 0..6);
        (seed, changes).prop_map(|(seed, changes)| {
            let mut text = seed.as_bytes().to_vec();
            for (at, byte, how) in changes {
                let at = at.index(text.len());
                match how {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ => drop(text.remove(at)),
                }
                if text.is_empty() {
                    text.push(byte);
                }
            }
            text
        })
    }

    proptest! {
        #![proptest_config(more_cases())]

        #[test]
        fn a_response_means_the_same_in_any_pieces(text in damaged(), at_once in 1_usize..60) {
            prop_assert_eq!(read_all(&text, at_once), read_all(&text, text.len()));
        }
    }
}
