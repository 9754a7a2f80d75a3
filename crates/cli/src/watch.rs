//! Prints a list once, or again and again until Ctrl-C.

use std::time::Duration;

use crate::failure::Result;
use crate::list_arguments::WatchOptions;
use crate::{output, table};

/// Prints what `read` returns. While it is watched, a failure is shown and the list tried again, unless the first
/// attempt fails. Ctrl-C ends the watching without an error.
pub(crate) async fn print<F: Future<Output = Result<String>>>(
    options: WatchOptions,
    read: impl Fn() -> F,
) -> Result<()> {
    let first = read().await?;
    let Some(seconds) = options.watch else { return output::line(&first) };
    let watching = async {
        output::line(&table::redraw(&first))?;
        loop {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let text = match read().await {
                Ok(text) => text,
                Err(failure) => format!("{}\n\ntrying again every {seconds} s", failure.message()),
            };
            output::line(&table::redraw(&text))?;
        }
    };
    tokio::select! {
        ended = watching => ended,
        // If the signal can't be awaited, it ends the process, as usual.
        Ok(()) = tokio::signal::ctrl_c() => Ok(()),
    }
}
