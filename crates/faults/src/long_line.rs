//! A line to a server that is far away: slow, and not quite reliable.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How many pieces can be on their way in one direction of a connection.
const ON_THEIR_WAY: usize = 64;

/// How the line behaves.
#[derive(Debug, Clone, Copy)]
pub struct LineQuality {
    /// How long bytes take in each direction.
    pub delay: Duration,
    /// One of so many pieces is lost: the connection then stalls for [`LineQuality::stall`] or, every other time, is reset.
    /// 0 loses none.
    pub lost_one_in: usize,
    /// How long a lost piece takes until it has been sent again.
    pub stall: Duration,
}

/// A proxy that delays bytes, and stalls or resets connections, for networks where the kernel can't be told to do so.
#[derive(Debug)]
pub struct LongLine {
    address: SocketAddr,
    shared: Arc<SharedLine>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug)]
struct SharedLine {
    quality: LineQuality,
    pieces: AtomicUsize,
    resets: AtomicUsize,
}

enum Loss {
    Stall,
    Reset,
}

impl LongLine {
    /// Starts a line to this server.
    pub async fn start(server: SocketAddr, quality: LineQuality) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (pieces, resets) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(SharedLine { quality, pieces, resets });
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, server, Arc::clone(&shared)));
        Ok(Self { address, shared, _connections: connections })
    }

    /// The URL of the near end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections the line has reset.
    pub fn resets(&self) -> usize {
        self.shared.resets.load(Ordering::Relaxed)
    }
}

impl SharedLine {
    /// What happens to the next piece, if it is lost.
    fn loss(&self) -> Option<Loss> {
        let number = self.pieces.fetch_add(1, Ordering::Relaxed) + 1;
        let lost = number.checked_div(self.quality.lost_one_in)?;
        if !number.is_multiple_of(self.quality.lost_one_in) {
            return None;
        }
        Some(if lost.is_multiple_of(2) { Loss::Stall } else { Loss::Reset })
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, shared: Arc<SharedLine>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Broken connections are what this line is for.
            let _ = connect(client, server, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(client: TcpStream, server: SocketAddr, shared: &SharedLine) -> io::Result<()> {
    sleep(shared.quality.delay).await;
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // The first direction that fails ends the connection, in both directions.
    tokio::try_join!(carry(from_client, to_server, shared), carry(from_server, to_client, shared)).map(drop)
}

/// Carries one direction. Pieces follow each other, so the delay doesn't limit the rate.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &SharedLine) -> io::Result<()> {
    let (sender, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THEIR_WAY);
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer).await?;
            let mut arrival = Instant::now() + shared.quality.delay;
            match shared.loss() {
                None => {}
                Some(Loss::Stall) => arrival += shared.quality.stall,
                Some(Loss::Reset) => {
                    shared.resets.fetch_add(1, Ordering::Relaxed);
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            let piece = buffer.get(..read).unwrap_or_default().to_vec();
            // An empty piece is the end.
            if sender.send((arrival, piece)).await.is_err() || read == 0 {
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((arrival, piece)) = arriving.recv().await {
            sleep_until(arrival).await;
            if piece.is_empty() {
                break;
            }
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
