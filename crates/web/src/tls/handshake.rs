//! Handshakes: each in the task of its connection, so that a slow client holds up nobody else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::server_stream::ServerStream;
use super::server_tls::ServerTls;

/// How long a client may take for its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection: a record of type *handshake* (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// How much of a request without TLS is read, and for how long, so that its client gets the response.
const MOST_OF_PLAIN_REQUEST: usize = 64 << 10;
const PLAIN_REQUEST_WITHIN: Duration = Duration::from_secs(2);

const PLAIN_REQUEST: &str = "This address serves HTTPS. Use https:// instead of http:// in the URL.\n";

/// The handshakes of a listener.
#[derive(Clone)]
pub(crate) struct Handshakes {
    acceptor: TlsAcceptor,
    slots: Arc<Semaphore>,
}

impl Handshakes {
    /// At most half of a listener's connections may be in their handshakes, so that clients that never finish theirs
    /// leave room for others. As long as an address may have fewer connections than that, it can't fill this half.
    pub(crate) fn new(tls: &ServerTls, connections: usize) -> Self {
        let slots = (connections / 2).clamp(1, Semaphore::MAX_PERMITS);
        Self { acceptor: TlsAcceptor::from(Arc::clone(&tls.config)), slots: Arc::new(Semaphore::new(slots)) }
    }

    /// Greets a client. A request without TLS gets a response that says so.
    ///
    /// # Errors
    /// The client leaves, sends something else than a handshake, finds no common ground with the server, or takes too
    /// long; or too many others are in their handshakes.
    pub(crate) async fn accept(&self, connection: TcpStream) -> io::Result<ServerStream> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "too many handshakes are in progress"));
        };
        timeout(HANDSHAKE_WITHIN, self.greet(connection)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn greet(&self, mut connection: TcpStream) -> io::Result<ServerStream> {
        let mut first = [0];
        if connection.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] != TLS_HANDSHAKE {
            // A method is in capital letters.
            if first[0].is_ascii_uppercase() {
                refuse_plain(&mut connection).await?;
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client doesn't speak TLS"));
        }
        let stream = self.acceptor.accept(connection).await?;
        Ok(ServerStream::Tls(Box::new(stream)))
    }
}

/// Answers a request that came without TLS.
async fn refuse_plain(connection: &mut TcpStream) -> io::Result<()> {
    // What isn't read resets the connection when it is closed, and the client loses the response.
    let read = timeout(PLAIN_REQUEST_WITHIN, read_head(connection)).await;
    let (length, text) = (PLAIN_REQUEST.len(), PLAIN_REQUEST);
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
    connection.write_all(response.as_bytes()).await?;
    connection.shutdown().await?;
    read.unwrap_or(Ok(()))
}

async fn read_head(connection: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(1_024);
    while head.len() < MOST_OF_PLAIN_REQUEST && connection.read_buf(&mut head).await? > 0 {
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    Ok(())
}
