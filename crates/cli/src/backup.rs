//! `bucketry backup`.

use std::path::Path;

use bucketry_model::time::{Clock as _, SystemClock, to_wire};
use bucketry_store::Store;
use bucketry_store::backup::{BackupPace, BackupSource};
use bucketry_store::backup_record::BackupRecordStore as _;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore, record_backup};
use bucketry_vault::Identities;
use serde_json::json;

use crate::arguments::BackupOptions;
use crate::backup_contents::BackupContents;
use crate::data_directory::VAULT_KEY;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;
use crate::sealed_secrets::{self, Extent};

/// The lowest priority of a process, so that a server on the same machine goes first. With 10, which leaves the backup a
/// tenth of a busy core, the slowest requests of a gateway took twice as long during a backup.
const NICE: i32 = 19;

/// Writes a backup of a registry, even while servers are using it.
pub(crate) async fn run(remote: &Remote, options: BackupOptions) -> Result<()> {
    let Some(to) = &options.file else { return record(remote, &options).await };
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the priority of the backup can't be lowered");
    }
    let data_dir = &options.data_dir;
    let contents = BackupContents { data_dir, recipients: &options.recipient, pace: BackupPace::Full };
    contents.must_have_keys().map_err(|failure| failure.about("no backup was written"))?;
    let mut source = open(&options).await?;
    let lacking = look_at(&options).await;
    // A backup contains what was there when it began.
    let began_at = SystemClock.now();
    let written = contents.write(&mut *source, to, began_at).await;
    source.close().await;
    let written = written.map_err(|failure| failure.about("no backup was written"))?;
    if let Err(failure) = note(&options, began_at).await {
        output::remark(&format!(
            "warning: the database doesn't record that it was backed up: {}",
            failure.message()
        ));
    }
    let file = to.display().to_string();
    let result = json!({ "file": file, "rows": written.rows, "bytes": written.bytes });
    output::done(
        remote.json,
        &result,
        &format!("wrote {file}: {} rows, {} bytes", written.rows, written.bytes),
    )?;
    if let Some(lacking) = lacking {
        output::remark(&format!("warning: this backup can't be used with the current keys: {lacking}"));
    }
    if options.recipient.is_empty() {
        output::remark(
            "The backup contains secrets only in sealed form, and no key files: store vault.key, node.pem and token.key from the data directory separately in a safe place, or pass --recipient to include them in encrypted form.",
        );
    }
    Ok(())
}

/// Opens the registry that the options name.
async fn open(options: &BackupOptions) -> Result<Box<dyn BackupSource>> {
    if let Some(url) = &options.database_url {
        let address = url.address()?;
        let opened = postgres::source(&address).await;
        return opened.map_err(|error| {
            Failure::because(&format!("no backup was written: can't use {address}"), &error)
        });
    }
    must_have_database(&options.data_dir)?;
    let opened = sqlite::source(&options.data_dir).await;
    opened.map_err(|error| Failure::because("no backup was written", &error))
}

fn must_have_database(data_dir: &Path) -> Result<()> {
    // Without permissions, it is unknown whether there is one. Opening it says so.
    if data_dir.join(DATABASE_FILE).try_exists().unwrap_or(true) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "there is no database in {}: pass the server's --data-dir, or --database-url if the registry is in PostgreSQL",
        data_dir.display()
    )))
}

/// Records that another program made a backup.
async fn record(remote: &Remote, options: &BackupOptions) -> Result<()> {
    let now = SystemClock.now();
    if options.database_url.is_none() {
        must_have_database(&options.data_dir)?;
    }
    note(options, now).await.map_err(|failure| failure.about("the backup was not recorded"))?;
    output::done(remote.json, &json!({ "recorded": to_wire(now) }), "recorded a backup")
}

/// Records in the registry when it was backed up.
async fn note(options: &BackupOptions, at: jiff::Timestamp) -> Result<()> {
    let Some(url) = &options.database_url else {
        return record_backup(&options.data_dir, at)
            .await
            .map_err(|error| Failure::because("can't write to the database", &error));
    };
    let address = url.address()?;
    let failed =
        |error: bucketry_store::StoreError| Failure::because(&format!("can't use {address}"), &error);
    let connecting = postgres::Options { connections: 2, ..postgres::Options::default() };
    // Examined first: opening the database would upgrade its schema under a running server of another version.
    postgres::examine(&address).await.map_err(failed)?;
    let store = PostgresStore::open(&address, &connecting).await.map_err(failed)?;
    let recorded = store.record_backup(at).await;
    store.close().await;
    recorded.map_err(failed)
}

/// Explains what a restored registry would lack. A registry of another version is backed up without this check, and so is
/// one whose keys are elsewhere.
async fn look_at(options: &BackupOptions) -> Option<String> {
    let path = options.data_dir.join(VAULT_KEY);
    let store: Box<dyn Store> = match &options.database_url {
        None => Box::new(SqliteStore::open_to_read(&options.data_dir).await.ok()?),
        Some(_) if !path.exists() => return None,
        Some(url) => Box::new(PostgresStore::open_to_read(&url.address().ok()?).await.ok()?),
    };
    let keys = Identities::load(&path).ok().flatten();
    let examined = sealed_secrets::examine(&*store, keys.as_ref(), "", Extent::FirstPage, SystemClock.now())
        .await
        .unwrap_or_default();
    store.close().await;
    let lacks = examined.unopened > 0 && !examined.others;
    lacks.then(|| sealed_secrets::explain(&path, path.exists(), &examined))
}
