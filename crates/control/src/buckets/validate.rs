//! Validations: a node opens a bucket and reports what is wrong.

use std::sync::Arc;

use bucketry_model::bucket::BucketLocation;
use bucketry_model::diagnosis::{CheckScope, Diagnosis};
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node_protocol::{Outcome, SecretOwner, Task, Validation};
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::pinning::BucketPins;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::ACCEPTED_SKEW;
use bucketry_model::uptime::ProbeSample;
use bucketry_store::bucket::{FirstReport, SecretUpdate};
use jiff::Timestamp;

use super::credential_fields::{SecretInput, expiry};
use super::input::{BucketInput, LocationChanges};
use crate::check_progress::ProgressSink;
use crate::job_wait::JobEnd;
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

/// A validation whose caller may make it, with fields that fit together.
pub(crate) struct PreparedValidation {
    pub(super) org_id: OrgId,
    pub(super) bucket_id: BucketId,
    pub(super) location: BucketLocation,
    pub(super) secret: Option<SealedSecret>,
    pub(super) pinned_to: BucketPins,
    pub(super) scope: CheckScope,
    /// The version of the bucket, if it is validated as stored.
    pub(super) stored_version: Option<i64>,
    pub(super) read: Vec<PasteReading>,
}

/// Which checks a node is to make, which nodes may, and who follows them.
#[derive(Clone, Copy)]
pub(super) struct ChecksToMake<'a> {
    pub(super) scope: CheckScope,
    /// The pins of the bucket.
    pub(super) pinned_to: &'a BucketPins,
    pub(super) progress: Option<&'a Arc<ProgressSink>>,
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

/// What came of asking a node to validate.
enum NodeAnswer {
    Report(ValidationReport),
    /// The node can't. Another one may.
    Impossible(String),
    /// The node has left, or doesn't fetch jobs.
    Absent,
}

/// How many nodes are tried, one after the other, while they can't run the validation.
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
        let prepared = self.prepare_validation(caller, id, input).await?;
        self.finish_validation(prepared, None).await
    }

    /// Checks role and fields of a validation of a registered bucket.
    pub(crate) async fn prepare_validation(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &BucketInput,
    ) -> Result<PreparedValidation> {
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
        Ok(PreparedValidation {
            org_id: caller.org_id,
            bucket_id: id,
            location: changes.location,
            secret,
            pinned_to: self.read_pins(caller.org_id, input.pinned_to.as_ref(), &stored.pinned_to).await?,
            scope: input.scope,
            stored_version: as_stored.then_some(stored.version),
            read: input.readings(Some(&stored.location)),
        })
    }

    /// Has a node make the checks.
    pub(crate) async fn finish_validation(
        &self,
        prepared: PreparedValidation,
        progress: Option<&Arc<ProgressSink>>,
    ) -> Result<Validated> {
        let PreparedValidation {
            org_id,
            bucket_id,
            location,
            secret,
            pinned_to,
            scope,
            stored_version,
            read,
        } = prepared;
        let checks = ChecksToMake { scope, pinned_to: &pinned_to, progress };
        let report = self.run_validation(org_id, bucket_id, &location, secret, checks).await?;
        if let Some(version) = stored_version {
            self.remember_diagnosis(bucket_id, version, &report).await;
            if report.diagnosis.is_healthy() {
                self.request_key_check(org_id, bucket_id);
            }
        }
        let diagnosis = report.diagnosis;
        let status = if diagnosis.is_healthy() { Status::Online } else { Status::Offline };
        Ok(Validated { status, diagnosis, read })
    }

    /// Has a bucket validated that is to be stored with this location and secret, and returns what to store: the
    /// secret, and the node's report. Without checks, the validation is skipped. On an error, nothing may be
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
        checks: Option<ChecksToMake<'_>>,
    ) -> Result<(SecretUpdate, Option<ValidationReport>)> {
        let LocationChanges { location, secret } = changes;
        match secret {
            SecretInput::Keep => {
                let report = self.validate_healthy(org_id, id, location, stored, checks).await?;
                Ok((SecretUpdate::Keep, report))
            }
            SecretInput::Clear => {
                let report = self.validate_healthy(org_id, id, location, None, checks).await?;
                Ok((SecretUpdate::Clear, report))
            }
            SecretInput::Replace(plain) => {
                let owner = SecretOwner::Bucket(id);
                let before = self.seal(org_id, owner, plain).await?;
                let to_validate = Some(before.sealed.clone());
                let report = self.validate_healthy(org_id, id, location, to_validate, checks).await?;
                let secret = self.seal_for_now(org_id, owner, plain, before).await?;
                Ok((SecretUpdate::Replace { secret, expires_at: expiry(location, plain) }, report))
            }
        }
    }

    /// Returns the report of a validation in which every check passed; `None` without checks.
    async fn validate_healthy(
        &self,
        org_id: OrgId,
        id: BucketId,
        location: &BucketLocation,
        secret: Option<SealedSecret>,
        checks: Option<ChecksToMake<'_>>,
    ) -> Result<Option<ValidationReport>> {
        let Some(checks) = checks else { return Ok(None) };
        let report = self.run_validation(org_id, id, location, secret, checks).await?;
        if report.diagnosis.is_healthy() {
            Ok(Some(report))
        } else {
            Err(Error::ValidationFailed(report.diagnosis))
        }
    }

    /// Has a connected node run the checks. Dropping the future withdraws the job; a node that has already fetched
    /// it finishes it without effect.
    async fn run_validation(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        location: &BucketLocation,
        secret: Option<SealedSecret>,
        checks: ChecksToMake<'_>,
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
            scope: checks.scope,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        });
        let pins = checks.pinned_to;
        let mut outcome = Err(if pins.is_empty() {
            self.why_no_node(org_id, Error::NoNodeOnline).await?
        } else {
            Error::NoPinnedNodeOnline
        });
        let nodes = self.nearest_nodes(org_id, bucket_id, location, pins).await?;
        let asked = &nodes[..nodes.len().min(NODES_ASKED)];
        for (node, others_left) in asked.iter().zip((0..asked.len()).rev()) {
            match self.validate_at(node.id, &task, checks, others_left > 0).await? {
                NodeAnswer::Report(report) => return Ok(report),
                NodeAnswer::Impossible(reason) => outcome = Err(Error::ValidationImpossible(reason)),
                NodeAnswer::Absent => {}
            }
        }
        outcome
    }

    /// Has one node run the checks.
    async fn validate_at(
        &self,
        node_id: NodeId,
        task: &Task,
        checks: ChecksToMake<'_>,
        has_another: bool,
    ) -> Result<NodeAnswer> {
        if self.has_left(node_id).await {
            return Ok(NodeAnswer::Absent);
        }
        if let Some(progress) = checks.progress {
            progress.restart();
        }
        let settings = &self.inner.settings;
        let within = settings.validation_deadline + settings.validation_round_trip;
        let job = self.give_job(node_id, task.clone(), within, checks.progress).await?;
        let Some(mut job) = job else {
            return Ok(NodeAnswer::Impossible(
                "the node has too many jobs: try again in a moment".to_owned(),
            ));
        };
        let ended = self.outcome_of(&mut job, node_id, within, has_another).await;
        job.end().await;
        match ended {
            JobEnd::Outcome(Outcome::Validated { diagnosis, at }) => {
                let now = self.inner.environment.now();
                let at = at.filter(|at| at.duration_since(now).abs() <= ACCEPTED_SKEW).unwrap_or(now);
                Ok(NodeAnswer::Report(ValidationReport { diagnosis, node_id, at }))
            }
            // A node that joined after the secret was sealed can't open it, but another one may.
            JobEnd::Outcome(Outcome::Failed { reason, .. }) => Ok(NodeAnswer::Impossible(reason)),
            JobEnd::NotDone => Ok(NodeAnswer::Absent),
            JobEnd::Outcome(_) | JobEnd::TimedOut => Err(Error::NodeTimeout),
        }
    }
}
