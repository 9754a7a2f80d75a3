//! `bucketry backup`.

use crate::arguments::BackupOptions;
use crate::failure::{Failure, Result};
use crate::output;

/// Copies the database of a data directory, also while a server uses it.
pub(crate) async fn run(options: BackupOptions) -> Result<()> {
    if options.database_url.is_some() {
        let advice = "the registry is kept in PostgreSQL: make backups of it with pg_dump, and of the data directory's \
                      vault.key, node.pem and token.key by copying them";
        return Err(Failure::failed(advice));
    }
    bucketry_store::sqlite::backup(&options.data_dir, &options.file)
        .await
        .map_err(|error| Failure::because("the backup was not made", &error))?;
    output::line(&format!("wrote {}", options.file.display()))?;
    output::remark(
        "The backup holds secrets in their sealed form only: keep vault.key, node.pem and token.key of the data directory in a safe place of their own.",
    );
    Ok(())
}
