//! A control plane in the test process: store, use cases, router, and a node that processes jobs.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bucketry_api::{ApiSettings, ApiState};
use bucketry_control::access_token::AccessTokens;
use bucketry_control::accounts::AccountInput;
use bucketry_control::environment::SystemRandomness;
use bucketry_control::nodes::NodeMessage;
use bucketry_control::organizations::FirstOrganization;
use bucketry_control::{Control, Environment, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::diagnosis::{Check, CheckCode, CheckName, Diagnosis};
use bucketry_model::node_protocol::{JobResult, Outcome, Task, Validation};
use bucketry_model::role::Caller;
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock, ManualClock};
use bucketry_store::sqlite::SqliteStore;
use bucketry_vault::message::{query_message, sign_message, sign_query};
use bucketry_vault::{Identities, NodeSigningKey};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

/// The password of the owner and of every other user.
pub(crate) const PASSWORD: &str = "Correct1Horse";
/// The node does not find buckets of this name.
pub(crate) const MISSING_BUCKET: &str = "missing";

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body if it is JSON, else null.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The stable code of an error.
    pub(crate) fn code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or_default()
    }

    /// The fields that an error names.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let fields = self.body["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().filter_map(|field| field["field"].as_str()).collect()
    }
}

/// A control plane.
pub(crate) struct Deployment {
    pub(crate) control: Control,
    pub(crate) state: ApiState,
    pub(crate) router: Router,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) first: FirstOrganization,
    /// The access token of the first owner.
    pub(crate) owner: String,
    /// What the node answers when it is to clean uploads.
    pub(crate) cleaning: Arc<Mutex<Outcome>>,
    node: Option<JoinHandle<()>>,
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if let Some(node) = &self.node {
            node.abort();
        }
    }
}

impl Deployment {
    /// Starts a deployment without rate limits and with a node.
    pub(crate) async fn start() -> Self {
        Self::with(ApiSettings { rate_limits: None, ..ApiSettings::default() }, Settings::default()).await
    }

    pub(crate) async fn with(api: ApiSettings, settings: Settings) -> Self {
        let mut deployment = Self::without_node(api, settings).await;
        deployment.start_node().await;
        deployment
    }

    pub(crate) async fn without_node(api: ApiSettings, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap()));
        let store = Arc::new(SqliteStore::open_temporary().await.unwrap());
        let environment = Environment {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            randomness: Arc::new(SystemRandomness),
        };
        let keys = AccessTokens::new(&[("test".to_owned(), vec![7; 32])]).unwrap();
        let control = Control::new(store, environment, settings, keys);
        let owner = "owner@example.com";
        let first = control.bootstrap(owner, Secret::new(PASSWORD)).await.unwrap().unwrap();
        let session = control.login(owner, Secret::new(PASSWORD), None).await.unwrap();
        let state = ApiState::new(control.clone(), api);
        let router = bucketry_api::router(state.clone());
        let cleaning = Arc::new(Mutex::new(Outcome::Done));
        Self { control, state, router, clock, first, owner: session.access_token, cleaning, node: None }
    }

    /// Starts a node: it registers and runs validations. It finds every bucket except [`MISSING_BUCKET`].
    pub(crate) async fn start_node(&mut self) {
        let key = NodeSigningKey::generate().unwrap();
        self.control.trust_deployment_key(&key.verifying_key().unwrap()).await.unwrap();
        let (control, clock) = (self.control.clone(), Arc::clone(&self.clock));
        let mut node = TestNode { control, key, clock, cleaning: Arc::clone(&self.cleaning), sent: 0 };
        node.register().await;
        self.node = Some(tokio::spawn(async move { node.work().await }));
    }

    /// The first owner.
    pub(crate) async fn owner(&self) -> Caller {
        self.control.authenticate(&self.owner).await.unwrap()
    }

    /// Sends a request as the first owner.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(Some(&self.owner), method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    pub(crate) async fn ask_as(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    /// The fields of a bucket that the node can open.
    pub(crate) fn bucket_fields(&self, name: &str) -> Value {
        json!({
            "name": name, "bucket": "photos", "storageType": "S3", "key": "AKIA", "secret": "hunter2",
            "region": "eu-central-1", "endpoint": "https://s3.example.com", "workspaceId": self.first.workspace_id,
        })
    }

    /// Registers a bucket without validation and returns its id.
    pub(crate) async fn add_bucket(&self, name: &str) -> String {
        let mut fields = self.bucket_fields(name);
        fields["skipValidation"] = true.into();
        let answer = self.post("/bucket", fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["bucketId"].as_str().unwrap().to_owned()
    }

    /// Creates a repository of mode NORMAL and returns its id.
    pub(crate) async fn add_repository(&self, name: &str, buckets: Value) -> String {
        let fields = json!({
            "name": name, "storageType": "S3", "mode": "NORMAL", "workspaceId": self.first.workspace_id,
            "repoBuckets": buckets,
        });
        let answer = self.post("/repo", fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["repoId"].as_str().unwrap().to_owned()
    }

    /// Creates a user with an organization role, changes the one-time password and logs in. Returns (id, access
    /// token).
    pub(crate) async fn add_user(&self, email: &str, org_role: u8) -> (String, String) {
        let one_time = "First1Horse";
        let body = json!({
            "email": email, "password": one_time, "firstName": "Ada", "lastName": "L", "orgRole": org_role,
        });
        let made = self.post("/organization/users", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let session = self.control.login(email, Secret::new(one_time), None).await.unwrap();
        let caller = self.control.authenticate(&session.access_token).await.unwrap();
        let input = AccountInput { password: Some(Secret::new(PASSWORD)), ..AccountInput::default() };
        self.control.update_account(&caller, caller.user_id, input).await.unwrap();
        (made.body["data"]["id"].as_str().unwrap().to_owned(), session.access_token)
    }

    pub(crate) async fn log_in(&self, email: &str) -> String {
        let session = self.control.login(email, Secret::new(PASSWORD), None).await.unwrap();
        session.access_token
    }
}

/// A node that speaks the protocol without a network.
struct TestNode {
    control: Control,
    key: NodeSigningKey,
    clock: Arc<ManualClock>,
    cleaning: Arc<Mutex<Outcome>>,
    sent: u64,
}

/// A message as the control plane receives it.
fn sent(message: &Value) -> NodeMessage {
    NodeMessage::from(Bytes::from(message.to_string()))
}

impl TestNode {
    fn signed(&mut self, path: &str, mut message: Value) -> Value {
        self.sent += 1;
        message["ip"] = "node-1".into();
        message["nonce"] = self.sent.into();
        sign_message(&self.key, "POST", path, &mut message, self.clock.now()).unwrap();
        message
    }

    async fn register(&mut self) {
        let recipient = Identities::generate().in_use().to_string();
        let message = json!({
            "provider": "AWS", "status": "active", "region": "eu", "version": "1", "recipients": [&recipient],
        });
        self.control.trust_vault_keys([recipient]);
        let message = self.signed("/register", message);
        self.control.register_node(sent(&message), RequestOrigin::default()).await.unwrap();
        let census = json!({ "region": "eu", "census": { "online": 2, "offline": 1, "unknown": 0 } });
        let message = self.signed("/node/status", census);
        self.control.heartbeat(sent(&message)).await.unwrap();
    }

    async fn work(&mut self) {
        let mut cursor = String::new();
        loop {
            self.sent += 1;
            let mut query: Vec<(String, String)> = [
                ("ip", "node-1".to_owned()),
                ("nonce", self.sent.to_string()),
                ("cursor", cursor.clone()),
                ("wait", "25".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
            sign_query(&self.key, "GET", "/node/sync", &mut query, self.clock.now()).unwrap();
            let answer = self.control.sync(sent(&query_message(&query))).await.unwrap();
            cursor = answer.cursor;
            let results: Vec<JobResult> = answer
                .jobs
                .into_iter()
                .map(|job| JobResult { job_id: job.id, outcome: self.outcome(&job.task) })
                .collect();
            if !results.is_empty() {
                let report = self.signed("/node/report", json!({ "results": results }));
                self.control.report(sent(&report)).await.unwrap();
            }
        }
    }

    fn outcome(&self, task: &Task) -> Outcome {
        match task {
            Task::Validate(validation) => validated(validation),
            Task::CleanUploads(_) => self.cleaning.lock().unwrap().clone(),
            _ => Outcome::Done,
        }
    }
}

fn validated(Validation { location, .. }: &Validation) -> Outcome {
    let there = location.bucket != MISSING_BUCKET;
    let check = |name, ok: bool| Check {
        name,
        ok,
        latency_ms: 3,
        message: if ok { "fine".to_owned() } else { "there is no such bucket".to_owned() },
        error_code: (!ok).then_some(CheckCode::BucketNotFound),
        hint: (!ok).then(|| "create it".to_owned()),
    };
    let checks = vec![check(CheckName::Connect, true), check(CheckName::Bucket, there)];
    Outcome::Validated { diagnosis: Diagnosis::new(checks), at: None }
}
