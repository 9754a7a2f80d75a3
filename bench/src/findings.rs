//! FINDINGS: what the list of what needs attention costs between changes, with 100,000 buckets whose node is silent.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Map, Value, json};

use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::Latency;
use crate::{Plan, Result};

const PATH: &str = "/findings";
/// Time between two requests for the list.
const EVERY: Duration = Duration::from_secs(1);
/// The node registers while the data directory is filled. It counts as silent a minute later, and is then listed after the
/// delay of findings.
const SILENT_WITHIN: Duration = Duration::from_mins(3);
const LIMIT: (f64, &str) = (0.01, "≤ 1 % of a core");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let buckets = if plan.quick { 10_000 } else { 100_000 };
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let directory = std::env::temp_dir();
    let seeded = Seeded::new(plan, buckets, &directory).await?;
    watch("SQLite", plan, &seeded, &mut bars, &mut figures).await?;
    if let Some(server) = Postgres::start(plan, &directory)? {
        let (seeded, _) = seeded.migrate(plan, &server)?;
        watch("PostgreSQL", plan, &seeded, &mut bars, &mut figures).await?;
    }
    Ok(Report::new("findings", machine, bars, Value::Object(figures)))
}

/// Requests the list for a while, as a monitoring system does. No node is connected, so nothing changes.
async fn watch(
    engine: &str,
    plan: &Plan,
    seeded: &Seeded,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result {
    let deployment = Deployment::start(seeded.options(plan).arg("--no-node")).await?;
    let mut connection = deployment.connect().await?;
    let start = Instant::now();
    let mut list = connection.json(Method::GET, PATH, None).await?;
    let first = start.elapsed();
    while list["findings"] == json!([]) && start.elapsed() < SILENT_WITHIN {
        tokio::time::sleep(EVERY).await;
        list = connection.json(Method::GET, PATH, None).await?;
    }
    let silent = |one: &Value| one["code"] == "NODE_SILENT";
    let found = list["findings"].as_array().ok_or("no list")?;
    if found.is_empty() || !found.iter().all(silent) || list["more"] != 0 {
        return Err(format!("expected silent nodes only: {list}").into());
    }
    let window = Duration::from_secs(if plan.quick { 20 } else { 180 });
    report::complain(&format!("{engine}: requesting the findings for {} s", window.as_secs()));
    let process = deployment.process;
    let (start, cpu) = (Instant::now(), process.cpu()?);
    let mut times = Vec::new();
    while start.elapsed() < window {
        let answered = connection.call(Method::GET, PATH, None).await?;
        connection.expect_ok(PATH, answered)?;
        times.push(answered.took);
        tokio::time::sleep(EVERY).await;
    }
    let cores = process.cpu()?.saturating_sub(cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    deployment.stop()?;
    let latency = Latency::of(times);
    bars.push(Bar::at_most(
        &format!(
            "CPU of the whole server while its findings are requested each second, {} buckets of a silent node, {engine}",
            seeded.buckets
        ),
        LIMIT,
        cores,
        format!(
            "{:.2} % of a core (p99 {:.1} ms; the first list took {:.0} ms)",
            cores * 100.0,
            latency.p99 as f64 / 1e3,
            first.as_secs_f64() * 1e3
        ),
    ));
    figures.insert(
        engine.to_owned(),
        json!({ "buckets": seeded.buckets, "cores": cores, "firstMs": first.as_secs_f64() * 1e3, "latency": latency }),
    );
    Ok(())
}
