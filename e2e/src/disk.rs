//! A disk that takes nothing more.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, Result, Server, binary, run_python};

/// Lets a process write to no file any more (`none`), or again as it may. Without privileges this is as near as one
/// comes to a full disk: every write fails, to database, spool and log alike.
const LET_WRITE: &str = r"
import json, resource, sys
process, how = int(sys.argv[1]), sys.argv[2]
_, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
resource.prlimit(process, resource.RLIMIT_FSIZE, (0 if how == 'none' else most, most))
print(json.dumps(how))
";

/// Makes the disk full for a server that runs the program of [`ignoring_full_disks`].
pub async fn fill_disk(server: &Server) -> Result<()> {
    let_write(server, "none").await
}

/// Makes room again.
pub async fn free_disk(server: &Server) -> Result<()> {
    let_write(server, "all").await
}

async fn let_write(server: &Server, how: &str) -> Result<()> {
    let process = server.process_id().unwrap_or_default().to_string();
    run_python(LET_WRITE, &[&process, how]).await.map(drop)
}

/// The binary with the signal ignored that would end it at its first write beyond the limit, as a script in `dir`.
pub fn ignoring_full_disks(dir: &Path) -> Result<PathBuf> {
    let script = dir.join("bucketry");
    let text = format!("#!/bin/sh\ntrap '' XFSZ\nexec '{}' \"$@\"\n", binary()?.display());
    std::fs::write(&script, text).map_err(Error::Files)?;
    let runnable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&script, runnable).map_err(Error::Files)?;
    Ok(script)
}
