//! PAGES: pages of the dashboard, whose time must not grow with the number of buckets, and what a page costs compared with the
//! same buckets from the API.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, sign_in};
use crate::connection::Connection;
use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::{Latency, Spread};
use crate::{Plan, Result};

/// Maximum 99th percentile with the most buckets, as a multiple of that with the fewest.
const GROWTH_LIMIT: (f64, &str) = (2.0, "≤ 2 ×");
/// Maximum CPU of a page, as a multiple of that of the API's page.
const COST_LIMIT: (f64, &str) = (2.0, "≤ 2 ×");
/// The pages: what they are, and their addresses.
const PAGES: [(&str, &str); 2] = [("the overview", "/ui"), ("the page of buckets", "/ui/buckets")];
/// The same number of buckets as a page of the dashboard has.
const API_PAGE: &str = "/bucket?limit=50";
/// Consecutive requests of one kind to one server.
const TURN: usize = 20;

struct PagesExtent {
    sizes: &'static [u64],
    rounds: usize,
    turns: usize,
}

/// A server with a given number of buckets.
struct PagesServer {
    buckets: u64,
    deployment: Deployment,
    browser: Browser,
    api: Connection,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let extent = if plan.quick {
        PagesExtent { sizes: &[1_000, 20_000], rounds: 3, turns: 2 }
    } else {
        PagesExtent { sizes: &[1_000, 100_000, 1_000_000], rounds: 7, turns: 10 }
    };
    let directory = std::env::temp_dir();
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let mut seeded = Vec::new();
    for buckets in extent.sizes {
        seeded.push(Seeded::new(plan, *buckets, &directory).await?);
    }
    on("SQLite", plan, &extent, &seeded, &mut bars, &mut figures).await?;
    if let Some(postgres) = Postgres::start(plan, Path::new(&directory))? {
        let mut there = Vec::new();
        for one in seeded {
            there.push(one.migrate(plan, &postgres)?.0);
        }
        on("PostgreSQL", plan, &extent, &there, &mut bars, &mut figures).await?;
    }
    Ok(Report::new("pages", machine, bars, Value::Object(figures)))
}

async fn on(
    engine: &str,
    plan: &Plan,
    extent: &PagesExtent,
    seeded: &[Seeded],
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result {
    let mut servers = Vec::new();
    for one in seeded {
        let deployment = Deployment::start(one.options(plan).arg("--no-node")).await?;
        let cookie: HeaderValue = sign_in(deployment.url()).await?;
        let browser = Browser::open(deployment.url(), &cookie).await?;
        let api = deployment.connect().await?;
        servers.push(PagesServer { buckets: one.buckets, deployment, browser, api });
    }
    report::complain(&format!("{engine}: warming up"));
    round(&mut servers, extent.turns, 0).await?;
    let mut measured = Vec::new();
    for number in 0..extent.rounds {
        report::complain(&format!("round {} of {}", number + 1, extent.rounds));
        measured.push(round(&mut servers, extent.turns, number).await?);
    }
    let growth = growth_bars(engine, extent.sizes, &measured, bars);
    let cost = match servers.first_mut() {
        Some(fewest) => cost_bars(engine, fewest, extent, bars).await?,
        None => Value::Null,
    };
    for server in servers {
        server.deployment.stop()?;
    }
    figures.insert(engine.to_owned(), json!({ "latency": growth, "cpu": cost }));
    Ok(())
}

/// The durations of one round, by page and number of buckets.
type PageTimes = BTreeMap<(usize, u64), Vec<Duration>>;

/// Reads each page at every size, in short turns whose order changes.
async fn round(servers: &mut [PagesServer], turns: usize, number: usize) -> Result<PageTimes> {
    let mut times = PageTimes::new();
    for (page, (_, path)) in PAGES.iter().enumerate() {
        for turn in 0..turns {
            for place in 0..servers.len() {
                let server_count = servers.len();
                let server = &mut servers[(place + turn + number) % server_count];
                let slot = times.entry((page, server.buckets)).or_default();
                for _ in 0..TURN {
                    slot.push(server.browser.page(path).await?.took);
                }
            }
        }
    }
    Ok(times)
}

fn growth_bars(engine: &str, sizes: &[u64], measured: &[PageTimes], bars: &mut Vec<Bar>) -> Value {
    let fewest = sizes.first().copied().unwrap_or_default();
    let mut figures = Vec::new();
    for (page, (what, _)) in PAGES.iter().enumerate() {
        for size in sizes.iter().copied().filter(|size| *size != fewest) {
            let latency =
                |round: &PageTimes, size| Latency::of(round.get(&(page, size)).cloned().unwrap_or_default());
            let own = Spread::of(measured.iter().map(|round| latency(round, size).p99 as f64));
            let ratio = Spread::of(
                measured
                    .iter()
                    .map(|round| latency(round, size).p99 as f64 / latency(round, fewest).p99 as f64),
            );
            bars.push(Bar::at_most(
                &format!("p99 of {what} with {size} buckets, relative to that with {fewest}, {engine}"),
                GROWTH_LIMIT,
                ratio.median,
                format!("{ratio} × ({:.1} ms)", own.median / 1e3),
            ));
            figures.push(json!({ "page": what, "buckets": size, "p99Us": own, "p99ToFewest": ratio }));
        }
    }
    Value::Array(figures)
}

/// Compares the CPU of pages with that of the same number of buckets from the API, in alternating rounds.
async fn cost_bars(
    engine: &str,
    server: &mut PagesServer,
    extent: &PagesExtent,
    bars: &mut Vec<Bar>,
) -> Result<Value> {
    // The clock of a process is coarse, so a round must be long.
    let requests = extent.turns * TURN * 2;
    let mut figures = Map::new();
    for (what, path) in PAGES {
        let (mut ratios, mut own) = (Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            let before = server.deployment.process.cpu()?;
            for _ in 0..requests {
                let answered = server.api.call(Method::GET, API_PAGE, None).await?;
                server.api.expect_ok(API_PAGE, answered)?;
            }
            let between = server.deployment.process.cpu()?;
            for _ in 0..requests {
                server.browser.page(path).await?;
            }
            let after = server.deployment.process.cpu()?;
            let (api, page) = (between.saturating_sub(before), after.saturating_sub(between));
            ratios.push(page.as_secs_f64() / api.as_secs_f64().max(1e-9));
            own.push(page.as_secs_f64() * 1e6 / requests as f64);
        }
        let (ratio, own) = (Spread::of(ratios), Spread::of(own));
        bars.push(Bar::at_most(
            &format!(
                "CPU of {what} with {} buckets, relative to {API_PAGE} of the API, {engine}",
                server.buckets
            ),
            COST_LIMIT,
            ratio.median,
            format!("{ratio} × ({:.0} µs)", own.median),
        ));
        figures.insert(what.to_owned(), json!({ "ratio": ratio, "us": own }));
    }
    Ok(Value::Object(figures))
}
