//! S1: memory that unauthenticated clients can use up.

use serde_json::{Map, Value, json};

use bucketry_test_servers::hostile::{CONNECTIONS, Hostile};

use crate::deployment::{Deployment, options};
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
const LIMIT: (f64, &str) = (64.0 * MIB, "< 64 MiB");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let rounds = if plan.quick { 1 } else { 3 };
    let mut figures = Map::new();
    let mut most = (0.0, "");
    for hostile in Hostile::all() {
        // A separate process per kind: memory left from one kind would hide the growth of the next.
        let directory = tempfile::tempdir()?;
        let deployment = Deployment::start(options(&plan.bucketry, directory.path())).await?;
        let gateway = deployment.gateway().ok_or("no gateway")?.to_owned();
        let (process, api) = (deployment.process.id(), deployment.url().to_owned());
        let mut growths = Vec::new();
        for _ in 0..rounds {
            let (hostile, api, gateway) = (hostile.clone(), api.clone(), gateway.clone());
            let growth =
                tokio::task::spawn_blocking(move || hostile.growth(process, &api, &gateway)).await??;
            growths.push(growth as f64);
        }
        deployment.stop()?;
        let growth = growths.iter().copied().fold(0.0, f64::max);
        report::complain(&format!("{:>7.1} MiB  {}", growth / MIB, hostile.name));
        if growth > most.0 {
            most = (growth, hostile.name);
        }
        figures.insert(hostile.name.to_owned(), json!(growths));
    }
    let (growth, name) = most;
    let bars = vec![Bar::at_most(
        &format!(
            "memory growth from {CONNECTIONS} hostile, unauthenticated connections, worst of {} kinds",
            figures.len()
        ),
        LIMIT,
        growth,
        format!("{:.1} MiB ({name})", growth / MIB),
    )];
    Ok(Report::new(
        "s1",
        machine,
        bars,
        json!({ "connections": CONNECTIONS, "growthBytes": Value::Object(figures) }),
    ))
}
