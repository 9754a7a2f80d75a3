//! The same comparison with a real S3 server as storage, which checks signatures and stores objects.
//!
//! That server is the bottleneck for gateway and nginx alike, so their costs are compared at nearly the same rate.

use bucketry_test_servers::seaweedfs::{ADMIN, SeaweedFs};
use http::Method;
use serde_json::{Map, Value, json};

use super::load::{LoadSide, Work, call, compare, connect};
use super::objects::{LARGE, SMALL};
use super::sign::{PayloadHash, Signer};
use super::{Against, Field, ProviderStub, S3_BUCKET, cpu, read, throughput, write};
use crate::cores::Cores;
use crate::process::Process;
use crate::report::{self, Bar};
use crate::{Plan, Result};

/// A figure's limit, and its text in the table.
enum Limit {
    Cpu(f64, &'static str),
    Throughput(f64, &'static str),
}

/// Compares with nginx, with the bars that apply over the storage that responds immediately.
pub(super) async fn measure(plan: &Plan, cores: Cores, figures: &mut Map<String, Value>) -> Result<Vec<Bar>> {
    let Some(program) = &plan.weed else {
        return Ok(vec![Bar::reported(
            "G with a real S3 server as storage",
            "the server is not installed".to_owned(),
        )]);
    };
    report::complain("G with a real S3 server as storage");
    let server = SeaweedFs::start(program)?;
    server.create_bucket(S3_BUCKET)?;
    fill(&server).await?;
    let provider = ProviderStub { endpoint: server.endpoint(), key: ADMIN.key, secret: ADMIN.secret };
    let field = Field::start(plan, cores, provider).await?;
    let rounds = if plan.quick { 3 } else { 5 };
    let (small, large) = if plan.quick { (500, 4) } else { (10_000, 12) };
    let mut bars = Vec::new();
    for (what, work, limits) in [
        ("GET of 1 KiB", read(S3_BUCKET, SMALL, 16, small), [Limit::Cpu(1.4, "≤ 1.4 ×")].as_slice()),
        (
            "GET of 64 MiB",
            read(S3_BUCKET, LARGE, 4, large),
            &[Limit::Cpu(1.2, "≤ 1.2 ×"), Limit::Throughput(0.95, "≥ 0.95 ×")],
        ),
        ("PUT of 64 MiB, hash verified", write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 4, large), &[]),
        (
            "PUT of 64 MiB, unsigned payload",
            write(S3_BUCKET, LARGE.1, PayloadHash::Unsigned, 4, large),
            &[Limit::Throughput(1.0, "≥ 1 ×")],
        ),
    ] {
        let comparison = compare(&field.sides(&["nginx"]), &work, rounds).await?;
        let mut against = Against { bars: &mut bars, missing: &field.missing, comparison: &comparison };
        for limit in limits {
            match *limit {
                Limit::Cpu(most, response) => {
                    let what = format!("CPU (µs) of {what}, with a real S3 server as storage");
                    against.at_most("nginx", &what, cpu, (most, response));
                }
                Limit::Throughput(least, response) => {
                    let what = format!("throughput (requests/s) of {what}, with a real S3 server as storage");
                    against.at_least("nginx", &what, throughput, (least, response));
                }
            }
        }
        figures.insert(format!("seaweedfs {what}"), json!(comparison.compared));
    }
    field.deployment.stop()?;
    Ok(bars)
}

/// Stores the objects that are read later.
async fn fill(server: &SeaweedFs) -> Result {
    let url = server.endpoint();
    let host = url.trim_start_matches("http://").to_owned();
    let side = LoadSide {
        name: "seaweedfs".to_owned(),
        signer: Signer::new(ADMIN.key.to_owned(), ADMIN.secret.to_owned(), host),
        process: Process::new(std::process::id())?,
        tls: None,
        url,
    };
    for (name, size) in [SMALL, LARGE] {
        let path = format!("/{S3_BUCKET}/{name}");
        let work = Work { path, method: Method::PUT, ..write(S3_BUCKET, size, PayloadHash::Signed, 1, 1) };
        call(&side, &work, &mut connect(&side.url).await?).await?;
    }
    Ok(())
}
