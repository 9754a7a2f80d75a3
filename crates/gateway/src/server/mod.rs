//! The listener: connections in, answers out, with a bound on everything that a client can make wait.

mod loan;
mod paced;
mod stall;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use loan::Loan;
pub(crate) use paced::{Pace, PacedBody};

use crate::server::stall::WriteLimited;
use crate::settings::ServerSettings;

/// How long accepting pauses after the operating system refused (out of file descriptors, mostly).
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static;

    /// Answers a request. The future is dropped when the client goes away.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves HTTP/1.1 until it is told to stop; then stops accepting, lets what is in flight end, cuts off what takes
/// too long, and returns when all of it is gone.
pub(crate) async fn serve<A: Answer>(
    listener: TcpListener,
    answer: Arc<A>,
    settings: &ServerSettings,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.connections));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(settings.head_timeout);
    let mut tasks = JoinSet::new();
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            // What has ended is let go of.
            while tasks.try_join_next().is_some() {}
            let accepted = loop {
                tokio::select! {
                    accepted = listener.accept() => break accepted,
                    Some(_) = tasks.join_next() => {}
                }
            };
            let connection = match accepted {
                Ok((connection, _)) => connection,
                Err(error) if of_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no connection could be accepted"
                    );
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let served = connection_future(connection, &answer, &builder, &graceful, settings);
            tasks.spawn(async move {
                served.await;
                drop(place);
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
    drop(listener);
    if tokio::time::timeout(settings.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still in flight when their time was up; they are cut off");
    }
    // What is cut off is dropped, and with that counted.
    tasks.shutdown().await;
}

/// The client was gone before we came to it: nothing is wrong here.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn connection_future<A: Answer>(
    connection: TcpStream,
    answer: &Arc<A>,
    builder: &http1::Builder,
    graceful: &GracefulShutdown,
    settings: &ServerSettings,
) -> impl Future<Output = ()> + Send + 'static {
    // Without it small answers wait for acknowledgements. A socket that refuses it works all the same.
    let _ = connection.set_nodelay(true);
    let answer = Arc::clone(answer);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move { Ok::<_, Infallible>(answer.answer(request).await) }
    });
    let io = TokioIo::new(WriteLimited::new(connection, settings.stall_timeout));
    let connection = graceful.watch(builder.serve_connection(io, service));
    async move {
        // Clients break connections off all the time; what matters was counted with its request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke off");
        }
    }
}
