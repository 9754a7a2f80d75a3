//! Shows the progress and the result of an import.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::register::ImportOutcome;
use crate::failure::{Failure, Result};
use crate::output;
use crate::printable::printable;
use crate::remote::Remote;

/// Prints a line per bucket, and counts. On standard error of a terminal, there is also the current count.
pub(super) struct ImportReport {
    is_json: bool,
    dry_run: bool,
    bar: ProgressBar,
    registered: u64,
    already: u64,
    failed: u64,
    left_out: u64,
}

impl ImportReport {
    pub(super) fn new(remote: &Remote, dry_run: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        Self { is_json: remote.json, dry_run, bar, registered: 0, already: 0, failed: 0, left_out: 0 }
    }

    /// Reports a bucket.
    pub(super) fn done(&mut self, at: &str, outcome: &ImportOutcome) -> Result<()> {
        let line = match outcome {
            ImportOutcome::Registered { name, folder } => {
                self.registered += 1;
                if self.is_json {
                    json!({ "at": at, "outcome": "registered", "name": name, "folder": non_empty(folder) })
                        .to_string()
                } else {
                    let would = if self.dry_run { "would register" } else { "registered" };
                    let folder = match non_empty(folder) {
                        None => String::new(),
                        Some(folder) => format!(
                            " (the folder {folder} is not stored: attach the bucket as NAME:FOLDER with `bucketry repo add`)"
                        ),
                    };
                    printable(&format!("{would} {name}{folder}"))
                }
            }
            ImportOutcome::Already { wanted, name } => {
                self.already += 1;
                if self.is_json {
                    json!({ "at": at, "outcome": "already registered", "name": name }).to_string()
                } else if wanted.to_lowercase() == name.to_lowercase() {
                    printable(&format!("{name} is already registered"))
                } else {
                    printable(&format!("{wanted} is already registered as {name}"))
                }
            }
            ImportOutcome::LeftOut(why) => {
                self.left_out += 1;
                if !self.is_json {
                    self.bar.suspend(|| output::remark(&format!("{at}: left out: {why}")));
                    return Ok(());
                }
                json!({ "at": at, "outcome": "left out", "reason": why }).to_string()
            }
            ImportOutcome::Failed { name, why } => {
                self.failed += 1;
                if !self.is_json {
                    let name = name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
                    self.show();
                    self.bar.suspend(|| output::remark(&format!("{at}: {name}{why}")));
                    return Ok(());
                }
                json!({ "at": at, "outcome": "failed", "name": name, "error": why }).to_string()
            }
        };
        self.show();
        self.bar.suspend(|| output::line(&line))
    }

    /// Prints the counts. Fails if the import was not finished, or a bucket failed.
    pub(super) fn finish(self, ended: Result<()>) -> Result<()> {
        self.bar.finish_and_clear();
        let Self { registered, already, failed, left_out, .. } = self;
        if self.is_json {
            let counts = json!({
                "registered": registered, "alreadyRegistered": already, "failed": failed, "leftOut": left_out,
                "dryRun": self.dry_run, "finished": ended.is_ok(),
            });
            output::line(&counts.to_string())?;
        } else if ended.is_ok() || registered + already + failed > 0 {
            output::sentence(&self.counts())?;
        }
        match ended {
            Err(failure) if registered + already > 0 => {
                Err(failure.about("the import was not finished; run the same command again to continue"))
            }
            Err(failure) => Err(failure),
            Ok(()) if failed > 0 => {
                let buckets = if failed == 1 { "bucket was" } else { "buckets were" };
                Err(Failure::failed(format!(
                    "{failed} {buckets} not registered: fix what is reported, and run the same command again"
                )))
            }
            Ok(()) => Ok(()),
        }
    }

    fn counts(&self) -> String {
        let registered = if self.dry_run { "to register" } else { "registered" };
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!(", {count} left out"),
        };
        let unchanged = if self.dry_run { "; nothing was changed" } else { "" };
        let Self { registered: count, already, failed, .. } = self;
        format!("{count} {registered}, {already} already registered, {failed} failed{left_out}{unchanged}")
    }

    fn show(&self) {
        self.bar.set_message(self.counts());
        self.bar.tick();
    }
}

fn non_empty(folder: &str) -> Option<&str> {
    Some(folder).filter(|folder| !folder.is_empty())
}
