//! Measures the release binary against the bars of `bench/README.md`. `cargo xtask bench` builds and runs it.
//!
//! Everything runs on loopback, in processes of its own: the server that is measured, the baseline that it is
//! compared with, the storage that it probes, and this one, which makes the load.

mod a1;
mod a2;
mod a3;
mod a4;
mod baseline;
mod connection;
mod cores;
mod deployment;
mod gateway;
mod load;
mod machine;
mod n1;
mod origin;
mod postgres;
mod process;
mod report;
mod s1;
mod seeded;
mod size;
mod statistics;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::Report;

/// What a measurement answers; the error's text is for a person.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

// The server's allocator, for the baseline too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures, and writes the results
    Run(Plan),
    /// Loads the gateway for a profiler, and tells what a request costs
    Watch {
        /// How
        load: gateway::Load,
        /// How many rounds
        #[arg(long, default_value_t = 10)]
        rounds: usize,
        /// Pins nothing to a core
        #[arg(long)]
        shared: bool,
        /// Over how many connections; as the benchmark, if it is not said
        #[arg(long)]
        connections: Option<usize>,
        #[command(flatten)]
        plan: Plan,
    },
    /// The server that A1 is compared with: answers a file's bytes behind the same token check
    Baseline {
        /// What to answer
        body: PathBuf,
        /// Where to tell address and token
        ready_file: PathBuf,
    },
    /// The storage that is probed: every bucket exists
    Origin {
        /// Where to tell addresses
        ready_file: PathBuf,
    },
    /// The storage behind the gateway and its peers
    Objects {
        /// Where to tell addresses
        ready_file: PathBuf,
    },
}

/// What is measured, and with what.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Which benchmarks; all if none is named
    benchmarks: Vec<Benchmark>,
    /// Smaller and shorter: shows that everything works; the results are printed, but not kept
    #[arg(long)]
    pub(crate) quick: bool,
    /// The binary that is measured
    #[arg(long, value_parser = absolute)]
    pub(crate) bucketry: PathBuf,
    /// The program that fills data directories
    #[arg(long, value_parser = absolute)]
    pub(crate) seed: PathBuf,
    /// The folder of PostgreSQL's programs; without it only the embedded database is measured
    #[arg(long, value_parser = absolute)]
    pub(crate) postgres: Option<PathBuf>,
    /// `rclone`, for the comparison with the gateway
    #[arg(long, value_parser = absolute)]
    pub(crate) rclone: Option<PathBuf>,
    /// `s3s-proxy`, for the same
    #[arg(long, value_parser = absolute)]
    pub(crate) s3s_proxy: Option<PathBuf>,
    /// `weed`, the real S3 server that gateway and nginx are compared over as well
    #[arg(long, value_parser = absolute)]
    pub(crate) weed: Option<PathBuf>,
    /// `nginx`, for the same
    #[arg(long, value_parser = absolute)]
    pub(crate) nginx: Option<PathBuf>,
    /// What the binary was built from
    #[arg(long)]
    pub(crate) commit: String,
    /// The directory of `README.md` and `results/`
    #[arg(long, value_parser = absolute)]
    output: PathBuf,
}

/// Programs are run in other directories than this one's.
fn absolute(path: &str) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// A list of 100 buckets, beside the same bytes from memory
    A1,
    /// What must not grow with the number of buckets
    A2,
    /// 100,000 buckets in one answer
    A3,
    /// Usage reports, beside plain inserts of the same rows
    A4,
    /// The data path (G1 to G5), beside nginx, rclone and s3s-proxy
    G,
    /// 10,000 buckets probed each minute
    N1,
    /// What strangers can make the process grow by
    S1,
    /// Size, idle memory, start
    Size,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(plan) => single_threaded(run(plan)),
        Command::Watch { load, rounds, shared, connections, plan } => {
            single_threaded(async move { gateway::watch(&plan, load, rounds, shared, connections).await })
        }
        // As the server: a worker a core.
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
    let selected = |benchmark| plan.benchmarks.is_empty() || plan.benchmarks.contains(&benchmark);
    let mut reports: Vec<Report> = Vec::new();
    for benchmark in Benchmark::value_variants().iter().copied().filter(|one| selected(*one)) {
        report::complain(&format!("\n# {benchmark:?}"));
        let report = match benchmark {
            Benchmark::A1 => a1::measure(&plan).await?,
            Benchmark::A2 => a2::measure(&plan).await?,
            Benchmark::A3 => a3::measure(&plan).await?,
            Benchmark::A4 => a4::measure(&plan).await?,
            Benchmark::G => gateway::measure(&plan).await?,
            Benchmark::N1 => n1::measure(&plan).await?,
            Benchmark::S1 => s1::measure(&plan).await?,
            Benchmark::Size => size::measure(&plan).await?,
        };
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
