//! Writes counted traffic from `meter` to the disk (`spool`) every few seconds, and reports it from there to the
//! control plane.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::node_protocol::{BATCH_OUT_OF_ORDER, Report, UsageBatch};
use bucketry_model::usage::UsageRow;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::config::NodeInfo;
use crate::control_plane::{ControlPlane, ControlPlaneError};
use crate::jitter::Jitter;
use crate::key_uses::KeyUses;
use crate::meter::UsageMeter;
use crate::metrics::{Metrics, add};
use crate::refused_keys::RefusedKeys;
use crate::registration::Registration;
use crate::spool::{Spool, SpoolError};

/// How long the last reports may take while the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The state of two tasks: one writes counted traffic to the spool, the other reports spooled traffic.
#[derive(Clone)]
pub(crate) struct UsageReports {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) meter: UsageMeter,
    pub(crate) key_uses: Arc<KeyUses>,
    pub(crate) refused_keys: Arc<RefusedKeys>,
    pub(crate) spool: Arc<Mutex<Spool>>,
    /// Threads that use the spool, also those whose caller was cancelled. The spool is closed once they have ended.
    pub(crate) spool_operations: TaskTracker,
    pub(crate) spooled: Arc<Notify>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) node: NodeInfo,
    pub(crate) flush_interval: Duration,
}

/// A unique name for a spool.
pub(crate) fn new_spool_name() -> String {
    Uuid::new_v4().to_string()
}

impl UsageReports {
    /// Writes counted traffic at regular intervals, and once more at the end.
    pub(crate) async fn run_flushes(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(self.flush_interval)).await.is_some() {
            self.flush(false).await;
        }
        self.flush(true).await;
    }

    /// Reports spooled traffic until it is stopped, then tries once more.
    pub(crate) async fn run_reports(self, jitter: Jitter, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), jitter);
        let reporting = async {
            loop {
                self.registration.wait().await;
                match self.send_all().await {
                    Ok(()) => {
                        backoff.reset();
                        self.spooled.notified().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "can't report traffic yet");
                        if error.needs_registration() {
                            self.registration.invalidate();
                        }
                        sleep(backoff.after_failure()).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(reporting).await;
        if self.registration.is_registered() {
            _ = tokio::time::timeout(FAREWELL, self.send_all()).await;
        }
    }

    /// Cancelling this is safe only at the end of the process, because the write continues in its thread.
    async fn flush(&self, is_last: bool) {
        let refusals_are_due = self.refused_keys.end_interval(Instant::now(), is_last);
        let rows = self.meter.take();
        if rows.is_empty() {
            if refusals_are_due || !self.key_uses.is_empty() {
                self.spooled.notify_one();
            }
            return;
        }
        self.write(rows, Spool::append).await;
    }

    async fn write(
        &self,
        rows: Vec<UsageRow>,
        append: impl FnOnce(&mut Spool, &[UsageRow]) -> Result<(), SpoolError> + Send + 'static,
    ) {
        let rows = Arc::new(rows);
        let to_append = Arc::clone(&rows);
        match self.with_spool(move |spool| append(spool, &to_append)).await {
            Some(Ok(())) => self.spooled.notify_one(),
            Some(Err(SpoolError::Full)) => {
                add(&self.metrics.usage_rows_lost, rows.len() as u64);
                tracing::error!(rows = rows.len(), "the spool is full; traffic is lost");
            }
            Some(Err(error)) => {
                add(&self.metrics.usage_writes_failed, 1);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "can't write traffic to the spool yet"
                );
                for row in rows.iter() {
                    self.meter.add(row.clone());
                }
            }
            // The rows may be on the disk already. Counting them again could count them twice.
            None => {
                add(&self.metrics.usage_rows_lost, rows.len() as u64);
                tracing::error!(rows = rows.len(), "traffic that was to be written to the spool may be lost");
            }
        }
    }

    async fn send_all(&self) -> Result<(), ControlPlaneError> {
        loop {
            let usage = self.oldest().await;
            let key_uses = self.key_uses.take();
            let key_refusals = self.refused_keys.due();
            if usage.is_none() && key_uses.is_empty() && key_refusals.is_empty() {
                return Ok(());
            }
            let number = usage.as_ref().map(|batch| batch.number);
            let report = Report {
                ip: self.node.name.clone(),
                id_org: self.node.id_org,
                usage,
                key_uses,
                key_refusals,
                ..Report::default()
            };
            let outcome = self.control_plane.report(&report).await;
            // A report without traffic would be rejected again. In all other cases key uses and refusals are reported
            // next time.
            let lost = match &outcome {
                Ok(()) => false,
                Err(ControlPlaneError::Refused { .. }) => number.is_some(),
                Err(_) => true,
            };
            if lost {
                self.key_uses.put_back(report.key_uses);
            } else {
                self.refused_keys.confirm();
            }
            match outcome {
                Ok(()) => {
                    if let Some(number) = number {
                        self.note(move |spool| spool.acknowledge(number)).await;
                    }
                }
                Err(ControlPlaneError::Refused { code: Some(code), .. }) if code == BATCH_OUT_OF_ORDER => {
                    tracing::warn!(
                        "the control plane expects another batch number; continuing in a new spool, numbered from 1"
                    );
                    let starting = self.with_spool(|spool| spool.start_over(&new_spool_name())).await;
                    // Otherwise, the same batch would be rejected again immediately.
                    let failed = match starting {
                        Some(Ok(())) => continue,
                        Some(Err(error)) => error.to_string(),
                        None => "the attempt panicked".to_owned(),
                    };
                    return Err(ControlPlaneError::Unavailable(format!("can't begin a new spool: {failed}")));
                }
                // Traffic is never dropped because it was rejected. An operator has to look into it.
                Err(error) => return Err(error),
            }
        }
    }

    async fn oldest(&self) -> Option<UsageBatch> {
        let read = self.with_spool(|spool| spool.oldest()).await?;
        match read {
            Ok(batch) => batch,
            Err(SpoolError::Damaged) => {
                self.note(|spool| spool.start_over(&new_spool_name())).await;
                self.with_spool(|spool| spool.oldest().ok().flatten()).await.flatten()
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "can't read the spool");
                None
            }
        }
    }

    async fn note(&self, change: impl FnOnce(&mut Spool) -> Result<(), SpoolError> + Send + 'static) {
        if let Some(Err(error)) = self.with_spool(change).await {
            tracing::error!(error = &error as &dyn std::error::Error, "can't write to the spool");
        }
    }

    /// Runs a closure on the spool in a blocking thread, which continues if this future is dropped. `None` if the closure
    /// panicked.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Option<T> {
        let (spool, metrics) = (Arc::clone(&self.spool), Arc::clone(&self.metrics));
        let done = self.spool_operations.spawn_blocking(move || {
            let mut spool = spool.lock();
            let done = work(&mut spool);
            metrics.usage_batches_waiting.store(spool.waiting() as u64, std::sync::atomic::Ordering::Relaxed);
            done
        });
        match done.await {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::error!(%error, "an operation on the spool panicked, which is a bug");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use async_trait::async_trait;
    use bucketry_model::id::{BucketId, RepoKeyId};
    use bucketry_model::node_protocol::{
        Heartbeat, InventoryOrders, InventoryReport, KeyUse, Register, SyncAnswer,
    };
    use bucketry_vault::Identities;
    use jiff::Timestamp;
    use parking_lot::RwLock;

    use super::*;

    /// Answers every report with the same error.
    #[derive(Debug)]
    struct Answering(ControlPlaneError);

    #[async_trait]
    impl ControlPlane for Answering {
        async fn inventory(&self, _: &InventoryReport) -> Result<InventoryOrders, ControlPlaneError> {
            unreachable!("only reports of traffic are sent")
        }

        async fn register(&self, _: &Register) -> Result<(), ControlPlaneError> {
            Ok(())
        }

        async fn heartbeat(&self, _: &Heartbeat) -> Result<(), ControlPlaneError> {
            Ok(())
        }

        async fn sync(&self, _: Option<&str>, _: Duration) -> Result<SyncAnswer, ControlPlaneError> {
            Err(self.0.clone())
        }

        async fn report(&self, _: &Report) -> Result<(), ControlPlaneError> {
            Err(self.0.clone())
        }
    }

    fn reports(directory: &Path, error: ControlPlaneError) -> UsageReports {
        let control_plane: Arc<dyn ControlPlane> = Arc::new(Answering(error));
        let node = NodeInfo {
            name: "node".to_owned(),
            region: "here".to_owned(),
            provider: "self".to_owned(),
            version: "1".to_owned(),
            id_org: None,
            gateway_url: None,
        };
        let identities = Arc::new(RwLock::new(Identities::generate()));
        let metrics = Arc::new(Metrics::default());
        UsageReports {
            registration: Arc::new(Registration::new(Arc::clone(&control_plane), node.clone(), identities)),
            control_plane,
            meter: UsageMeter::new(Arc::clone(&metrics)),
            key_uses: Arc::default(),
            refused_keys: Arc::default(),
            spool: Arc::new(Mutex::new(Spool::open(directory, 1 << 20, "spool").unwrap())),
            spool_operations: TaskTracker::new(),
            spooled: Arc::default(),
            metrics,
            node,
            flush_interval: Duration::from_secs(1),
        }
    }

    /// The number of key uses that remain after a report without traffic got this error.
    async fn left_after(error: ControlPlaneError) -> usize {
        let directory = tempfile::tempdir().unwrap();
        let reports = reports(directory.path(), error);
        let key_id = RepoKeyId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        reports.key_uses.note(KeyUse { key_id, at: Timestamp::UNIX_EPOCH });
        reports.send_all().await.unwrap_err();
        reports.key_uses.take().len()
    }

    #[tokio::test]
    async fn rows_that_a_bug_swallows_are_counted_as_lost() {
        let directory = tempfile::tempdir().unwrap();
        let reports = reports(directory.path(), ControlPlaneError::Unavailable("away".to_owned()));
        let row = UsageRow::empty(60, BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]), None);
        reports.write(vec![row.clone(), row], |_, _| panic!("a bug")).await;
        let lost = reports.metrics.usage_rows_lost.load(Ordering::Relaxed);
        assert_eq!((lost, reports.meter.take().len()), (2, 0));
    }

    #[tokio::test]
    async fn the_spool_is_closed_once_a_cancelled_operation_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let reports = reports(directory.path(), ControlPlaneError::Unavailable("away".to_owned()));
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel();
        let operation = reports.with_spool(move |_| {
            started.send(()).unwrap();
            may_go_on.recv().unwrap();
        });
        tokio::select! {
            _ = operation => unreachable!("it waits for this test"),
            started = has_started => started.unwrap(),
        }
        let operations = reports.spool_operations.clone();
        drop(reports);
        let open_again = || Spool::open(directory.path(), 1 << 20, "next");
        assert!(matches!(open_again(), Err(SpoolError::InUse(_))));
        go_on.send(()).unwrap();
        operations.close();
        operations.wait().await;
        open_again().unwrap();
    }

    #[tokio::test]
    async fn the_use_of_a_key_that_could_not_be_told_is_told_later() {
        assert_eq!(left_after(ControlPlaneError::Unavailable("away".to_owned())).await, 1);
        let refused = ControlPlaneError::Refused { code: None, message: "no".to_owned() };
        assert_eq!(left_after(refused).await, 0, "it would be rejected every time");
    }
}
