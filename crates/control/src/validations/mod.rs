//! Validations that a caller follows check by check. They run in the background; `buckets::validate` has those that a
//! caller waits for.
//!
//! Their progress is in this process's memory, bounded in number and lifetime. If other control planes use the database,
//! it is stored there, too, so that they can show it.

mod end;
mod registry;
mod shared;
mod stored_state;

pub use end::ValidationEnd;
pub(crate) use registry::Validations;
pub(crate) use shared::ValidationNews;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bucketry_model::diagnosis::{Check, CheckName, CheckScope};
use bucketry_model::id::{BucketId, ValidationId};
use bucketry_model::role::{Caller, WorkspaceRole};

use self::registry::{FollowedValidation, ValidationSubject};
use crate::buckets::BucketInput;
use crate::check_progress::ProgressSink;
use crate::{Control, Error, ResourceKind, Result};

/// The longest time that a caller can wait for news.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How far a validation has come.
#[derive(Debug, Clone)]
pub struct ValidationProgress {
    /// Which validation.
    pub id: ValidationId,
    /// Raised by every change.
    pub revision: u64,
    /// Which checks are made.
    pub scope: CheckScope,
    /// The checks that have ended, in their order. Nodes of older versions report them all at the end.
    pub checks: Vec<Check>,
    /// The check in progress, if the node has reported it.
    pub running: Option<CheckName>,
    /// How it ended. `None` while it is in progress.
    pub end: Option<ValidationEnd>,
}

impl Control {
    /// Begins to validate a bucket, as [`Control::validate_bucket`] does.
    pub async fn begin_validation(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &BucketInput,
    ) -> Result<ValidationId> {
        let prepared = self.prepare_validation(caller, id, input).await?;
        let subject = ValidationSubject::Bucket(id);
        self.follow(caller, subject, input.scope, move |control: Self, sink| async move {
            let validated = control.finish_validation(prepared, Some(&sink)).await?;
            Ok(ValidationEnd::Validated(Arc::new(validated)))
        })
        .await
    }

    /// Begins to check the fields of a bucket that the caller may register, as [`Control::check_new_bucket`] does. Only
    /// the caller may follow it.
    pub async fn begin_new_bucket_check(&self, caller: &Caller, input: &BucketInput) -> Result<ValidationId> {
        let prepared = self.prepare_check(caller, input).await?;
        let subject = ValidationSubject::NewBucket(caller.user_id);
        self.follow(caller, subject, input.scope, move |control: Self, sink| async move {
            let validated = control.finish_validation(prepared, Some(&sink)).await?;
            Ok(ValidationEnd::Validated(Arc::new(validated)))
        })
        .await
    }

    /// Begins to register a bucket, as [`Control::create_bucket`] does. Only the caller may follow it.
    pub async fn begin_bucket_creation(&self, caller: &Caller, input: BucketInput) -> Result<ValidationId> {
        self.authorize_bucket(caller, &input).await?;
        let (subject, scope) = (ValidationSubject::NewBucket(caller.user_id), input.scope);
        let by = caller.clone();
        self.follow(caller, subject, scope, move |control: Self, sink| async move {
            let created = control.create_bucket_observed(&by, &input, Some(&sink)).await?;
            Ok(ValidationEnd::Created(Arc::new(created)))
        })
        .await
    }

    /// Returns how far a validation has come. With `after`, waits until it has come further than that revision, for at
    /// most `wait`.
    ///
    /// A validation is not found if it ended a while ago, or belongs to another bucket than `of`.
    pub async fn validation_progress(
        &self,
        caller: &Caller,
        id: ValidationId,
        of: Option<BucketId>,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<ValidationProgress> {
        if let Some(bucket_id) = of {
            self.reach_bucket(caller, bucket_id, WorkspaceRole::Write).await?;
        }
        let Some(found) = self.inner.validations.find(caller.org_id, id) else {
            return self.progress_elsewhere(caller, id, of, after, wait.min(LONGEST_WAIT)).await;
        };
        self.authorize_following(caller, found.subject, of).await?;
        let mut progress = found.progress;
        if let Some(after) = after {
            let news = progress.wait_for(|progress| progress.revision > after || progress.is_over);
            // Without news in time, the caller gets what is known.
            _ = tokio::time::timeout(wait.min(LONGEST_WAIT), news).await;
        }
        let was_given_up = progress.has_changed().is_err();
        let progress = progress.borrow();
        let end = found.end.get().filter(|_| progress.is_over).map(|(end, _)| end.clone());
        Ok(ValidationProgress {
            id,
            revision: progress.revision,
            scope: found.scope,
            checks: progress.checks.clone(),
            running: progress.running,
            end: end.or_else(|| {
                (was_given_up && !progress.is_over).then(|| ValidationEnd::Failed(Error::NodeTimeout.into()))
            }),
        })
    }

    /// Refuses callers that may not follow a validation of this subject, or asked for one of another bucket.
    async fn authorize_following(
        &self,
        caller: &Caller,
        subject: ValidationSubject,
        of: Option<BucketId>,
    ) -> Result<()> {
        match subject {
            ValidationSubject::Bucket(bucket_id) if of.is_none_or(|of| of == bucket_id) => {
                self.reach_bucket(caller, bucket_id, WorkspaceRole::Write).await?;
                Ok(())
            }
            ValidationSubject::NewBucket(user_id) if of.is_none() && user_id == caller.user_id => Ok(()),
            _ => Err(Error::NotFound(ResourceKind::Validation)),
        }
    }

    /// Runs work in the background that reports its progress, and remembers it for those who may follow it.
    async fn follow<Work, Running>(
        &self,
        caller: &Caller,
        subject: ValidationSubject,
        scope: CheckScope,
        work: Work,
    ) -> Result<ValidationId>
    where
        Work: FnOnce(Self, Arc<ProgressSink>) -> Running,
        Running: Future<Output = Result<ValidationEnd>> + Send + 'static,
    {
        let (sink, progress) = ProgressSink::new();
        let end = Arc::new(OnceLock::new());
        let id = self.inner.environment.id(ValidationId::new)?;
        let followed =
            FollowedValidation { org_id: caller.org_id, subject, scope, progress, end: Arc::clone(&end) };
        let at_once = self.inner.settings.validations_at_once;
        self.check_validations_elsewhere(caller.org_id).await?;
        if !self.inner.validations.add(id, followed.clone(), at_once, self.inner.environment.now()) {
            return Err(Error::TooManyValidations(at_once));
        }
        self.share_begin(id, &followed).await?;
        self.share_progress(id, followed);
        let sink = Arc::new(sink);
        let running = work(self.clone(), Arc::clone(&sink));
        let control = self.clone();
        tokio::spawn(async move {
            let ended = running.await.unwrap_or_else(|error| {
                if let Error::Internal(_) | Error::Unavailable(_) = &error {
                    let cause = &error as &dyn std::error::Error;
                    tracing::error!(validation_id = %id, cause, "a validation could not be made");
                }
                ValidationEnd::Failed(Arc::new(error))
            });
            let checks = ended.checks().map(<[Check]>::to_vec);
            // It is set only here.
            _ = end.set((ended, control.inner.environment.now()));
            sink.end(checks.as_deref());
        });
        Ok(id)
    }
}
