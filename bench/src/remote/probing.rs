//! N1 for a node in a separate process. Its control plane runs without a node, and is measured, too.

use std::time::{Duration, Instant};

use serde_json::json;

use super::RemoteResults;
use crate::approved_node::ApprovedNode;
use crate::deployment::{Deployment, options};
use crate::n1::{INTERVAL, Watched, cost_of_buckets};
use crate::origin::Origin;
use crate::report::{self, Bar};
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// How long a node without buckets settles after its start, and how long it is measured then. Its cost is constant.
const EMPTY: Duration = Duration::from_secs(20);

pub(super) async fn measure(plan: &Plan, results: &mut RemoteResults) -> Result {
    let (buckets, warm_up, window) = if plan.quick { (1_000, 70, 60) } else { (10_000, 130, 120) };
    let (warm_up, window) = (Duration::from_secs(warm_up), Duration::from_secs(window));
    let origin = Origin::start()?;
    let directory = tempfile::tempdir()?;
    let control_plane = Deployment::start(options(&plan.bucketry, directory.path()).arg("--no-node")).await?;
    let key = directory.path().join("node.pem");
    let interval = INTERVAL.to_string();
    let arguments = ["--probe-interval", interval.as_str()];
    let mut node = ApprovedNode::start(plan, &control_plane, &key, "probing", &arguments).await?;

    report::complain("a node without buckets");
    tokio::time::sleep(EMPTY).await;
    let empty = Watched::for_a_while(node.process, &origin, EMPTY).await?;

    report::complain(&format!("registering {buckets} buckets"));
    control_plane.register(buckets, &origin.endpoint).await?;
    // A node that has just received the buckets one by one isn't in the state of one that has started with them.
    let start = Instant::now();
    node.restart()?;
    let restarted = start.elapsed().as_secs_f64();
    report::complain(&format!("probing them for {} s", (warm_up + window).as_secs()));
    tokio::time::sleep(warm_up).await;
    control_plane.wait_online(buckets, Duration::from_mins(1)).await?;
    let (start, cpu) = (Instant::now(), control_plane.process.cpu()?);
    let full = Watched::for_a_while(node.process, &origin, window).await?;
    let cpu = control_plane.process.cpu()?.saturating_sub(cpu);
    let cores = cpu.as_secs_f64() / start.elapsed().as_secs_f64();
    let mib = control_plane.process.resident()? as f64 / MIB;
    control_plane.wait_online(buckets, Duration::from_secs(1)).await?;
    full.check_probes(buckets)?;
    node.stop()?;
    control_plane.stop()?;

    let (bars, mut figures) = cost_of_buckets("a node in a separate process", &empty, &full, buckets);
    results.bars.extend(bars.into_iter().map(|bar| Bar { what: format!("N1 {}", bar.what), ..bar }));
    results.bars.push(Bar::reported(
        "N1 CPU and memory of the control plane of this node",
        format!("{cores:.3} of a core, {mib:.0} MiB"),
    ));
    figures["windowSeconds"] = json!(window.as_secs());
    figures["restartSeconds"] = json!(restarted);
    figures["controlPlane"] = json!({ "cores": cores, "residentMib": mib });
    results.figures.insert("n1".to_owned(), figures);
    Ok(())
}
