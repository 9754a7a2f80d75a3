//! Closed loops of S3 requests over keep-alive connections, and several servers compared with each other.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::Result;
use crate::gateway::sign::Signer;
use crate::process::Process;
use crate::statistics::{Latency, Spread};

/// No round takes longer than this.
const TOO_LONG: Duration = Duration::from_mins(3);

/// What is asked, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What is sent.
    pub(crate) content: Bytes,
    /// The text of `x-amz-content-sha256`.
    pub(crate) payload_hash: String,
    /// What must come back.
    pub(crate) expected: (StatusCode, Option<Bytes>),
    /// How many times over the content must come.
    pub(crate) repeated: usize,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
}

/// One of the servers.
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) signer: Signer,
    pub(crate) process: Process,
}

/// What a round cost.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Round {
    pub(crate) requests_per_second: f64,
    /// User and system time of the server's process.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) latency: Latency,
}

/// One server's rounds, and how they stand to the first server's of the same round.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) cpu_us_per_request: Spread,
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) rounds: Vec<Round>,
}

/// Figures of all sides over rounds in turns, the order turned each round, after one that is thrown away.
pub(crate) async fn compare(sides: &[Side], work: &Work, rounds: usize) -> Result<Vec<Compared>> {
    let mut measured: Vec<Vec<Round>> = sides.iter().map(|_| Vec::new()).collect();
    for side in sides {
        let warm_up = Work { requests: (work.requests / 4).max(work.connections), ..work.clone() };
        round(side, &warm_up).await?;
    }
    for number in 0..rounds {
        for step in 0..sides.len() {
            let which = (number + step) % sides.len();
            if let (Some(side), Some(rounds)) = (sides.get(which), measured.get_mut(which)) {
                rounds.push(round(side, work).await?);
            }
        }
    }
    let compared = sides.iter().zip(measured).map(|(side, rounds)| Compared {
        name: side.name.clone(),
        cpu_us_per_request: Spread::of(rounds.iter().map(|round| round.cpu_us_per_request)),
        requests_per_second: Spread::of(rounds.iter().map(|round| round.requests_per_second)),
        p50_us: Spread::of(rounds.iter().map(|round| round.latency.p50 as f64)),
        rounds,
    });
    Ok(compared.collect())
}

/// The median of the pairwise ratios of a figure, first to second.
pub(crate) fn ratio(first: &Compared, second: &Compared, figure: fn(&Round) -> f64) -> Spread {
    Spread::of(first.rounds.iter().zip(&second.rounds).map(|(a, b)| figure(a) / figure(b)))
}

/// One round against one server.
pub(crate) async fn round(side: &Side, work: &Work) -> Result<Round> {
    let mut senders = Vec::new();
    for _ in 0..work.connections {
        senders.push(connect(&side.url).await?);
    }
    let left = Cell::new(work.requests);
    let (cpu, start) = (side.process.cpu()?, Instant::now());
    let all = try_join_all(senders.into_iter().map(|sender| worker(side, work, sender, &left)));
    let done = tokio::time::timeout(TOO_LONG, all).await.map_err(|_| "a round took too long")??;
    let (took, cpu) = (start.elapsed(), side.process.cpu()?.saturating_sub(cpu));
    let times: Vec<Duration> = done.into_iter().flatten().collect();
    Ok(Round {
        requests_per_second: times.len() as f64 / took.as_secs_f64(),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        latency: Latency::of(times),
    })
}

/// A connection to `http://ADDRESS`.
pub(crate) async fn connect(url: &str) -> Result<SendRequest<Full<Bytes>>> {
    let address = url.strip_prefix("http://").ok_or("not an http URL")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, or when the server hangs up, which the next request tells.
    tokio::spawn(connection);
    Ok(sender)
}

async fn worker(
    side: &Side,
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

/// Sends one request and verifies what comes back, byte for byte.
pub(crate) async fn call(
    side: &Side,
    work: &Work,
    sender: &mut SendRequest<Full<Bytes>>,
) -> Result<Duration> {
    let mut request = Request::new(Full::new(work.content.clone()));
    *request.method_mut() = work.method.clone();
    *request.uri_mut() = work.path.parse()?;
    *request.headers_mut() = side.signer.sign(&work.method, &work.path, &work.payload_hash)?;
    sender.ready().await?;
    let start = Instant::now();
    let mut answer = sender.send_request(request).await?;
    let status = answer.status();
    let (wanted, content) = &work.expected;
    let mut at = 0;
    let mut told = Vec::new();
    while let Some(frame) = answer.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        match content {
            Some(content) if status == *wanted => {
                if !continues(content, at, &piece) {
                    return Err(format!("{} answers other bytes at {at}", side.name).into());
                }
            }
            _ => told.extend_from_slice(&piece[..piece.len().min(500)]),
        }
        at += piece.len();
    }
    if status != *wanted || content.as_ref().is_some_and(|content| at != content.len() * work.repeated) {
        let told = String::from_utf8_lossy(&told).into_owned();
        return Err(format!("{} answers {status} and {at} bytes: {told}", side.name).into());
    }
    Ok(start.elapsed())
}

/// Whether a piece is what stands at this place of a content that is repeated.
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
    use super::*;

    #[test]
    fn a_content_may_be_repeated_and_nothing_else() {
        assert!(continues(b"abc", 4, b"bcabca"));
        assert!(continues(b"abc", 0, b""));
        assert!(!continues(b"abc", 4, b"bcb"));
        assert!(!continues(b"", 0, b"a"));
    }
}
