//! Measures the memory that a large object needs: 2 GiB are streamed up and down through a driver.
//!
//! `cargo run --release -p bucketry-provider --example large_object -- s3|azure|gcs [ENDPOINT BUCKET KEY SECRET]`.
//!
//! Without an endpoint, the object goes to a server in this process that discards the content and speaks all three
//! protocols. The emulators store objects in memory, which would distort the measurement. Linux only.

use std::fs;
use std::io;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::body::Payload;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::{GetRequest, PutRequest, SharedDriver};
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const SIZE: u64 = 2 * 1024 * 1024 * 1024;
const PIECE: usize = 64 * 1024;
const MIB: u64 = 1024 * 1024;

/// A stream of `size` bytes, in pieces that are created on demand.
fn content(size: u64) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> + Send {
    stream::unfold(size, |left| async move {
        let piece = usize::try_from(left.min(PIECE as u64)).unwrap_or(PIECE);
        (piece > 0).then(|| (Ok(Frame::data(Bytes::from(vec![b'x'; piece]))), left - piece as u64))
    })
}

/// A line of `/proc/self/status` in bytes.
fn memory(line: &str) -> Result<u64, AnyError> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|text| text.strip_prefix(line)).ok_or("no such line")?;
    Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, io::Error>>, http::Error> {
    let (head, mut body) = request.into_parts();
    while let Some(Ok(_)) = body.frame().await {}
    let whole = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes())).map_err(io::Error::other);
    let (status, length, body) = match head.method {
        Method::GET => (200, SIZE, StreamBody::new(content(SIZE)).boxed_unsync()),
        Method::POST => (200, 37, whole("{\"name\":\"large\",\"generation\":\"1\"    }").boxed_unsync()),
        _ => (201, 0, whole("").boxed_unsync()),
    };
    Response::builder()
        .status(status)
        .header("etag", "\"0x1\"")
        .header("x-ms-request-id", "0")
        .header("content-length", length)
        .body(body)
}

async fn origin() -> Result<Endpoint, AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr()?))?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    });
    Ok(endpoint)
}

async fn bucket(arguments: &[String], connections: &Connections) -> Result<SharedDriver, AnyError> {
    let (storage_type, key, secret) = match arguments.first().map(String::as_str) {
        Some("s3") => (StorageType::S3, Some("AKID"), Some("secret".to_owned())),
        Some("azure") => (StorageType::Blob, Some("acct"), Some(STANDARD.encode("secret"))),
        Some("gcs") => (StorageType::Gcs, None, None),
        _ => return Err("the first argument must be a driver: s3, azure or gcs".into()),
    };
    let mut location = BucketLocation {
        storage_type,
        bucket: "photos".to_owned(),
        key: key.map(str::to_owned),
        endpoint: None,
        region: (storage_type == StorageType::S3).then(|| "us-east-1".to_owned()),
    };
    let mut secret = secret.map(Secret::new);
    if let [_, endpoint, bucket, rest @ ..] = arguments {
        location.endpoint = Some(Endpoint::parse(endpoint)?);
        bucket.clone_into(&mut location.bucket);
        location.key = rest.first().cloned();
        secret = rest.get(1).map(Secret::new);
    } else {
        location.endpoint = Some(origin().await?);
    }
    Ok(open(&BucketTarget { location, secret }, connections)?)
}

#[expect(clippy::print_stdout, reason = "it prints its measurement")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..ConnectionSettings::default() };
    let connections = Connections::new(settings)?;
    let driver = bucket(&arguments, &connections).await?;
    // Allocates connections, certificates and buffers before the measurement.
    driver.put("large", Payload::bytes(vec![b'x'; PIECE]), &PutRequest::default()).await?;
    let before = memory("VmRSS")?;

    let start = Instant::now();
    let payload = Payload::stream(StreamBody::new(content(SIZE)), SIZE);
    driver.put("large", payload, &PutRequest::default()).await?;
    let up = start.elapsed().as_secs_f64();
    let peak_up = memory("VmHWM")?;

    let start = Instant::now();
    let mut body = driver.get("large", &GetRequest::default()).await?.body;
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    let down = start.elapsed().as_secs_f64();
    let peak = memory("VmHWM")?;
    println!(
        "{}: {} MiB up in {up:.1} s, {} MiB down in {down:.1} s; resident before {} KiB, peak growth up {} KiB, \
         up and down {} KiB",
        arguments[0],
        SIZE / MIB,
        read / MIB,
        before / 1_024,
        peak_up.saturating_sub(before) / 1_024,
        peak.saturating_sub(before) / 1_024,
    );
    if read == SIZE { Ok(()) } else { Err("the object came back with a different size".into()) }
}
