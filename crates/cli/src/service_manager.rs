//! What a service manager such as systemd learns from the server: that it is ready, that it is alive, and that it stops.
//!
//! The manager says in the environment where to send it (`NOTIFY_SOCKET`) and how often it expects a sign of life
//! (`WATCHDOG_USEC`). Without these variables, nothing is sent.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

/// Reports that the server serves requests, and where.
pub(crate) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Reports that the server finishes what is in progress and then exits.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// Reports that the process makes progress, until the future is dropped: twice in the time after which the manager would
/// replace the process. It runs among the requests, so a process in which nothing runs any more reports nothing.
pub(crate) async fn report_alive() -> Infallible {
    let Some(within) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = tokio::time::interval((within / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        send(&[NotifyState::Watchdog]);
    }
}

/// A manager that can't be reached doesn't stop the server.
fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("can't report to the service manager (NOTIFY_SOCKET): {error}");
    }
}
