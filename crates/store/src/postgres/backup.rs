//! Reading a registry for a backup, while servers use it.

use sqlx::{ConnectOptions as _, Row as _};

use super::Address;
use super::claim::TRY_BACKUP;
use super::dialect::{self, Connection};
use super::open::{Options, reach, within};
use super::sql::snapshot::SqlSnapshot;
use crate::Result;
use crate::registry_copy::BackupSource;

/// Opens the registry at an address for a backup. Creates, changes and claims nothing, so a standby can be backed up too.
pub async fn source(address: &Address) -> Result<Box<dyn BackupSource>> {
    Ok(Box::new(SqlSnapshot::over(connect(address).await?)))
}

/// Like [`source`], unless another process has opened the registry in this way: then `None`. The processes of a deployment
/// use this to make one backup between them.
pub async fn source_alone(address: &Address) -> Result<Option<Box<dyn BackupSource>>> {
    let mut connection = connect(address).await?;
    let row = sqlx::query(TRY_BACKUP).fetch_one(&mut connection).await.map_err(dialect::error)?;
    let is_alone: bool = row.try_get(0).map_err(dialect::error)?;
    Ok(is_alone.then(|| Box::new(SqlSnapshot::over(connection)) as Box<dyn BackupSource>))
}

async fn connect(address: &Address) -> Result<Connection> {
    let connecting = address.options().application_name("bucketry");
    within(&Options::default(), reach(&connecting)).await?;
    connecting.connect().await.map_err(dialect::error)
}
