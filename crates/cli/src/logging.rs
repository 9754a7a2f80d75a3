//! Logging to standard error.

use crate::failure::{Failure, Result};
use crate::settings::{LogFilter, LogFormat};

/// Starts logging for the process.
pub(crate) fn start(format: LogFormat, filter: &LogFilter) -> Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter.filter())
        .with_writer(std::io::stderr)
        // They would be reported with `eprintln!`, which panics if standard error can't be written, say on a full
        // disk.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        // Only the innermost span is printed: the list of spans would repeat its fields.
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("can't start logging: {error}")))
}
