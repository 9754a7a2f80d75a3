//! IMPORT: the memory of `bucketry import`, which must not grow with the number of buckets.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::deployment::{Deployment, options};
use crate::origin::Origin;
use crate::process::Process;
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// The peak is read this often. It only rises, so at most the last moments are missed.
const EVERY: Duration = Duration::from_millis(5);
const LIMIT: (f64, &str) = (1.1, "≤ 1.1 ×");

/// What an import took.
struct ImportCost {
    /// In MiB.
    peak: f64,
    seconds: f64,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let ([few, many], rounds) = if plan.quick { ([100, 1_000], 1) } else { ([1_000, 10_000], 5) };
    let origin = Origin::start()?;
    let (mut ratios, mut peaks, mut speeds) = (Vec::new(), [Vec::new(), Vec::new()], Vec::new());
    for round in 1..=rounds {
        report::complain(&format!("round {round} of {rounds}: importing {few} and {many} buckets"));
        let small = import(plan, &origin, few).await?;
        let large = import(plan, &origin, many).await?;
        ratios.push(large.peak / small.peak);
        speeds.push(f64::from(many) / large.seconds);
        peaks[0].push(small.peak);
        peaks[1].push(large.peak);
    }
    let (ratio, speed) = (Spread::of(ratios), Spread::of(speeds));
    let [small, large] = peaks.map(Spread::of);
    let bars = vec![
        Bar::at_most(
            &format!("peak memory of an import of {many} buckets, relative to one of {few}"),
            LIMIT,
            ratio.median,
            format!("{ratio} × ({:.1} MiB)", large.median),
        ),
        Bar::reported("speed of such an import, without validation", format!("{speed} buckets per second")),
    ];
    let figures = json!({
        "buckets": [few, many], "ratio": ratio, "peakMib": [small, large], "bucketsPerSecond": speed,
    });
    Ok(Report::new("import", machine, bars, figures))
}

/// Imports a list of buckets into a new deployment.
async fn import(plan: &Plan, origin: &Origin, buckets: u32) -> Result<ImportCost> {
    let (data, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let deployment = Deployment::start(options(&plan.bucketry, data.path())).await?;
    let output = home.path().join("output");
    let mut importing = start(plan, &deployment, &home, &output, &origin.endpoint, buckets)?;
    let watched = watch(&mut importing).await;
    if watched.is_err() {
        // It may have ended already.
        drop(importing.kill());
    }
    let (cost, status) = watched?;
    deployment.stop()?;
    let printed = fs::read_to_string(output)?;
    let counts = printed.lines().last().unwrap_or_default();
    if !status.success() || counts != format!("{buckets} registered, 0 already registered, 0 failed") {
        return Err(format!("the import ended with {status}: {counts}").into());
    }
    Ok(cost)
}

/// Starts an import of buckets of one profile.
fn start(
    plan: &Plan,
    deployment: &Deployment,
    home: &TempDir,
    output: &Path,
    endpoint: &str,
    buckets: u32,
) -> Result<Child> {
    let (file, list) = (home.path().join("credentials"), home.path().join("buckets"));
    let profile = format!(
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n\
         region = eu-central-1\nendpoint_url = {endpoint}\n"
    );
    fs::write(&file, profile)?;
    let mut names = String::new();
    for number in 0..buckets {
        writeln!(names, "measured-{number:06}")?;
    }
    fs::write(&list, names)?;
    let importing = Command::new(&plan.bucketry)
        .arg("import")
        .arg(file)
        .arg("--buckets")
        .arg(list)
        .arg("--skip-validation")
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .env("BUCKETRY_URL", deployment.url())
        .env("BUCKETRY_TOKEN", &deployment.token)
        .stdin(Stdio::null())
        .stdout(File::create(output)?)
        .spawn()?;
    Ok(importing)
}

/// Waits for the end of an import.
async fn watch(importing: &mut Child) -> Result<(ImportCost, ExitStatus)> {
    let (process, start, mut peak) = (Process::new(importing.id())?, Instant::now(), 0);
    loop {
        if let Some(status) = importing.try_wait()? {
            let cost = ImportCost { peak: peak as f64 / MIB, seconds: start.elapsed().as_secs_f64() };
            return Ok((cost, status));
        }
        // A process that has just ended has no memory any more.
        peak = process.peak().unwrap_or_default().max(peak);
        tokio::time::sleep(EVERY).await;
    }
}
