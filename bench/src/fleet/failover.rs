//! One of the control planes is killed under load. Clients and nodes turn to another one, as behind a load balancer.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::changes::{self, ChangeTimes, ENDPOINT, SentChange, registered};
use super::node::Fleet;
use super::planes::{FleetPlanes, KILLED};
use crate::connection::Connection;
use crate::deployment::new_bucket;
use crate::statistics::Latency;
use crate::{Result, report};

const WRITERS: usize = 4;
const READERS: usize = 4;
/// Time between two requests of a writer, and of a reader.
const WRITES_EVERY: Duration = Duration::from_secs(1);
const READS_EVERY: Duration = Duration::from_millis(100);
/// How long one control plane may take to respond before a client tries the next one.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a request may take with all its attempts.
const REQUEST: Duration = Duration::from_mins(1);
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// How long the nodes may take to turn to another control plane.
const NODES_MOVE_WITHIN: Duration = Duration::from_mins(1);

/// What the failover cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailoverResult {
    pub(super) acknowledged: usize,
    /// Acknowledged writes that the remaining control planes don't have.
    pub(super) lost: usize,
    /// Writes that were stored, although their first response was lost.
    pub(super) answered_later: usize,
    /// Attempts that failed, each followed by another one.
    pub(super) failed_attempts: usize,
    /// Requests before the control plane was killed, and those that ended within the same time afterwards.
    pub(super) before: Latency,
    pub(super) after: Latency,
    pub(super) slowest_ms: u128,
    /// Nodes of the killed control plane, and the time until the last of them was answered by another one.
    pub(super) nodes: usize,
    pub(super) nodes_moved: usize,
    pub(super) nodes_moved_within_ms: u128,
    pub(super) changes: ChangeTimes,
}

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    /// The end of each request, and its duration with all attempts.
    requests: RefCell<Vec<(Instant, Duration)>>,
    acknowledged: RefCell<Vec<SentChange>>,
    answered_later: Cell<usize>,
    failed_attempts: Cell<usize>,
}

/// A client that turns to the next control plane when its own doesn't respond.
struct FailoverClient<'a> {
    servers: &'a [(String, String)],
    at: usize,
    connection: Option<Connection>,
    seen: &'a Seen,
}

impl FailoverClient<'_> {
    /// The status and body of the response, and whether earlier attempts got none.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>, bool)> {
        let start = Instant::now();
        let mut is_repeated = false;
        loop {
            if let Ok(Ok((status, body))) = timeout(ATTEMPT, self.attempt(method.clone(), path, body)).await
                && !status.is_server_error()
            {
                let end = Instant::now();
                self.seen.requests.borrow_mut().push((end, end - start));
                return Ok((status, body, is_repeated));
            }
            is_repeated = true;
            self.seen.failed_attempts.set(self.seen.failed_attempts.get() + 1);
            if start.elapsed() > REQUEST {
                return Err(
                    format!("{path} got no response from any control plane within {REQUEST:?}").into()
                );
            }
            (self.connection, self.at) = (None, (self.at + 1) % self.servers.len());
            sleep(AFTER_FAILURE).await;
        }
    }

    async fn attempt(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let mut connection = if let Some(open) = self.connection.take() {
            open
        } else {
            let (url, token) = &self.servers[self.at];
            Connection::open(url, Some(token)).await?
        };
        let answered = connection.call(method, path, body).await?;
        let body = connection.body().to_vec();
        self.connection = Some(connection);
        Ok((answered.status, body))
    }
}

/// Sends requests for twice this time, and kills a control plane in the middle. `serving` nodes serve the buckets that
/// are registered, and `attached` nodes talk to the control plane that is killed.
pub(super) async fn measure(
    planes: &mut FleetPlanes,
    fleet: &Fleet,
    half: Duration,
    serving: usize,
    attached: usize,
) -> Result<FailoverResult> {
    let servers: Vec<(String, String)> =
        planes.servers.iter().map(|server| (server.url().to_owned(), server.token.clone())).collect();
    let workspace = planes.servers[0].workspace.clone();
    let seen = Seen::default();
    let start = Instant::now();
    let (killed, end) = (start + half, start + 2 * half);
    let client = |number: usize| FailoverClient {
        servers: &servers,
        at: number % servers.len(),
        connection: None,
        seen: &seen,
    };
    let writers = try_join_all((0..WRITERS).map(|n| write(client(n), n, &workspace, end)));
    let readers = try_join_all((0..READERS).map(|n| read(client(n), end)));
    let moved_before = fleet.moved().len();
    let kill = async {
        sleep_until(killed).await;
        report::complain("killing a control plane");
        planes.servers[KILLED].kill()
    };
    let (_, ((), _)) = try_join(writers, try_join(kill, readers)).await?;

    let moved = moved_after(fleet, moved_before, attached).await;
    let acknowledged = seen.acknowledged.take();
    let lost = count_lost(&servers, &acknowledged).await?;
    let changes = changes::arrived(fleet, &acknowledged, serving).await;
    let requests = seen.requests.take();
    let (before, after): (Vec<_>, Vec<_>) = requests.into_iter().partition(|(end, _)| *end < killed);
    let times =
        |requests: Vec<(Instant, Duration)>| requests.into_iter().map(|(_, took)| took).collect::<Vec<_>>();
    let (before, after) = (times(before), times(after));
    Ok(FailoverResult {
        acknowledged: acknowledged.len(),
        lost,
        answered_later: seen.answered_later.get(),
        failed_attempts: seen.failed_attempts.get(),
        slowest_ms: after.iter().max().copied().unwrap_or_default().as_millis(),
        before: Latency::of(before),
        after: Latency::of(after),
        nodes: attached,
        nodes_moved: moved.len(),
        nodes_moved_within_ms: moved
            .iter()
            .max()
            .map_or(0, |at| at.saturating_duration_since(killed).as_millis()),
        changes,
    })
}

/// Registers buckets until `end`, and notes those that were acknowledged.
async fn write(mut client: FailoverClient<'_>, writer: usize, workspace: &str, end: Instant) -> Result {
    let mut next = Instant::now() + WRITES_EVERY.mul_f64(writer as f64 / WRITERS as f64);
    for number in 0.. {
        if next >= end {
            break;
        }
        sleep_until(next).await;
        next += WRITES_EVERY;
        let bucket = new_bucket(&format!("failover {writer} {number}"), workspace, ENDPOINT);
        let sent = Instant::now();
        let (status, body, is_repeated) = client.call(Method::POST, "/bucket", Some(&bucket)).await?;
        if status == StatusCode::OK {
            let id = registered(&serde_json::from_slice(&body)?)?;
            client.seen.acknowledged.borrow_mut().push(SentChange { id, sent });
        } else if is_repeated {
            // The name is taken, by the attempt whose response was lost.
            client.seen.answered_later.set(client.seen.answered_later.get() + 1);
        } else {
            return Err(format!("/bucket answered {status}: {}", String::from_utf8_lossy(&body)).into());
        }
    }
    Ok(())
}

/// Reads a page of buckets over and over until `end`.
async fn read(mut client: FailoverClient<'_>, end: Instant) -> Result {
    let mut next = Instant::now();
    while next < end {
        sleep_until(next).await;
        next += READS_EVERY;
        let (status, ..) = client.call(Method::GET, "/bucket?limit=20", None).await?;
        if status != StatusCode::OK {
            return Err(format!("/bucket answered {status}").into());
        }
    }
    Ok(())
}

/// When nodes turned to another control plane, once all have, or as many as do in time.
async fn moved_after(fleet: &Fleet, before: usize, attached: usize) -> Vec<Instant> {
    let deadline = Instant::now() + NODES_MOVE_WITHIN;
    while fleet.moved().len() < before + attached && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    fleet.moved().split_off(before)
}

/// How many acknowledged buckets one of the remaining control planes doesn't know.
async fn count_lost(servers: &[(String, String)], acknowledged: &[SentChange]) -> Result<usize> {
    let mut lost = 0;
    for (_, (url, token)) in servers.iter().enumerate().filter(|(number, _)| *number != KILLED) {
        let mut connection = Connection::open(url, Some(token)).await?;
        let mut missing = 0;
        for change in acknowledged {
            let answered = connection.call(Method::GET, &format!("/bucket/{}", change.id), None).await?;
            missing += usize::from(answered.status != StatusCode::OK);
        }
        lost = lost.max(missing);
    }
    Ok(lost)
}
