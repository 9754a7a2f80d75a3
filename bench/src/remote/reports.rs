//! A4 with three control planes: a node's usage reports, sent as signed messages.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use bucketry_client::{NodeClient, NodeName, Options};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{Register, Report, UsageBatch};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_vault::NodeSigningKey;
use http::Method;
use serde_json::{Value, json};

use super::RemoteResults;
use super::planes::{Barred, ComparedPlanes, PlaneRounds, UnitCost};
use crate::a4::{BUCKETS, UPLOADED, report_rows, repository};
use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::process::{Process, cpu_of};
use crate::report;
use crate::seeded::Seeded;
use crate::{Plan, Result};

const NAME: &str = "reporting";
/// Seconds before now at which the reported traffic begins, so that none of it is in the future.
const BEGINS_BEFORE: i64 = 6 * 3_600;

/// A node that only reports traffic. It can turn to each control plane of its database.
struct ReportingNode {
    clients: Vec<NodeClient>,
    buckets: Vec<BucketId>,
    first_minute: i64,
    /// Reports that were acknowledged.
    sent: u64,
}

pub(super) async fn measure(
    plan: &Plan,
    planes: &ComparedPlanes,
    postgres: &Postgres,
    registry: &Seeded,
    results: &mut RemoteResults,
) -> Result {
    report::complain("usage reports");
    let database = registry.database().ok_or("the registry isn't in PostgreSQL")?;
    let ids = postgres.query(database, &format!("SELECT id FROM buckets ORDER BY id LIMIT {BUCKETS}"))?;
    let buckets = ids.lines().map(str::parse).collect::<std::result::Result<Vec<BucketId>, _>>()?;
    let key = Secret::new(fs::read_to_string(registry.directory.path().join("node.pem"))?);
    let before = [uploaded(&planes.single, &buckets).await?, uploaded(&planes.three[0], &buckets).await?];
    let mut single = ReportingNode::new(std::slice::from_ref(&planes.single), &key, &buckets).await?;
    let mut three = ReportingNode::new(&planes.three, &key, &buckets).await?;
    let (rounds, reports) = if plan.quick { (2, 3) } else { (9, 9) };
    let measured = PlaneRounds::measure(rounds, async |routing| {
        let processes = planes.processes(routing);
        let node = if processes.len() == 1 { &mut single } else { &mut three };
        node.report(planes.targets(routing).len(), &processes, reports).await
    })
    .await?;
    let what = format!("A4 time per usage report of {} rows", buckets.len());
    results.bars.extend(measured.bars(&what, Barred::Time));
    results.figures.insert("a4".to_owned(), json!(measured));

    for (plane, node, before) in [(&planes.single, &single, before[0]), (&planes.three[0], &three, before[1])]
    {
        let counted = uploaded(plane, &buckets).await? - before;
        if counted != node.sent * UPLOADED {
            let sent = node.sent;
            return Err(format!("{sent} reports were acknowledged, but {counted} bytes were counted").into());
        }
    }
    Ok(())
}

impl ReportingNode {
    async fn new(planes: &[Deployment], key: &Secret, buckets: &[BucketId]) -> Result<Self> {
        let mut clients = Vec::new();
        for plane in planes {
            let name = NodeName { ip: NAME.to_owned(), id_org: None };
            let key = NodeSigningKey::from_pem(key)?;
            clients.push(NodeClient::new(plane.url(), key, name, Arc::new(SystemClock), Options::default())?);
        }
        let registration = Register {
            ip: NAME.to_owned(),
            provider: "OTHER".to_owned(),
            status: "active".to_owned(),
            region: "bench".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id_org: None,
            node_services: Some(1),
            recipients: Vec::new(),
        };
        clients.first().ok_or("no control planes")?.register(&registration).await?;
        let first_minute = (SystemClock.now().as_second() - BEGINS_BEFORE) / 60 * 60;
        Ok(Self { clients, buckets: buckets.to_vec(), first_minute, sent: 0 })
    }

    /// Sends reports to the first control planes, one after the other: a node stays at the one that it is connected to.
    async fn report(&mut self, targets: usize, processes: &[Process], reports: usize) -> Result<UnitCost> {
        let (start, cpu) = (Instant::now(), cpu_of(processes)?);
        for number in 0..reports {
            let minute = self.first_minute + 60 * i64::try_from(self.sent)?;
            let rows = report_rows(minute, &self.buckets, repository());
            let batch = UsageBatch { spool: NAME.to_owned(), number: self.sent + 1, rows };
            let report = Report { ip: NAME.to_owned(), usage: Some(batch), ..Report::default() };
            self.clients[number * targets / reports].report(&report).await?;
            self.sent += 1;
        }
        let (took, cpu) = (start.elapsed(), cpu_of(processes)?.saturating_sub(cpu));
        let of_each = |micros: f64| micros * 1e6 / reports as f64;
        Ok(UnitCost { time_us: of_each(took.as_secs_f64()), cpu_us: of_each(cpu.as_secs_f64()) })
    }
}

/// The counted uploads of the first bucket, in bytes.
async fn uploaded(plane: &Deployment, buckets: &[BucketId]) -> Result<u64> {
    let id = buckets.first().ok_or("no buckets")?;
    let path = format!("/bucket/stats?bucketId={id}");
    let totals: Value = plane.connect().await?.json(Method::GET, &path, None).await?;
    let bytes = &totals["stats"][0]["totalUploadBytes"];
    let bytes = bytes.as_str().and_then(|text| text.parse().ok()).or_else(|| bytes.as_u64());
    bytes.ok_or_else(|| format!("no totalUploadBytes in {totals}").into())
}
