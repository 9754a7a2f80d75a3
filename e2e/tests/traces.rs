//! Traces, as a collector receives them. The collector is a real one, which prints what it receives.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bucketry_e2e::{
    Call, OPEN_BUCKET, Options, Person, RepositoryAccess, Result, Server, eventually, options, s3_bucket,
    shared_s3_endpoint,
};
use http::Method;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A running collector. Dropping it kills it.
struct OtlpReceiver {
    _process: Child,
    endpoint: String,
    output: PathBuf,
}

/// A received span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ReceivedSpan {
    trace: String,
    parent: String,
    id: String,
    name: String,
    kind: String,
    status: String,
    attributes: Vec<(String, String)>,
}

impl ReceivedSpan {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl OtlpReceiver {
    /// `None` where there is no collector; `cargo xtask test` counts the skipped tests.
    async fn start(dir: &Path) -> Option<Self> {
        let program = std::env::var_os("BUCKETRY_TEST_TRACE_COLLECTOR")?;
        let (http, grpc) = (free_address().await, free_address().await);
        let output = dir.join("received");
        let written = std::fs::File::create(&output).unwrap();
        let process = Command::new(program)
            .args(["start", "--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc])
            .args(["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Some(Self { _process: process, endpoint: format!("http://{http}"), output })
    }

    fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    /// The spans of a trace that have been received so far.
    fn spans(&self, trace: &str) -> Vec<ReceivedSpan> {
        let mut spans: Vec<ReceivedSpan> = Vec::new();
        for line in self.output().lines() {
            if line.starts_with("Span #") {
                spans.push(ReceivedSpan::default());
            } else if let Some(span) = spans.last_mut() {
                read_line(span, line.trim());
            }
        }
        spans.retain(|span| span.trace == trace);
        spans
    }

    async fn eventually(&self, trace: &str, count: usize) -> Result<Vec<ReceivedSpan>> {
        let what = format!("{count} spans of the trace {trace}");
        eventually(&what, SOON, async || Ok(self.spans(trace)), |spans| spans.len() >= count).await
    }
}

fn read_line(span: &mut ReceivedSpan, line: &str) {
    if let Some(attribute) = line.strip_prefix("-> ") {
        let (name, value) = attribute.split_once(": ").unwrap_or((attribute, ""));
        span.attributes.push((name.to_owned(), value.to_owned()));
        return;
    }
    let Some((field, value)) = line.split_once(':') else { return };
    let value = value.trim().to_owned();
    match field.trim() {
        "Trace ID" => span.trace = value,
        "Parent ID" => span.parent = value,
        "ID" => span.id = value,
        "Name" => span.name = value,
        "Kind" => span.kind = value,
        "Status code" => span.status = value,
        _ => {}
    }
}

async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

fn traced(endpoint: &str, ratio: &str) -> Result<Options> {
    Ok(options()?.env("BUCKETRY_OTLP_ENDPOINT", endpoint).env("BUCKETRY_OTLP_RATIO", ratio))
}

async fn repository(server: &Server, owner: &Person) -> Result<RepositoryAccess> {
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    owner.repository_access(server, "Traced", &[(&id, OPEN_BUCKET)]).await
}

fn from_caller(call: Call, trace: &str, flags: &str) -> Call {
    call.header("traceparent", &format!("00-{trace}-{CALLER}-{flags}"))
}

#[tokio::test]
async fn a_put_is_one_trace_with_its_calls_to_the_provider() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let Some(collector) = OtlpReceiver::start(dir.path()).await else { return Ok(()) };
    let server = Server::start(traced(&collector.endpoint, "0")?).await?;
    let owner = server.owner().await?;
    let access = repository(&server, &owner).await?;
    let put = access.object(Method::PUT, "very-private-name.txt").raw("text/plain", "hello");
    assert_eq!(from_caller(put, TRACE, "01").send().await?.status, 200);

    // With its size before the write, which is asked for first.
    let spans = collector.eventually(TRACE, 3).await?;
    let root = spans.iter().find(|span| span.name == "PutObject").unwrap();
    assert_eq!((root.parent.as_str(), root.kind.as_str()), (CALLER, "SPAN_KIND_SERVER"));
    assert!(root.attribute("bucketry.bucket.id").is_some(), "{root:?}");
    assert_eq!(root.attribute("http.response.status_code"), Some("Int(200)"));
    let mut calls: Vec<_> = spans.iter().filter(|span| span.kind == "SPAN_KIND_CLIENT").collect();
    calls.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(calls.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["HEAD", "PUT"], "{spans:?}");
    for call in calls {
        assert_eq!(call.parent, root.id, "{call:?}");
        assert_eq!(call.attribute("bucketry.provider"), Some("Str(OTHER)"));
    }
    let output = collector.output();
    for secret in ["very-private-name", access.secret.as_str(), access.key.as_str()] {
        assert!(!output.contains(secret), "{secret} is in {output}");
    }
    Ok(())
}

#[tokio::test]
async fn the_callers_decision_is_respected_and_others_are_sampled() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let Some(collector) = OtlpReceiver::start(dir.path()).await else { return Ok(()) };
    let server = Server::start(traced(&collector.endpoint, "1")?).await?;
    let owner = server.owner().await?;
    let not_sampled = TRACE.replace('4', "5");
    assert_eq!(from_caller(owner.get("/bucket"), &not_sampled, "00").send().await?.status, 200);
    assert_eq!(from_caller(owner.get("/bucket"), TRACE, "01").send().await?.status, 200);
    repository(&server, &owner).await?;
    let list = collector.eventually(TRACE, 1).await?.remove(0);
    assert_eq!((list.name.as_str(), list.parent.as_str()), ("GET /bucket", CALLER));
    assert_eq!(list.attribute("http.route"), Some("Str(/bucket)"));
    // The validation of the bucket was a job of the node, which called the provider.
    let seen = async || Ok(collector.output());
    let is_job = |output: &String| output.contains("Name           : validate");
    eventually("the job's trace", SOON, seen, is_job).await?;
    assert_eq!(collector.spans(&not_sampled), []);
    assert!(!collector.output().contains("/node/sync"), "routine calls of the node are left out");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_no_request() -> Result<()> {
    // Connections to it are established, and nobody reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut server = Server::start(traced(&endpoint, "1")?).await?;
    let owner = server.owner().await?;
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(owner.get("/bucket").send().await?.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let dropped = async || Ok(server.get("/metrics").send().await?.text());
    let is_counted = |text: &String| {
        text.lines().any(|line| {
            line.strip_prefix(r#"bucketry_trace_spans_dropped_total{reason="not_exported"} "#)
                .is_some_and(|count| count != "0")
        })
    };
    eventually("dropped spans being counted", SOON, dropped, is_counted).await?;
    let began = Instant::now();
    assert!(server.terminate().await?.is_some_and(|status| status.success()));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    Ok(())
}
