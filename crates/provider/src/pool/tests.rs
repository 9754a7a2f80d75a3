//! Reuse of one connection for several requests, and what ends a connection.

use std::net::SocketAddr;

use http::Method;
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
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";

async fn read(answer: Response<Incoming>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn idle_connections(pool: &Pool) -> usize {
    pool.idle.idle_connections.lock().by_origin.values().map(VecDeque::len).sum()
}

#[tokio::test]
async fn one_connection_carries_one_request_after_the_other() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        let mut stream = server.accept().await;
        for text in [FIVE, NOTHING, CHUNKED, FIVE] {
            let head = answer(&mut stream, text).await;
            assert!(head.starts_with("GET /k?a=b HTTP/1.1\r\n"), "{head}");
            assert!(head.contains(&format!("host: {}\r\n", server.address())), "{head}");
        }
        stream
    };
    let asking = async {
        for content in ["12345", "", "12345", "12345"] {
            let answer = pool.send(server.request(Method::GET)).await.unwrap();
            assert_eq!(read(answer).await, content);
            assert_eq!(idle_connections(&pool), 1, "after {content:?}");
        }
    };
    let (_stream, ()) = tokio::join!(serving, asking);
    assert!(!server.has_another().await);
}

#[tokio::test]
async fn a_connection_is_kept_when_the_last_byte_was_read_and_nobody_asked_for_the_end() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, FIVE).await;
        stream
    };
    let (_stream, sent) = tokio::join!(serving, pool.send(server.request(Method::GET)));
    let mut body = sent.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "12345");
    assert_eq!(idle_connections(&pool), 1);
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
        read(pool.send(server.request(Method::GET)).await.unwrap()).await;
        let mut reading = pin!(async { read(pool.send(server.request(Method::GET)).await.unwrap()).await });
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
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        let mut stream = server.accept().await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234").await;
        stream
    };
    let (mut stream, answer) = tokio::join!(serving, pool.send(server.request(Method::GET)));
    drop(answer);
    assert_eq!(idle_connections(&pool), 0);
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the connection is closed");
}

#[tokio::test]
async fn giving_a_request_up_closes_its_connection() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let mut stream = tokio::select! {
        _ = pool.send(server.request(Method::GET)) => panic!("no response is sent"),
        stream = async {
            let mut stream = server.accept().await;
            head(&mut stream).await;
            stream
        } => stream,
    };
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the connection is closed");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_kept_is_replaced_whatever_the_request() {
    let (pool, server) = (pool(LONG, 8), Server::start().await);
    let serving = async {
        for _ in 0..2 {
            // The server closes the connection after its response.
            answer(&mut server.accept().await, NOTHING).await;
        }
    };
    let asking = async {
        for _ in 0..2 {
            assert!(pool.send(server.request(Method::POST)).await.is_ok());
            let mut closed = false;
            while !closed {
                tokio::task::yield_now().await;
                closed = pool
                    .idle
                    .idle_connections
                    .lock()
                    .by_origin
                    .values_mut()
                    .flatten()
                    .all(|connection| !connection.is_fit());
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
    assert!(!pool.idle.idle_connections.lock().watched, "nothing is left to watch");
}
