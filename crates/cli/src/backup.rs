//! `bucketry backup`.

use std::path::Path;

use bucketry_model::time::{Clock as _, SystemClock, to_wire};
use bucketry_store::Store as _;
use bucketry_store::backup_record::BackupRecordStore as _;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{DATABASE_FILE, SqliteStore, record_backup};
use bucketry_store::transfer::Target as _;
use bucketry_vault::Identities;
use serde_json::json;

use crate::arguments::BackupOptions;
use crate::data_directory::VAULT_KEY;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;
use crate::sealed_secrets::{self, Extent};

/// Copies the embedded database of a data directory, even while a server is using it.
pub(crate) async fn run(remote: &Remote, options: BackupOptions) -> Result<()> {
    let Some(to) = &options.file else { return record(remote, &options).await };
    if options.database_url.is_some() {
        let advice = "the registry is in PostgreSQL: back it up with pg_dump, and copy vault.key, node.pem and token.key \
                      from the data directory. Then run `bucketry backup --record`";
        return Err(Failure::failed(advice));
    }
    if !options.data_dir.join(DATABASE_FILE).exists() {
        let place = options.data_dir.display();
        return Err(Failure::failed(format!(
            "there is no database in {place}: pass the server's --data-dir"
        )));
    }
    let file = to.display().to_string();
    if to.exists() {
        return Err(Failure::failed(format!(
            "no backup was written, because {file} already exists: choose another name"
        )));
    }
    let lacking = look_at(&options.data_dir).await?;
    // A backup contains what was there when it began.
    let began_at = SystemClock.now();
    bucketry_store::sqlite::backup(&options.data_dir, to)
        .await
        .map_err(|error| Failure::because("no backup was written", &error))?;
    if let Err(error) = record_backup(&options.data_dir, began_at).await {
        let failure = Failure::because("the database doesn't record that it was backed up", &error);
        output::remark(&format!("warning: {}", failure.message()));
    }
    output::done(remote.json, &json!({ "file": file }), &format!("wrote {file}"))?;
    if let Some(lacking) = lacking {
        output::remark(&format!("warning: this backup can't be used with the current keys: {lacking}"));
    }
    output::remark(
        "The backup contains secrets only in sealed form: store vault.key, node.pem and token.key from the data directory separately in a safe place.",
    );
    Ok(())
}

/// Records that another program made a backup.
async fn record(remote: &Remote, options: &BackupOptions) -> Result<()> {
    let now = SystemClock.now();
    let recorded = match &options.database_url {
        Some(url) => {
            let connecting = postgres::Options { connections: 2, ..postgres::Options::default() };
            match PostgresStore::open(&url.address()?, &connecting).await {
                Ok(store) => {
                    let recorded = store.record_backup(now).await;
                    store.close().await;
                    recorded
                }
                Err(error) => Err(error),
            }
        }
        None => record_backup(&options.data_dir, now).await,
    };
    recorded.map_err(|error| Failure::because("the backup was not recorded", &error))?;
    output::done(remote.json, &json!({ "recorded": to_wire(now) }), "recorded a backup")
}

/// Refuses an incomplete registry, and explains what a restored copy would lack. A database of another version is
/// copied without these checks.
async fn look_at(data_dir: &Path) -> Result<Option<String>> {
    let Ok(store) = SqliteStore::open_to_read(data_dir).await else { return Ok(None) };
    let unfinished = store.unfinished_transfer().await.unwrap_or(false);
    let path = data_dir.join(VAULT_KEY);
    let keys = Identities::load(&path).ok().flatten();
    let examined = sealed_secrets::examine(&store, keys.as_ref(), "", Extent::FirstPage, SystemClock.now())
        .await
        .unwrap_or_default();
    store.close().await;
    if unfinished {
        return Err(Failure::failed(
            "no backup was written, because a migration into this database is unfinished: run `bucketry migrate` with \
             the same --from and --to again",
        ));
    }
    let lacking = examined.unopened > 0 && !examined.others;
    Ok(lacking.then(|| sealed_secrets::explain(&path, path.exists(), &examined)))
}
