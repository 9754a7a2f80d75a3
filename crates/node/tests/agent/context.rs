//! An agent with a fake control plane and a fake cloud.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, JobId, OrgId};
use bucketry_model::node_protocol::{Job, NodeBucket, SyncAnswer, Task};
use bucketry_model::pinning::BucketPins;
use bucketry_model::secret::{SealedSecret, Secret};
use bucketry_model::time::Clock;
use bucketry_node::{Agent, AgentConfig, AgentHandle, Dependencies, NodeInfo};
use bucketry_vault::{Identities, Recipient, SecretContext, seal};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::cloud::{FakeCloud, SharedCloud};
use crate::control_plane::{FakeControlPlane, SharedControlPlane};

/// A clock that follows Tokio's time.
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        start + SignedDuration::try_from(self.start.elapsed()).unwrap()
    }
}

pub(crate) struct TestContext {
    pub(crate) control_plane: Arc<FakeControlPlane>,
    pub(crate) cloud: Arc<FakeCloud>,
    pub(crate) agent: AgentHandle,
    /// The agent's public key at its start.
    pub(crate) recipient: Recipient,
    pub(crate) directory: TempDir,
    pub(crate) start: Instant,
}

impl TestContext {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts an agent with settings other than the default.
    pub(crate) fn start_with(configure: impl FnOnce(&mut AgentConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, configure)
    }

    /// Starts an agent in the directory of an earlier one.
    pub(crate) fn start_in(directory: TempDir, configure: impl FnOnce(&mut AgentConfig)) -> Self {
        let control_plane = Arc::new(FakeControlPlane::default());
        Self::start_before(control_plane, directory, configure)
    }

    /// Starts an agent with a control plane that has state already.
    pub(crate) fn start_before(
        control_plane: Arc<FakeControlPlane>,
        directory: TempDir,
        configure: impl FnOnce(&mut AgentConfig),
    ) -> Self {
        let start = Instant::now();
        let cloud = Arc::new(FakeCloud::default());
        let identities = Identities::load_or_create(&directory.path().join("vault.key")).unwrap();
        let recipient = identities.in_use();
        let mut config = AgentConfig::new(node(), spool_dir(&directory));
        configure(&mut config);
        let dependencies = Dependencies {
            control_plane: Arc::new(SharedControlPlane(Arc::clone(&control_plane))),
            cloud: Arc::new(SharedCloud(Arc::clone(&cloud))),
            identities,
            clock: Arc::new(TokioClock { start }),
            seed: 7,
            gateway: None,
            tracer: None,
        };
        let agent = Agent::start(config, dependencies).unwrap();
        Self { control_plane, cloud, agent, recipient, directory, start }
    }

    /// Announces buckets as a complete snapshot.
    pub(crate) fn snapshot(&self, buckets: Vec<NodeBucket>) {
        self.control_plane.announce(SyncAnswer { snapshot: true, buckets, ..nothing() });
    }

    /// Announces changed buckets.
    pub(crate) fn change(&self, buckets: Vec<NodeBucket>) {
        self.control_plane.announce(SyncAnswer { buckets, ..nothing() });
    }

    pub(crate) fn give(&self, task: Task) -> JobId {
        let id = JobId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        self.control_plane.announce(SyncAnswer { jobs: vec![Job { id, task }], ..nothing() });
        id
    }
}

pub(crate) fn spool_dir(directory: &TempDir) -> PathBuf {
    directory.path().join("spool")
}

pub(crate) fn nothing() -> SyncAnswer {
    SyncAnswer {
        success: true,
        cursor: "c1".into(),
        snapshot: false,
        more: false,
        buckets: vec![],
        removed: vec![],
        repositories: Vec::new(),
        removed_repositories: Vec::new(),
        jobs: vec![],
        probing: None,
    }
}

fn node() -> NodeInfo {
    NodeInfo {
        gateway_url: None,
        name: "node-1".into(),
        region: "eu".into(),
        provider: "AWS".into(),
        version: "1.0.0".into(),
        id_org: None,
    }
}

pub(crate) fn org() -> OrgId {
    OrgId::new(Timestamp::UNIX_EPOCH, [1; 10])
}

pub(crate) fn id(n: u16) -> BucketId {
    let [high, low] = n.to_be_bytes();
    BucketId::new(Timestamp::UNIX_EPOCH, [0, 0, 0, 0, 0, 0, 0, 0, high, low])
}

/// A bucket without a secret, named `b` and its number.
pub(crate) fn bucket(n: u16, version: i64) -> NodeBucket {
    let location = location(&format!("b{n}"), None);
    NodeBucket {
        id: id(n),
        org_id: org(),
        version,
        config_version: 1,
        location,
        secret: None,
        pinned_to: BucketPins::default(),
    }
}

pub(crate) fn location(bucket: &str, endpoint: Option<&str>) -> BucketLocation {
    BucketLocation {
        storage_type: StorageType::S3,
        bucket: bucket.to_owned(),
        key: None,
        endpoint: endpoint.map(|endpoint| Endpoint::parse(endpoint).unwrap()),
        region: None,
    }
}

pub(crate) fn sealed(n: u16, secret: &str, recipient: &Recipient) -> SealedSecret {
    let context = SecretContext::of_bucket(org(), id(n));
    seal(&Secret::new(secret), &context, std::slice::from_ref(recipient)).unwrap()
}

pub(crate) async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

pub(crate) async fn millis(count: u64) {
    sleep(Duration::from_millis(count)).await;
}
