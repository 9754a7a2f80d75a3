//! VERSIONS: the gateway compared with another version of it, G1 to G5 in alternating rounds. For changes that must not
//! make it slower.

use serde_json::{Map, Value, json};

use super::load::{LoadSide, Work, compare, ratio};
use super::sign::PayloadHash;
use super::{AZURE_BUCKET, Field, ProviderStub, S3_BUCKET, cpu, read, throughput, write};
use crate::cores::Cores;
use crate::gateway::objects::{LARGE, Objects, SMALL};
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};
use http::StatusCode;

/// What one version may cost more than the other before it counts as slower: medians of equal programs differ by as
/// much.
const CPU_LIMIT: (f64, &str) = (1.05, "≤ 1.05 ×");
/// Works of more requests than this are of small ones.
const LARGE_REQUESTS: usize = 100;
const THROUGHPUT_LIMIT: (f64, &str) = (0.95, "≥ 0.95 ×");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let other =
        plan.other_version.clone().ok_or("the binary to compare with is missing (`--other-version`)")?;
    let cores = Cores::divide();
    let storage = Objects::start()?;
    // Without peers.
    let plan = Plan { nginx: None, rclone: None, s3s_proxy: None, ..plan.clone() };
    let new = Field::start(&plan, cores, ProviderStub::at(&storage)).await?;
    let old =
        Field::start(&Plan { bucketry: other, ..plan.clone() }, cores, ProviderStub::at(&storage)).await?;
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    for (what, work, is_signed_wrongly) in works(plan.quick) {
        report::complain(what);
        let sides = [side("this", &new, is_signed_wrongly), side("other", &old, is_signed_wrongly)];
        let rounds = if plan.quick { 3 } else { 9 };
        let comparison = compare(&sides, &work, rounds).await?;
        let [own, others] = &comparison.compared[..] else {
            return Err(format!("not both versions ran: {:?}", comparison.failed).into());
        };
        let row = |figure: &str| format!("{what}: {figure}, relative to the other version");
        let of = ratio(own, others, cpu);
        let cost = Spread::of(own.rounds.iter().map(cpu)).median;
        bars.push(Bar::at_most(&row("CPU (µs)"), CPU_LIMIT, of.median, format!("{of} × ({cost:.1})")));
        let of = ratio(own, others, throughput);
        let speed = Spread::of(own.rounds.iter().map(throughput)).median;
        let shown = format!("{of} × ({speed:.1})");
        // Of small requests, the load generator decides how many there are.
        bars.push(if work.requests > LARGE_REQUESTS {
            Bar::reported(&row("requests/s"), shown)
        } else {
            Bar::at_least(&row("requests/s"), THROUGHPUT_LIMIT, of.median, shown)
        });
        figures.insert(what.to_owned(), json!(comparison.compared));
    }
    for (name, field) in [("this", &new), ("other", &old)] {
        report::complain(&format!("G4 memory, {name} version"));
        let mut of_one = Map::new();
        let rows = super::memory::measure(field, &plan, &mut of_one).await?;
        bars.extend(rows.into_iter().map(|row| row.of(&format!("{name} version"))));
        figures.insert(format!("g4 {name}"), Value::Object(of_one));
    }
    new.deployment.stop()?;
    old.deployment.stop()?;
    cores.unite()?;
    Ok(Report::new("versions", machine, bars, Value::Object(figures)))
}

fn side(name: &str, field: &Field, is_signed_wrongly: bool) -> LoadSide {
    let mut side = LoadSide { name: name.to_owned(), ..field.gateway() };
    if is_signed_wrongly {
        "of-somebody-else".clone_into(&mut side.signer.secret);
    }
    side
}

/// What is compared, each with whether its signature is wrong.
fn works(is_quick: bool) -> Vec<(&'static str, Work, bool)> {
    let (few, many) = if is_quick { (8, 2_000) } else { (24, 20_000) };
    let small = read(S3_BUCKET, SMALL, 16, many);
    let refused = Work { expected: (StatusCode::FORBIDDEN, None), ..small.clone() };
    let large = |how| write(S3_BUCKET, LARGE.1, how, 4, few);
    vec![
        ("G1 GET of 1 KiB over S3", small, false),
        ("G1 GET of 1 KiB, translated to Azure", read(AZURE_BUCKET, SMALL, 16, many), false),
        ("G2 GET of 64 MiB", read(S3_BUCKET, LARGE, 4, few), false),
        ("G3 PUT of 64 MiB, unsigned payload", large(PayloadHash::Unsigned), false),
        ("G3 PUT of 64 MiB, hash verified", large(PayloadHash::Signed), false),
        ("G5 refused request", refused, true),
    ]
}
