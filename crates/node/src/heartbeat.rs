//! Reports that the node is alive, and what its probes found.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucketry_model::node_protocol::Heartbeat;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::NodeInfo;
use crate::control_plane::{ControlPlane, ControlPlaneError};
use crate::jitter::Jitter;
use crate::metrics::{Metrics, add};
use crate::outbox::Outbox;
use crate::registration::Registration;

/// How long an urgent heartbeat waits for further urgent samples.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// The shortest time between two urgent heartbeats, so that thousands of changes make only a few messages.
const URGENT_PAUSE: Duration = Duration::from_secs(1);
/// How long the last heartbeat may take while the node stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The state of the heartbeat task.
pub(crate) struct Heartbeats {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) node: NodeInfo,
    pub(crate) interval: Duration,
    pub(crate) probe_interval: Duration,
    /// The name of this process.
    pub(crate) process: String,
}

impl Heartbeats {
    /// Sends heartbeats until it is stopped, then tries to send a last one.
    pub(crate) async fn run(self, jitter: Jitter, stop: CancellationToken) {
        stop.run_until_cancelled(self.beat(jitter)).await;
        if self.registration.is_registered() {
            _ = tokio::time::timeout(FAREWELL, self.send_all(true)).await;
        }
    }

    async fn beat(&self, jitter: Jitter) {
        let mut backoff = Backoff::new(Duration::from_secs(1), self.interval, jitter);
        let mut next_urgent = Instant::now();
        let mut next = Instant::now();
        let mut failing = false;
        loop {
            self.registration.wait().await;
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.outbox.urgent(), if !failing => {
                    sleep(DEBOUNCE).await;
                    sleep_until(next_urgent.min(next)).await;
                }
            }
            next_urgent = Instant::now() + URGENT_PAUSE;
            let outcome = self.send_all(false).await;
            failing = outcome.is_err();
            next = Instant::now()
                + match outcome {
                    Ok(()) => {
                        backoff.reset();
                        self.interval
                    }
                    Err(error) => {
                        add(&self.metrics.heartbeats_failed, 1);
                        tracing::warn!(%error, "can't send a heartbeat");
                        if error.needs_registration() {
                            self.registration.invalidate();
                        }
                        backoff.after_failure()
                    }
                };
        }
    }

    /// Sends all samples, in one or more messages. Sends at least one message. `leaving` says that the node stops.
    async fn send_all(&self, leaving: bool) -> Result<(), ControlPlaneError> {
        loop {
            let mut batch = self.outbox.next_batch();
            let samples = std::mem::take(&mut batch.samples);
            let number = samples.len() + batch.released.len();
            let message = Heartbeat {
                ip: self.node.name.clone(),
                region: self.node.region.clone(),
                id_org: self.node.id_org,
                probe_interval_ms: u64::try_from(self.probe_interval.as_millis()).unwrap_or(u64::MAX),
                buckets: samples,
                census: batch.census,
                gateway_url: self.node.gateway_url.clone(),
                waiting_batches: Some(self.metrics.usage_batches_waiting.load(Ordering::Relaxed)),
                process: Some(self.process.clone()),
                released: batch.released.clone(),
                leaving,
            };
            match self.control_plane.heartbeat(&message).await {
                Ok(()) => add(&self.metrics.heartbeats_sent, 1),
                // These samples will never be accepted. Sending them again would block everything after them.
                Err(ControlPlaneError::Refused { message, .. }) if number > 0 => {
                    add(&self.metrics.heartbeats_failed, 1);
                    tracing::error!(
                        error = message,
                        samples = number,
                        "the control plane rejected samples of probes; they are lost"
                    );
                }
                Err(error) => return Err(error),
            }
            self.outbox.confirm(&batch);
            if !batch.more {
                return Ok(());
            }
        }
    }
}
