//! Heartbeats with probes, and reports with traffic, results and progress of jobs.

use bucketry_model::id::OrgId;
use bucketry_model::node::HeartbeatReport;
use bucketry_model::node_protocol::{
    BATCH_OUT_OF_ORDER, BucketStatus, Heartbeat, KeyUse, REPORT_PATH, Report, STATUS_PATH, UsageBatch,
};
use bucketry_model::time::{ACCEPTED_SKEW, is_ahead};
use bucketry_model::uptime::{ProbeSample, longest_gap};
use bucketry_store::status::ProbeBatch;
use bucketry_store::usage::BatchCounted;
use jiff::{SignedDuration, Timestamp};

use super::{NodeMessage, check_batch};
use crate::{Control, Error, Result};

/// The longest probe interval that a node may report, in milliseconds: one day.
const LONGEST_INTERVAL_MS: i64 = 86_400_000;
/// Messages of failures are cut to this length, in characters.
const LONGEST_MESSAGE: usize = 500;

impl Control {
    /// `POST /node/status`: the heartbeat. Returns the number of probes in it.
    pub async fn heartbeat(&self, message: NodeMessage) -> Result<usize> {
        let (node, message) = self.sender("POST", STATUS_PATH, message).await?;
        let heartbeat: Heartbeat = message.read_known()?;
        drop(message);
        let probes = heartbeat.buckets.len();
        check_batch("buckets", probes)?;
        check_batch("released", heartbeat.released.len())?;
        let now = self.inner.environment.now();
        let interval =
            i64::try_from(heartbeat.probe_interval_ms).unwrap_or(i64::MAX).min(LONGEST_INTERVAL_MS);
        let report = HeartbeatReport {
            census: heartbeat.census,
            gateway_url: heartbeat.gateway_url,
            waiting_batches: heartbeat.waiting_batches,
            process: heartbeat.process,
            leaving: heartbeat.leaving,
        };
        // Continues what the store has and not the cached node, because other control planes record heartbeats, too.
        if let Some(recorded) = self.inner.store.record_heartbeat(node.id, report, now).await? {
            self.inner.presence.heard(node.id, recorded, now);
        }
        let samples: Vec<_> = heartbeat
            .buckets
            .into_iter()
            // A time in the future comes from a wrong clock.
            .filter(|probe| !is_ahead(probe.created_at, now))
            .map(|probe| (probe.bucket_id, sample(probe)))
            .collect();
        // What a node reports that can open nothing says nothing about the buckets.
        if !samples.is_empty() && !node.is_pending() {
            let batch = ProbeBatch {
                node_id: node.id,
                org_id: node.org_id,
                now,
                longest_gap: longest_gap(SignedDuration::from_millis(interval)),
                samples,
            };
            self.inner.store.record_probes(&batch).await?;
        }
        self.inner.store.withdraw_reports(node.id, &heartbeat.released, now).await?;
        Ok(probes)
    }

    /// `POST /node/report`: traffic, which is added exactly once, results and progress of jobs.
    pub async fn report(&self, message: NodeMessage) -> Result<()> {
        let (node, message) = self.sender("POST", REPORT_PATH, message).await?;
        let report: Report = message.read_known()?;
        drop(message);
        check_batch("results", report.results.len())?;
        check_batch("keyUses", report.key_uses.len())?;
        check_batch("keyRefusals", report.key_refusals.len())?;
        check_batch("progress", report.progress.len())?;
        let now = self.inner.environment.now();
        for progress in report.progress {
            self.take_job_progress(node.id, progress, now).await?;
        }
        for result in report.results {
            self.take_job_result(node.id, result).await?;
        }
        self.note_key_uses(node.org_id, report.key_uses).await?;
        self.record_key_refusals(&node, report.key_refusals).await?;
        let Some(batch) = report.usage else { return Ok(()) };
        check_batch("usage.rows", batch.rows.len())?;
        if batch.spool.is_empty() || batch.spool.len() > 64 || batch.number == 0 {
            return Err(Error::field(
                "usage",
                "must have the name of a spool (1 to 64 bytes) and a number from 1",
            ));
        }
        if !batch.rows.iter().all(bucketry_model::usage::UsageRow::is_sane) {
            return Err(Error::field("usage.rows", "contains counts that are out of range"));
        }
        let batch = dated(batch, now);
        match self.inner.store.add_usage(node.id, node.org_id, &batch, now).await? {
            BatchCounted::Counted | BatchCounted::Duplicate => Ok(()),
            BatchCounted::OutOfOrder { expected } => Err(Error::Rule {
                code: BATCH_OUT_OF_ORDER,
                message: format!(
                    "batch {} was sent before batch {expected}: send that one first",
                    batch.number
                ),
            }),
        }
    }
}

impl Control {
    /// Stores when keys were last used, as far as the node serves them.
    async fn note_key_uses(&self, org_id: Option<OrgId>, uses: Vec<KeyUse>) -> Result<()> {
        let now = self.inner.environment.now();
        let uses: Vec<KeyUse> = uses.into_iter().filter(|one| !is_ahead(one.at, now)).collect();
        if uses.is_empty() {
            return Ok(());
        }
        Ok(self.inner.store.note_key_uses(org_id, &uses, now).await?)
    }
}

/// A batch in which no traffic is of the future. A node whose clock was ahead dated it wrongly, and its hour may never be shown.
/// It counts as traffic of the minute in which the node, whose clock is right again, reports it.
fn dated(mut batch: UsageBatch, now: Timestamp) -> UsageBatch {
    let this_minute = now.as_second().div_euclid(60) * 60;
    for row in &mut batch.rows {
        if row.minute > this_minute + ACCEPTED_SKEW.as_secs() {
            row.minute = this_minute;
        }
    }
    batch
}

fn sample(probe: BucketStatus) -> ProbeSample {
    let failure = probe.failure.map(|mut failure| {
        failure.message = failure.message.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
        failure
    });
    ProbeSample {
        at: probe.created_at,
        status: probe.status,
        // A failed probe has no latency, even if the node reports one.
        latency_ms: probe.latency_ms.filter(|_| failure.is_none()),
        failure,
        version: probe.version,
    }
}
