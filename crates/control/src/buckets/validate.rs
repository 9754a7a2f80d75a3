//! Validations: a node opens a bucket and reports what is wrong.

use bucketry_model::bucket::BucketLocation;
use bucketry_model::diagnosis::{CheckScope, Diagnosis};
use bucketry_model::id::{BucketId, JobId, NodeId, OrgId};
use bucketry_model::node_protocol::{Outcome, SecretOwner, Task, Validation};
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::ACCEPTED_SKEW;
use bucketry_model::uptime::ProbeSample;
use bucketry_store::bucket::{FirstReport, SecretUpdate};
use jiff::Timestamp;

use super::credential_fields::{SecretInput, expiry};
use super::input::{BucketInput, LocationChanges};
use crate::{Control, Error, Result};

/// The outcome of a requested validation.
#[derive(Debug)]
pub struct Validated {
    /// ONLINE if every check passed, otherwise OFFLINE.
    pub status: Status,
    /// The checks that the node made.
    pub diagnosis: Diagnosis,
    /// Which fields were read from what was pasted into which.
    pub read: Vec<PasteReading>,
}

/// A node's result.
#[derive(Debug)]
pub(super) struct ValidationReport {
    /// The checks that the node made.
    pub(super) diagnosis: Diagnosis,
    /// The node that made them.
    node_id: NodeId,
    /// When they ended, by the node's clock, so that the node's later probes don't seem to be earlier.
    at: Timestamp,
}

impl ValidationReport {
    /// The node that made the checks.
    pub(super) fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// When the checks ended.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// A successful validation as the node's first report on the bucket.
    pub(super) fn first_report(&self) -> FirstReport {
        let sample = ProbeSample {
            at: self.at,
            status: ProbedStatus::Online,
            latency_ms: Some(u32::try_from(self.diagnosis.latency_ms).unwrap_or(u32::MAX)),
            failure: None,
            version: None,
        };
        FirstReport { node_id: self.node_id, sample }
    }
}

/// How many nodes are tried, one after the other, while they report that they can't run the validation.
const NODES_ASKED: usize = 3;

impl Control {
    /// Validates a bucket as stored, or with the sent fields in place of the stored ones. Stores nothing but the
    /// diagnosis of a bucket as stored.
    pub async fn validate_bucket(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &BucketInput,
    ) -> Result<Validated> {
        let stored = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        let changes = input.read_changes(&stored.location, stored.secret.is_some())?;
        let changes = self.delegated_changes(caller, &stored, changes).await?;
        let as_stored = changes.location == stored.location && matches!(changes.secret, SecretInput::Keep);
        let secret = match &changes.secret {
            SecretInput::Keep => stored.secret.clone(),
            SecretInput::Clear => None,
            SecretInput::Replace(plain) => {
                Some(self.seal(caller.org_id, SecretOwner::Bucket(id), plain).await?.sealed)
            }
        };
        let report = self.run_validation(caller.org_id, id, &changes.location, secret, input.scope).await?;
        if as_stored {
            self.remember_diagnosis(id, stored.version, &report).await;
        }
        let diagnosis = report.diagnosis;
        let status = if diagnosis.is_healthy() { Status::Online } else { Status::Offline };
        Ok(Validated { status, diagnosis, read: input.readings(Some(&stored.location)) })
    }

    /// Has a bucket validated that is to be stored with this location and secret, and returns what to store: the
    /// secret, and the node's report. Without a scope, the validation is skipped. On an error, nothing may be
    /// stored.
    ///
    /// A node validates with a sealed secret. If nodes join or change their keys in the meantime, the secret is
    /// sealed again afterwards.
    pub(super) async fn validate_and_seal(
        &self,
        org_id: OrgId,
        id: BucketId,
        changes: &LocationChanges,
        stored: Option<SealedSecret>,
        scope: Option<CheckScope>,
    ) -> Result<(SecretUpdate, Option<ValidationReport>)> {
        let LocationChanges { location, secret } = changes;
        match secret {
            SecretInput::Keep => {
                let report = self.validate_healthy(org_id, id, location, stored, scope).await?;
                Ok((SecretUpdate::Keep, report))
            }
            SecretInput::Clear => {
                let report = self.validate_healthy(org_id, id, location, None, scope).await?;
                Ok((SecretUpdate::Clear, report))
            }
            SecretInput::Replace(plain) => {
                let owner = SecretOwner::Bucket(id);
                let before = self.seal(org_id, owner, plain).await?;
                let to_validate = Some(before.sealed.clone());
                let report = self.validate_healthy(org_id, id, location, to_validate, scope).await?;
                let secret = self.seal_for_now(org_id, owner, plain, before).await?;
                Ok((SecretUpdate::Replace { secret, expires_at: expiry(location, plain) }, report))
            }
        }
    }

    /// Returns the report of a validation in which every check passed; `None` without a scope.
    async fn validate_healthy(
        &self,
        org_id: OrgId,
        id: BucketId,
        location: &BucketLocation,
        secret: Option<SealedSecret>,
        scope: Option<CheckScope>,
    ) -> Result<Option<ValidationReport>> {
        let Some(scope) = scope else { return Ok(None) };
        let report = self.run_validation(org_id, id, location, secret, scope).await?;
        if report.diagnosis.is_healthy() {
            Ok(Some(report))
        } else {
            Err(Error::ValidationFailed(report.diagnosis))
        }
    }

    /// Has a connected node run the checks. Dropping the future withdraws the job; a node that has already fetched
    /// it finishes it without effect.
    pub(super) async fn run_validation(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        location: &BucketLocation,
        secret: Option<SealedSecret>,
        scope: CheckScope,
    ) -> Result<ValidationReport> {
        let at_once = self.inner.settings.validations_at_once;
        let permit = self.inner.jobs.permit_validation(org_id, at_once);
        let _permit = permit.ok_or(Error::TooManyValidations(at_once))?;
        let deadline = self.inner.settings.validation_deadline;
        let task = Task::Validate(Validation {
            org_id,
            bucket_id,
            location: location.clone(),
            secret,
            scope,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        });
        let mut outcome = Err(Error::NoNodeOnline);
        for node in self.connected_nodes(org_id).await?.iter().take(NODES_ASKED) {
            let job_id = self.inner.environment.id(JobId::new)?;
            let Some(mut ticket) = self.inner.jobs.put(node.id, job_id, task.clone()) else {
                outcome = Err(Error::ValidationImpossible(
                    "the node has too many jobs: try again in a moment".to_owned(),
                ));
                continue;
            };
            let within = deadline + self.inner.settings.validation_round_trip;
            outcome = match tokio::time::timeout(within, ticket.outcome()).await {
                Ok(Some(Outcome::Validated { diagnosis, at })) => {
                    let now = self.inner.environment.now();
                    let at = at.filter(|at| at.duration_since(now).abs() <= ACCEPTED_SKEW).unwrap_or(now);
                    return Ok(ValidationReport { diagnosis, node_id: node.id, at });
                }
                // A node that joined after the secret was sealed can't open it, but another one may.
                Ok(Some(Outcome::Failed { reason })) => Err(Error::ValidationImpossible(reason)),
                Ok(Some(_) | None) | Err(_) => {
                    return Err(Error::NodeTimeout);
                }
            };
        }
        outcome
    }
}
