//! Measures the binary of the profile `dist` against the bars of `bench/README.md`. `cargo xtask bench` builds and runs it.
//!
//! Everything runs on loopback, in separate processes: the measured server, the baseline that it is compared with,
//! the storage that it probes, and this process, which generates the load.

mod a1;
mod a2;
mod a3;
mod a4;
mod approved_node;
mod audit;
mod baseline;
mod browser;
mod connection;
mod cores;
mod deployment;
mod events;
mod findings;
mod fleet;
mod gateway;
mod history;
mod imports;
mod live;
mod load;
mod machine;
mod n1;
mod origin;
mod pages;
mod postgres;
mod process;
mod registry_calls;
mod remote;
mod report;
mod s1;
mod seeded;
mod size;
mod statistics;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::Report;

/// The result of a measurement; the error's text is meant for people.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

// The server's allocator, so that the baseline uses it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run benchmarks and store the results
    Run(Plan),
    /// Write the table of `README.md` from the stored results
    Table {
        /// The directory of `README.md` and `results/`
        output: PathBuf,
    },
    /// Load the gateway for a profiler and print the cost per request
    Watch {
        /// The load to generate
        load: gateway::Load,
        /// Number of rounds
        #[arg(long, default_value_t = 10)]
        rounds: usize,
        /// Pin nothing to a core
        #[arg(long)]
        shared: bool,
        /// Number of connections [default: as in the benchmark]
        #[arg(long)]
        connections: Option<usize>,
        #[command(flatten)]
        plan: Plan,
    },
    /// Run the server that A1 is compared with: it returns a file's bytes behind the same token check
    Baseline {
        /// File with the response body
        body: PathBuf,
        /// File to write the address and token to
        ready_file: PathBuf,
    },
    /// Run the storage that is probed: every bucket exists
    Origin {
        /// File to write the addresses to
        ready_file: PathBuf,
    },
    /// Run the storage behind the gateway and its peers
    Objects {
        /// File to write the addresses to
        ready_file: PathBuf,
    },
}

/// Which benchmarks to run, and the programs they need.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Benchmarks to run [default: all]
    benchmarks: Vec<Benchmark>,
    /// Run smaller and shorter, to check that everything works; results are printed but not stored
    #[arg(long)]
    pub(crate) quick: bool,
    /// The `bucketry` binary to measure
    #[arg(long, value_parser = absolute)]
    pub(crate) bucketry: PathBuf,
    /// The program that fills data directories
    #[arg(long, value_parser = absolute)]
    pub(crate) seed: PathBuf,
    /// The directory of PostgreSQL's programs; without it, only the embedded database is measured
    #[arg(long, value_parser = absolute)]
    pub(crate) postgres: Option<PathBuf>,
    /// The `rclone` binary to compare the gateway with
    #[arg(long, value_parser = absolute)]
    pub(crate) rclone: Option<PathBuf>,
    /// The `s3s-proxy` binary to compare the gateway with
    #[arg(long, value_parser = absolute)]
    pub(crate) s3s_proxy: Option<PathBuf>,
    /// The `weed` binary (SeaweedFS), the real S3 server over which gateway and nginx are also compared
    #[arg(long, value_parser = absolute)]
    pub(crate) weed: Option<PathBuf>,
    /// The `nginx` binary to compare the gateway with
    #[arg(long, value_parser = absolute)]
    pub(crate) nginx: Option<PathBuf>,
    /// A `bucketry` binary from before the history of buckets, to compare with
    #[arg(long, value_parser = absolute)]
    pub(crate) before: Option<PathBuf>,
    /// A `bucketry` binary from before traces, with the names of functions, to compare with
    #[arg(long, value_parser = absolute)]
    pub(crate) before_traces: Option<PathBuf>,
    /// Another version's `bucketry` binary, to compare the gateway with
    #[arg(long, value_parser = absolute)]
    pub(crate) other_version: Option<PathBuf>,
    #[command(flatten)]
    fleet: fleet::FleetScale,
    /// The commit that the binary was built from
    #[arg(long)]
    pub(crate) commit: String,
    /// The directory of `README.md` and `results/`
    #[arg(long, value_parser = absolute)]
    pub(crate) output: PathBuf,
}

/// Makes a path absolute, because programs run in other directories.
fn absolute(path: &str) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// A list of 100 buckets, compared with the same bytes from memory
    A1,
    /// Latencies that must not grow with the number of buckets
    A2,
    /// 100,000 buckets in one response
    A3,
    /// Usage reports, compared with plain inserts of the same rows
    A4,
    /// What records of changes cost
    Audit,
    /// What a backup costs the requests that are served meanwhile
    Backup,
    /// An event storm, and what events cost
    E,
    /// The list of what needs attention, between changes
    Findings,
    /// A thousand nodes and a million buckets at three control planes
    Fleet,
    /// The data path (G1 to G5), compared with nginx, rclone and s3s-proxy
    G,
    /// Instructions per small GET, compared with nginx; needs valgrind
    Instructions,
    /// Hours, events and sizes of buckets, compared with a version without them
    History,
    /// Memory of an import, which must not grow with the number of buckets
    Import,
    /// Open dashboards, which follow what changes
    Live,
    /// 10,000 buckets probed per minute
    N1,
    /// Pages of the dashboard, by the number of buckets
    Pages,
    /// A node in a separate process, and three control planes, compared with one process
    Remote,
    /// Memory that unauthenticated clients can use up
    S1,
    /// Searches and filters, whose latencies must not grow with the number of buckets
    Search,
    /// Binary size, idle memory, start time
    Size,
    /// What TLS costs at the gateway, compared with nginx in front of it
    Tls,
    /// What traces cost a small GET, switched off and on
    Traces,
    /// The data path compared with another version of the gateway; only if it is named
    Versions,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(plan) => single_threaded(run(plan)),
        Command::Table { output } => report::write_table(&output),
        Command::Watch { load, rounds, shared, connections, plan } => {
            single_threaded(async move { gateway::watch(&plan, load, rounds, shared, connections).await })
        }
        // Like the server: one worker per core.
        Command::Baseline { body, ready_file } => multi_threaded(baseline::serve(body, ready_file)),
        Command::Origin { ready_file } => single_threaded(origin::serve(ready_file)),
        Command::Objects { ready_file } => single_threaded(gateway::objects::serve(ready_file)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn single_threaded(work: impl Future<Output = Result>) -> Result {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn multi_threaded(work: impl Future<Output = Result>) -> Result {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn run(plan: Plan) -> Result {
    let is_usual = |benchmark| benchmark != Benchmark::Versions && plan.benchmarks.is_empty();
    let selected = |benchmark| is_usual(benchmark) || plan.benchmarks.contains(&benchmark);
    let mut reports: Vec<Report> = Vec::new();
    for benchmark in Benchmark::value_variants().iter().copied().filter(|one| selected(*one)) {
        report::complain(&format!("\n# {benchmark:?}"));
        let start = Instant::now();
        let report = match benchmark {
            Benchmark::A1 => a1::measure(&plan).await?,
            Benchmark::A2 => a2::measure(&plan).await?,
            Benchmark::A3 => a3::measure(&plan).await?,
            Benchmark::A4 => a4::measure(&plan).await?,
            Benchmark::Audit => audit::measure(&plan).await?,
            Benchmark::Backup => gateway::backup::measure(&plan).await?,
            Benchmark::E => events::measure(&plan).await?,
            Benchmark::Findings => findings::measure(&plan).await?,
            Benchmark::Fleet => fleet::measure(&plan).await?,
            Benchmark::G => gateway::measure(&plan).await?,
            Benchmark::Instructions => gateway::instructions::measure(&plan).await?,
            Benchmark::History => history::measure(&plan).await?,
            Benchmark::Import => imports::measure(&plan).await?,
            Benchmark::Live => live::measure(&plan).await?,
            Benchmark::N1 => n1::measure(&plan).await?,
            Benchmark::Pages => pages::measure(&plan).await?,
            Benchmark::Remote => remote::measure(&plan).await?,
            Benchmark::S1 => s1::measure(&plan).await?,
            Benchmark::Search => a2::measure_search(&plan).await?,
            Benchmark::Size => size::measure(&plan).await?,
            Benchmark::Tls => gateway::tls::measure(&plan).await?,
            Benchmark::Traces => gateway::traces::measure(&plan).await?,
            Benchmark::Versions => gateway::versions::measure(&plan).await?,
        };
        let report = report.took(start.elapsed());
        report.print();
        if !plan.quick {
            report.write(&plan.output)?;
        }
        reports.push(report);
    }
    if !plan.quick {
        report::write_table(&plan.output)?;
    }
    let missed: Vec<&str> = reports.iter().flat_map(Report::missed).collect();
    if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join("; ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_benchmark_with_bars_has_a_place_in_the_table() {
        for benchmark in Benchmark::value_variants().iter().filter(|one| **one != Benchmark::Versions) {
            let name = format!("{benchmark:?}").to_lowercase();
            assert!(report::ORDER.contains(&name.as_str()), "{name}");
        }
    }
}
