//! TRACES: what traces cost a small GET. Switched off, they must cost no instructions, compared with a version before them;
//! with one request in a hundred traced, little CPU time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::load::{LoadSide, compare, failed, ratio};
use super::{Field, ProviderStub, S3_BUCKET, cpu, instructions, read};
use crate::cores::Cores;
use crate::gateway::objects::{Objects, SMALL};
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

/// Keep-alive connections of the load.
const CONNECTIONS: usize = 16;
const CPU_LIMIT: (f64, &str) = (1.03, "≤ 1.03 ×");
/// Counts of two builds differ a little, because the compiler arranges other code differently.
const INSTRUCTIONS_LIMIT: (f64, &str) = (1.01, "≤ 1.01 ×");
const OFF: &str =
    "instructions per GET of 1 KiB with traces switched off, relative to a version without traces";

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let cores = Cores::divide();
    let storage = Objects::start()?;
    // Without peers.
    let plan = Plan { nginx: None, rclone: None, s3s_proxy: None, ..plan.clone() };
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    sampled(&plan, cores, &storage, (&mut bars, &mut figures)).await?;
    match switched_off(&plan, cores, &storage).await {
        Ok((bar, counts)) => {
            bars.push(bar);
            figures.insert("instructions".to_owned(), counts);
        }
        Err(error) => bars.push(Bar::reported(OFF, failed(error.as_ref()))),
    }
    cores.unite()?;
    Ok(Report::new("traces", machine, bars, Value::Object(figures)))
}

/// Compares the CPU time of a server that traces one request in a hundred with one that traces none.
async fn sampled(
    plan: &Plan,
    cores: Cores,
    storage: &Objects,
    (bars, figures): (&mut Vec<Bar>, &mut Map<String, Value>),
) -> Result {
    let collector = Collector::start().await?;
    let settings = [("BUCKETRY_OTLP_ENDPOINT", collector.url.as_str()), ("BUCKETRY_OTLP_RATIO", "0.01")];
    let traced = Field::start_with(plan, cores, ProviderStub::at(storage), &settings).await?;
    let plain = Field::start(plan, cores, ProviderStub::at(storage)).await?;
    let sides = [
        LoadSide { name: "traced".to_owned(), ..traced.gateway() },
        LoadSide { name: "untraced".to_owned(), ..plain.gateway() },
    ];
    let (requests, rounds) = if plan.quick { (4_000, 3) } else { (40_000, 15) };
    let comparison = compare(&sides, &read(S3_BUCKET, SMALL, CONNECTIONS, requests), rounds).await?;
    let [traced_rounds, plain_rounds] = &comparison.compared[..] else {
        return Err(format!("not both sides ran: {:?}", comparison.failed).into());
    };
    // A batch is collected for a second.
    for _ in 0..50 {
        if collector.batches.load(Ordering::Relaxed) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if collector.batches.load(Ordering::Relaxed) == 0 {
        return Err("no spans arrived at the collector".into());
    }
    let of = ratio(traced_rounds, plain_rounds, cpu);
    bars.push(Bar::at_most(
        "CPU per GET of 1 KiB with one request in a hundred traced, relative to none",
        CPU_LIMIT,
        of.median,
        format!("{of} × ({:.1} µs)", traced_rounds.cpu_us_per_request.median),
    ));
    let sides = [traced_rounds, plain_rounds];
    let batches = collector.batches.load(Ordering::Relaxed);
    figures.insert("sampled".to_owned(), json!({ "ratio": of, "sides": sides, "batches": batches }));
    traced.deployment.stop()?;
    plain.deployment.stop()
}

/// Counts the instructions of both versions, in which traces are off by default.
async fn switched_off(plan: &Plan, cores: Cores, storage: &Objects) -> Result<(Bar, Value)> {
    let before =
        plan.before_traces.clone().ok_or("the binary to compare with is missing (`--before-traces`)")?;
    let new = instructions::small_get(plan, cores, storage).await?;
    let old = instructions::small_get(&Plan { bucketry: before, ..plan.clone() }, cores, storage).await?;
    let ratio = new / old;
    let bar =
        Bar::at_most(OFF, INSTRUCTIONS_LIMIT, ratio, format!("{ratio:.3} × ({new:.0}, before {old:.0})"));
    Ok((bar, json!({ "now": new.round(), "before": old.round() })))
}

/// A collector that accepts everything and counts the requests.
struct Collector {
    url: String,
    batches: Arc<AtomicU64>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Collector {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let batches = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&batches);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    // The exporter connects again after an error.
                    _ = answer(stream, &counted).await;
                });
            }
        });
        Ok(Self { url, batches, accepting })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers each request with an empty message.
async fn answer(mut stream: TcpStream, counted: &AtomicU64) -> Result {
    let mut received = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&received)? {
                break end;
            }
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        };
        received.drain(..end);
        counted.fetch_add(1, Ordering::Relaxed);
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
            )
            .await?;
    }
}

/// Where the first request ends, if it has arrived.
fn end_of_request(received: &[u8]) -> Result<Option<usize>> {
    let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(received.get(..head).unwrap_or_default())?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.ok_or("a request of the exporter has no length")?.trim().parse()?;
    let end = head + 4 + length;
    Ok((received.len() >= end).then_some(end))
}
