//! LIVE: what open dashboards cost the server while each bucket is probed once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser::{sign_in, watch};
use crate::deployment::{Deployment, options};
use crate::origin::Origin;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

const PATH: &str = "/ui";
const ONE_LIMIT: (f64, &str) = (0.01, "< 1 % of a core");
const MANY_LIMIT: (f64, &str) = (0.20, "< 20 % of a core");

/// What the server uses.
struct LiveCost {
    cores: f64,
    /// Reads of pages per dashboard and minute.
    reads_per_minute: f64,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let (buckets, many, warm_up, window) = if plan.quick { (200, 20, 10, 20) } else { (1_000, 200, 75, 180) };
    let (warm_up, window) = (Duration::from_secs(warm_up), Duration::from_secs(window));
    let origin = Origin::start()?;
    let directory = tempfile::tempdir()?;
    let set_up = options(&plan.bucketry, directory.path()).env("BUCKETRY_LOG", "warn");
    let deployment = Deployment::start(set_up).await?;
    report::complain(&format!("registering {buckets} buckets"));
    deployment.register(buckets, &origin.endpoint).await?;
    deployment.wait_online(buckets, Duration::from_mins(3)).await?;
    let none = open(&deployment, 0, warm_up, window).await?;
    let one = open(&deployment, 1, warm_up, window).await?;
    let all = open(&deployment, many, warm_up, window).await?;
    deployment.stop()?;
    let bars = vec![bar(1, buckets, ONE_LIMIT, &none, &one), bar(many, buckets, MANY_LIMIT, &none, &all)];
    let figures = |cost: &LiveCost| json!({ "cores": cost.cores, "readsPerMinute": cost.reads_per_minute });
    let figures: Value = json!({
        "buckets": buckets,
        "dashboards": many,
        "none": figures(&none),
        "one": figures(&one),
        "many": figures(&all),
    });
    Ok(Report::new("live", machine, bars, figures))
}

fn bar(dashboards: usize, buckets: usize, limit: (f64, &str), without: &LiveCost, with: &LiveCost) -> Bar {
    let cores = (with.cores - without.cores).max(0.0);
    let noun = if dashboards == 1 { "open dashboard" } else { "open dashboards" };
    Bar::at_most(
        &format!("CPU of {dashboards} {noun}, {buckets} buckets probed per minute"),
        limit,
        cores,
        format!(
            "{:.2} % of a core (each reads its page {:.1} times per minute; the server without: {:.2} %)",
            cores * 100.0,
            with.reads_per_minute,
            without.cores * 100.0
        ),
    )
}

/// Opens dashboards, each of its own session, and measures the server.
async fn open(
    deployment: &Deployment,
    dashboards: usize,
    warm_up: Duration,
    window: Duration,
) -> Result<LiveCost> {
    report::complain(&format!("{dashboards} open dashboards"));
    let reads = Arc::new(AtomicU64::new(0));
    let mut watching = JoinSet::new();
    for _ in 0..dashboards {
        let (url, cookie, reads) =
            (deployment.url().to_owned(), sign_in(deployment.url()).await?, Arc::clone(&reads));
        watching.spawn(async move {
            watch(url, cookie, PATH, || {
                reads.fetch_add(1, Ordering::Relaxed);
            })
            .await
        });
    }
    tokio::time::sleep(warm_up).await;
    let process = deployment.process;
    let (start, cpu, before) = (Instant::now(), process.cpu()?, reads.load(Ordering::Relaxed));
    tokio::select! {
        () = tokio::time::sleep(window) => {}
        Some(ended) = watching.join_next() => return Err(format!("a dashboard has ended: {ended:?}").into()),
    }
    let took = start.elapsed().as_secs_f64();
    let cores = process.cpu()?.saturating_sub(cpu).as_secs_f64() / took;
    let reads = (reads.load(Ordering::Relaxed) - before) as f64;
    let reads_per_minute = reads * 60.0 / took / dashboards.max(1) as f64;
    Ok(LiveCost { cores, reads_per_minute })
}
