//! G1 at a node in a separate process, compared with G1 at the embedded node of the same deployment.

use serde_json::{Map, Value, json};

use super::load::{Comparison, LoadRound, LoadSide, compare, ratio};
use super::sign::Signer;
use super::{AZURE_BUCKET, Field, ProviderStub, S3_BUCKET, cpu, p50, read, wait_until_served};
use crate::approved_node::ApprovedNode;
use crate::cores::Cores;
use crate::gateway::objects::{Objects, SMALL};
use crate::report::{self, Bar};
use crate::statistics::Spread;
use crate::{Plan, Result};

/// Medians of equal programs differ by as much.
const LIMIT: (f64, &str) = (1.05, "≤ 1.05 ×");

/// The rows and the figures.
pub(crate) async fn measure(plan: &Plan) -> Result<(Vec<Bar>, Value)> {
    report::complain("G1 at a node in a separate process");
    let cores = Cores::divide();
    let storage = Objects::start()?;
    let alone = Plan { nginx: None, rclone: None, s3s_proxy: None, ..plan.clone() };
    let field = Field::start(&alone, cores, ProviderStub::at(&storage)).await?;
    let key = field.directory.path().join("node.pem");
    let arguments = ["--probe-interval", "86400", "--log", "warn"];
    let mut node = ApprovedNode::start(plan, &field.deployment, &key, "separate", &arguments).await?;
    cores.measured(|| node.restart())?;
    let remote = side(&field, &node);
    for bucket in [S3_BUCKET, AZURE_BUCKET] {
        // The secrets have to be sealed to this node first.
        wait_until_served(&remote, bucket).await?;
    }
    let sides = [remote, field.gateway()];
    let (rounds, requests) = if plan.quick { (3, 2_000) } else { (9, 20_000) };
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    for (what, bucket) in [("over S3", S3_BUCKET), ("translated to Azure", AZURE_BUCKET)] {
        report::complain(what);
        let comparison = compare(&sides, &read(bucket, SMALL, 16, requests), rounds).await?;
        bars.extend(rows(what, &comparison)?);
        figures.insert(what.to_owned(), json!(comparison.compared));
    }
    node.stop()?;
    field.deployment.stop()?;
    cores.unite()?;
    Ok((bars, Value::Object(figures)))
}

/// The gateway of the separate process, with the same access key.
fn side(field: &Field, node: &ApprovedNode) -> LoadSide {
    let url = node.gateway().to_owned();
    let Signer { key, secret, .. } = field.signer.clone();
    let host = url.trim_start_matches("http://").to_owned();
    let signer = Signer::new(key, secret, host);
    LoadSide { name: "separate".to_owned(), url, signer, process: node.process, tls: None }
}

fn rows(what: &str, comparison: &Comparison) -> Result<[Bar; 2]> {
    let [separate, embedded] = &comparison.compared[..] else {
        return Err(format!("not both nodes ran: {:?}", comparison.failed).into());
    };
    let row = |figure: &str| {
        format!(
            "G1 {figure} (µs) of a GET of 1 KiB {what} at a node in a separate process, relative to the embedded node"
        )
    };
    let of = |figure: fn(&LoadRound) -> f64| {
        let (spread, own) =
            (ratio(separate, embedded, figure), Spread::of(separate.rounds.iter().map(figure)).median);
        (spread.median, format!("{spread} × ({own:.1})"))
    };
    let ((cpu, shown), (_, latency)) = (of(cpu), of(p50));
    Ok([Bar::at_most(&row("CPU"), LIMIT, cpu, shown), Bar::reported(&row("p50"), latency)])
}
