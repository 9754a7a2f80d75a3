//! Log lines, on standard error.

use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Result};
use crate::settings::LogFormat;

/// Starts logging for the process.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<()> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| Failure::usage(format!("the log filter: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would be told with `eprintln!`, which panics where nothing can be written, as to a log on a full disk.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("logging can't be started: {error}")))
}
