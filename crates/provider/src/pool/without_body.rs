//! Connections for GET and HEAD requests, which have no body: a small HTTP/1.1 client.
//!
//! hyper's client runs a connection as a task beside the request, with channels between the two. Without a request
//! body, nothing happens at the same time: the head is written, then the response is read. Done directly, this takes
//! a third of the instructions. What hyper does for safety is done here, too: see [`super::response_head`] and
//! [`super::chunked`] for what is refused.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::poll_read_buf;

use super::chunked::Piece;
use super::idle::{PoolSlot, Reusable};
use super::read_size::ReadSize;
use super::response_head::{Framing, MAX_HEAD, NotHttp, Parsed, ResponseHead, parse};
use super::{Lost, Stream};
use crate::error::ProviderError;
use crate::payload::Outgoing;

/// A head of usual length. A longer one makes its buffer grow.
const USUAL_HEAD: usize = 1024;

/// A connection, in use or idle.
pub(super) struct PlainConnection {
    home: PoolSlot<Self>,
    stream: hyper_util::rt::TokioIo<Stream>,
    /// What was received and not used yet. Empty between requests.
    buffer: BytesMut,
    read_size: ReadSize,
    /// Whether a response was received over the connection before.
    is_reused: bool,
    /// Ends an exchange that takes too long. It stays set from one exchange to the next, because setting and
    /// removing a timer for each costs more than one that fires too early now and then.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Whether requests with this method are for a [`PlainConnection`]. They change nothing at the provider, so they can
/// be repeated if a connection turns out to be closed.
pub(super) fn takes(request: &Request<Outgoing>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_end_stream()
}

/// The head of a request as it is sent. The URI is in origin form.
pub(super) fn encode(request: &Request<Outgoing>) -> Vec<u8> {
    let mut head = Vec::with_capacity(USUAL_HEAD);
    head.extend_from_slice(request.method().as_str().as_bytes());
    head.push(b' ');
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    head.extend_from_slice(target.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

impl Reusable for PlainConnection {
    /// A server sends nothing between two requests, so whatever can be read is the end of the connection or a
    /// response that nobody asked for.
    fn is_fit(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.buffer.is_empty()
            && Pin::new(&mut self.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    fn home(&self) -> &PoolSlot<Self> {
        &self.home
    }
}

impl PlainConnection {
    pub(super) fn new(stream: Stream, home: PoolSlot<Self>) -> Box<Self> {
        Box::new(Self {
            home,
            stream: hyper_util::rt::TokioIo::new(stream),
            buffer: BytesMut::new(),
            read_size: ReadSize::default(),
            is_reused: false,
            timer: None,
        })
    }

    /// Sends the head of a request and waits for the head of the response, until the deadline if there is one.
    /// Dropping the future closes the connection.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        head: &[u8],
        to_head: bool,
        deadline: Option<Instant>,
    ) -> Result<Response<PlainBody>, Lost<()>> {
        let mut unsent = Some(head);
        let answered = poll_fn(|cx| {
            let answered = self.poll_exchange(cx, &mut unsent, to_head);
            match deadline {
                Some(deadline) if answered.is_pending() => self.poll_deadline(cx, deadline).map(Err),
                _ => answered,
            }
        });
        let answered = answered.await;
        let head = answered.map_err(|failure| self.lost(failure))?;
        let mut response = Response::new(PlainBody {
            framing: head.framing,
            is_persistent: head.is_persistent,
            connection: Some(self),
        });
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response.body_mut().release_at_end();
        Ok(response)
    }

    /// What a failed exchange means. A server that closed the connection while it was idle has seen nothing of the
    /// request that counts.
    fn lost(&self, failure: Failure) -> Lost<()> {
        match failure {
            Failure::NotHttp => Lost::Failed(ProviderError::NotAnObjectStore { status: None }),
            Failure::TimedOut => Lost::Failed(ProviderError::TimedOut),
            Failure::Closed | Failure::Io(_) if self.is_reused && self.buffer.is_empty() => Lost::Unsent(()),
            Failure::Closed => Lost::Failed(ProviderError::BrokenOff),
            Failure::Io(error) => Lost::Failed(ProviderError::from_client(&error)),
        }
    }

    /// Sends what is left of the head of the request, and then waits for that of the response.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        unsent: &mut Option<&[u8]>,
        to_head: bool,
    ) -> Poll<Result<ResponseHead, Failure>> {
        if let Some(rest) = unsent {
            ready!(self.poll_write(cx, rest)).map_err(Failure::Io)?;
            *unsent = None;
        }
        self.poll_head(cx, to_head)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        while !rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *rest = rest.get(count..).unwrap_or_default(),
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ends with a failure at the deadline. The timer may still be set to the deadline of an earlier exchange, so it
    /// is set again when it fires too early.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<Failure> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(Failure::TimedOut);
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, to_head: bool) -> Poll<Result<ResponseHead, Failure>> {
        loop {
            let before = self.buffer.len();
            if ready!(self.poll_fill(cx)).map_err(Failure::Io)? == 0 {
                return Poll::Ready(Err(Failure::Closed));
            }
            // A head that arrives byte by byte is only looked at again when a line is complete.
            let has_line = before == 0 || self.buffer.iter().skip(before).any(|byte| *byte == b'\n');
            while (has_line || self.buffer.len() >= MAX_HEAD) && !self.buffer.is_empty() {
                match parse(&mut self.buffer, to_head) {
                    Ok(Parsed::Head(head)) => {
                        self.is_reused = true;
                        return Poll::Ready(Ok(head));
                    }
                    Ok(Parsed::Interim) => {}
                    Ok(Parsed::Incomplete) => break,
                    Err(NotHttp) => return Poll::Ready(Err(Failure::NotHttp)),
                }
            }
        }
    }

    /// Reads more into the buffer. 0 bytes are the end of the connection.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.read_size.next());
        let count = ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.buffer))?;
        self.read_size.record(count);
        Poll::Ready(Ok(count))
    }
}

/// Why a response has no head.
enum Failure {
    /// The connection ended before its end.
    Closed,
    Io(io::Error),
    NotHttp,
    TimedOut,
}

/// A response body. Its connection returns to the pool once the body has been read to its end. Dropping it early
/// closes the connection.
pub(crate) struct PlainBody {
    framing: Framing,
    is_persistent: bool,
    connection: Option<Box<PlainConnection>>,
}

impl PlainBody {
    fn is_complete(&self) -> bool {
        match &self.framing {
            Framing::Length(left) => *left == 0,
            Framing::Chunked(chunked) => chunked.is_at_end(),
            Framing::UntilClose => self.connection.is_none(),
        }
    }

    /// Gives the connection up if the body is complete. It can be used again if nothing follows the body.
    fn release_at_end(&mut self) {
        if self.is_complete()
            && let Some(connection) = self.connection.take()
            && self.is_persistent
            && connection.buffer.is_empty()
        {
            PoolSlot::release(connection);
        }
    }

    /// The next piece of the body, or `None` at its end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ProviderError>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(None)) };
            let buffer = &mut connection.buffer;
            match &mut self.framing {
                Framing::Length(left) if !buffer.is_empty() => {
                    let count = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                    *left -= count as u64;
                    return Poll::Ready(Ok(Some(buffer.split_to(count).freeze())));
                }
                Framing::Chunked(chunked) => match chunked.next(buffer) {
                    Ok(Piece::Data(data)) => return Poll::Ready(Ok(Some(data))),
                    Ok(Piece::End) => return Poll::Ready(Ok(None)),
                    Ok(Piece::Incomplete) => {}
                    Err(_) => return Poll::Ready(Err(ProviderError::BrokenOff)),
                },
                Framing::UntilClose if !buffer.is_empty() => {
                    return Poll::Ready(Ok(Some(buffer.split().freeze())));
                }
                Framing::Length(_) | Framing::UntilClose => {}
            }
            match ready!(connection.poll_fill(cx)) {
                Ok(0) if self.framing == Framing::UntilClose => return Poll::Ready(Ok(None)),
                Ok(0) => return Poll::Ready(Err(ProviderError::BrokenOff)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(ProviderError::from_client(&error))),
            }
        }
    }
}

impl Body for PlainBody {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        let piece = ready!(self.poll_piece(cx));
        match &piece {
            Ok(Some(_)) => self.release_at_end(),
            Ok(None) => {
                self.release_at_end();
                self.connection = None;
            }
            Err(_) => self.connection = None,
        }
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.framing {
            Framing::Length(left) => SizeHint::with_exact(*left),
            Framing::Chunked(_) | Framing::UntilClose => SizeHint::default(),
        }
    }
}
