//! A1 with three control planes: the list of 100 buckets, each probed every second by a node in a separate process.

use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry::Options;
use http::Method;
use serde_json::json;
use tempfile::TempDir;

use super::RemoteResults;
use super::planes::{Barred, ComparedPlanes, PlaneRounds, Routing, UnitCost};
use crate::a1::{BUCKETS, LIST, PAGE, has_all_buckets};
use crate::approved_node::ApprovedNode;
use crate::deployment::{Deployment, options};
use crate::load::{Side, round};
use crate::origin::Origin;
use crate::postgres::Postgres;
use crate::report;
use crate::{Plan, Result};

const ONLINE_WITHIN: Duration = Duration::from_mins(1);

/// A database with the data directory of its first control plane.
struct EmptyRegistry {
    directory: TempDir,
    options: Options,
}

impl EmptyRegistry {
    fn new(plan: &Plan, postgres: &Postgres, name: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let options =
            options(&plan.bucketry, directory.path()).env("BUCKETRY_DATABASE_URL", &postgres.database(name)?);
        Ok(Self { directory, options })
    }

    /// Starts a node at a control plane of this database, and registers the buckets.
    async fn fill(&self, plan: &Plan, at: &Deployment, origin: &Origin) -> Result<ApprovedNode> {
        let key = self.directory.path().join("node.pem");
        let node = ApprovedNode::start(plan, at, &key, "probing", &["--probe-interval", "1"]).await?;
        at.register(BUCKETS, &origin.endpoint).await?;
        Ok(node)
    }
}

pub(super) async fn measure(plan: &Plan, postgres: &Postgres, results: &mut RemoteResults) -> Result {
    report::complain("A1 at control planes with 100 buckets");
    let origin = Origin::start()?;
    let single = EmptyRegistry::new(plan, postgres, "single_list")?;
    let shared = EmptyRegistry::new(plan, postgres, "shared_list")?;
    let planes = ComparedPlanes::start(single.options.clone(), shared.options.clone()).await?;
    // The node isn't connected to the control plane that gets all requests, so changes have to reach that one.
    let last = planes.three.last().ok_or("no control planes")?;
    let nodes = [single.fill(plan, &planes.single, &origin).await?, shared.fill(plan, last, &origin).await?];
    for plane in planes.three.iter().chain([&planes.single]) {
        wait_until_online(plane).await?;
    }
    for (name, path, what, requests) in [
        ("list", LIST, "a list of 100 buckets", 30_000),
        ("page", PAGE, "the same buckets as a page, which is not cached,", 3_000),
    ] {
        report::complain(what);
        let (rounds, requests) = if plan.quick { (2, requests / 10) } else { (5, requests) };
        let measured = PlaneRounds::measure(rounds, async |routing| {
            let round = round(&side(&planes, routing, path)?, requests).await?;
            Ok(UnitCost { time_us: round.latency.p99 as f64, cpu_us: round.cpu_us_per_request })
        })
        .await?;
        let what = format!("A1 CPU per request for {what} while each bucket is probed every second");
        results.bars.extend(measured.bars(&what, Barred::Cpu));
        results.figures.insert(format!("a1 {name}"), json!(measured));
    }
    nodes.into_iter().try_for_each(ApprovedNode::stop)?;
    planes.stop()
}

fn side<'a>(planes: &'a ComparedPlanes, routing: Routing, path: &'a str) -> Result<Side<'a>> {
    let targets = planes.targets(routing);
    Ok(Side {
        urls: targets.iter().map(Deployment::url).collect(),
        token: &targets.first().ok_or("no control planes")?.token,
        path,
        processes: planes.processes(routing),
        verify: &has_all_buckets,
    })
}

async fn wait_until_online(plane: &Deployment) -> Result {
    let mut connection = plane.connect().await?;
    let deadline = Instant::now() + ONLINE_WITHIN;
    loop {
        connection.json(Method::GET, LIST, None).await?;
        match has_all_buckets(connection.body()) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
