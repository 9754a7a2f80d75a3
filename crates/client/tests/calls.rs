//! Tests of what is sent over the wire, against a minimal server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_client::{ApiClient, ClientError, NodeClient, NodeName, Options};
use bucketry_model::canonical_text::Limits;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{Heartbeat, StatusCounts};
use bucketry_model::secret::Secret;
use bucketry_model::time::ManualClock;
use bucketry_vault::message::{UnverifiedMessage, query_message};
use bucketry_vault::{NodeSigningKey, NodeVerifyingKey};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as the server received it.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    uri: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that records every request and gives the same response to all; without one, it never responds.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn answering(answer: Option<Response<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), answer.clone());
                let service =
                    service_fn(move |request| answer_one(request, Arc::clone(&noted), answer.clone()));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { url, seen }
    }

    async fn json(status: u16, body: &'static str) -> Self {
        let response = Response::builder().status(status).header("content-type", "application/json");
        Self::answering(Some(response.body(body).unwrap())).await
    }

    fn client(&self) -> ApiClient {
        ApiClient::new(&self.url, Some(Secret::new("the-token")), Options::default()).unwrap()
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

async fn answer_one(
    request: Request<Incoming>,
    noted: Arc<Mutex<Vec<Seen>>>,
    answer: Option<Response<&'static str>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let seen =
        Seen { method: head.method.to_string(), uri: head.uri.to_string(), headers: head.headers, body };
    noted.lock().unwrap().push(seen);
    match answer {
        Some(answer) => Ok(answer.map(|body| Full::new(Bytes::from_static(body.as_bytes())))),
        None => std::future::pending().await,
    }
}

fn bucket() -> BucketId {
    BucketId::new(Timestamp::UNIX_EPOCH, [7; 10])
}

#[tokio::test]
async fn creating_a_bucket_sends_token_idempotency_key_and_only_what_is_given() {
    let server =
        Server::json(200, r#"{"success":true,"bucketId":"00000000-0000-7707-8707-070707070707"}"#).await;
    let fields = NewBucketRequest {
        name: Some("photos".into()),
        secret: Some(Secret::new("wJalr")),
        ..NewBucketRequest::default()
    };
    server.client().create_bucket(&fields, Some("once-1")).await.unwrap();
    let seen = server.last();
    assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("POST", "/bucket"));
    assert_eq!(seen.headers["authorization"], "Bearer the-token");
    assert_eq!(seen.headers["idempotency-key"], "once-1");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.json(), json!({ "name": "photos", "secret": "wJalr" }));
}

#[tokio::test]
async fn a_refusal_tells_status_code_sentence_fields_and_checks() {
    let server = Server::json(
        400,
        r#"{"success":false,"message":"The bucket can't be reached.","error_code":"VALIDATION_FAILED",
            "fields":[{"field":"endpoint","message":"must name a host"}],
            "checks":[{"name":"dns","ok":false,"latency_ms":3,"message":"no such host","error_code":"DNS_FAILED"}]}"#,
    )
    .await;
    let error = server.client().create_bucket(&NewBucketRequest::default(), None).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(400), Some("VALIDATION_FAILED")));
    assert_eq!(error.to_string(), "The bucket can't be reached. (VALIDATION_FAILED)");
    let ClientError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.fields[0].field, "endpoint");
    assert_eq!(refusal.checks()[0].message, "no such host");
}

#[tokio::test]
async fn a_proxys_error_page_and_a_redirect_are_told_apart_from_refusals() {
    let page =
        Server::answering(Some(Response::builder().status(502).body("<html>bad gateway").unwrap())).await;
    let error = page.client().delete_bucket(bucket()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotThisApi { status: 502, .. }), "{error:?}");

    let moved =
        Response::builder().status(307).header("location", "http://elsewhere.invalid/").body("").unwrap();
    let server = Server::answering(Some(moved)).await;
    let error = server.client().delete_bucket(bucket()).await.unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");
    assert_eq!(server.seen.lock().unwrap().len(), 1, "redirects are not followed");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_on_after_the_timeout() {
    let server = Server::answering(None).await;
    let options = Options { timeout: Duration::from_millis(50), ..Options::default() };
    let client = ApiClient::new(&server.url, None, options).unwrap();
    let error = client.profile().await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_longer_than_the_bound_is_not_read_whole() {
    let server = Server::json(200, r#"{"buckets":[],"padding":"................................"}"#).await;
    let client =
        ApiClient::new(&server.url, None, Options { max_answer_bytes: 20, ..Options::default() }).unwrap();
    let error = client.buckets(None, None, None).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong { limit: 20 }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = ApiClient::new(&url, Some(Secret::new("the-token")), Options::default()).unwrap();
    let error = client.profile().await.unwrap_err();
    let response = format!("{error} {error:?}");
    assert!(error.to_string().contains(&url) && response.to_lowercase().contains("refused"), "{response}");
    assert!(!response.contains("the-token"));
}

fn node(server: &Server) -> (NodeClient, NodeVerifyingKey) {
    let key = NodeSigningKey::generate().unwrap();
    let verifying = key.verifying_key().unwrap();
    let name = NodeName { ip: "node-1".into(), id_org: None };
    let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
    (NodeClient::new(&server.url, key, name, clock, Options::default()).unwrap(), verifying)
}

fn heartbeat() -> Heartbeat {
    Heartbeat {
        gateway_url: None,
        ip: "node-1".into(),
        region: "eu".into(),
        id_org: None,
        probe_interval_ms: 60_000,
        buckets: vec![],
        census: StatusCounts::default(),
        waiting_batches: None,
        process: None,
        released: Vec::new(),
        leaving: false,
    }
}

fn is_signed(key: &NodeVerifyingKey, method: &str, path: &str, message: &Value) -> bool {
    let limits = Limits { bytes: 4_096, values: 100, members: 20, depth: 8 };
    let read = UnverifiedMessage::read(method, path, message.to_string().as_bytes(), &limits).unwrap();
    read.verify(std::slice::from_ref(key)).is_ok()
}

#[tokio::test]
async fn node_messages_are_signed_and_two_equal_ones_differ() {
    let server = Server::json(200, r#"{"success":true,"message":"ok"}"#).await;
    let (client, key) = node(&server);
    client.heartbeat(&heartbeat()).await.unwrap();
    let first = server.last().json();
    client.heartbeat(&heartbeat()).await.unwrap();
    let second = server.last().json();
    for message in [&first, &second] {
        assert!(is_signed(&key, "POST", "/node/status", message));
    }
    assert_ne!(first["signature"], second["signature"], "or the second would be refused as a replay");
}

#[tokio::test]
async fn sync_signs_its_query_as_the_server_reads_it() {
    let server = Server::json(
        200,
        r#"{"success":true,"cursor":"c 2","snapshot":true,"more":false,"buckets":[],"removed":[],"jobs":[]}"#,
    )
    .await;
    let (client, key) = node(&server);
    let answer = client.sync(Some("c&1 =ü"), Duration::from_secs(25)).await.unwrap();
    assert_eq!((answer.cursor.as_str(), answer.snapshot), ("c 2", true));

    let uri = server.last().uri;
    let parameters: Vec<(String, String)> = uri
        .split_once('?')
        .unwrap()
        .1
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
            (name.to_owned(), value.into_owned())
        })
        .collect();
    let message = query_message(&parameters);
    assert_eq!((message["cursor"].as_str(), message["wait"].as_str()), (Some("c&1 =ü"), Some("25")));
    assert!(is_signed(&key, "GET", "/node/sync", &message));
}
