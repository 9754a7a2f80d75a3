//! A proxy that can be told to misbehave.
//!
//! It passes bytes and looks into them only as far as the head of a request. A fault that is set acts on the next
//! bytes of a client, also on connections that are open already, so a test needn't wait for pools to notice
//! anything: what is sent after [`FaultProxy::set`] returned meets the fault.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::answer::Answer;

/// How to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Read the request and never answer.
    StallBeforeHeaders,
    /// Answer, and go silent after this many bytes of the answer (its header counted). Standing alone, the answer
    /// promises more than it holds.
    StallMidBody {
        /// Bytes before the silence.
        after: usize,
    },
    /// Take nothing of the request beyond its first bytes, and never answer.
    StallReading,
    /// Reset the connection (RST).
    Reset,
    /// Close the connection before any answer.
    CloseEarly,
    /// Promise 1,000 bytes, send ten, and close.
    CloseMidBody,
    /// Answer with bytes that aren't HTTP.
    Garbage,
    /// Give this answer.
    Answer(Answer),
    /// Have the request carried out and close the connection in place of the answer.
    LoseAnswer,
    /// Have the request carried out and keep its answer back until the proxy is healthy again.
    HoldAnswer,
    /// Keep the request back until the proxy is healthy again.
    HoldRequest,
}

/// A proxy in front of a server, or alone, that misbehaves as it is told.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<SharedProxy>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug)]
struct SharedProxy {
    upstream: Option<SocketAddr>,
    state: Mutex<ProxyState>,
    /// Told when the proxy is healthy again.
    healthy: Notify,
}

#[derive(Debug, Default)]
struct ProxyState {
    fault: Option<Fault>,
    /// Only requests of this method meet it; empty means all.
    method: &'static str,
    /// How many still meet it.
    left: usize,
    faults_met: usize,
    heads: Vec<String>,
}

/// How many heads of requests are kept, and how long one may be.
const MAX_HEADS: usize = 1_000;
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most of a request's body that is read before an answer is given.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

impl FaultProxy {
    /// A proxy in front of `upstream`, healthy at first.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::listen(Some(upstream)).await
    }

    /// A server of its own with a fault.
    pub async fn alone(fault: Fault) -> io::Result<Self> {
        let proxy = Self::listen(None).await?;
        proxy.set(fault);
        Ok(proxy)
    }

    async fn listen(upstream: Option<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(SharedProxy { upstream, state: Mutex::default(), healthy: Notify::new() });
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _connections: connections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as an endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Misbehave from now on, on open connections too.
    pub fn set(&self, fault: Fault) {
        self.set_for("", fault);
    }

    /// As [`FaultProxy::set`], for requests of this method only.
    pub fn set_for(&self, method: &'static str, fault: Fault) {
        self.shared.state().set(method, fault, usize::MAX);
    }

    /// As [`FaultProxy::set_for`], for the next such request only.
    pub fn set_once_for(&self, method: &'static str, fault: Fault) {
        self.shared.state().set(method, fault, 1);
    }

    /// Pass everything through from now on. Requests that met a fault stay with it, but for answers that were held.
    pub fn healthy(&self) {
        self.shared.state().fault = None;
        self.shared.healthy.notify_waiters();
    }

    /// How many requests met a fault.
    pub fn faults_met(&self) -> usize {
        self.shared.state().faults_met
    }

    /// The heads of the requests that met a fault: request line and header, as they came.
    pub fn heads(&self) -> Vec<String> {
        self.shared.state().heads.clone()
    }
}

impl ProxyState {
    fn set(&mut self, method: &'static str, fault: Fault, left: usize) {
        (self.fault, self.method, self.left) = (Some(fault), method, left);
    }
}

impl SharedProxy {
    fn state(&self) -> std::sync::MutexGuard<'_, ProxyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meet(&self, request: &[u8]) -> Option<Fault> {
        let mut state = self.state();
        let fault = state.fault.clone().filter(|_| request.starts_with(state.method.as_bytes()));
        if fault.is_some() {
            state.faults_met += 1;
            state.left -= 1;
            if state.left == 0 {
                state.fault = None;
            }
        }
        fault
    }

    async fn until_healthy(&self) {
        loop {
            let healthy = self.healthy.notified();
            if self.state().fault.is_none() {
                return;
            }
            healthy.await;
        }
    }

    fn keep(&self, head: &str) {
        let mut state = self.state();
        if state.heads.len() < MAX_HEADS {
            state.heads.push(head.to_owned());
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<SharedProxy>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A broken connection is this crate's business.
            let _ = serve(client, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Passes bytes both ways until a fault is met or one side ends.
async fn serve(mut client: TcpStream, shared: &SharedProxy) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut upstream = match shared.upstream {
        Some(address) => Some(TcpStream::connect(address).await?),
        None => None,
    };
    let mut from_client = vec![0; 64 * 1024];
    let mut from_upstream = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                let bytes = &from_client[..read];
                match (shared.meet(bytes), &mut upstream) {
                    (Some(fault), upstream) => return misbehave(client, upstream.take(), bytes, fault, shared).await,
                    (None, Some(upstream)) => upstream.write_all(bytes).await?,
                    (None, None) => return canned(client, bytes, &Answer::new(200), shared).await,
                }
            }
            read = read_some(upstream.as_mut(), &mut from_upstream) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&from_upstream[..read]).await?;
            }
        }
    }
}

async fn read_some(stream: Option<&mut TcpStream>, buffer: &mut [u8]) -> io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => std::future::pending().await,
    }
}

async fn misbehave(
    mut client: TcpStream,
    upstream: Option<TcpStream>,
    first: &[u8],
    fault: Fault,
    shared: &SharedProxy,
) -> io::Result<()> {
    match fault {
        Fault::Answer(answer) => canned(client, first, &answer, shared).await,
        Fault::StallReading => {
            shared.keep(&String::from_utf8_lossy(first));
            std::future::pending().await
        }
        Fault::StallBeforeHeaders => {
            read_request(&mut client, first, shared).await?;
            hold(client).await
        }
        Fault::StallMidBody { after } => {
            if let Some(upstream) = upstream {
                return stall_after(client, upstream, first, after).await;
            }
            read_request(&mut client, first, shared).await?;
            let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
            answer.resize(answer.len().max(after), b'x');
            client.write_all(&answer).await?;
            hold(client).await
        }
        Fault::HoldRequest => {
            let Some(mut upstream) = upstream else { return Ok(()) };
            shared.until_healthy().await;
            upstream.write_all(first).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
        }
        Fault::LoseAnswer | Fault::HoldAnswer => {
            let Some(upstream) = upstream else { return Ok(()) };
            let holds = fault == Fault::HoldAnswer;
            carry_out(client, upstream, first, holds.then_some(shared)).await
        }
        Fault::Reset => {
            read_request(&mut client, first, shared).await?;
            client.set_zero_linger()
        }
        Fault::CloseEarly => read_request(&mut client, first, shared).await.map(drop),
        Fault::CloseMidBody => {
            read_request(&mut client, first, shared).await?;
            client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nten bytes.").await?;
            client.shutdown().await
        }
        Fault::Garbage => {
            read_request(&mut client, first, shared).await?;
            client.write_all(b"\x00\x01\x02 this is no HTTP \xff\xfe\r\n\r\n").await?;
            client.shutdown().await
        }
    }
}

/// Keeps the connection open and reads what comes until the client gives up.
async fn hold(mut client: TcpStream) -> io::Result<()> {
    let mut ignored = [0; 4_096];
    while client.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn stall_after(
    mut client: TcpStream,
    mut upstream: TcpStream,
    first: &[u8],
    after: usize,
) -> io::Result<()> {
    upstream.write_all(first).await?;
    let mut left = after;
    let mut up = vec![0; 64 * 1024];
    let mut down = vec![0; 64 * 1024];
    while left > 0 {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                read => upstream.write_all(&up[..read]).await?,
            },
            read = upstream.read(&mut down) => match read? {
                0 => return Ok(()),
                read => {
                    let passed = read.min(left);
                    client.write_all(&down[..passed]).await?;
                    left -= passed;
                }
            },
        }
    }
    hold(client).await
}

/// Has a request carried out. Its answer is handed on once `until` is healthy, or not at all.
async fn carry_out(
    mut client: TcpStream,
    mut upstream: TcpStream,
    first: &[u8],
    until: Option<&SharedProxy>,
) -> io::Result<()> {
    upstream.write_all(first).await?;
    let mut up = vec![0; 64 * 1024];
    let mut answer = vec![0; 64 * 1024];
    let answered = loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                // The client is gone; the request goes on.
                0 => break upstream.read(&mut answer).await?,
                read => upstream.write_all(&up[..read]).await?,
            },
            read = upstream.read(&mut answer) => break read?,
        }
    };
    let Some(shared) = until else { return Ok(()) };
    shared.until_healthy().await;
    client.write_all(&answer[..answered]).await?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

async fn canned(
    mut client: TcpStream,
    first: &[u8],
    answer: &Answer,
    shared: &SharedProxy,
) -> io::Result<()> {
    let head = read_request(&mut client, first, shared).await?;
    client.write_all(&answer.bytes(head.starts_with("HEAD "))).await?;
    client.shutdown().await?;
    // Closing with unread bytes would reset the connection and take the answer with it.
    hold(client).await
}

/// Reads a request's head and its body, and answers the head.
async fn read_request(client: &mut TcpStream, first: &[u8], shared: &SharedProxy) -> io::Result<String> {
    let mut bytes = first.to_vec();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > MAX_HEAD_BYTES || client.read_buf(&mut bytes).await? == 0 {
            break bytes.len();
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    shared.keep(&head);
    let announced = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let mut missing = announced.unwrap_or(0).min(MAX_DRAINED_BYTES).saturating_sub(bytes.len() - end);
    let mut ignored = vec![0; 16 * 1024];
    while missing > 0 {
        match client.read(&mut ignored).await? {
            0 => break,
            read => missing = missing.saturating_sub(read),
        }
    }
    Ok(head)
}
