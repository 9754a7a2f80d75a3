//! A1: a list of 100 buckets, compared with the same bytes from memory.

use std::time::Duration;

use bucketry_test_servers::bucketry::Options;
use http::Method;
use serde_json::{Value, json};

use crate::baseline::Baseline;
use crate::deployment::{Deployment, options};
use crate::load::{Pairs, Side, pairs};
use crate::origin::Origin;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

pub(crate) const BUCKETS: usize = 100;
pub(crate) const LIST: &str = "/bucket";
/// A page with all of them: the same buckets, but pages are not cached.
pub(crate) const PAGE: &str = "/bucket?limit=100";
/// Maximum CPU per request, as a multiple of the baseline's.
const LIMIT: (f64, &str) = (3.0, "≤ 3 ×");

/// A server's settings and the request that is measured.
struct Case {
    name: &'static str,
    what: &'static str,
    /// Seconds between two probes of a bucket.
    probe_interval: &'static str,
    log: &'static str,
    path: &'static str,
    barred: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "idle",
        what: "a list of 100 buckets, without other load",
        probe_interval: "86400",
        log: "info",
        path: LIST,
        barred: true,
    },
    Case {
        name: "probing",
        what: "the same list while each bucket is probed every second",
        probe_interval: "1",
        log: "info",
        path: LIST,
        barred: true,
    },
    Case {
        name: "quiet",
        what: "the same list without a log line per request (`--log warn`)",
        probe_interval: "86400",
        log: "warn",
        path: LIST,
        barred: false,
    },
    Case {
        name: "uncached",
        what: "the same buckets as a page, which is not cached",
        probe_interval: "86400",
        log: "info",
        path: PAGE,
        barred: false,
    },
];

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let origin = Origin::start()?;
    let directory = tempfile::tempdir()?;
    let filling = Deployment::start(options(&plan.bucketry, directory.path())).await?;
    filling.register(BUCKETS, &origin.endpoint).await?;
    filling.stop()?;

    let (mut bars, mut figures) = (Vec::new(), json!({}));
    let usual = options(&plan.bucketry, directory.path());
    on(plan, "SQLite", &usual, &CASES, &mut bars, &mut figures["sqlite"]).await?;

    if let Some(postgres) = Postgres::start(plan, &std::env::temp_dir())? {
        let directory = tempfile::tempdir()?;
        let usual = options(&plan.bucketry, directory.path())
            .env("BUCKETRY_DATABASE_URL", &postgres.database("registry")?);
        let filling = Deployment::start(usual.clone()).await?;
        filling.register(BUCKETS, &origin.endpoint).await?;
        filling.stop()?;
        let cases = CASES.iter().filter(|case| case.name != "quiet");
        on(plan, "PostgreSQL", &usual, cases, &mut bars, &mut figures["postgresql"]).await?;
    }
    Ok(Report::new("a1", machine, bars, figures))
}

async fn on(
    plan: &Plan,
    engine: &str,
    usual: &Options,
    cases: impl IntoIterator<Item = &Case>,
    bars: &mut Vec<Bar>,
    figures: &mut Value,
) -> Result {
    for case in cases {
        report::complain(&format!("{}, {engine}", case.what));
        let (pairs, bytes) = measure_case(plan, usual, case).await?;
        let measured = format!("{} × ({:.0} µs)", pairs.cpu_ratio, pairs.cpu_us_per_request[0].median);
        let what =
            format!("CPU per request for {}, relative to the same bytes from memory, {engine}", case.what);
        bars.push(if case.barred {
            Bar::at_most(&what, LIMIT, pairs.cpu_ratio.median, measured)
        } else {
            Bar::reported(&what, measured)
        });
        figures[case.name] = json!({ "bodyBytes": bytes, "serverAndBaseline": pairs });
    }
    Ok(())
}

async fn measure_case(plan: &Plan, usual: &Options, case: &Case) -> Result<(Pairs, usize)> {
    let set_up =
        usual.clone().env("BUCKETRY_PROBE_INTERVAL", case.probe_interval).env("BUCKETRY_LOG", case.log);
    let deployment = Deployment::start(set_up).await?;
    deployment.wait_online(BUCKETS, Duration::from_mins(1)).await?;
    // Lets the node's last heartbeat arrive.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut connection = deployment.connect().await?;
    connection.json(Method::GET, case.path, None).await?;
    let body = connection.body().to_vec();
    let baseline = Baseline::start(&body)?;

    let server = Side {
        urls: vec![deployment.url()],
        token: &deployment.token,
        path: case.path,
        processes: vec![deployment.process],
        verify: &has_all_buckets,
    };
    let memory = Side {
        urls: vec![&baseline.url],
        token: &baseline.token,
        path: LIST,
        processes: vec![baseline.process],
        verify: &|answer| {
            if answer == body { Ok(()) } else { Err("the baseline returned other bytes".into()) }
        },
    };
    // About three seconds per round; a page costs more.
    let requests = match (plan.quick, case.path) {
        (true, _) => 4_000,
        (false, PAGE) => 6_000,
        (false, _) => 40_000,
    };
    let rounds = if plan.quick { 3 } else { 7 };
    let measured = pairs([&server, &memory], rounds, requests).await?;
    deployment.stop()?;
    Ok((measured, body.len()))
}

/// Checks that a list contains all buckets, each ONLINE.
pub(crate) fn has_all_buckets(body: &[u8]) -> Result {
    let value: Value = serde_json::from_slice(body)?;
    let buckets = value["buckets"].as_array().ok_or("no buckets")?;
    let mut names: Vec<&str> = buckets.iter().filter_map(|bucket| bucket["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let complete = value["success"] == true
        && names.len() == BUCKETS
        && buckets.len() == BUCKETS
        && buckets.iter().all(|bucket| bucket["status"] == "ONLINE");
    if complete { Ok(()) } else { Err("the list doesn't contain all buckets, each ONLINE".into()) }
}
