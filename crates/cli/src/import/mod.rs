//! `bucketry import`: registers the buckets of a file, one by one.
//!
//! Memory doesn't grow with the number of buckets: a thread reads the file, and a few buckets are registered at the same
//! time. Nothing is remembered between runs: what is registered is found in the registry.

mod candidate;
mod credential_files;
mod register;
mod report;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::candidate::{ImportCandidate, ReadEntry, ReadKind};
use self::register::{ImportOutcome, Registrar};
use self::report::ImportReport;
use self::source::ImportSource;
use crate::completion::workspaces;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::remote::Remote;
use crate::workspace_choice::chosen_workspace;

/// Buckets that are registered at the same time. The server allows 8 validations at once; two are left for others.
const AT_ONCE: usize = 6;
/// Entries that may wait to be reported because an earlier one isn't registered yet.
const MOST_UNREPORTED: usize = 256;

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// File to import, or `-` for standard input: a configuration of rclone, a credentials file of AWS, a state or plan of
    /// Terraform, or YAML as `bucketry export` writes it
    pub(crate) file: PathBuf,
    /// List of buckets in the remotes or profiles of FILE, one per line: BUCKET or SECTION:BUCKET
    #[arg(long, value_name = "LIST")]
    pub(crate) buckets: Option<PathBuf>,
    /// Credential for buckets for which FILE has none, as `bucket add --paste` reads it; can be given once per cloud
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Vec<PathBuf>,
    /// Workspace (name or id) to register the buckets in
    #[arg(long, add = workspaces())]
    pub(crate) workspace: Option<String>,
    /// Show what would be registered, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Register the buckets without validating them
    #[arg(long)]
    pub(crate) skip_validation: bool,
    /// Skip the checks that write and delete objects
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// Imports a file.
pub(crate) async fn run(remote: &Remote, options: ImportOptions) -> Result<()> {
    one_standard_input(&options)?;
    let source = ImportSource::open(&options.file, options.buckets.as_deref())?;
    let credentials = credential_files::read(&options.credentials)?;
    let client = connect(remote).await?;
    let given = options.workspace.as_deref();
    let workspace = chosen_workspace(remote, &client, given, "with --workspace NAME").await?;
    let registrar = Registrar::new(client, workspace, &options, credentials).await?;
    let mut report = ImportReport::new(remote, options.dry_run);

    let (sender, receiver) = mpsc::channel(AT_ONCE);
    let reading =
        tokio::task::spawn_blocking(move || source.read(&mut |entry| sender.blocking_send(entry).is_ok()));
    let registered = register_all(receiver, registrar, &mut report).await;
    let read = reading.await.map_err(|error| Failure::because("can't read the file", &error))?;
    report.finish(registered.and(read))
}

/// Refuses to read several files from standard input.
fn one_standard_input(options: &ImportOptions) -> Result<()> {
    let files = std::iter::once(&options.file).chain(&options.buckets).chain(&options.credentials);
    if files.filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::usage("only one of FILE, --buckets and --credentials can be standard input"));
    }
    Ok(())
}

/// Registers what the receiver gives, and reports it in its order. Fails if continuing makes no sense.
async fn register_all(
    mut receiver: mpsc::Receiver<ReadEntry>,
    registrar: Registrar,
    report: &mut ImportReport,
) -> Result<()> {
    let mut current = CurrentImports::default();
    while let Some(ReadEntry { at, kind }) = receiver.recv().await {
        while current.is_full() {
            current.finish_one(report).await?;
        }
        let outcome = match kind {
            ReadKind::LeftOut(why) => ImportOutcome::LeftOut(why),
            ReadKind::Wrong(why) => ImportOutcome::Failed { name: None, why },
            ReadKind::Bucket(candidate) => {
                let bucket = candidate.fields.bucket.clone().unwrap_or_default();
                while current.must_wait(&bucket) {
                    current.finish_one(report).await?;
                }
                current.begin(at, bucket, *candidate, &registrar);
                continue;
            }
        };
        current.add_ended(at, outcome);
        current.report(report)?;
    }
    while !current.tasks.is_empty() {
        current.finish_one(report).await?;
    }
    current.report(report)
}

/// The buckets that are being registered, and those that wait to be reported because an earlier one isn't.
#[derive(Default)]
struct CurrentImports {
    tasks: JoinSet<(u64, Result<ImportOutcome>)>,
    /// The names at the provider of the buckets that are being registered.
    buckets: BTreeMap<u64, String>,
    /// Where each entry is in the file, and its outcome.
    unreported: BTreeMap<u64, (String, Option<ImportOutcome>)>,
    next: u64,
}

impl CurrentImports {
    /// Whether something must end before another entry is taken.
    fn is_full(&self) -> bool {
        self.unreported.len() >= MOST_UNREPORTED && !self.tasks.is_empty()
    }

    /// Whether something must end before a bucket is begun.
    fn must_wait(&self, bucket: &str) -> bool {
        // Two lines for one bucket: the second one must see what the first has done.
        self.tasks.len() >= AT_ONCE || self.buckets.values().any(|current| current == bucket)
    }

    fn begin(&mut self, at: String, bucket: String, candidate: ImportCandidate, registrar: &Registrar) {
        let (number, registrar) = (self.next, registrar.clone());
        self.next += 1;
        self.unreported.insert(number, (at, None));
        self.buckets.insert(number, bucket);
        self.tasks.spawn(async move { (number, registrar.register(candidate).await) });
    }

    fn add_ended(&mut self, at: String, outcome: ImportOutcome) {
        self.unreported.insert(self.next, (at, Some(outcome)));
        self.next += 1;
    }

    /// Waits for one of the buckets. Its failure is one of the whole import.
    async fn finish_one(&mut self, report: &mut ImportReport) -> Result<()> {
        let Some(ended) = self.tasks.join_next().await else { return Ok(()) };
        let (number, outcome) = ended.map_err(|error| Failure::because("the import stopped", &error))?;
        self.buckets.remove(&number);
        if let Some((_, unreported)) = self.unreported.get_mut(&number) {
            *unreported = Some(outcome?);
        }
        self.report(report)
    }

    /// Reports what has ended, up to the first entry that hasn't.
    fn report(&mut self, report: &mut ImportReport) -> Result<()> {
        while let Some(first) = self.unreported.first_entry().filter(|first| first.get().1.is_some()) {
            if let (at, Some(outcome)) = first.remove() {
                report.done(&at, &outcome)?;
            }
        }
        Ok(())
    }
}
