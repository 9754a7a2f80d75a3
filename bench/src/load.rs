//! A closed loop of requests over several connections, to compare two servers.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::Method;
use serde::Serialize;

use crate::Result;
use crate::connection::Connection;
use crate::process::{Process, cpu_of};
use crate::statistics::{Latency, Spread};

/// Number of connections.
const CONNECTIONS: usize = 16;
/// Time limit of a round.
const TOO_LONG: Duration = Duration::from_mins(2);

/// One of the two sides, and the request sent to it: a server, or several on one database.
pub(crate) struct Side<'a> {
    /// The servers that get the requests. Connections are divided evenly among them.
    pub(crate) urls: Vec<&'a str>,
    /// Accepted by all of them.
    pub(crate) token: &'a str,
    pub(crate) path: &'a str,
    /// The processes whose CPU time counts.
    pub(crate) processes: Vec<Process>,
    /// Checks a body. Called for each body that differs from the connection's previous one.
    pub(crate) verify: &'a dyn Fn(&[u8]) -> Result,
}

/// The cost of a round of requests.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Round {
    pub(crate) requests: usize,
    /// How often a connection received a body that differs from the previous one.
    pub(crate) new_bodies: usize,
    pub(crate) requests_per_second: f64,
    /// User and system time of the side's processes.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) latency: Latency,
}

/// Two servers, measured alternately.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pairs {
    /// CPU per request of the first server, as a multiple of the second's.
    pub(crate) cpu_ratio: Spread,
    pub(crate) cpu_us_per_request: [Spread; 2],
    pub(crate) requests_per_second: [Spread; 2],
    pub(crate) rounds: Vec<[Round; 2]>,
}

/// Measures two servers alternately, in swapped order each round, after one round that is discarded.
pub(crate) async fn pairs(sides: [&Side<'_>; 2], rounds: usize, requests: usize) -> Result<Pairs> {
    let [a, b] = sides;
    round(a, requests / 2).await?;
    round(b, requests / 2).await?;
    let mut measured = Vec::new();
    for number in 0..rounds {
        let pair = if number % 2 == 0 {
            let first = round(a, requests).await?;
            [first, round(b, requests).await?]
        } else {
            let first = round(b, requests).await?;
            [round(a, requests).await?, first]
        };
        measured.push(pair);
    }
    let of =
        |side: usize, figure: fn(&Round) -> f64| Spread::of(measured.iter().map(|pair| figure(&pair[side])));
    Ok(Pairs {
        cpu_ratio: Spread::of(measured.iter().map(|[a, b]| a.cpu_us_per_request / b.cpu_us_per_request)),
        cpu_us_per_request: [0, 1].map(|side| of(side, |round| round.cpu_us_per_request)),
        requests_per_second: [0, 1].map(|side| of(side, |round| round.requests_per_second)),
        rounds: measured,
    })
}

/// Measures one round of requests.
pub(crate) async fn round(side: &Side<'_>, requests: usize) -> Result<Round> {
    let mut connections = Vec::new();
    for url in side.urls.iter().cycle().take(CONNECTIONS) {
        connections.push(Connection::open(url, Some(side.token)).await?);
    }
    let left = Cell::new(requests);
    let (cpu, start) = (cpu_of(&side.processes)?, Instant::now());
    let all = try_join_all(connections.into_iter().map(|connection| worker(side, connection, &left)));
    let done = tokio::time::timeout(TOO_LONG, all).await.map_err(|_| "a round took too long")??;
    let (took, cpu) = (start.elapsed(), cpu_of(&side.processes)?.saturating_sub(cpu));
    let new_bodies = done.iter().map(|(_, new)| new).sum();
    let times: Vec<Duration> = done.into_iter().flat_map(|(times, _)| times).collect();
    Ok(Round {
        requests: times.len(),
        new_bodies,
        requests_per_second: times.len() as f64 / took.as_secs_f64(),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        latency: Latency::of(times),
    })
}

async fn worker(
    side: &Side<'_>,
    mut connection: Connection,
    left: &Cell<usize>,
) -> Result<(Vec<Duration>, usize)> {
    let mut times = Vec::new();
    let mut last = Vec::new();
    let mut new_bodies = 0;
    while let Some(rest) = left.get().checked_sub(1) {
        left.set(rest);
        let answered = connection.call(Method::GET, side.path, None).await?;
        connection.expect_ok(side.path, answered)?;
        if connection.body() != last.as_slice() {
            (side.verify)(connection.body())?;
            last.clear();
            last.extend_from_slice(connection.body());
            new_bodies += 1;
        }
        times.push(answered.took);
    }
    Ok((times, new_bodies))
}
