//! Simulates a full disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, RemoteNode, Result, Server, binary, run_python};

/// Forbids a process to write to any file (`none`), or permits it again. Without privileges, this is the closest
/// thing to a full disk: every write to database, spool and log fails.
const LET_WRITE: &str = r"
import json, resource, sys
process, how = int(sys.argv[1]), sys.argv[2]
_, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
resource.prlimit(process, resource.RLIMIT_FSIZE, (0 if how == 'none' else most, most))
print(json.dumps(how))
";

/// Simulates a full disk for a server that runs the program of [`ignoring_full_disks`].
pub async fn fill_disk(server: &Server) -> Result<()> {
    let_write(server.process_id(), "none").await
}

/// Lets the server write again.
pub async fn free_disk(server: &Server) -> Result<()> {
    let_write(server.process_id(), "all").await
}

/// Like [`fill_disk`], for a node that runs that program.
pub async fn fill_disk_of_node(node: &RemoteNode) -> Result<()> {
    let_write(node.process_id(), "none").await
}

/// Lets the node write again.
pub async fn free_disk_of_node(node: &RemoteNode) -> Result<()> {
    let_write(node.process_id(), "all").await
}

async fn let_write(process_id: Option<u32>, how: &str) -> Result<()> {
    let process = process_id.unwrap_or_default().to_string();
    run_python(LET_WRITE, &[&process, how]).await.map(drop)
}

/// Creates a script in `dir` that runs the binary with SIGXFSZ ignored, which would otherwise kill it at its first
/// write beyond the limit.
pub fn ignoring_full_disks(dir: &Path) -> Result<PathBuf> {
    let script = dir.join("bucketry");
    let text = format!("#!/bin/sh\ntrap '' XFSZ\nexec '{}' \"$@\"\n", binary()?.display());
    std::fs::write(&script, text).map_err(Error::Files)?;
    let runnable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&script, runnable).map_err(Error::Files)?;
    Ok(script)
}
