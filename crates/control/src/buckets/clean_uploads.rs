//! Aborting the multipart uploads of a bucket that nobody completed.

use std::time::Duration;

use bucketry_model::audit::{AuditAction, AuditDetail, AuditKind};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{Outcome, Task, UploadCleaning, UploadsFound};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::time::to_wire;
use jiff::{SignedDuration, Timestamp};

use crate::access::validated;
use crate::bucket_jobs::BucketJobFailure;
use crate::{Control, Error, Result};

/// Uploads that are younger than this may still be in progress, in seconds.
const LEAST_AGE: i64 = 3_600;
/// The longest accepted age, in seconds: ten years.
const MOST_AGE: i64 = 315_360_000;
/// How long a node may take.
const WITHIN: Duration = Duration::from_secs(25);

/// The uploads that were found, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanedUploads {
    /// The uploads that are old enough.
    pub found: UploadsFound,
    /// How many of them were aborted.
    pub aborted: u64,
    /// Why one couldn't be aborted.
    pub failure: Option<String>,
}

impl Control {
    /// Aborts the multipart uploads of a bucket that began longer ago than this, or with `dry_run` only finds them. Their
    /// parts are deleted at the provider.
    ///
    /// The job goes on, and is recorded, if the future is dropped.
    pub async fn clean_uploads(
        &self,
        caller: &Caller,
        id: BucketId,
        older_than_seconds: Option<i64>,
        dry_run: bool,
    ) -> Result<CleanedUploads> {
        let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let age = older_than_seconds.filter(|age| (LEAST_AGE..=MOST_AGE).contains(age)).ok_or_else(|| {
            let expected =
                format!("must be a number of seconds from {LEAST_AGE} (1 hour) to {MOST_AGE} (10 years)");
            Error::field("olderThanSeconds", expected)
        })?;
        let begun_before = self.inner.environment.now() - SignedDuration::from_secs(age);
        let task = Task::CleanUploads(UploadCleaning {
            bucket_id: id,
            begun_before,
            dry_run,
            deadline_ms: u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX),
        });
        let audit = self
            .audit_of(caller, AuditKind::Bucket, AuditAction::Updated)
            .of(bucket.id, &bucket.name)
            .in_workspace(bucket.workspace_id);
        let control = self.clone();
        let job = tokio::spawn(async move {
            let outcome = control.run_bucket_job(bucket.org_id, &bucket.pinned_to, task, WITHIN).await?;
            if !dry_run {
                let record = audit.after(AuditDetail::new(&described(begun_before, &outcome)));
                control.inner.store.record(&[record]).await?;
            }
            Ok::<_, Error>(outcome)
        });
        match job.await.map_err(Error::internal)?? {
            Ok(Outcome::CleanedUploads { found, aborted, failure }) => {
                if !dry_run && found.complete && failure.is_none() {
                    self.note_cleaned(id, age).await?;
                }
                Ok(CleanedUploads { found, aborted, failure })
            }
            Ok(_) => Err(Error::NodeTimeout),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The finding about abandoned uploads is over, if all of those were aborted that it is about.
    async fn note_cleaned(&self, id: BucketId, age: i64) -> Result<()> {
        if age <= bucketry_model::node_protocol::ABANDONED_AFTER_DAYS * 86_400 {
            self.inner.store.set_abandoned_uploads(id, None).await?;
        }
        Ok(())
    }
}

/// What the audit says about it.
fn described(
    begun_before: Timestamp,
    outcome: &std::result::Result<Outcome, BucketJobFailure>,
) -> serde_json::Value {
    let (aborted, failure) = match outcome {
        Ok(Outcome::CleanedUploads { aborted, failure, .. }) => (Some(*aborted), failure.clone()),
        Ok(_) => (None, None),
        Err(failure) => (None, Some(failure.reason.clone())),
    };
    serde_json::json!({
        "abortedUploads": { "begunBefore": to_wire(begun_before), "number": aborted, "failure": failure },
    })
}
