//! Binary size, idle memory and start time.

use std::time::Duration;

use serde_json::json;

use crate::deployment::{Deployment, options, time_start};
use crate::origin::Origin;
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
const BUCKETS: usize = 1_000;

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let binary = std::fs::metadata(&plan.bucketry)?.len() as f64;
    let rounds = if plan.quick { 3 } else { 9 };
    let origin = Origin::start()?;

    let mut first_starts = Vec::new();
    for _ in 0..rounds {
        let directory = tempfile::tempdir()?;
        first_starts.push(time_start(options(&plan.bucketry, directory.path())).await?.as_secs_f64() * 1e3);
    }
    let directory = tempfile::tempdir()?;
    let filling = Deployment::start(options(&plan.bucketry, directory.path())).await?;
    filling.register(BUCKETS, &origin.endpoint).await?;
    filling.stop()?;
    let mut later_starts = Vec::new();
    for _ in 0..rounds {
        later_starts.push(time_start(options(&plan.bucketry, directory.path())).await?.as_secs_f64() * 1e3);
    }

    // Idle: no requests, and the node probes each bucket once per minute.
    let deployment = Deployment::start(options(&plan.bucketry, directory.path())).await?;
    tokio::time::sleep(Duration::from_secs(if plan.quick { 10 } else { 120 })).await;
    deployment.wait_online(BUCKETS, Duration::from_mins(1)).await?;
    let mut resident = Vec::new();
    for _ in 0..10 {
        resident.push(deployment.process.resident()? as f64 / MIB);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    deployment.stop()?;

    let (resident, first, later) = (Spread::of(resident), Spread::of(first_starts), Spread::of(later_starts));
    let figures = json!({
        "binaryBytes": binary,
        "buckets": BUCKETS,
        "idleMib": resident,
        "firstStartMs": first,
        "laterStartMs": later,
    });
    let bars = vec![
        Bar::reported("release binary", format!("{:.1} MiB", binary / MIB)),
        Bar::reported("idle memory with 1,000 buckets, probed each minute", format!("{resident} MiB")),
        Bar::reported("first start to ready, which creates all keys", format!("{first} ms")),
        Bar::reported("later start to ready, with 1,000 buckets", format!("{later} ms")),
    ];
    Ok(Report::new("size", machine, bars, figures))
}
