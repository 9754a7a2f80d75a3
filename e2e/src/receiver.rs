//! A receiver of webhooks, which verifies signatures as `docs/notifications.md` describes, and can misbehave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bucketry_model::time::{Clock as _, SystemClock};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// What a receiver does with a message.
#[derive(Debug, Clone)]
pub enum Reception {
    /// Accepts it.
    Accept,
    /// Answers with this status.
    Fail(u16),
    /// Redirects to this URL.
    Redirect(String),
    /// Answers after this time.
    Stall(Duration),
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// The path and query of the request.
    pub path: String,
    /// The header with the event id.
    pub event_id: String,
    /// Whether signature and timestamp are right.
    pub is_signed: bool,
    /// Whether it was answered with 200.
    pub is_accepted: bool,
    /// The body.
    pub body: Value,
    /// The headers.
    pub headers: HeaderMap,
}

#[derive(Debug)]
struct ReceiverState {
    key: String,
    reception: Mutex<Reception>,
    received: Mutex<Vec<ReceivedEvent>>,
}

/// A receiver. Dropping it closes it.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<ReceiverState>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Starts a receiver that knows this key and accepts messages.
    pub async fn start(key: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Files)?;
        let url = format!("http://{}", listener.local_addr().map_err(Error::Files)?);
        let state = Arc::new(ReceiverState {
            key: key.to_owned(),
            reception: Mutex::new(Reception::Accept),
            received: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { url, state, task })
    }

    /// Its URL, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes what it does from now on.
    pub fn set(&self, reception: Reception) {
        *self.state.reception.lock().unwrap_or_else(PoisonError::into_inner) = reception;
    }

    /// All messages so far, also those that it didn't accept.
    pub fn received(&self) -> Vec<ReceivedEvent> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The messages that it accepted, by event id, with the bodies that came under it.
    pub fn accepted(&self) -> BTreeMap<String, Vec<Value>> {
        let mut accepted: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.received().into_iter().filter(|event| event.is_accepted) {
            accepted.entry(event.event_id).or_default().push(event.body);
        }
        accepted
    }
}

async fn accept(listener: TcpListener, state: Arc<ReceiverState>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let answer = service_fn(move |request| receive(request, Arc::clone(&state)));
            // An error ends only this connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn receive(
    request: Request<Incoming>,
    state: Arc<ReceiverState>,
) -> std::result::Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let reception = state.reception.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let event = ReceivedEvent {
        path: head.uri.to_string(),
        event_id: header("bucketry-event-id").to_owned(),
        is_signed: is_signed(&state.key, header("bucketry-timestamp"), &body, header("bucketry-signature")),
        is_accepted: matches!(reception, Reception::Accept),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        headers: head.headers.clone(),
    };
    state.received.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    let mut response = Response::new(Full::new(Bytes::from_static(b"the receiver's own words")));
    match reception {
        Reception::Accept => {}
        Reception::Fail(status) => {
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Reception::Redirect(url) => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            if let Ok(url) = url.parse() {
                response.headers_mut().insert(http::header::LOCATION, url);
            }
        }
        Reception::Stall(time) => tokio::time::sleep(time).await,
    }
    Ok(response)
}

fn is_signed(key: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let digits = hmac::sign(&key, &signed).as_ref().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a string can't fail.
        _ = write!(text, "{byte:02x}");
        text
    });
    let age = timestamp.parse::<i64>().map(|at| SystemClock.now().as_second() - at);
    signature == format!("v1={digits}") && age.is_ok_and(|age| age.abs() < 60)
}
