//! Counts the user-space instructions of a small GET, in the gateway and in nginx, under valgrind's callgrind.
//!
//! Counts don't depend on what else the machine does, so they show changes that times hide. They say nothing about
//! the kernel's part, and little about clocks and locked instructions, which are counted separately.

mod callgrind;
mod profile;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::callgrind::CountedServer;
use super::sign::SignatureForm;
use super::{Field, ProviderStub, S3_BUCKET, load, peers, read};
use crate::cores::Cores;
use crate::gateway::objects::{Objects, SMALL};
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

/// Keep-alive connections of the load.
const CONNECTIONS: usize = 16;
/// How many functions are printed.
const CONTRIBUTORS: usize = 10;

/// The counts of one kind of request, per request.
#[derive(Debug)]
struct Counts {
    /// Of the tasks of connections, without SHA-256's inner loop: on a processor that has instructions for it, which
    /// callgrind hides, it takes few.
    instructions: f64,
    sha256: f64,
    /// Of all other tasks, such as usage reports, each of which is signed with RSA.
    elsewhere: f64,
    locked: f64,
    clock_reads: f64,
    allocations: f64,
    copies: f64,
    /// The most expensive functions themselves, in instructions.
    contributors: Vec<(String, f64)>,
}

impl Counts {
    fn of(profile: &profile::CallProfile, requests: usize) -> Self {
        let root = profile.most_expensive(|name| name.contains("4task3raw4poll"));
        let below = profile.below(root);
        let each = |sum: f64| sum / requests as f64;
        let mut functions: BTreeMap<String, f64> = BTreeMap::new();
        let (mut sha256, mut instructions, mut locked) = (0.0, 0.0, 0.0);
        for (name, own, own_locked) in below.own() {
            locked += own_locked;
            if name.contains("sha256_block") {
                sha256 += own;
            } else {
                instructions += own;
                *functions.entry(readable(name)).or_default() += each(own);
            }
        }
        let mut contributors: Vec<(String, f64)> = functions.into_iter().collect();
        contributors.sort_by(|one, other| other.1.total_cmp(&one.1));
        contributors.truncate(CONTRIBUTORS);
        Self {
            instructions: each(instructions),
            sha256: each(sha256),
            elsewhere: each(profile.total().instructions as f64 - instructions - sha256),
            locked: each(locked),
            clock_reads: each(below.calls(|name| name.contains("clock_gettime"))),
            allocations: each(below.calls(is_allocation)),
            copies: each(below.calls(|name| name.contains("memcpy") || name.contains("memmove"))),
            contributors,
        }
    }

    fn json(&self) -> Value {
        let contributors: Map<String, Value> =
            self.contributors.iter().map(|(name, cost)| (name.clone(), json!(cost.round()))).collect();
        json!({
            "instructions": self.instructions.round(),
            "sha256": self.sha256.round(),
            "elsewhere": self.elsewhere.round(),
            "locked": self.locked.round(),
            "clockReads": self.clock_reads.round(),
            "allocations": self.allocations.round(),
            "copies": self.copies.round(),
            "contributors": contributors,
        })
    }

    fn row(&self) -> String {
        format!(
            "{:.0} (locked {:.0}, clock reads {:.0}, allocations {:.0}, copies {:.0})",
            self.instructions, self.locked, self.clock_reads, self.allocations, self.copies
        )
    }
}

fn is_allocation(name: &str) -> bool {
    ["mi_malloc", "mi_zalloc", "mi_calloc", "mi_realloc", "mi_heap_malloc", "mi_heap_zalloc"]
        .iter()
        .any(|function| name.starts_with(function))
        || matches!(name, "malloc" | "calloc" | "realloc" | "posix_memalign")
}

/// A function's path without the compiler's suffix, or the name as it is if another compiler made it.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name.split('\'').next().unwrap_or(name)))
}

/// Counts a GET of 1 KiB over S3 in the forms in which clients sign it, and the same in nginx.
pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    callgrind::check()?;
    let machine = report::machine(plan);
    let cores = Cores::divide();
    let storage = Objects::start()?;
    let requests = if plan.quick { 400 } else { 4_000 };
    let gateway = Field::start(plan, cores, ProviderStub::at(&storage)).await?;
    let gateway = gateway.counted(plan).await?;
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    for (name, form, limit) in [
        ("signed in the header", SignatureForm::Header, Some((40_000.0, "≤ 40,000"))),
        ("presigned", SignatureForm::Presigned, None),
        ("with the ten headers of boto3", SignatureForm::Sdk, None),
    ] {
        let what = format!("instructions per GET of 1 KiB, {name}");
        let counts = count(&gateway, form, requests).await?;
        figures.insert(name.to_owned(), counts.json());
        bars.push(match limit {
            Some(limit) => Bar::at_most(&what, limit, counts.instructions, counts.row()),
            None => Bar::reported(&what, counts.row()),
        });
    }
    gateway.stop()?;
    if let Some(nginx) = cores.measured(|| callgrind::nginx(plan.nginx.as_deref(), &storage.endpoint))? {
        let counts = count(&nginx, SignatureForm::Header, requests).await?;
        figures.insert("nginx".to_owned(), counts.json());
        bars.push(Bar::reported("instructions per GET of 1 KiB, nginx", counts.row()));
    }
    cores.unite()?;
    figures.insert("nginxVersion".to_owned(), json!(plan.nginx.as_deref().map(peers::version)));
    Ok(Report::new("instructions", machine, bars, Value::Object(figures)))
}

/// The instructions per small GET of a binary.
pub(super) async fn small_get(plan: &Plan, cores: Cores, storage: &Objects) -> Result<f64> {
    callgrind::check()?;
    let requests = if plan.quick { 400 } else { 4_000 };
    let gateway = Field::start(plan, cores, ProviderStub::at(storage)).await?;
    let gateway = gateway.counted(plan).await?;
    let counts = count(&gateway, SignatureForm::Header, requests).await?;
    gateway.stop()?;
    Ok(counts.instructions)
}

async fn count(counted: &CountedServer, form: SignatureForm, requests: usize) -> Result<Counts> {
    report::complain(&format!("{}: {form:?}", counted.name));
    let side = counted.side(form);
    let work = read(S3_BUCKET, SMALL, CONNECTIONS, requests);
    let warm_up = load::Work { requests: requests / 4, ..work.clone() };
    load::round(&side, &warm_up).await?;
    counted.dump()?;
    load::round(&side, &work).await?;
    Ok(Counts::of(&counted.dump()?, requests))
}
