//! Measures the cost of a probe: processor time per bucket for 10,000 buckets, against a server that responds
//! immediately.
//!
//! `cargo run --release -p bucketry-provider --example probe_cost`. The prober runs on a dedicated thread, whose
//! processor time the kernel counts. The server runs on another thread. Linux only.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bucketry_faults::OriginStub;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;
use futures_util::StreamExt;
use futures_util::stream;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const BUCKETS: usize = 10_000;
const ROUNDS: usize = 5;
const CONCURRENT: usize = 16;

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The processor time of this thread in nanoseconds.
fn thread_time() -> Result<u64, AnyError> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}

/// The resident memory of this process in KiB.
fn resident() -> Result<u64, AnyError> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn bucket(endpoint: &Endpoint, number: usize, connections: &Connections) -> Result<SharedDriver, AnyError> {
    let location = BucketLocation {
        storage_type: StorageType::S3,
        bucket: format!("bucket-{number:05}"),
        key: Some(format!("AKID{number:016}")),
        endpoint: Some(endpoint.clone()),
        region: Some("us-east-1".to_owned()),
    };
    // Each bucket has a different secret: the worst case for the cache of signing keys.
    let secret = Some(Secret::new(format!("{number:040}")));
    Ok(open(&BucketTarget { location, secret }, connections)?)
}

async fn round(drivers: &[SharedDriver]) -> usize {
    stream::iter(drivers)
        .map(|driver| async move { usize::from(probe(&**driver, Duration::from_secs(10)).await.outcome.is_ok()) })
        .buffer_unordered(CONCURRENT)
        .fold(0, |sum, up| async move { sum + up })
        .await
}

#[expect(clippy::print_stdout, reason = "it prints its measurement")]
fn main() -> Result<(), AnyError> {
    let (tell, response) = mpsc::channel();
    thread::spawn(move || -> Result<(), AnyError> {
        runtime()?.block_on(async {
            let origin = OriginStub::start().await?;
            tell.send(origin.endpoint())?;
            std::future::pending::<Result<(), AnyError>>().await
        })
    });
    let endpoint = Endpoint::parse(&response.recv()?)?;

    runtime()?.block_on(async {
        let settings =
            ConnectionSettings { policy: EndpointPolicy::private(), ..ConnectionSettings::default() };
        let connections = Connections::new(settings)?;
        let before = resident()?;
        let drivers = (0..BUCKETS)
            .map(|number| bucket(&endpoint, number, &connections))
            .collect::<Result<Vec<_>, _>>()?;
        let opened = resident()?;
        println!("{BUCKETS} open buckets: {} bytes each", (opened - before) * 1_024 / BUCKETS as u64);
        for round_number in 0..ROUNDS {
            let (cpu, start) = (thread_time()?, Instant::now());
            let up = round(&drivers).await;
            let cpu = thread_time()? - cpu;
            println!(
                "round {round_number}: {up} up, {:.1} µs of processor time per probe, {:.2} s in total",
                cpu as f64 / 1_000.0 / BUCKETS as f64,
                start.elapsed().as_secs_f64()
            );
        }
        println!("after probing: {} bytes per bucket", (resident()? - before) * 1_024 / BUCKETS as u64);
        Ok(())
    })
}
