//! `bucketry restore`.
//!
//! The whole backup is read and everything else is checked before anything is written. Then the files are made in a
//! directory beside their places ([`staging`]), and moved at the end.

mod keys;
mod staging;

use std::path::{Path, PathBuf};

use bucketry_model::time::to_wire;
use bucketry_store::backup::{BackupError, CheckedBackup, RestoreTarget, check, load};
use bucketry_store::data_dir;
use bucketry_store::postgres::{self, Address, PostgresRestore};
use bucketry_store::sqlite::{DATABASE_FILE, SqliteRestore};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::arguments::RestoreOptions;
use crate::data_directory::KEY_FILES;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;
use keys::RestoredKeys;
use staging::{ReadyRestore, Staging};

/// How long a statement on a large registry may take.
const STATEMENT_TIMEOUT: std::time::Duration = std::time::Duration::from_hours(4);

/// Restores a backup.
pub(crate) async fn run(remote: &Remote, options: RestoreOptions) -> Result<()> {
    let address = match &options.database_url {
        Some(url) => Some(url.address()?),
        None => None,
    };
    // A server that is running is found before a large file is read.
    let early = (options.data_dir.exists() && !options.check).then(|| lock(&options.data_dir)).transpose()?;
    let bar = bar();
    bar.set_message("checking");
    let checked =
        check(&options.file, |rows| bar.set_position(rows)).await.map_err(|error| nothing(&error))?;
    bar.finish_and_clear();
    let facts = BackupFacts::of(&checked);
    let ready = if options.check { None } else { ReadyRestore::find(&options.data_dir)? };
    if let Some(ready) = ready {
        ready.must_be_of(&facts.sha256, &options.data_dir)?;
        let replaced = resume(ready, &options.data_dir, address.as_ref()).await?;
        return report(remote, &options, &facts, address.as_ref(), replaced.as_deref());
    }
    let keys = keys::choose(&checked, &options)?;
    if options.check {
        facts.report(remote, "checked", &format!("{} can be restored", options.file.display()))?;
        keys.remark(&options.data_dir);
        return Ok(());
    }
    let _lock = match early {
        Some(lock) => lock,
        None => lock(&options.data_dir)?,
    };
    let replaced = restore(checked, &keys, &options, address.as_ref()).await?;
    report(remote, &options, &facts, address.as_ref(), replaced.as_deref())?;
    keys.remark(&options.data_dir);
    Ok(())
}

/// Finishes a restore that was interrupted when everything was ready.
async fn resume(ready: ReadyRestore, data_dir: &Path, address: Option<&Address>) -> Result<Option<PathBuf>> {
    if let Some(address) = address {
        let opened = PostgresRestore::open_loaded(address, &database_options()).await;
        finish(Box::new(opened.map_err(|error| unusable(address, &error))?)).await?;
    }
    ready.move_files(data_dir)
}

fn report(
    remote: &Remote,
    options: &RestoreOptions,
    facts: &BackupFacts,
    address: Option<&Address>,
    replaced: Option<&Path>,
) -> Result<()> {
    let place = match address {
        Some(address) => format!("{address} and {}", options.data_dir.display()),
        None => options.data_dir.display().to_string(),
    };
    facts.report(remote, "restored", &format!("restored {} into {place}", options.file.display()))?;
    if let Some(replaced) = replaced {
        output::remark(&format!("The files that were there before are in {}.", replaced.display()));
    }
    Ok(())
}

/// What is said about a backup.
struct BackupFacts {
    sha256: String,
    rows: u64,
    began_at: String,
    keys: Vec<String>,
    spool_files: usize,
}

impl BackupFacts {
    fn of(checked: &CheckedBackup) -> Self {
        Self {
            sha256: checked.sha256.clone(),
            rows: checked.rows,
            began_at: to_wire(checked.header.began_at),
            keys: checked.keys.iter().flat_map(|keys| keys.files.iter().cloned()).collect(),
            spool_files: checked.spool.len(),
        }
    }

    fn report(&self, remote: &Remote, done: &str, sentence: &str) -> Result<()> {
        let Self { rows, began_at, keys, spool_files, sha256 } = self;
        let value = json!({
            "done": done, "rows": rows, "beganAt": began_at, "keys": keys, "spoolFiles": spool_files, "sha256": sha256,
        });
        output::done(remote.json, &value, &format!("{sentence}: {rows} rows, as of {began_at}"))
    }
}

/// Restores a checked backup. Returns where the files are that were in the way.
async fn restore(
    checked: CheckedBackup,
    keys: &RestoredKeys,
    options: &RestoreOptions,
    address: Option<&Address>,
) -> Result<Option<PathBuf>> {
    let data_dir = &options.data_dir;
    let mut names: Vec<&str> = keys.to_write(data_dir);
    if address.is_none() {
        names.push(DATABASE_FILE);
    }
    staging::refuse_to_overwrite(data_dir, &names, !checked.spool.is_empty(), options.overwrite)?;
    let target = match address {
        Some(address) => Some(open_empty(address, &checked).await?),
        None => None,
    };
    let mut staging = Staging::begin(data_dir)?;
    keys.write(staging.directory(), &names)?;
    let target = match target {
        Some(target) => target,
        None => create(staging.directory(), &checked).await?,
    };
    let sha256 = checked.sha256.clone();
    let bar = bar();
    bar.set_message("restoring");
    bar.set_length(checked.rows);
    let loaded =
        load(checked, target.target(), |name, data| staging.spool(name, data), |rows| bar.set_position(rows));
    loaded.await.map_err(|error| nothing(&error))?;
    bar.finish_and_clear();
    // The database of a server is used by others, so it becomes usable only when the files are ready to be moved.
    let ready = if address.is_some() {
        let ready = staging.ready(&sha256)?;
        finish(target).await?;
        ready
    } else {
        finish(target).await?;
        staging.ready(&sha256)?
    };
    ready.move_files(data_dir)
}

async fn open_empty(address: &Address, checked: &CheckedBackup) -> Result<Box<dyn RestoreTarget>> {
    let opened = PostgresRestore::open(address, &database_options(), &checked.registry.migrations).await;
    let target = opened.map_err(|error| unusable(address, &error))?;
    let begun = target.target().begin_restore(checked.tables()).await;
    if begun.map_err(|error| unusable(address, &error))? {
        return Ok(Box::new(target));
    }
    Err(Failure::failed(format!(
        "nothing was restored, because {address} already contains a registry: create an empty database and pass its URL"
    )))
}

async fn create(directory: &Path, checked: &CheckedBackup) -> Result<Box<dyn RestoreTarget>> {
    let failed = |error: bucketry_store::StoreError| nothing(&error.into());
    let target = SqliteRestore::create(directory, &checked.registry.migrations).await.map_err(failed)?;
    target.target().begin_restore(checked.tables()).await.map_err(failed)?;
    Ok(Box::new(target))
}

async fn finish(target: Box<dyn RestoreTarget>) -> Result<()> {
    let finished = target.finish().await;
    target.close().await;
    finished
        .map_err(|error| Failure::because("the restore is not finished; run the same command again", &error))
}

fn database_options() -> postgres::Options {
    postgres::Options { connections: 4, statement_timeout: STATEMENT_TIMEOUT, ..postgres::Options::default() }
}

fn lock(data_dir: &Path) -> Result<data_dir::DataDirLock> {
    data_dir::lock(data_dir).map_err(|error| {
        Failure::because(&format!("nothing was restored into {}", data_dir.display()), &error)
    })
}

fn nothing(error: &BackupError) -> Failure {
    Failure::because("nothing was restored", error)
}

fn unusable(address: &Address, error: &bucketry_store::StoreError) -> Failure {
    Failure::because(&format!("nothing was restored: can't use {address}"), error)
}

/// The files of a directory that only the server's owner may read, in the order in which they are moved.
const PLACES: [&str; 5] =
    [DATABASE_FILE, KEY_FILES[0], KEY_FILES[1], KEY_FILES[2], crate::data_directory::SPOOL];

/// A progress bar on standard error.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos} rows {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
