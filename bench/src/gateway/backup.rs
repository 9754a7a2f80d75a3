//! BACKUP: what a backup of many buckets costs the requests that are served meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::load::round;
use super::{Field, ProviderStub, S3_BUCKET, read};
use crate::connection::Connection;
use crate::cores::Cores;
use crate::gateway::objects::{Objects, SMALL};
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::{Latency, Spread};
use crate::{Plan, Result};

const LIMIT: (f64, &str) = (1.5, "≤ 1.5 ×");
/// Connections of the load at the gateway.
const CONNECTIONS: usize = 4;
/// A page of a list, as clients read it.
const PAGE: &str = "/bucket?limit=100";

/// The latencies of one round.
struct ServedRound {
    page: Latency,
    small: Latency,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let cores = Cores::divide();
    let storage = Objects::start()?;
    // Without peers.
    let plan = Plan { nginx: None, rclone: None, s3s_proxy: None, ..plan.clone() };
    let buckets = if plan.quick { 20_000 } else { 1_000_000 };
    let seeded = Seeded::new(&plan, buckets, &std::env::temp_dir()).await?;
    let field = Field::start_in(seeded.directory, &plan, cores, ProviderStub::at(&storage), &[]).await?;
    let mut connection = field.deployment.connect().await?;
    // The first round fills caches.
    serve(&field, &mut connection, &plan).await?;
    let (mut alone, mut meanwhile, mut finished) = (Vec::new(), Vec::new(), 0);
    for _ in 0..if plan.quick { 3 } else { 9 } {
        alone.push(serve(&field, &mut connection, &plan).await?);
        let mut backup = RunningBackup::start(&plan, cores, field.directory.path())?;
        // Until it reads tables.
        tokio::time::sleep(Duration::from_millis(200)).await;
        meanwhile.push(serve(&field, &mut connection, &plan).await?);
        finished += usize::from(backup.has_ended()?);
    }
    field.deployment.stop()?;
    cores.unite()?;
    let (mut bars, mut figures) = (Vec::new(), json!({ "buckets": buckets, "endedEarly": finished }));
    for (name, what, of) in [
        ("page", "GET /bucket (a page of 100)", (|one| &one.page) as fn(&ServedRound) -> &Latency),
        ("small", "a GET of 1 KiB at the gateway", |one| &one.small),
    ] {
        let pairs = meanwhile.iter().zip(&alone);
        let ratio =
            Spread::of(pairs.map(|(with, without)| of(with).p99 as f64 / of(without).p99.max(1) as f64));
        let p99 = Spread::of(meanwhile.iter().map(|one| of(one).p99 as f64));
        bars.push(Bar::at_most(
            &format!("p99 of {what} during a backup of {buckets} buckets, relative to that alone"),
            LIMIT,
            ratio.median,
            format!("{ratio} × ({:.0} µs)", p99.median),
        ));
        figures[name] = json!({ "ratio": ratio, "p99Us": p99 });
    }
    Ok(Report::new("backup", machine, bars, figures))
}

/// Sends both kinds of requests, one after the other.
async fn serve(field: &Field, connection: &mut Connection, plan: &Plan) -> Result<ServedRound> {
    let (pages, requests) = if plan.quick { (100, 1_000) } else { (400, 10_000) };
    let mut times = Vec::with_capacity(pages);
    for _ in 0..pages {
        let answered = connection.call(Method::GET, PAGE, None).await?;
        connection.expect_ok(PAGE, answered)?;
        times.push(answered.took);
    }
    let small = round(&field.gateway(), &read(S3_BUCKET, SMALL, CONNECTIONS, requests)).await?;
    Ok(ServedRound { page: Latency::of(times), small: small.latency })
}

/// `bucketry backup` in another process, on the server's cores. Ended when dropped, with its file.
struct RunningBackup {
    process: Child,
    file: PathBuf,
}

impl RunningBackup {
    fn start(plan: &Plan, cores: Cores, data_dir: &Path) -> Result<Self> {
        let file = data_dir.join("measured.backup");
        let mut command = Command::new(&plan.bucketry);
        command.arg("backup").arg(&file).arg("--data-dir").arg(data_dir);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = cores.measured(|| Ok(command.spawn()?))?;
        Ok(Self { process, file })
    }

    /// Whether it ended before the measurement did, which makes the measurement too good.
    fn has_ended(&mut self) -> Result<bool> {
        match self.process.try_wait()? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(format!("the backup failed: {status}").into()),
        }
    }
}

impl Drop for RunningBackup {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.process.kill();
        _ = self.process.wait();
        _ = std::fs::remove_file(&self.file);
        let partial = format!("{}.{}.partial", self.file.display(), self.process.id());
        _ = std::fs::remove_file(partial);
    }
}
