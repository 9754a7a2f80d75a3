//! Closed loops of S3 requests over keep-alive connections, to compare several servers.

use std::cell::Cell;
use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::gateway::sign::Signer;
use crate::process::Process;
use crate::report;
use crate::statistics::{Latency, Spread};

/// Time limit of a round.
const TOO_LONG: Duration = Duration::from_mins(3);

/// The request that is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The request's body.
    pub(crate) content: Bytes,
    /// The value of `x-amz-content-sha256`.
    pub(crate) payload_hash: String,
    /// The content type, if the content is a form. It contains its own signature.
    pub(crate) form: Option<HeaderValue>,
    /// The expected status, and the expected body if it is verified.
    pub(crate) expected: (StatusCode, Option<Bytes>),
    /// How many times the response must repeat the expected body.
    pub(crate) repeated: usize,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
}

/// One of the compared servers.
pub(crate) struct LoadSide {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) signer: Signer,
    pub(crate) process: Process,
    /// Encrypts connections, if the URL begins with `https://`.
    pub(crate) tls: Option<TlsConnector>,
}

/// The cost of a round.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadRound {
    pub(crate) requests_per_second: f64,
    /// User and system time of the server's process.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) latency: Latency,
}

/// One server's rounds, and their ratios to the first server's in the same round.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) cpu_us_per_request: Spread,
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) rounds: Vec<LoadRound>,
}

/// The result of a comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The sides that completed all rounds, in their order.
    pub(crate) compared: Vec<Compared>,
    /// The names of the other sides, and why they failed.
    pub(crate) failed: Vec<(String, String)>,
}

/// Measures all sides alternately, in rotating order, after one round that is discarded. If the first side fails,
/// the comparison fails; any other side that fails is left out of the following rounds.
pub(crate) async fn compare(sides: &[LoadSide], work: &Work, rounds: usize) -> Result<Comparison> {
    let mut measured: Vec<Result<Vec<LoadRound>>> = Vec::new();
    for side in sides {
        let warm_up = Work { requests: (work.requests / 4).max(work.connections), ..work.clone() };
        measured.push(round(side, &warm_up).await.map(|_| Vec::new()));
    }
    for number in 0..rounds {
        for step in 0..sides.len() {
            let which = (number + step) % sides.len();
            let (Some(side), Some(slot)) = (sides.get(which), measured.get_mut(which)) else { continue };
            let Ok(rounds) = slot else { continue };
            match round(side, work).await {
                Ok(round) => rounds.push(round),
                Err(error) => *slot = Err(error),
            }
        }
    }
    let mut comparison = Comparison { compared: Vec::new(), failed: Vec::new() };
    for (number, (side, measured)) in sides.iter().zip(measured).enumerate() {
        match measured {
            Err(error) if number == 0 => return Err(error),
            measured => comparison.take(side, measured),
        }
    }
    Ok(comparison)
}

/// The first line of an error, because a table row has no room for everything that a program printed.
pub(crate) fn failed(error: &dyn Error) -> String {
    format!("failed: {}", error.to_string().lines().next().unwrap_or_default())
}

impl Comparison {
    /// Adds the rounds of a side, or why it failed.
    pub(crate) fn take(&mut self, side: &LoadSide, measured: Result<Vec<LoadRound>>) {
        match measured {
            Ok(rounds) => self.compared.push(Compared::of(side, rounds)),
            Err(error) => {
                report::complain(&format!("{} failed: {error}", side.name));
                self.failed.push((side.name.clone(), failed(error.as_ref())));
            }
        }
    }
}

impl Compared {
    pub(crate) fn of(side: &LoadSide, rounds: Vec<LoadRound>) -> Self {
        Self {
            name: side.name.clone(),
            cpu_us_per_request: Spread::of(rounds.iter().map(|round| round.cpu_us_per_request)),
            requests_per_second: Spread::of(rounds.iter().map(|round| round.requests_per_second)),
            p50_us: Spread::of(rounds.iter().map(|round| round.latency.p50 as f64)),
            rounds,
        }
    }
}

/// The median of the pairwise ratios of a figure, first to second.
pub(crate) fn ratio(first: &Compared, second: &Compared, figure: fn(&LoadRound) -> f64) -> Spread {
    Spread::of(first.rounds.iter().zip(&second.rounds).map(|(a, b)| figure(a) / figure(b)))
}

/// Runs one round against one server.
pub(crate) async fn round(side: &LoadSide, work: &Work) -> Result<LoadRound> {
    let mut senders = Vec::new();
    for _ in 0..work.connections {
        senders.push(connect_to(side).await?);
    }
    let left = Cell::new(work.requests);
    let (cpu, start) = (side.process.cpu()?, Instant::now());
    let all = try_join_all(senders.into_iter().map(|sender| worker(side, work, sender, &left)));
    let done = tokio::time::timeout(TOO_LONG, all).await.map_err(|_| "a round took too long")??;
    let (took, cpu) = (start.elapsed(), side.process.cpu()?.saturating_sub(cpu));
    let times: Vec<Duration> = done.into_iter().flatten().collect();
    Ok(LoadRound {
        requests_per_second: times.len() as f64 / took.as_secs_f64(),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        latency: Latency::of(times),
    })
}

/// Opens a connection to a server, with or without TLS.
async fn connect_to(side: &LoadSide) -> Result<SendRequest<Full<Bytes>>> {
    let Some(tls) = &side.tls else { return connect(&side.url).await };
    let address = side.url.strip_prefix("https://").ok_or("not an https URL")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = tls.connect(name, stream).await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Opens a connection to `http://ADDRESS`.
pub(crate) async fn connect(url: &str) -> Result<SendRequest<Full<Bytes>>> {
    let address = url.strip_prefix("http://").ok_or("not an http URL")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, or when the server closes it; then the next request fails.
    tokio::spawn(connection);
    Ok(sender)
}

async fn worker(
    side: &LoadSide,
    work: &Work,
    mut sender: SendRequest<Full<Bytes>>,
    left: &Cell<usize>,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    while let Some(rest) = left.get().checked_sub(1) {
        left.set(rest);
        times.push(call(side, work, &mut sender).await?);
    }
    Ok(times)
}

fn request(side: &LoadSide, work: &Work) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::new(Full::new(work.content.clone()));
    *request.method_mut() = work.method.clone();
    if let Some(content_type) = &work.form {
        *request.uri_mut() = work.path.parse()?;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&side.signer.host)?);
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        return Ok(request);
    }
    let head = side.signer.sign(&work.method, &work.path, &work.payload_hash)?;
    *request.uri_mut() = head.target.parse()?;
    *request.headers_mut() = head.headers;
    Ok(request)
}

/// Sends one request and returns the response's body, which must be a success.
pub(crate) async fn document(
    side: &LoadSide,
    work: &Work,
    sender: &mut SendRequest<Full<Bytes>>,
) -> Result<String> {
    sender.ready().await?;
    let answer = sender.send_request(request(side, work)?).await?;
    let status = answer.status();
    let body = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!("{} returned {status}: {body}", side.name).into())
    }
}

/// Sends one request and verifies the response, byte for byte.
pub(crate) async fn call(
    side: &LoadSide,
    work: &Work,
    sender: &mut SendRequest<Full<Bytes>>,
) -> Result<Duration> {
    let request = request(side, work)?;
    sender.ready().await?;
    let start = Instant::now();
    let mut answer = sender.send_request(request).await?;
    let status = answer.status();
    let (wanted, content) = &work.expected;
    let mut at = 0;
    let mut response = Vec::new();
    while let Some(frame) = answer.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        match content {
            Some(content) if status == *wanted => {
                if !continues(content, at, &piece) {
                    return Err(format!("{} returned other bytes at {at}", side.name).into());
                }
            }
            _ => response.extend_from_slice(&piece[..piece.len().min(500)]),
        }
        at += piece.len();
    }
    if status != *wanted || content.as_ref().is_some_and(|content| at != content.len() * work.repeated) {
        let response = String::from_utf8_lossy(&response).into_owned();
        return Err(format!("{} returned {status} and {at} bytes: {response}", side.name).into());
    }
    Ok(start.elapsed())
}

/// Whether a piece continues a repeated content at this offset.
pub(crate) fn continues(content: &[u8], at: usize, mut piece: &[u8]) -> bool {
    let mut at = at.checked_rem(content.len()).unwrap_or_default();
    while !piece.is_empty() {
        let rest = content.get(at..).unwrap_or_default();
        let (now, later) = piece.split_at(piece.len().min(rest.len()));
        if now.is_empty() || rest.get(..now.len()) != Some(now) {
            return false;
        }
        (at, piece) = (0, later);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use tokio::net::TcpListener;

    use super::*;

    fn side(name: &str, url: String) -> LoadSide {
        let signer = Signer::new("key".to_owned(), "secret".to_owned(), "host".to_owned());
        let process = Process::new(std::process::id()).unwrap();
        LoadSide { name: name.to_owned(), url, signer, process, tls: None }
    }

    #[tokio::test]
    async fn a_peer_that_fails_is_told_and_the_others_go_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = |_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("answer"))) };
                tokio::spawn(
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
                );
            }
        });
        let work = Work {
            method: Method::GET,
            path: "/".to_owned(),
            content: Bytes::new(),
            payload_hash: "UNSIGNED-PAYLOAD".to_owned(),
            form: None,
            expected: (StatusCode::OK, Some(Bytes::from("answer"))),
            repeated: 1,
            connections: 2,
            requests: 4,
        };
        // Nothing listens on this port.
        let bad = "http://127.0.0.1:1".to_owned();
        let sides = [side("own", good.clone()), side("broken", bad.clone()), side("sound", good.clone())];
        let Comparison { compared, failed } = compare(&sides, &work, 3).await.unwrap();
        assert_eq!(compared.iter().map(|side| side.name.as_str()).collect::<Vec<_>>(), ["own", "sound"]);
        assert!(compared.iter().all(|side| side.rounds.len() == 3));
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].0, "broken");

        let sides = [side("own", bad), side("sound", good)];
        assert!(
            compare(&sides, &work, 3).await.is_err(),
            "without the gateway's own figures there is nothing to compare"
        );
    }

    #[test]
    fn a_content_may_be_repeated_and_nothing_else() {
        assert!(continues(b"abc", 4, b"bcabca"));
        assert!(continues(b"abc", 0, b""));
        assert!(!continues(b"abc", 4, b"bcb"));
        assert!(!continues(b"", 0, b"a"));
    }
}
