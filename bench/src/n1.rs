//! N1: 10,000 buckets probed per minute.
//!
//! The whole process is measured: the node, and the control plane that receives and stores its heartbeats.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deployment::{Deployment, options};
use crate::origin::Origin;
use crate::process::Process;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

const KIB: f64 = 1_024.0;
/// Seconds between two probes of a bucket.
pub(crate) const INTERVAL: u64 = 60;
const CPU_LIMIT: (f64, &str) = (0.25, "< 0.25 of a core");
const MEMORY_LIMIT: (f64, &str) = (8.0 * KIB, "≤ 8 KiB");

/// The cost of a process during the measured window.
pub(crate) struct Watched {
    cores: f64,
    resident: f64,
    peak: f64,
    probes_per_minute: f64,
}

impl Watched {
    /// Watches a process, and the storage that receives the probes.
    pub(crate) async fn for_a_while(process: Process, origin: &Origin, window: Duration) -> Result<Self> {
        let (start, cpu, requests) = (Instant::now(), process.cpu()?, origin.requests().await?);
        tokio::time::sleep(window).await;
        let (took, cpu) = (start.elapsed().as_secs_f64(), process.cpu()?.saturating_sub(cpu));
        let probes = origin.requests().await? - requests;
        Ok(Self {
            cores: cpu.as_secs_f64() / took,
            resident: process.resident()? as f64,
            peak: process.peak()? as f64,
            probes_per_minute: probes as f64 * 60.0 / took,
        })
    }

    /// Fails unless each bucket was probed once per interval.
    pub(crate) fn check_probes(&self, buckets: usize) -> Result {
        let expected = buckets as f64 * 60.0 / INTERVAL as f64;
        // Intervals vary by a tenth; their mean doesn't.
        if (self.probes_per_minute - expected).abs() <= expected * 0.05 {
            return Ok(());
        }
        let arrived = self.probes_per_minute;
        Err(format!("{arrived:.0} probes per minute arrived, expected {expected:.0}").into())
    }
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    // Windows are whole intervals, because probes aren't spread evenly over an interval.
    let (buckets, warm_up, window) = if plan.quick { (1_000, 70, 60) } else { (10_000, 130, 180) };
    let (warm_up, window) = (Duration::from_secs(warm_up), Duration::from_secs(window));
    let origin = Origin::start()?;

    report::complain("a node without buckets");
    let empty_directory = tempfile::tempdir()?;
    Deployment::start(options(&plan.bucketry, empty_directory.path())).await?.stop()?;
    // The cost is constant, so there is nothing to wait for.
    let empty = watch(plan, empty_directory.path(), &origin, 0, Duration::from_secs(20), window / 3).await?;

    report::complain(&format!("registering {buckets} buckets"));
    let directory = tempfile::tempdir()?;
    let filling =
        Deployment::start(options(&plan.bucketry, directory.path()).env("BUCKETRY_LOG", "warn")).await?;
    let start = Instant::now();
    filling.register(buckets, &origin.endpoint).await?;
    let registered_per_second = buckets as f64 / start.elapsed().as_secs_f64();
    filling.stop()?;
    report::complain(&format!("probing them for {} s", (warm_up + window).as_secs()));
    let full = watch(plan, directory.path(), &origin, buckets, warm_up, window).await?;

    full.check_probes(buckets)?;
    let (bars, mut figures) = cost_of_buckets("node and control plane", &empty, &full, buckets);
    figures["windowSeconds"] = json!(window.as_secs());
    figures["registeredPerSecond"] = json!(registered_per_second);
    Ok(Report::new("n1", machine, bars, figures))
}

/// What the buckets cost: the difference between a process with them and one without.
/// `whose` names the process in the table.
pub(crate) fn cost_of_buckets(
    whose: &str,
    empty: &Watched,
    full: &Watched,
    buckets: usize,
) -> (Vec<Bar>, Value) {
    let share = buckets as f64;
    let per_bucket = (full.resident - empty.resident) / share;
    let peak_per_bucket = (full.peak - empty.resident) / share;
    let cpu_per_probe = (full.cores - empty.cores) * 60.0e6 / full.probes_per_minute;
    let figures = json!({
        "buckets": buckets,
        "probesPerMinute": full.probes_per_minute,
        "cores": { "withBuckets": full.cores, "without": empty.cores },
        "cpuUsPerProbe": cpu_per_probe,
        "residentBytes": { "withBuckets": full.resident, "without": empty.resident, "peakWithBuckets": full.peak },
        "bytesPerBucket": per_bucket,
        "peakBytesPerBucket": peak_per_bucket,
    });
    let bars = vec![
        Bar::at_most(
            &format!("CPU of {whose}, {buckets} buckets probed per minute"),
            CPU_LIMIT,
            full.cores,
            format!(
                "{:.3} of a core ({:.0} µs per probe; {:.3} without buckets)",
                full.cores, cpu_per_probe, empty.cores
            ),
        ),
        Bar::at_most(
            &format!("memory per bucket of {whose}"),
            MEMORY_LIMIT,
            per_bucket,
            format!("{:.1} KiB ({:.1} at the peak)", per_bucket / KIB, peak_per_bucket / KIB),
        ),
    ];
    (bars, figures)
}

async fn watch(
    plan: &Plan,
    data_dir: &Path,
    origin: &Origin,
    buckets: usize,
    warm_up: Duration,
    window: Duration,
) -> Result<Watched> {
    let set_up = options(&plan.bucketry, data_dir).env("BUCKETRY_PROBE_INTERVAL", &INTERVAL.to_string());
    let deployment = Deployment::start(set_up).await?;
    tokio::time::sleep(warm_up).await;
    deployment.wait_online(buckets, Duration::from_mins(1)).await?;
    let watched = Watched::for_a_while(deployment.process, origin, window).await?;
    deployment.wait_online(buckets, Duration::from_secs(1)).await?;
    deployment.stop()?;
    Ok(watched)
}
