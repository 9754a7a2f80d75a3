//! Writes records to a log outside of the database, as JSON lines, for programs that collect logs.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bucketry_api_types::audit_export::AuditFormat;
use bucketry_control::Control;
use bucketry_store::StoreError;
use parking_lot::Mutex;

/// Where records are written to. Clones write to the same log.
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<dyn Write + Send>>);

impl AuditLog {
    /// A log that is a file or standard output.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(to)))
    }
}

/// The name under which the store remembers how far records were written.
const STREAM: &str = "audit-log";
/// Records per read.
const PAGE: u32 = 500;
/// How long to wait for further records, and before a failed attempt is repeated.
const INTERVAL: Duration = Duration::from_secs(1);

/// Why records could not be written. Nothing is lost: the next attempt continues where this one was.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    /// The database is unavailable.
    #[error("the records can't be read")]
    Store(#[from] StoreError),
    /// The log can't be written: the disk is full, or the reader of the pipe is gone.
    #[error("the audit log can't be written")]
    Log(#[from] std::io::Error),
    /// A record can't be written as JSON, which is a bug.
    #[error("a record can't be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping(#[from] tokio::task::JoinError),
}

/// Writes the records of all organizations until the future is dropped: those that are there, then each within a
/// second. A record is written at least once: twice if the process is killed between the line and the note of it.
pub async fn stream_audit(control: &Control, log: AuditLog) {
    loop {
        match write_page(control, &log).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the audit log will be retried");
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Returns whether there may be more.
async fn write_page(control: &Control, log: &AuditLog) -> Result<bool, StreamError> {
    let store = control.store();
    let position = store.audit_stream(STREAM).await?.unwrap_or(0);
    let records = store.audit_after(position, PAGE).await?;
    let Some(last) = records.last() else { return Ok(false) };
    let lines = AuditFormat::JsonLines.write(&records, false)?;
    let log = log.clone();
    // The reader of a pipe may be slow.
    tokio::task::spawn_blocking(move || {
        let mut log = log.0.lock();
        log.write_all(lines.as_bytes()).and_then(|()| log.flush())
    })
    .await??;
    store.set_audit_stream(STREAM, last.id).await?;
    Ok(records.len() >= PAGE as usize)
}
