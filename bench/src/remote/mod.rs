//! REMOTE: a node in a separate process, and three control planes on one PostgreSQL, each compared with a single process.

mod lists;
mod planes;
mod probing;
mod registry;
mod reports;

use std::path::Path;

use serde_json::{Map, Value};

use crate::a2::MEMORY;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result, gateway};

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let mut results = RemoteResults::default();
    probing::measure(plan, &mut results).await?;
    let (memory, disk) = (Path::new(MEMORY), std::env::temp_dir());
    let place = if memory.is_dir() { memory } else { disk.as_path() };
    if let Some(postgres) = Postgres::start(plan, place)? {
        lists::measure(plan, &postgres, &mut results).await?;
        registry::measure(plan, &postgres, place, &mut results).await?;
    } else {
        let missing = "PostgreSQL is missing".to_owned();
        results.bars.push(Bar::reported("A1 to A4 with three control planes", missing));
    }
    // Last, because it divides the cores.
    let (bars, figures) = gateway::remote::measure(plan).await?;
    results.bars.extend(bars);
    results.figures.insert("g1".to_owned(), figures);
    Ok(Report::new("remote", machine, results.bars, Value::Object(results.figures)))
}

/// What has been measured so far.
#[derive(Default)]
struct RemoteResults {
    bars: Vec<Bar>,
    figures: Map<String, Value>,
}
