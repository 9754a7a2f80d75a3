//! The traces that an interrupted restore leaves in a data directory.

use std::path::Path;

use crate::failure::{Failure, Result};

pub(crate) const PARTIAL: &str = "restore.partial";
pub(crate) const READY: &str = "restore.ready";

/// Refuses a data directory in which a restore was interrupted: a server would take it for an empty or an older one.
pub(crate) fn refuse_interrupted(data_dir: &Path) -> Result<()> {
    let found = [PARTIAL, READY].into_iter().find(|name| data_dir.join(name).exists());
    let Some(found) = found else { return Ok(()) };
    let give_up = if found == PARTIAL {
        format!(", or delete {} to give it up", data_dir.join(PARTIAL).display())
    } else {
        String::new()
    };
    Err(Failure::failed(format!(
        "a `bucketry restore` into {} was interrupted: run the same command again{give_up}",
        data_dir.display()
    )))
}
