//! Runs the jobs that the control plane assigns to the node.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::Check;
use bucketry_model::id::JobId;
use bucketry_model::node_protocol::{
    BoundSecret, Job, JobResult, KeyChecks, NewestSearch, Outcome, Task, UploadCleaning, Validation,
};
use bucketry_model::time::Clock;
use bucketry_provider::diagnose::{explain_unlisted_uploads, unopened};
use bucketry_provider::driver::Driver;
use bucketry_telemetry::{TraceSpan, Tracer, current};
use bucketry_vault::{Identities, Recipient, SecretContext};
use parking_lot::RwLock;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::cloud::Cloud;
use crate::control_plane::MAX_CONTENT_BYTES;
use crate::jitter::Jitter;
use crate::key_checks::check_keys;
use crate::newest::find_newest;
use crate::open_buckets::{OpenBuckets, ReceivedBucket};
use crate::probes::Change;
use crate::progress::RunningValidations;
use crate::registration::Registration;
use crate::results::Results;
use crate::uploads::OldUploads;

/// The longest time for a validation, whatever deadline the job asks for.
const LONGEST_VALIDATION: Duration = Duration::from_secs(10);
/// The longest time for a job on the objects or uploads of a bucket, whatever deadline it asks for.
const LONGEST_BUCKET_JOB: Duration = Duration::from_mins(2);
/// How long a job waits for a bucket that the node doesn't know yet.
const BUCKET_WAIT: Duration = Duration::from_secs(3);
/// How long a validation may run past its deadline before it is aborted.
const GRACE: Duration = Duration::from_millis(500);
/// The size of a resealed secret in a result, apart from its text: field names, ids, and escaped line ends.
const BOUND_SECRET_BYTES: usize = 256;
/// How many jobs that use the node's keys may wait.
const MAX_WAITING: usize = 64;
/// How many validations may wait or run.
const MAX_VALIDATIONS: usize = 1_024;
/// How often the registration of a new identity is tried before the job fails.
const REGISTER_ATTEMPTS: u32 = 5;

/// Accepts jobs. Validations run concurrently. Jobs that use the node's keys run one after the other.
#[derive(Clone)]
pub(crate) struct Jobs {
    shared: Arc<SharedJobs>,
    keys: mpsc::Sender<Job>,
}

/// What jobs need in order to run.
pub(crate) struct Tools {
    pub(crate) identities: Arc<RwLock<Identities>>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) results: Arc<Results>,
    pub(crate) progress: Arc<RunningValidations>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) buckets: Arc<OpenBuckets>,
    pub(crate) probes: mpsc::Sender<Change>,
}

/// A job on the content of a bucket.
enum BucketJob {
    FindNewest(NewestSearch),
    CleanUploads(UploadCleaning),
}

struct SharedJobs {
    tools: Tools,
    slots: Semaphore,
    validations: TaskTracker,
}

impl Jobs {
    /// Returns the intake, and the task that runs jobs on the node's keys.
    pub(crate) fn new(
        tools: Tools,
        max_validations: usize,
        jitter: Jitter,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (keys, waiting) = mpsc::channel(MAX_WAITING);
        let shared = Arc::new(SharedJobs {
            tools,
            slots: Semaphore::new(max_validations.max(1)),
            validations: TaskTracker::new(),
        });
        let worker = Arc::clone(&shared);
        let run = async move {
            stop.run_until_cancelled(worker.do_key_jobs(waiting, jitter)).await;
            worker.validations.close();
            worker.validations.wait().await;
        };
        (Self { shared, keys }, run)
    }

    /// Accepts jobs. Those that don't fit the queue fail immediately.
    pub(crate) fn add(&self, jobs: Vec<Job>) {
        for job in jobs {
            let (id, task) = (job.id, job.task);
            let refused = match task {
                Task::Validate(_) | Task::FindNewest(_) | Task::CleanUploads(_) | Task::CheckKeys(_)
                    if self.shared.validations.len() >= MAX_VALIDATIONS =>
                {
                    true
                }
                Task::FindNewest(search) => {
                    self.shared.spawn_bucket_job(id, BucketJob::FindNewest(search));
                    false
                }
                Task::CleanUploads(cleaning) => {
                    self.shared.spawn_bucket_job(id, BucketJob::CleanUploads(cleaning));
                    false
                }
                Task::CheckKeys(checks) => {
                    self.shared.spawn_key_checks(id, checks);
                    false
                }
                Task::Validate(validation) => {
                    self.shared.spawn_validation(id, validation);
                    false
                }
                Task::Unknown => {
                    self.shared
                        .finish(id, failed("this node's version doesn't know the job: upgrade the node"));
                    false
                }
                task => self.keys.try_send(Job { id, task }).is_err(),
            };
            if refused {
                self.shared.finish(id, failed("this node has too many jobs waiting; try again later"));
            }
        }
    }
}

impl SharedJobs {
    fn finish(&self, job_id: JobId, outcome: Outcome) {
        if let Outcome::Failed { reason, .. } = &outcome {
            tracing::warn!(job = %job_id, reason, "a job failed");
        }
        self.tools.results.add(JobResult { job_id, outcome });
    }

    fn spawn_validation(self: &Arc<Self>, id: JobId, validation: Validation) {
        let shared = Arc::clone(self);
        let allowed = Duration::from_millis(validation.deadline_ms).min(LONGEST_VALIDATION);
        let deadline = Instant::now() + allowed;
        // Stopping waits for this task, because a user is waiting for the outcome. It ends soon in any case.
        self.validations.spawn(async move {
            let mut span = shared.span("validate");
            if let Some(span) = &mut span {
                span.set("bucketry.bucket.id", validation.bucket_id.to_string());
            }
            let validating = Arc::clone(&shared).validate(id, validation, deadline);
            let running = tokio::spawn(in_span(span, validating));
            let outcome = running.await.unwrap_or_else(|_| failed("the validation was interrupted"));
            shared.finish(id, outcome);
        });
    }

    /// The span of a job, if it is traced.
    fn span(&self, name: &'static str) -> Option<TraceSpan> {
        self.tools.tracer.as_ref()?.job(name)
    }

    fn spawn_bucket_job(self: &Arc<Self>, id: JobId, job: BucketJob) {
        let shared = Arc::clone(self);
        self.validations.spawn(async move {
            let span = shared.span("bucket content");
            let running = tokio::spawn(in_span(span, Arc::clone(&shared).do_bucket_job(job)));
            let outcome = running.await.unwrap_or_else(|_| failed("the job was interrupted"));
            shared.finish(id, outcome);
        });
    }

    fn spawn_key_checks(self: &Arc<Self>, id: JobId, checks: KeyChecks) {
        let shared = Arc::clone(self);
        self.validations.spawn(async move {
            let deadline = Instant::now() + Duration::from_millis(checks.deadline_ms).min(LONGEST_BUCKET_JOB);
            let span = shared.span("check keys");
            let checking = check_keys(Arc::clone(&shared.tools.buckets), checks, deadline);
            let checked = async { Outcome::CheckedKeys { keys: checking.await } };
            let running = tokio::spawn(in_span(span, checked));
            let outcome = running.await.unwrap_or_else(|_| failed("the job was interrupted"));
            shared.finish(id, outcome);
        });
    }

    async fn do_bucket_job(self: Arc<Self>, job: BucketJob) -> Outcome {
        let (bucket_id, deadline_ms) = match &job {
            BucketJob::FindNewest(search) => (search.bucket_id, search.deadline_ms),
            BucketJob::CleanUploads(cleaning) => (cleaning.bucket_id, cleaning.deadline_ms),
        };
        let deadline = Instant::now() + Duration::from_millis(deadline_ms).min(LONGEST_BUCKET_JOB);
        let known = self.tools.buckets.wait_for(bucket_id, deadline.min(Instant::now() + BUCKET_WAIT)).await;
        let open = match known {
            Some(ReceivedBucket::Open(open)) => open,
            Some(ReceivedBucket::Malformed(error)) => {
                return refused(format!("this node can't open the bucket: {error}"), unopened(error));
            }
            Some(ReceivedBucket::Sealed) => return failed("this node has no key for the bucket's secret"),
            None => return failed("this node doesn't serve the bucket"),
        };
        let slot = timeout_at(deadline, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return failed("this node was too busy; try again later") };
        let driver = &*open.driver;
        match job {
            BucketJob::FindNewest(search) => match find_newest(driver, &search, deadline).await {
                Ok(newest) => Outcome::FoundNewest { newest },
                Err(reason) => failed(reason),
            },
            BucketJob::CleanUploads(cleaning) => clean_uploads(driver, &cleaning, deadline).await,
        }
    }

    async fn validate(self: Arc<Self>, id: JobId, validation: Validation, deadline: Instant) -> Outcome {
        let slot = timeout_at(deadline, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return failed("this node was too busy; try again later") };
        let Validation { org_id, bucket_id, location, secret, scope, .. } = validation;
        let opened = secret.map(|sealed| {
            let identities = self.tools.identities.read();
            bucketry_vault::open(&sealed, &SecretContext::of_bucket(org_id, bucket_id), &identities)
        });
        let secret = match opened.transpose() {
            Ok(secret) => secret,
            Err(error) => return failed(format!("this node can't open the bucket's secret: {error}")),
        };
        let target = BucketTarget { location, secret };
        let left = deadline.saturating_duration_since(Instant::now());
        let observer = self.tools.progress.observe(id);
        let diagnosing = self.tools.cloud.diagnose(&target, scope, left, &observer);
        match timeout_at(deadline + GRACE, diagnosing).await {
            Ok(diagnosis) => {
                if diagnosis.is_healthy() {
                    _ = self.tools.probes.send(Change::Validated(bucket_id)).await;
                }
                Outcome::Validated { diagnosis, at: Some(self.tools.clock.now()) }
            }
            Err(_) => failed("the validation didn't finish in time"),
        }
    }

    async fn do_key_jobs(self: &Arc<Self>, mut waiting: mpsc::Receiver<Job>, mut jitter: Jitter) {
        while let Some(Job { id, task }) = waiting.recv().await {
            let outcome = match task {
                Task::Reseal { secrets, recipients } => {
                    in_span(self.span("reseal"), self.reseal(secrets, recipients)).await
                }
                Task::NewIdentity => {
                    let change =
                        self.change_identities(jitter.split(), |identities| identities.add_new().map(drop));
                    in_span(self.span("new identity"), change).await
                }
                Task::RetireIdentities => {
                    let change = self.change_identities(jitter.split(), Identities::retire_all_but_first);
                    in_span(self.span("retire identities"), change).await
                }
                Task::Validate(_)
                | Task::FindNewest(_)
                | Task::CleanUploads(_)
                | Task::CheckKeys(_)
                | Task::Unknown => continue,
            };
            self.finish(id, outcome);
        }
    }

    async fn reseal(self: &Arc<Self>, secrets: Vec<BoundSecret>, recipients: Vec<String>) -> Outcome {
        let parsed: Result<Vec<Recipient>, _> = recipients.iter().map(|text| text.parse()).collect();
        let recipients = match parsed {
            Ok(recipients) if !recipients.is_empty() => recipients,
            Ok(_) => return failed("the job names no recipient to seal to"),
            Err(error) => return failed(error.to_string()),
        };
        let shared = Arc::clone(self);
        let sealing = spawn_blocking(move || {
            let identities = shared.tools.identities.read();
            let mut bytes = 0;
            // The control plane asks for the rest again: a secret that isn't in the result stays unchanged.
            let fits = |bound: &BoundSecret| {
                bytes += BOUND_SECRET_BYTES + bound.secret.as_text().len() * 11 / 10;
                bytes <= MAX_CONTENT_BYTES - BOUND_SECRET_BYTES
            };
            let resealed =
                secrets.into_iter().filter_map(|bound| reseal_one(bound, &recipients, &identities));
            resealed.take_while(fits).collect()
        });
        match sealing.await {
            Ok(secrets) => Outcome::Resealed { secrets },
            Err(_) => failed("sealing was interrupted"),
        }
    }

    /// Changes the keys, then registers them. The job is done only after that, so secrets that are sealed from then
    /// on are sealed to keys that the node has.
    async fn change_identities(
        self: &Arc<Self>,
        jitter: Jitter,
        change: impl FnOnce(&mut Identities) -> Result<(), bucketry_vault::VaultError> + Send + 'static,
    ) -> Outcome {
        let identities = Arc::clone(&self.tools.identities);
        let changing = spawn_blocking(move || change(&mut identities.write()));
        match changing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return failed(error.to_string()),
            Err(_) => return failed("changing the keys was interrupted"),
        }
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8), jitter);
        for _ in 0..REGISTER_ATTEMPTS {
            match self.tools.registration.register().await {
                Ok(()) => return Outcome::Done,
                Err(error) => tracing::warn!(%error, "can't register the changed keys yet"),
            }
            sleep(backoff.after_failure()).await;
        }
        failed("the node changed its keys but couldn't register them with the control plane")
    }
}

async fn clean_uploads(driver: &dyn Driver, cleaning: &UploadCleaning, deadline: Instant) -> Outcome {
    let begun = Instant::now();
    let uploads = match OldUploads::find(driver, cleaning.begun_before, deadline).await {
        Ok(uploads) => uploads,
        Err(error) => {
            let check = explain_unlisted_uploads(driver, &error, begun.elapsed());
            return refused(format!("the uploads can't be listed: {error}"), check);
        }
    };
    let found = uploads.describe(driver, deadline).await;
    let (aborted, error) = if cleaning.dry_run { (0, None) } else { uploads.abort(driver, deadline).await };
    let failure = error.map(|error| format!("An upload can't be aborted: {error}."));
    Outcome::CleanedUploads { found, aborted, failure }
}

/// Runs a job in its span, if it is traced.
async fn in_span(span: Option<TraceSpan>, job: impl Future<Output = Outcome>) -> Outcome {
    let Some((mut span, handle)) = span.and_then(|span| span.handle().map(|handle| (span, handle))) else {
        return job.await;
    };
    let outcome = current::scope(handle, job).await;
    if let Outcome::Failed { .. } = &outcome {
        span.fail("the job failed");
    }
    outcome
}

fn reseal_one(bound: BoundSecret, recipients: &[Recipient], identities: &Identities) -> Option<BoundSecret> {
    let context = SecretContext::of(bound.org_id, bound.owner);
    let sealed = bucketry_vault::open(&bound.secret, &context, identities)
        .and_then(|secret| bucketry_vault::seal(&secret, &context, recipients));
    match sealed {
        Ok(secret) => Some(BoundSecret { secret, ..bound }),
        Err(error) => {
            tracing::warn!(owner = %bound.owner, %error, "can't reseal a secret");
            None
        }
    }
}

fn failed(reason: impl Into<String>) -> Outcome {
    Outcome::Failed { reason: reason.into(), check: None }
}

/// A failure that isn't the node's.
fn refused(reason: String, check: Check) -> Outcome {
    Outcome::Failed { reason, check: Some(Box::new(check)) }
}
