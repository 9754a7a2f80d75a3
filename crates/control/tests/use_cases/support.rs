//! A control plane with a real store, a clock that tests set by hand, and a fake node with configurable results.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bucketry_control::access_token::AccessTokens;
use bucketry_control::buckets::BucketInput;
use bucketry_control::environment::SystemRandomness;
use bucketry_control::nodes::NodeMessage;
use bucketry_control::organizations::Registration;
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput};
use bucketry_control::users::NewUserInput;
use bucketry_control::{Control, Environment, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::{Check, CheckCode, CheckName, Diagnosis};
use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::node_protocol::{
    BoundSecret, BucketStatus, CheckedKey, Heartbeat, JobResult, Outcome, Register, Report, StatusCounts,
    SyncAnswer, Task, UploadsFound, UsageBatch, Validation,
};
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, ManualClock};
use bucketry_store::Store;
use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use bucketry_store::vault::{RotationPhase, RotationState};
use bucketry_vault::message::{query_message, sign_message, sign_query};
use bucketry_vault::{Identities, NodeSigningKey, SecretContext};
use bytes::Bytes;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const PASSWORD: &str = "Correct-Horse-1";

pub(crate) struct TestContext {
    pub(crate) control: Control,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) owner: Caller,
    pub(crate) workspace: WorkspaceId,
    pub(crate) node: FakeNode,
    store: Arc<SqliteStore>,
    room: TempDir,
}

impl TestContext {
    /// A deployment with a registered node that finds every bucket healthy.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store =
            SqliteStore::open(dir.path(), Options { durable: false, ..Options::default() }).await.unwrap();
        let store = Arc::new(store);
        let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
        let control = process(&store, &clock, settings);
        let first = control.bootstrap(OWNER, Secret::new(PASSWORD)).await.unwrap().unwrap();
        let session = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
        let owner = control.authenticate(&session.access_token).await.unwrap();
        let node = FakeNode::new(control.clone(), Arc::clone(&clock));
        control.trust_deployment_key(&node.key.verifying_key().unwrap()).await.unwrap();
        node.register().await.unwrap();
        Self { control, clock, owner, workspace: first.workspace_id, node, store, room: dir }
    }

    /// Another process of the deployment.
    pub(crate) fn another_process(&self, settings: Settings) -> Control {
        process(&self.store, &self.clock, settings)
    }

    /// Changes the database as a server of a newer version would, which shares it with this process.
    pub(crate) async fn newer_version_writes(&self, sql: &str) {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(self.room.path().join(DATABASE_FILE));
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The fields of a bucket that the fake node accepts.
    pub(crate) fn bucket(&self, name: &str) -> BucketInput {
        BucketInput {
            name: Some(name.to_owned()),
            bucket: Some("photos".to_owned()),
            storage_type: Some(StorageType::S3),
            key: Some("AKID".to_owned()),
            secret: Some(Secret::new("the-plain-secret")),
            endpoint: Some("https://s3.example.com".to_owned()),
            workspace_id: Some(self.workspace.to_string()),
            ..BucketInput::default()
        }
    }

    /// Registers a bucket with this name, which it also has at the provider, without validation.
    pub(crate) async fn bucket_called(&self, name: &str) -> BucketId {
        let bucket = Some(name.to_owned());
        let input = BucketInput { bucket, skip_validation: true, ..self.bucket(name) };
        self.control.create_bucket(&self.owner, &input).await.unwrap().id
    }

    /// The fields of a repository of mode NORMAL with these buckets and folders.
    pub(crate) fn repository(&self, name: &str, buckets: &[(BucketId, &str)]) -> RepositoryInput {
        RepositoryInput {
            name: Some(name.to_owned()),
            storage_type: Some(StorageType::S3),
            mode: Some("NORMAL".to_owned()),
            workspace_id: Some(self.workspace.to_string()),
            buckets: Some(buckets.iter().map(|(id, folder)| attachment(*id, folder, false)).collect()),
        }
    }

    /// Creates a repository.
    pub(crate) async fn repository_of(&self, name: &str, buckets: &[(BucketId, &str)]) -> RepoId {
        self.control.create_repository(&self.owner, &self.repository(name, buckets)).await.unwrap().id
    }

    /// A user with this role in the first workspace, or in none.
    pub(crate) async fn member(&self, email: &str, role: Option<WorkspaceRole>) -> Caller {
        let new = NewUserInput {
            email: email.to_owned(),
            first_name: "A".to_owned(),
            last_name: "Member".to_owned(),
            password: Secret::new(PASSWORD),
            org_role: OrgRole::User,
        };
        let made = self.control.create_user(&self.owner, new).await.unwrap();
        if let Some(role) = role {
            self.control.add_member(&self.owner, self.workspace, made.id, role).await.unwrap();
        }
        let session = self.control.login(email, Secret::new(PASSWORD), None).await.unwrap();
        self.control.authenticate(&session.access_token).await.unwrap()
    }

    /// The owner of another organization. Registration must be open.
    pub(crate) async fn another_owner(&self) -> Caller {
        let registration = Registration {
            email: "another@example.com".to_owned(),
            password: Secret::new(PASSWORD),
            first_name: "Another".to_owned(),
            last_name: "Owner".to_owned(),
            company_name: "Another".to_owned(),
        };
        let session = self.control.register(registration, RequestOrigin::default()).await.unwrap();
        self.control.authenticate(&session.access_token).await.unwrap()
    }

    /// Rotates the vault's keys, and waits until the rotation ends.
    pub(crate) async fn rotate(&self) -> RotationState {
        self.control.start_rotation(&self.owner).await.unwrap();
        let done = async {
            loop {
                match self.control.rotation(&self.owner).await.unwrap() {
                    Some(state) if state.phase == RotationPhase::Done => break state,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        tokio::select! {
            () = self.control.drive_rotations() => unreachable!("it runs until it is dropped"),
            state = tokio::time::timeout(Duration::from_secs(30), done) => state.unwrap(),
        }
    }

    /// Waits until no secrets have to be sealed again.
    pub(crate) async fn sealed_again(&self) -> RotationState {
        let done = async {
            loop {
                match self.control.store().rewrap().await.unwrap() {
                    Some(state) if state.finished_at.is_some() => break state,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        tokio::select! {
            () = self.control.drive_rotations() => unreachable!("it runs until it is dropped"),
            state = tokio::time::timeout(Duration::from_secs(30), done) => state.unwrap(),
        }
    }

    /// Whether the node can open the secret of the bucket.
    pub(crate) async fn opens(&self, node: &FakeNode, id: BucketId) -> bool {
        let bucket = self.control.store().bucket(self.owner.org_id, id).await.unwrap().unwrap();
        let context = SecretContext::of_bucket(bucket.org_id, id);
        bucketry_vault::open(&bucket.secret.unwrap(), &context, &node.identities.lock().unwrap()).is_ok()
    }

    /// Registers a bucket without validation.
    pub(crate) async fn unchecked(&self, name: &str) -> BucketId {
        let input = BucketInput { skip_validation: true, ..self.bucket(name) };
        self.control.create_bucket(&self.owner, &input).await.unwrap().id
    }
}

fn process(store: &Arc<SqliteStore>, clock: &Arc<ManualClock>, settings: Settings) -> Control {
    let environment = Environment {
        clock: Arc::clone(clock) as Arc<dyn bucketry_model::time::Clock>,
        randomness: Arc::new(SystemRandomness),
    };
    let tokens = AccessTokens::new(&[("test".to_owned(), vec![7; 32])]).unwrap();
    Control::new(Arc::clone(store) as Arc<dyn Store>, environment, settings, tokens)
}

/// A bucket of a repository, as a request contains it.
pub(crate) fn attachment(id: BucketId, folder: &str, master: bool) -> RepositoryBucketInput {
    RepositoryBucketInput {
        bucket_id: Some(id.to_string()),
        folder: Some(folder.to_owned()),
        master: Some(master),
    }
}

/// The diagnoses of the fake node.
pub(crate) fn diagnosis(failure: Option<CheckCode>) -> Diagnosis {
    Diagnosis::new(vec![Check {
        name: CheckName::Bucket,
        ok: failure.is_none(),
        latency_ms: 12,
        message: "looked".to_owned(),
        error_code: failure,
        hint: None,
    }])
}

/// A fake node that signs like a real one.
#[derive(Clone)]
pub(crate) struct FakeNode {
    pub(crate) control: Control,
    clock: Arc<ManualClock>,
    pub(crate) key: Arc<NodeSigningKey>,
    pub(crate) identities: Arc<Mutex<Identities>>,
    /// The result of validations.
    pub(crate) finds: Arc<Mutex<Option<CheckCode>>>,
    /// How many other buckets each key opens.
    pub(crate) other_buckets: Arc<Mutex<u64>>,
    /// The version of the buckets whose keys it checks.
    pub(crate) config_version: Arc<Mutex<i64>>,
    /// The result of searches for the newest object.
    pub(crate) newest: Arc<Mutex<Result<Option<jiff::Timestamp>, &'static str>>>,
    /// Why uploads can't be cleaned.
    pub(crate) cleaning_fails: Arc<Mutex<Option<Outcome>>>,
    /// The plain secrets that were used in validations.
    pub(crate) opened: Arc<Mutex<Vec<String>>>,
    /// The organization that its messages name. It may be missing while there is only one.
    id_org: Option<OrgId>,
    sent: Arc<Mutex<i64>>,
    /// How far its clock is ahead.
    ahead: SignedDuration,
}

/// A message of the node.
pub(crate) fn sent(message: &Value) -> NodeMessage {
    NodeMessage::from(Bytes::from(message.to_string()))
}

impl FakeNode {
    /// The same node, connected to another process.
    pub(crate) fn at(&self, control: &Control) -> Self {
        Self { control: control.clone(), ..self.clone() }
    }

    /// The same node with a wrong clock.
    pub(crate) fn with_clock_ahead(&self, ahead: SignedDuration) -> Self {
        Self { ahead, ..self.clone() }
    }

    /// Makes it the node of its own process: its keys need no approval.
    pub(crate) fn trust(&self) {
        let keys = self.identities.lock().unwrap().recipients();
        self.control.trust_vault_keys(keys.iter().map(ToString::to_string));
    }

    fn new(control: Control, clock: Arc<ManualClock>) -> Self {
        Self {
            control,
            clock,
            key: Arc::new(NodeSigningKey::generate().unwrap()),
            identities: Arc::new(Mutex::new(Identities::generate())),
            finds: Arc::default(),
            other_buckets: Arc::default(),
            config_version: Arc::new(Mutex::new(1)),
            newest: Arc::new(Mutex::new(Ok(None))),
            cleaning_fails: Arc::default(),
            opened: Arc::default(),
            id_org: None,
            sent: Arc::default(),
            ahead: SignedDuration::ZERO,
        }
    }

    // Each message is a millisecond later than the previous one, so that none is a repetition.
    fn time(&self) -> jiff::Timestamp {
        let mut sent = self.sent.lock().unwrap();
        *sent += 1;
        self.clock.now() + jiff::SignedDuration::from_millis(*sent) + self.ahead
    }

    pub(crate) fn signed(&self, path: &str, message: &impl Serialize) -> Value {
        let mut message = serde_json::to_value(message).unwrap();
        sign_message(&self.key, "POST", path, &mut message, self.time()).unwrap();
        message
    }

    pub(crate) async fn register(&self) -> bucketry_control::Result<bucketry_model::node::Node> {
        self.trust();
        self.register_as("node-1").await
    }

    pub(crate) async fn register_as(
        &self,
        name: &str,
    ) -> bucketry_control::Result<bucketry_model::node::Node> {
        self.register_in(name, "here").await
    }

    pub(crate) async fn register_in(
        &self,
        name: &str,
        region: &str,
    ) -> bucketry_control::Result<bucketry_model::node::Node> {
        let recipients = self.identities.lock().unwrap().recipients();
        let register = Register {
            ip: name.to_owned(),
            provider: "test".to_owned(),
            status: "active".to_owned(),
            region: region.to_owned(),
            version: "1".to_owned(),
            id_org: self.id_org,
            node_services: Some(1),
            recipients: recipients.iter().map(ToString::to_string).collect(),
        };
        self.control.register_node(sent(&self.signed("/register", &register)), RequestOrigin::default()).await
    }

    pub(crate) fn heartbeat(buckets: Vec<BucketStatus>) -> Heartbeat {
        Heartbeat {
            gateway_url: None,
            ip: "node-1".to_owned(),
            region: "here".to_owned(),
            id_org: None,
            probe_interval_ms: 60_000,
            buckets,
            census: StatusCounts::default(),
            waiting_batches: None,
            process: None,
            released: Vec::new(),
            leaving: false,
        }
    }

    pub(crate) async fn beat(&self, buckets: Vec<BucketStatus>) -> bucketry_control::Result<()> {
        self.beat_as("node-1", buckets).await
    }

    pub(crate) async fn beat_as(
        &self,
        name: &str,
        buckets: Vec<BucketStatus>,
    ) -> bucketry_control::Result<()> {
        let heartbeat = Heartbeat { ip: name.to_owned(), ..Self::heartbeat(buckets) };
        self.control.heartbeat(sent(&self.signed("/node/status", &heartbeat))).await.map(drop)
    }

    /// Says that the node stops.
    pub(crate) async fn leave_as(&self, name: &str) {
        self.report_status(Heartbeat { ip: name.to_owned(), leaving: true, ..Self::heartbeat(vec![]) }).await;
    }

    /// A heartbeat of one of several processes that run as the first node.
    pub(crate) async fn beat_of_process(&self, process: &str, leaving: bool) {
        self.beat_of_process_as("node-1", process, leaving).await;
    }

    /// The same for the node with this name.
    pub(crate) async fn beat_of_process_as(&self, name: &str, process: &str, leaving: bool) {
        let (ip, process) = (name.to_owned(), Some(process.to_owned()));
        self.report_status(Heartbeat { ip, process, leaving, ..Self::heartbeat(vec![]) }).await;
    }

    async fn report_status(&self, heartbeat: Heartbeat) {
        self.control.heartbeat(sent(&self.signed("/node/status", &heartbeat))).await.unwrap();
    }

    pub(crate) async fn count(&self, batch: UsageBatch) -> bucketry_control::Result<()> {
        let report = Report { ip: "node-1".to_owned(), usage: Some(batch), ..Report::default() };
        self.control.report(sent(&self.signed("/node/report", &report))).await
    }

    pub(crate) async fn sync(&self, cursor: &str, wait: u64) -> bucketry_control::Result<SyncAnswer> {
        self.sync_as("node-1", cursor, wait).await
    }

    pub(crate) async fn sync_as(
        &self,
        name: &str,
        cursor: &str,
        wait: u64,
    ) -> bucketry_control::Result<SyncAnswer> {
        let mut query = vec![
            ("ip".to_owned(), name.to_owned()),
            ("cursor".to_owned(), cursor.to_owned()),
            ("wait".to_owned(), wait.to_string()),
        ];
        query.extend(self.id_org.map(|id| ("id_org".to_owned(), id.to_string())));
        sign_query(&self.key, "GET", "/node/sync", &mut query, self.time()).unwrap();
        self.control.sync(sent(&query_message(&query))).await
    }

    /// Does one round of jobs, like a real node.
    pub(crate) async fn work(&self) {
        self.work_after(async || {}).await;
    }

    /// Like [`FakeNode::work`], after doing something else between fetching the jobs and working on them.
    pub(crate) async fn work_after(&self, change: impl AsyncFnOnce()) {
        let answer = self.sync("c.0", 25).await.unwrap();
        change().await;
        for job in answer.jobs {
            let outcome = self.do_job(job.task).await;
            let report = Report {
                ip: "node-1".to_owned(),
                results: vec![JobResult { job_id: job.id, outcome }],
                ..Report::default()
            };
            self.control.report(sent(&self.signed("/node/report", &report))).await.unwrap();
        }
    }

    async fn do_job(&self, task: Task) -> Outcome {
        match task {
            Task::Validate(Validation { org_id, bucket_id, secret, .. }) => {
                if let Some(secret) = secret {
                    let context = SecretContext::of_bucket(org_id, bucket_id);
                    let plain =
                        bucketry_vault::open(&secret, &context, &self.identities.lock().unwrap()).unwrap();
                    self.opened.lock().unwrap().push(plain.expose().to_owned());
                }
                Outcome::Validated {
                    diagnosis: diagnosis(*self.finds.lock().unwrap()),
                    at: Some(self.clock.now()),
                }
            }
            Task::Reseal { secrets, recipients } => {
                let identities = self.identities.lock().unwrap();
                let recipients: Vec<_> = recipients.iter().map(|text| text.parse().unwrap()).collect();
                let reseal = |bound: BoundSecret| {
                    let context = SecretContext::of(bound.org_id, bound.owner);
                    let plain = bucketry_vault::open(&bound.secret, &context, &identities).ok()?;
                    let secret = bucketry_vault::seal(&plain, &context, &recipients).unwrap();
                    Some(BoundSecret { secret, ..bound })
                };
                Outcome::Resealed { secrets: secrets.into_iter().filter_map(reseal).collect() }
            }
            Task::NewIdentity => {
                self.identities.lock().unwrap().add_new().unwrap();
                self.register().await.unwrap();
                Outcome::Done
            }
            Task::RetireIdentities => {
                self.identities.lock().unwrap().retire_all_but_first().unwrap();
                self.register().await.unwrap();
                Outcome::Done
            }
            Task::FindNewest(_) => match *self.newest.lock().unwrap() {
                Ok(newest) => Outcome::FoundNewest { newest },
                Err(reason) => Outcome::Failed { reason: reason.to_owned(), check: None },
            },
            Task::CheckKeys(checks) => {
                let other_buckets = *self.other_buckets.lock().unwrap();
                let config_version = *self.config_version.lock().unwrap();
                let checked = |bucket_id| CheckedKey { bucket_id, config_version, other_buckets };
                Outcome::CheckedKeys { keys: checks.bucket_ids.into_iter().map(checked).collect() }
            }
            Task::CleanUploads(cleaning) => {
                let cleaned = Outcome::CleanedUploads {
                    found: UploadsFound {
                        count: 3,
                        oldest: Some(cleaning.begun_before - SignedDuration::from_hours(48)),
                        bytes: Some(3_000),
                        complete: true,
                    },
                    aborted: if cleaning.dry_run { 0 } else { 3 },
                    failure: None,
                };
                self.cleaning_fails.lock().unwrap().clone().unwrap_or(cleaned)
            }
            Task::Unknown => Outcome::Failed { reason: "unknown".to_owned(), check: None },
        }
    }

    /// Another node of the deployment with this name, whose key nobody has approved.
    pub(crate) async fn elsewhere(&self, name: &str) -> Self {
        let node = self.with_other_keys();
        node.register_as(name).await.unwrap();
        node
    }

    /// A node on another machine, where it has created its own keys.
    pub(crate) fn with_other_keys(&self) -> Self {
        Self { identities: Arc::new(Mutex::new(Identities::generate())), ..self.clone() }
    }

    /// The public key that the node has in use.
    pub(crate) fn recipient(&self) -> String {
        self.identities.lock().unwrap().in_use().to_string()
    }

    /// Another node with this name, which signs with a key of the caller's organization.
    pub(crate) async fn of_organization(&self, owner: &Caller, name: &str) -> Self {
        self.of_one_organization(owner, name, None).await
    }

    /// The same while there are several organizations.
    pub(crate) async fn of_one_of_several(&self, owner: &Caller, name: &str) -> Self {
        self.of_one_organization(owner, name, Some(owner.org_id)).await
    }

    async fn of_one_organization(&self, owner: &Caller, name: &str, id_org: Option<OrgId>) -> Self {
        let made = self.control.create_organization_key(owner, owner.org_id).await.unwrap();
        let node = Self {
            key: NodeSigningKey::from_pem(&made.private_key).unwrap().into(),
            identities: Arc::new(Mutex::new(Identities::generate())),
            id_org,
            ..self.clone()
        };
        node.trust();
        let registered = node.register_as(name).await.unwrap();
        assert_eq!(registered.org_id, Some(owner.org_id));
        node
    }

    /// Refuses all jobs of the node with this name, in the background until the test ends.
    pub(crate) fn refuse_jobs_as(&self, name: &'static str) -> tokio::task::AbortHandle {
        let node = self.clone();
        let refuse = async move {
            loop {
                for job in node.sync_as(name, "c.0", 25).await.unwrap().jobs {
                    let outcome = Outcome::Failed { reason: "I don't want to".to_owned(), check: None };
                    let results = vec![JobResult { job_id: job.id, outcome }];
                    let report = Report { ip: name.to_owned(), results, ..Report::default() };
                    node.control.report(sent(&node.signed("/node/report", &report))).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::spawn(refuse).abort_handle()
    }

    /// Does jobs in the background until the test ends.
    pub(crate) fn work_on(&self) -> tokio::task::AbortHandle {
        let node = self.clone();
        let work = async move {
            loop {
                node.work().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::spawn(work).abort_handle()
    }
}
