//! A proxy that misbehaves when a test tells it to.
//!
//! It passes bytes and parses no more than the head of a request. A fault affects the next bytes that a client
//! sends, also on open connections. A test therefore doesn't have to wait until pools notice: everything that is
//! sent after [`FaultProxy::set`] returned meets the fault.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::answer::Answer;

/// How the proxy misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Read the request and never respond.
    StallBeforeHeaders,
    /// Respond, and go silent after this many bytes of the response, headers included. Without a server, the
    /// response announces a longer body than it sends.
    StallMidBody {
        /// Bytes before the silence.
        after: usize,
    },
    /// Read only the first bytes of the request, and never respond.
    StallReading,
    /// Reset the connection (RST).
    Reset,
    /// Close the connection without a response.
    CloseEarly,
    /// Announce a body of 1,000 bytes, send ten, and close.
    CloseMidBody,
    /// Respond with bytes that aren't HTTP.
    Garbage,
    /// Respond with this.
    Answer(Answer),
    /// Pass the request on, and close the connection instead of returning the response.
    LoseAnswer,
    /// Pass the request on, and hold the response until the proxy is healthy again.
    HoldAnswer,
    /// Hold the request until the proxy is healthy again. Later requests on the connection can meet faults, too.
    HoldRequest,
}

/// A proxy with or without a server behind it.
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
    /// Notified when the proxy is healthy again.
    healthy: Notify,
}

#[derive(Debug, Default)]
struct ProxyState {
    fault: Option<Fault>,
    /// The method of the requests that meet the fault; empty means all.
    method: &'static str,
    /// How many more requests meet the fault.
    left: usize,
    faults_met: usize,
    heads: Vec<String>,
}

/// How many heads of requests are recorded.
const MAX_HEADS: usize = 1_000;
/// The longest head that is recorded whole.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most bytes of a request's body that are read before a canned response.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

impl FaultProxy {
    /// Starts a healthy proxy in front of `upstream`.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::listen(Some(upstream)).await
    }

    /// Starts a proxy without a server behind it, with this fault set.
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

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the fault for all requests from now on, also on open connections.
    pub fn set(&self, fault: Fault) {
        self.set_for("", fault);
    }

    /// Like [`FaultProxy::set`], but only for requests with this method.
    pub fn set_for(&self, method: &'static str, fault: Fault) {
        self.shared.state.lock().set(method, fault, usize::MAX);
    }

    /// Like [`FaultProxy::set_for`], but only for the next such request.
    pub fn set_once_for(&self, method: &'static str, fault: Fault) {
        self.shared.state.lock().set(method, fault, 1);
    }

    /// Clears the fault. Requests that met it keep it, except that held requests and responses are released.
    pub fn healthy(&self) {
        self.shared.state.lock().fault = None;
        self.shared.healthy.notify_waiters();
    }

    /// How many requests met a fault.
    pub fn faults_met(&self) -> usize {
        self.shared.state.lock().faults_met
    }

    /// The request line and headers of requests that met a fault or that the proxy answered itself, as received.
    pub fn heads(&self) -> Vec<String> {
        self.shared.state.lock().heads.clone()
    }
}

impl ProxyState {
    fn set(&mut self, method: &'static str, fault: Fault, left: usize) {
        (self.fault, self.method, self.left) = (Some(fault), method, left);
    }
}

impl SharedProxy {
    fn meet(&self, request: &[u8]) -> Option<Fault> {
        let mut state = self.state.lock();
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
            if self.state.lock().fault.is_none() {
                return;
            }
            healthy.await;
        }
    }

    fn keep(&self, head: &str) {
        let mut state = self.state.lock();
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
            // Broken connections are what this proxy is for.
            let _ = serve(client, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Passes bytes both ways until a request meets a fault or one side closes.
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
                    (Some(Fault::HoldRequest), Some(upstream)) => {
                        shared.until_healthy().await;
                        upstream.write_all(bytes).await?;
                    }
                    (Some(Fault::HoldAnswer), Some(upstream)) => {
                        let answer = carry_out(&mut client, upstream, bytes).await?;
                        shared.until_healthy().await;
                        client.write_all(&answer).await?;
                    }
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
        Fault::LoseAnswer => {
            let Some(mut upstream) = upstream else { return Ok(()) };
            carry_out(&mut client, &mut upstream, first).await.map(drop)
        }
        // Without a server, there is nothing to pass on later.
        Fault::HoldRequest | Fault::HoldAnswer => Ok(()),
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

/// Keeps the connection open and discards what arrives until the client gives up.
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

/// Passes a request on, and returns the first bytes of the response.
async fn carry_out(client: &mut TcpStream, upstream: &mut TcpStream, first: &[u8]) -> io::Result<Vec<u8>> {
    upstream.write_all(first).await?;
    let mut up = vec![0; 64 * 1024];
    let mut answer = vec![0; 64 * 1024];
    let answered = loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                // The client has left, but the server still carries the request out.
                0 => break upstream.read(&mut answer).await?,
                read => upstream.write_all(&up[..read]).await?,
            },
            read = upstream.read(&mut answer) => break read?,
        }
    };
    answer.truncate(answered);
    Ok(answer)
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
    // Closing with unread bytes would reset the connection, and the client would lose the response.
    hold(client).await
}

/// Reads a request's head and body, and returns the head.
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
