//! Changing a registered bucket.

use bucketry_model::audit::{AuditAction, AuditEntry, AuditKind};
use bucketry_model::bucket::Bucket;
use bucketry_model::diagnosis::Diagnosis;
use bucketry_model::id::BucketId;
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::status::Status;
use bucketry_store::bucket::{BucketUpdate, BucketUpdated, SecretUpdate};

use super::create::name_taken;
use super::credential_fields::SecretInput;
use super::input::BucketInput;
use super::same_bucket::OtherRegistration;
use super::validate::{ChecksToMake, ValidationReport};
use crate::access::validated;
use crate::audit::{AuditedBucket, Described, Masked};
use crate::{Control, Error, ResourceKind, Result};

/// The result of changing a bucket.
#[derive(Debug)]
pub struct UpdatedBucket {
    /// The changed bucket.
    pub id: BucketId,
    /// ONLINE if the bucket was validated now, DISCONNECTED if location or secret changed without validation,
    /// otherwise the status that its nodes last reported.
    pub status: Status,
    /// Latency of the validation, or else of the last probe, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Result of the validation; `None` if none was needed or it was skipped.
    pub diagnosis: Option<Diagnosis>,
    /// Which fields were read from what was pasted into which.
    pub read: Vec<PasteReading>,
    /// Other registrations of the same bucket that the caller may see, if the change led there.
    pub also_registered: Vec<OtherRegistration>,
}

impl Control {
    /// Changes a bucket. Changed credentials or configuration are validated first, and nothing changes if that
    /// fails.
    ///
    /// Dropping the future before the store is called leaves everything unchanged.
    pub async fn update_bucket(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &BucketInput,
    ) -> Result<UpdatedBucket> {
        let stored = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let name = input.read_name()?.unwrap_or_else(|| stored.name.clone());
        let workspace_id = input.read_workspace()?.unwrap_or(stored.workspace_id);
        if workspace_id != stored.workspace_id {
            self.enter(caller, workspace_id, WorkspaceRole::Write).await?;
        }
        let changes = input.read_changes(&stored.location, stored.secret.is_some())?;
        let changes = self.delegated_changes(caller, &stored, changes).await?;
        if self.inner.store.bucket_name_taken(caller.org_id, &name, Some(id)).await? {
            return Err(name_taken(name.as_str()));
        }
        let pinned_to = self.read_pins(caller.org_id, input.pinned_to.as_ref(), &stored.pinned_to).await?;
        let is_repinned = pinned_to != stored.pinned_to;
        let record_change =
            changes.location != stored.location || !matches!(changes.secret, SecretInput::Keep);
        let checks = ChecksToMake { scope: input.scope, pinned_to: &pinned_to, progress: None };
        let checks = (record_change && !input.skip_validation).then_some(checks);
        let (secret, report) =
            self.validate_and_seal(caller.org_id, id, &changes, stored.secret.clone(), checks).await?;
        let update = BucketUpdate {
            id,
            org_id: caller.org_id,
            from_version: stored.version,
            workspace_id,
            name,
            location: changes.location,
            secret,
            record_change,
            first_report: report.as_ref().map(ValidationReport::first_report),
            pinned_to,
        };
        let audit = self.audit_of_update(caller, &stored, &update);
        match self.inner.store.update_bucket(&update, &audit).await? {
            BucketUpdated::Updated => {}
            BucketUpdated::NameTaken => return Err(name_taken(update.name.as_str())),
            BucketUpdated::WorkspaceNotFound => return Err(Error::NotFound(ResourceKind::Workspace)),
            BucketUpdated::InUse => {
                return Err(Error::Rule {
                    code: "BUCKET_IN_USE",
                    message: self.in_use(id, "be moved to another workspace").await?,
                });
            }
            BucketUpdated::SameNameInRepository => {
                return Err(Error::NameTaken(format!(
                    "this bucket and another one called \"{}\" are in the same repository, where clients address buckets by that \
                     name: remove one of them from the repository first",
                    update.location.bucket
                )));
            }
            BucketUpdated::NotFound => return Err(Error::NotFound(ResourceKind::Bucket)),
            BucketUpdated::Conflict => return Err(Error::Conflict),
        }
        if record_change || is_repinned {
            self.inner.changes.notify_waiters();
        }
        if record_change {
            self.request_key_check(caller.org_id, id);
        }
        if let Some(report) = &report {
            self.remember_diagnosis(id, stored.version + 1, report).await;
        }
        let read = input.readings(Some(&stored.location));
        let also_registered = if update.location == stored.location {
            Vec::new()
        } else {
            self.other_registrations(caller, id, &update.location).await?
        };
        let updated = self.updated(&stored, report.map(|report| report.diagnosis), read).await?;
        Ok(UpdatedBucket { also_registered, ..updated })
    }

    fn audit_of_update(&self, caller: &Caller, stored: &Bucket, update: &BucketUpdate) -> AuditEntry {
        let after = AuditedBucket {
            name: &update.name,
            workspace_id: update.workspace_id,
            location: &update.location,
            secret: match update.secret {
                SecretUpdate::Keep => Masked::stored(stored.secret.is_some()),
                SecretUpdate::Replace { .. } => Masked::Replaced,
                SecretUpdate::Clear => Masked::Absent,
            },
            pinned_to: &update.pinned_to,
        };
        self.audit_of(caller, AuditKind::Bucket, AuditAction::Updated)
            .of(stored.id, &update.name)
            .in_workspace(update.workspace_id)
            .before(AuditedBucket::of(stored).described())
            .after(after.described())
    }

    async fn updated(
        &self,
        bucket: &Bucket,
        diagnosis: Option<Diagnosis>,
        read: Vec<PasteReading>,
    ) -> Result<UpdatedBucket> {
        let (status, latency_ms) = if let Some(diagnosis) = &diagnosis {
            (Status::Online, Some(diagnosis.latency_ms))
        } else {
            let words = self.status_of(bucket.id).await?;
            let reached = words.iter().filter(|word| word.status == Status::Online);
            let latency = reached.filter_map(|word| word.latency_ms).min();
            (bucketry_model::status::fold(words.iter().map(|word| word.status)), latency.map(u64::from))
        };
        Ok(UpdatedBucket { id: bucket.id, status, latency_ms, diagnosis, read, also_registered: Vec::new() })
    }
}
