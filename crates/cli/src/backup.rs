//! `bucketry backup`.

use std::path::Path;

use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::Store as _;
use bucketry_store::sqlite::{DATABASE_FILE, SqliteStore};
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
    if options.database_url.is_some() {
        let advice = "the registry is in PostgreSQL: back it up with pg_dump, and copy vault.key, node.pem and token.key \
                      from the data directory";
        return Err(Failure::failed(advice));
    }
    if !options.data_dir.join(DATABASE_FILE).exists() {
        let place = options.data_dir.display();
        return Err(Failure::failed(format!(
            "there is no database in {place}: pass the server's --data-dir"
        )));
    }
    let file = options.file.display().to_string();
    if options.file.exists() {
        return Err(Failure::failed(format!(
            "no backup was written, because {file} already exists: choose another name"
        )));
    }
    let lacking = look_at(&options.data_dir).await?;
    bucketry_store::sqlite::backup(&options.data_dir, &options.file)
        .await
        .map_err(|error| Failure::because("no backup was written", &error))?;
    output::done(remote.json, &json!({ "file": file }), &format!("wrote {file}"))?;
    if let Some(lacking) = lacking {
        output::remark(&format!("warning: this backup can't be used with the current keys: {lacking}"));
    }
    output::remark(
        "The backup contains secrets only in sealed form: store vault.key, node.pem and token.key from the data directory separately in a safe place.",
    );
    Ok(())
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
