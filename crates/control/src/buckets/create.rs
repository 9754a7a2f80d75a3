//! Registering a bucket.

use std::sync::Arc;

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::diagnosis::Diagnosis;
use bucketry_model::id::BucketId;
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::pinning::BucketPins;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::bucket::{BucketInserted, NewBucket, SecretUpdate};

use super::credential_fields::SecretInput;
use super::input::{BucketInput, LocationChanges, NewBucketFields};
use super::same_bucket::OtherRegistration;
use super::validate::{ChecksToMake, ValidationReport};
use crate::access::{log_resource, validated};
use crate::audit::{AuditedBucket, Described, Masked};
use crate::check_progress::ProgressSink;
use crate::{Control, Error, ResourceKind, Result};

/// The result of registering a bucket.
#[derive(Debug)]
pub struct CreatedBucket {
    /// The new bucket.
    pub id: BucketId,
    /// Result of the validation; `None` if it was skipped.
    pub diagnosis: Option<Diagnosis>,
    /// Which fields were read from what was pasted into which.
    pub read: Vec<PasteReading>,
    /// Other registrations of the same bucket that the caller may see.
    pub also_registered: Vec<OtherRegistration>,
}

impl Control {
    /// Returns the fields of a new bucket if the caller may register one in its workspace.
    pub(super) async fn may_create_bucket(
        &self,
        caller: &Caller,
        input: &BucketInput,
    ) -> Result<NewBucketFields> {
        let fields = input.read_new()?;
        self.enter(caller, fields.workspace_id, WorkspaceRole::Write).await?;
        validated(caller)?;
        Ok(fields)
    }

    /// Checks whether the caller may register this bucket. Ignores its name, the quota and the outcome of a
    /// validation.
    pub async fn authorize_bucket(&self, caller: &Caller, input: &BucketInput) -> Result<()> {
        self.may_create_bucket(caller, input).await.map(|_| ())
    }

    /// Registers a bucket: checks role, fields, name and quota, has a node validate the bucket, and stores it.
    ///
    /// Dropping the future before the store is called leaves nothing behind. After that, the transaction decides.
    pub async fn create_bucket(&self, caller: &Caller, input: &BucketInput) -> Result<CreatedBucket> {
        self.create_bucket_observed(caller, input, None).await
    }

    /// Like [`Control::create_bucket`], for a caller that follows the checks.
    pub(crate) async fn create_bucket_observed(
        &self,
        caller: &Caller,
        input: &BucketInput,
        progress: Option<&Arc<ProgressSink>>,
    ) -> Result<CreatedBucket> {
        let fields = self.may_create_bucket(caller, input).await?;
        if self.inner.store.bucket_name_taken(caller.org_id, &fields.name, None).await? {
            return Err(name_taken(fields.name.as_str()));
        }
        let organization = self.organization(caller.org_id).await?;
        if organization.bucket_quota.is_some_and(|quota| organization.bucket_count >= quota) {
            return Err(Error::QuotaExceeded(organization.bucket_quota.unwrap_or_default()));
        }
        let secret = self.delegated_secret(caller, &fields.location, fields.secret).await?;
        let secret = secret.map_or(SecretInput::Clear, SecretInput::Replace);
        let changes = LocationChanges { location: fields.location, secret };
        let none = BucketPins::default();
        let pinned_to = self.read_pins(caller.org_id, input.pinned_to.as_ref(), &none).await?;
        let id = self.inner.environment.id(BucketId::new)?;
        let checks = ChecksToMake { scope: input.scope, pinned_to: &pinned_to, progress };
        let checks = (!input.skip_validation).then_some(checks);
        let (secret, report) = self.validate_and_seal(caller.org_id, id, &changes, None, checks).await?;
        let (secret, secret_expires_at) = match secret {
            SecretUpdate::Replace { secret, expires_at } => (Some(secret), expires_at),
            SecretUpdate::Keep | SecretUpdate::Clear => (None, None),
        };
        let new = NewBucket {
            id,
            org_id: caller.org_id,
            workspace_id: fields.workspace_id,
            name: fields.name,
            location: changes.location,
            secret,
            secret_expires_at,
            first_report: report.as_ref().map(ValidationReport::first_report),
            pinned_to,
        };
        let fields = AuditedBucket {
            name: &new.name,
            workspace_id: new.workspace_id,
            location: &new.location,
            secret: if new.secret.is_some() { Masked::Replaced } else { Masked::Absent },
            pinned_to: &new.pinned_to,
        };
        let audit = self
            .audit_of(caller, AuditKind::Bucket, AuditAction::Created)
            .of(id, &new.name)
            .in_workspace(new.workspace_id)
            .after(fields.described());
        log_resource(id, new.name.as_str());
        match self.inner.store.insert_bucket(&new, &audit).await? {
            BucketInserted::Inserted => {
                self.inner.changes.notify_waiters();
                if let Some(report) = &report {
                    self.remember_diagnosis(id, bucketry_model::bucket::FIRST_VERSION, report).await;
                }
                let diagnosis = report.map(|report| report.diagnosis);
                let also_registered = self.other_registrations(caller, id, &new.location).await?;
                Ok(CreatedBucket { id, diagnosis, read: input.readings(None), also_registered })
            }
            BucketInserted::NameTaken => Err(name_taken(new.name.as_str())),
            BucketInserted::QuotaExceeded => {
                Err(Error::QuotaExceeded(organization.bucket_quota.unwrap_or_default()))
            }
            BucketInserted::WorkspaceNotFound => Err(Error::NotFound(ResourceKind::Workspace)),
        }
    }
}

pub(super) fn name_taken(name: &str) -> Error {
    Error::NameTaken(format!(
        "this organization already has a bucket named \"{name}\" (letter case is ignored): choose another name"
    ))
}
