//! Jobs for nodes that any control plane may pass on.

use async_trait::async_trait;
use bucketry_model::id::{JobId, NodeId, OrgId};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Query, Row};
use super::node::lock_organization;
use super::statement::{InList, texts};
use crate::Result;
use crate::job::{JobAdded, JobReport, JobStore, StoredJob, TakenJob};
use crate::signal::Signal;

fn taken(row: &Row) -> Result<TakenJob> {
    let mut columns = Columns::of(row);
    Ok(TakenJob { id: columns.parsed()?, task: columns.text()? })
}

fn reported(row: &Row) -> Result<JobReport> {
    let mut columns = Columns::of(row);
    Ok(JobReport {
        id: columns.parsed()?,
        progress: columns.optional_text()?,
        outcome: columns.optional_text()?,
    })
}

/// The validations of an organization that are in progress.
fn in_progress(org_id: OrgId, now: Timestamp, limit: u32) -> Query<'static> {
    let sql = "SELECT j.id FROM jobs j WHERE j.validation_of = $1 AND j.deadline > $2 LIMIT $3";
    query(sql).bind(org_id.to_string()).bind(to_micros(now)).bind(i64::from(limit))
}

#[async_trait]
impl JobStore for SqlStore {
    async fn add_job(&self, job: &StoredJob, at_most: u32) -> Result<JobAdded> {
        let mut write = self.write().await?;
        if let Some(limit) = job.validation {
            lock_organization(&mut write, limit.org_id).await?;
            let others = write.rows(in_progress(limit.org_id, limit.now, limit.at_most)).await?;
            if others.len() >= limit.at_most as usize {
                return Ok(JobAdded::TooManyValidations);
            }
        }
        let waiting =
            "SELECT j.id FROM jobs j WHERE j.node_id = $1 AND j.taken_at IS NULL ORDER BY j.id LIMIT $2";
        let waiting =
            write.rows(query(waiting).bind(job.node_id.to_string()).bind(i64::from(at_most))).await?;
        if waiting.len() >= at_most as usize {
            return Ok(JobAdded::NodeIsBusy);
        }
        let sql = "INSERT INTO jobs (id, node_id, task, deadline, validation_of) VALUES ($1, $2, $3, $4, $5)";
        let insert = query(sql)
            .bind(job.id.to_string())
            .bind(job.node_id.to_string())
            .bind(job.task.as_str())
            .bind(to_micros(job.deadline))
            .bind(job.validation.map(|limit| limit.org_id.to_string()));
        write.execute(insert).await?;
        write.signal(Signal::JobAdded(job.node_id));
        write.commit().await?;
        Ok(JobAdded::Added)
    }

    async fn validations_in_progress(&self, org_id: OrgId, now: Timestamp, limit: u32) -> Result<usize> {
        Ok(self.rows(in_progress(org_id, now, limit)).await?.len())
    }

    async fn nodes_with_jobs(&self, limit: u32) -> Result<Vec<NodeId>> {
        let sql =
            "SELECT DISTINCT j.node_id FROM jobs j WHERE j.taken_at IS NULL ORDER BY j.node_id LIMIT $1";
        let rows = self.rows(query(sql).bind(i64::from(limit))).await?;
        rows.iter().map(|row| Columns::of(row).parsed()).collect()
    }

    async fn take_jobs(
        &self,
        node_id: NodeId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TakenJob>> {
        let mut write = self.write().await?;
        // If two processes take at once, the later update finds that `taken_at` is set. COALESCE, so that the rows are found
        // by their ids and not among all that wait.
        let sql = "UPDATE jobs SET taken_at = $2 WHERE COALESCE(taken_at, 0) = 0 AND id IN (SELECT j.id FROM jobs j \
                   WHERE j.node_id = $1 AND j.taken_at IS NULL AND j.deadline > $3 ORDER BY j.id LIMIT $4) \
                   RETURNING id, task";
        let take = query(sql).bind(node_id.to_string()).bind(to_micros(now)).bind(to_micros(since));
        let mut jobs: Vec<TakenJob> =
            write.rows(take.bind(i64::from(limit))).await?.iter().map(taken).collect::<Result<_>>()?;
        write.commit_if(!jobs.is_empty()).await?;
        jobs.sort_unstable_by_key(|job| job.id);
        Ok(jobs)
    }

    async fn note_job_progress(&self, node_id: NodeId, id: JobId, progress: &str) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "UPDATE jobs SET progress = $3 \
                   WHERE id = $1 AND node_id = $2 AND taken_at IS NOT NULL AND outcome IS NULL";
        let noted =
            write.execute(query(sql).bind(id.to_string()).bind(node_id.to_string()).bind(progress)).await?;
        write.signal(Signal::JobReported(id));
        write.commit_if(noted > 0).await
    }

    async fn finish_job(&self, node_id: NodeId, id: JobId, outcome: &str) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "UPDATE jobs SET outcome = $3 \
                   WHERE id = $1 AND node_id = $2 AND taken_at IS NOT NULL AND outcome IS NULL";
        let finished =
            write.execute(query(sql).bind(id.to_string()).bind(node_id.to_string()).bind(outcome)).await?;
        write.signal(Signal::JobReported(id));
        write.commit_if(finished > 0).await
    }

    async fn job_reports(&self, ids: &[JobId]) -> Result<Vec<JobReport>> {
        let sql = "SELECT j.id, j.progress, j.outcome FROM jobs j \
                   WHERE (j.progress IS NOT NULL OR j.outcome IS NOT NULL) AND j.id IN (";
        self.rows_in_list(&InList::new(sql, ")"), &texts(ids)).await?.iter().map(reported).collect()
    }

    async fn remove_job(&self, id: JobId) -> Result<()> {
        let mut write = self.write().await?;
        let removed = write.execute(query("DELETE FROM jobs WHERE id = $1").bind(id.to_string())).await?;
        write.commit_if(removed > 0).await
    }

    async fn remove_waiting_job(&self, id: JobId) -> Result<bool> {
        let mut write = self.write().await?;
        // COALESCE, so that the row is found by its id and not among all that wait.
        let sql = "DELETE FROM jobs WHERE id = $1 AND COALESCE(taken_at, 0) = 0";
        let removed = write.execute(query(sql).bind(id.to_string())).await?;
        write.commit_if(removed > 0).await?;
        Ok(removed > 0)
    }

    async fn purge_jobs(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM jobs WHERE id IN \
                   (SELECT j.id FROM jobs j WHERE j.deadline < $1 ORDER BY j.deadline LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit_if(removed > 0).await?;
        Ok(removed)
    }
}
