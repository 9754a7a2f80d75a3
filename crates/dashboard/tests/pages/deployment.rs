//! A dashboard over a control plane with a real store, and requests as browsers send them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bucketry_control::access_token::AccessTokens;
use bucketry_control::accounts::AccountInput;
use bucketry_control::buckets::BucketInput;
use bucketry_control::environment::SystemRandomness;
use bucketry_control::nodes::NodeMessage;
use bucketry_control::notifications::{ChannelInput, SilenceInput};
use bucketry_control::repositories::{KeyInput, RepositoryInput};
use bucketry_control::users::NewUserInput;
use bucketry_control::{Control, Environment, Settings};
use bucketry_dashboard::{Dashboard, DashboardSettings, router};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, ChannelId, NodeId, NodeKeyId, OrgId, SilenceId, UserId, WorkspaceId};
use bucketry_model::inventory::WalkState;
use bucketry_model::node_protocol::{
    BucketStatus, Heartbeat, InventoryOrders, InventoryReport, Register, SecretOwner, StatusCounts, WalkEnd,
    WalkReport,
};
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_model::secret::{SealedSecret, Secret};
use bucketry_model::time::{Clock as _, ManualClock};
use bucketry_store::bucket::StoredSecret;
use bucketry_store::sqlite::{Options, SqliteStore};
use bucketry_store::vault::VaultStore as _;
use bucketry_vault::message::sign_message;
use bucketry_vault::{Identities, NodeSigningKey};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::refreshed_parts::assert_forms_stay;

pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const PASSWORD: &str = "Correct-Horse-1";
const NODE: &str = "node-1";
/// From where nodes register.
pub(crate) const NODE_ADDRESS: &str = "192.0.2.7";
/// What users other than the owner have changed their password to.
const OWN_PASSWORD: &str = "Another-Horse-2";

/// A response.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a field that the page has, without characters that need escaping.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&start).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// The session's cookie in the response, as a browser sends it.
    pub(crate) fn cookie(&self) -> Option<String> {
        let all = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let mut own = all.filter(|text| text.contains("HttpOnly"));
        own.next().map(|text| text.split(';').next().unwrap().to_owned())
    }
}

pub(crate) struct Deployment {
    pub(crate) control: Control,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) owner: Caller,
    pub(crate) workspace: WorkspaceId,
    router: Router,
    store: Arc<SqliteStore>,
    node: NodeSigningKey,
    _dir: TempDir,
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        Self::with(DashboardSettings::default(), false).await
    }

    pub(crate) async fn with(settings: DashboardSettings, one_time_password: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durable: false, ..Options::default() };
        let store = SqliteStore::open(dir.path(), options).await.unwrap();
        let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
        let environment = Environment {
            clock: Arc::clone(&clock) as Arc<dyn bucketry_model::time::Clock>,
            randomness: Arc::new(SystemRandomness),
        };
        let tokens = AccessTokens::new(&[("test".to_owned(), vec![7; 32])]).unwrap();
        let store = Arc::new(store);
        let control = Control::new(Arc::clone(&store) as _, environment, settings_of_tests(), tokens);
        let password = Secret::new(PASSWORD);
        let node = register_node(&control, &clock).await;
        let first = if one_time_password {
            control.bootstrap_with_one_time_password(OWNER, password).await
        } else {
            control.bootstrap(OWNER, password).await
        };
        let session = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
        let owner = control.authenticate(&session.access_token).await.unwrap();
        let router = router(Dashboard::new(control.clone(), settings));
        let workspace = first.unwrap().unwrap().workspace_id;
        Self { control, clock, owner, workspace, router, store, node, _dir: dir }
    }

    /// A response whose body arrives in pieces.
    pub(crate) async fn open(&self, cookie: &str, path: &str) -> axum::response::Response {
        let request = Request::builder().uri(path).header("host", "nas.local:8080").header("cookie", cookie);
        let request = request.header("accept-encoding", "gzip, br").body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A request with these headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let mut request = Request::builder().method(method).uri(path).header("host", "nas.local:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await;
        let (parts, body) = response.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_forms_stay(path, &text);
        Page { status: parts.status, headers: parts.headers, text }
    }

    /// What a browser with this cookie reads.
    pub(crate) async fn get(&self, cookie: &str, path: &str) -> Page {
        self.send(Method::GET, path, &[("cookie", cookie)], "").await
    }

    /// What a browser with this cookie sends from a page of the dashboard.
    pub(crate) async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let headers = [
            ("cookie", cookie),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, &form(fields)).await
    }

    /// Signs in through the form, and returns the cookie.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let password = if email == OWNER { PASSWORD } else { OWN_PASSWORD };
        let page = self.post("", "/ui/sign-in", &[("email", email), ("password", password)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        page.cookie().unwrap()
    }

    /// A user with these roles.
    pub(crate) async fn user(&self, email: &str, org_role: OrgRole, role: Option<WorkspaceRole>) {
        let new = NewUserInput {
            email: email.to_owned(),
            password: Secret::new(PASSWORD),
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            org_role,
        };
        let user = self.control.create_user(&self.owner, new).await.unwrap();
        if let Some(role) = role {
            self.control.add_member(&self.owner, self.workspace, user.id, role).await.unwrap();
        }
        // The password that somebody else chose must be changed first.
        let origin = RequestOrigin::default();
        let session = self.control.sign_in_browser(email, Secret::new(PASSWORD), None, None, origin).await;
        let caller = self.control.authenticate_browser(session.unwrap().value.expose()).await.unwrap();
        let input = AccountInput { password: Some(Secret::new(OWN_PASSWORD)), ..AccountInput::default() };
        self.control.update_account(&caller, user.id, input).await.unwrap();
    }

    /// An account that nobody has signed in to.
    pub(crate) async fn account(&self, email: &str, org_role: OrgRole) -> UserId {
        let new = NewUserInput {
            email: email.to_owned(),
            password: Secret::new(PASSWORD),
            first_name: "Grace".to_owned(),
            last_name: "Hopper".to_owned(),
            org_role,
        };
        self.control.create_user(&self.owner, new).await.unwrap().id
    }

    /// A channel of this name about the workspace.
    pub(crate) async fn channel(&self, name: &str) -> ChannelId {
        let input = ChannelInput {
            name: Some(name.to_owned()),
            kind: Some("SLACK".to_owned()),
            workspace_id: Some(self.workspace),
            url: Some(Secret::new("https://hooks.example.com/the-secret-path")),
            ..ChannelInput::default()
        };
        self.control.create_channel(&self.owner, &input).await.unwrap().id
    }

    /// A silence of the workspace for an hour.
    pub(crate) async fn silence(&self) -> SilenceId {
        let input = SilenceInput {
            workspace_id: Some(self.workspace),
            ends_at: Some(self.clock.now() + jiff::SignedDuration::from_hours(1)),
            ..SilenceInput::default()
        };
        self.control.create_silence(&self.owner, &input).await.unwrap().id
    }

    /// A repository of this name without buckets, and a key of it.
    pub(crate) async fn repository(&self, name: &str) -> (String, String) {
        let input = RepositoryInput {
            name: Some(name.to_owned()),
            storage_type: Some(StorageType::S3),
            mode: Some("NORMAL".to_owned()),
            workspace_id: Some(self.workspace.to_string()),
            buckets: None,
        };
        let id = self.control.create_repository(&self.owner, &input).await.unwrap().id;
        let input = KeyInput { name: Some("key".to_owned()), access: Some("READ".to_owned()) };
        let key = self.control.create_repository_key(&self.owner, id, &input).await.unwrap();
        (id.to_string(), key.id.to_string())
    }

    /// A bucket of this name that was never checked.
    pub(crate) async fn bucket(&self, name: &str) -> BucketId {
        let input = BucketInput {
            name: Some(name.to_owned()),
            bucket: Some("photos".to_owned()),
            storage_type: Some(StorageType::S3),
            key: Some("AKID".to_owned()),
            region: Some("eu-central-1".to_owned()),
            secret: Some(Secret::new("the-plain-secret")),
            endpoint: Some("https://s3.example.com".to_owned()),
            workspace_id: Some(self.workspace.to_string()),
            skip_validation: true,
            ..BucketInput::default()
        };
        self.control.create_bucket(&self.owner, &input).await.unwrap().id
    }

    /// A node whose public key waits for approval, and the key.
    pub(crate) async fn pending_node(&self, name: &str) -> (NodeId, String) {
        let recipient = Identities::generate().in_use().to_string();
        let id =
            register(&self.control, &self.clock, &self.node, (name, None), vec![recipient.clone()]).await;
        (id, recipient)
    }

    /// A node that opens no secrets, because it has no public key.
    pub(crate) async fn node_without_key(&self, name: &str) -> NodeId {
        register(&self.control, &self.clock, &self.node, (name, None), Vec::new()).await
    }

    /// A key of the organization: the one that exists, or a new one.
    pub(crate) async fn organization_key(&self) -> NodeKeyId {
        let org_id = self.owner.org_id;
        let keys = self.control.organization_keys(&self.owner, org_id).await.unwrap();
        match keys.first() {
            Some(key) => key.id,
            None => self.control.create_organization_key(&self.owner, org_id).await.unwrap().id,
        }
    }

    /// A node of the organization, which waits for approval.
    pub(crate) async fn own_node(&self, name: &str) -> NodeId {
        let org_id = self.owner.org_id;
        let made = self.control.create_organization_key(&self.owner, org_id).await.unwrap();
        let key = NodeSigningKey::from_pem(&made.private_key).unwrap();
        let recipients = vec![Identities::generate().in_use().to_string()];
        register(&self.control, &self.clock, &key, (name, Some(org_id)), recipients).await
    }

    /// A heartbeat of the first node or of one that [`Deployment::pending_node`] registered, with a gateway and probes.
    pub(crate) async fn heartbeat(&self, name: &str, buckets: Vec<BucketStatus>) {
        let heartbeat = Heartbeat {
            ip: name.to_owned(),
            region: "here".to_owned(),
            id_org: None,
            probe_interval_ms: 60_000,
            census: StatusCounts { online: 3, offline: 1, unknown: 5 },
            gateway_url: Some(format!("https://{name}.example.com").parse().unwrap()),
            waiting_batches: Some(4),
            process: None,
            released: Vec::new(),
            leaving: false,
            buckets,
        };
        let mut message = serde_json::to_value(heartbeat).unwrap();
        sign_message(&self.node, "POST", "/node/status", &mut message, self.clock.now()).unwrap();
        let message = NodeMessage::new(Bytes::from(message.to_string()), ());
        self.control.heartbeat(message).await.unwrap();
    }

    /// Seals the secret of a bucket again, as happens when a node was approved or removed.
    pub(crate) async fn seal_again(&self, id: BucketId) {
        let owner = SecretOwner::Bucket(id);
        let all = self.store.secrets_after(None, 100).await.unwrap();
        let (old, sealed_to) = all.into_iter().find(|(one, _)| one.owner == owner).unwrap();
        let new = StoredSecret { sealed: SealedSecret::from_text("sealed again"), sealed_to };
        let replaced = self.store.replace_secrets(&[(owner, old.secret, new)], self.clock.now()).await;
        assert_eq!(replaced.unwrap(), 1);
    }

    /// Measures how full a bucket is, as the node would.
    pub(crate) async fn measure(&self, id: BucketId, bytes: u64) {
        self.control.start_inventory(&self.owner, id).await.unwrap();
        let order = self.report_walks(Vec::new()).await.walks.remove(0);
        let mut state = WalkState::default();
        state.sum.add("object", bytes, None);
        let walk = WalkReport {
            bucket_id: order.bucket_id,
            started_at: order.started_at,
            state: state.to_text(),
            end: Some(WalkEnd::Finished),
            abandoned_uploads: None,
        };
        self.report_walks(vec![walk]).await;
    }

    async fn report_walks(&self, walks: Vec<WalkReport>) -> InventoryOrders {
        let report = InventoryReport { ip: NODE.to_owned(), id_org: None, walks, free: 2 };
        let mut message = serde_json::to_value(report).unwrap();
        sign_message(&self.node, "POST", "/node/inventory", &mut message, self.clock.now()).unwrap();
        let message = NodeMessage::new(Bytes::from(message.to_string()), ());
        self.control.inventory_report(message).await.unwrap()
    }
}

/// Nothing sends messages here, so there is nothing to wait for.
fn settings_of_tests() -> Settings {
    Settings { channel_test_wait: std::time::Duration::from_millis(1), ..Settings::default() }
}

/// Registers a node, so that secrets can be sealed. It does nothing else.
async fn register_node(control: &Control, clock: &ManualClock) -> NodeSigningKey {
    let key = NodeSigningKey::generate().unwrap();
    control.trust_deployment_key(&key.verifying_key().unwrap()).await.unwrap();
    let recipients: Vec<_> = Identities::generate().recipients().iter().map(ToString::to_string).collect();
    control.trust_vault_keys(recipients.iter().cloned());
    register(control, clock, &key, (NODE, None), recipients).await;
    key
}

async fn register(
    control: &Control,
    clock: &ManualClock,
    key: &NodeSigningKey,
    (name, id_org): (&str, Option<OrgId>),
    recipients: Vec<String>,
) -> NodeId {
    let register = Register {
        ip: name.to_owned(),
        provider: "test".to_owned(),
        status: "active".to_owned(),
        region: "here".to_owned(),
        version: "1".to_owned(),
        id_org,
        node_services: Some(1),
        recipients,
    };
    let mut message = serde_json::to_value(register).unwrap();
    sign_message(key, "POST", "/register", &mut message, clock.now()).unwrap();
    let message = NodeMessage::new(Bytes::from(message.to_string()), ());
    let origin = RequestOrigin { address: Some(NODE_ADDRESS.parse().unwrap()), request_id: None };
    control.register_node(message, origin).await.unwrap().id
}

/// Fields as a form sends them.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}
