//! A gateway between a client and a real S3 server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bucketry_faults::FaultProxy;
use bucketry_gateway::{Credential, Gateway, GatewaySettings, KeyRefusal, Observer, OpenKey, Seals};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::{KeyUse, NodeRepository, NodeRepositoryBucket};
use bucketry_model::repository::{Folder, KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use bucketry_model::time::SystemClock;
use bucketry_model::usage::UsageRow;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::error::ProviderError;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::s3::S3Driver;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a test waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that the gateway reported to its observer.
#[derive(Default)]
pub(crate) struct Observed {
    rows: Mutex<Vec<UsageRow>>,
    key_uses: Mutex<Vec<KeyUse>>,
    refusals: Mutex<Vec<KeyRefusal>>,
    failures: Mutex<usize>,
}

impl Observer for Observed {
    fn count(&self, row: UsageRow) {
        self.rows.lock().unwrap().push(row);
    }

    fn key_used(&self, key_use: KeyUse) {
        self.key_uses.lock().unwrap().push(key_use);
    }

    fn key_refused(&self, refusal: KeyRefusal) {
        self.refusals.lock().unwrap().push(refusal);
    }

    fn bucket_served(&self, _: BucketId) {}

    fn bucket_failed(&self, _: BucketId) {
        *self.failures.lock().unwrap() += 1;
    }
}

impl Observed {
    /// The rows so far, once there are at least this many.
    pub(crate) async fn rows(&self, count: usize) -> Vec<UsageRow> {
        eventually("requests to be counted", || {
            let rows = self.rows.lock().unwrap();
            (rows.len() >= count).then(|| rows.clone())
        })
        .await
    }

    pub(crate) fn key_uses(&self) -> usize {
        self.key_uses.lock().unwrap().len()
    }

    pub(crate) fn refusals(&self) -> Vec<KeyRefusal> {
        self.refusals.lock().unwrap().clone()
    }

    pub(crate) fn failures(&self) -> usize {
        *self.failures.lock().unwrap()
    }
}

pub(crate) struct TestContext {
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) observed: Arc<Observed>,
    /// The bucket without the gateway.
    pub(crate) direct: SharedDriver,
    /// The gateway's connections to the server.
    pub(crate) connections_used: Connections,
    pub(crate) bucket: String,
    folder: String,
    pub(crate) stop: CancellationToken,
    pub(crate) running: tokio::task::JoinHandle<()>,
}

pub(crate) const WRITER: &str = "BKTWRITERWRITERWRITE";
pub(crate) const READER: &str = "BKTREADERREADERREADE";
const SECRET: &str = "a-secret-access-key-of-forty-characters!";

impl TestContext {
    pub(crate) async fn start(case: &str) -> Self {
        Self::start_with(case, None, |_, _| {}).await
    }

    /// Starts a gateway on its own folder of a bucket that all tests share. If `endpoint` is given, the gateway
    /// reaches the bucket there.
    pub(crate) async fn start_with(
        case: &str,
        endpoint: Option<String>,
        configure: impl FnOnce(&mut GatewaySettings, &mut ConnectionSettings),
    ) -> Self {
        let context = Self::start_incomplete(case, endpoint, configure).await;
        context.gateway.complete();
        context
    }

    /// Like [`TestContext::start_with`], with a proxy in front of the server that injects faults.
    pub(crate) async fn start_behind_proxy(
        case: &str,
        configure: impl FnOnce(&mut GatewaySettings, &mut ConnectionSettings),
    ) -> (Self, FaultProxy) {
        let proxy = FaultProxy::start(server()).await.unwrap();
        (Self::start_with(case, Some(proxy.endpoint()), configure).await, proxy)
    }

    /// Like [`TestContext::start_with`], but the gateway isn't told that its configuration is complete.
    pub(crate) async fn start_incomplete(
        case: &str,
        endpoint: Option<String>,
        configure: impl FnOnce(&mut GatewaySettings, &mut ConnectionSettings),
    ) -> Self {
        let mut settings = GatewaySettings { measure_size_change: true, ..GatewaySettings::default() };
        let mut to_provider = connection_settings();
        configure(&mut settings, &mut to_provider);
        let bucket = bucket().await;
        let folder = format!("{case}-{}", uuid::Uuid::new_v4().simple());
        let direct = open(&target(&bucket, None), &connections()).unwrap();
        let carrying = target(&bucket, endpoint.as_deref());
        let connections_used = Connections::new(to_provider).unwrap();
        let carrying = open(&carrying, &connections_used).unwrap();

        let observed = Arc::new(Observed::default());
        let gateway = Gateway::new(settings, Arc::clone(&observed) as _, Arc::new(SystemClock), 7);
        gateway.serve_bucket(bucket_id(), carrying);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (serving, stopping) = (gateway.clone(), stop.clone());
        let running = tokio::spawn(async move { serving.run(listener, stopping).await });
        let context =
            Self { gateway, address, observed, direct, connections_used, bucket, folder, stop, running };
        context.serve(&context.folder);
        context
    }

    /// The key in the bucket for a client's key.
    pub(crate) fn stored(&self, key: &str) -> String {
        format!("{}/{key}", self.folder)
    }

    /// Serves the repository, with its objects in this folder.
    pub(crate) fn serve(&self, folder: &str) {
        let place = NodeRepositoryBucket {
            bucket_id: bucket_id(),
            bucket: self.bucket.clone(),
            folder: Folder::parse(folder).unwrap(),
            master: false,
        };
        let repository = NodeRepository {
            id: repository_id(),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version: 1,
            name: "files".to_owned(),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![place],
            keys: vec![],
            sealing_key: None,
        };
        let key = |n, access_key: &str, access| {
            let id = RepoKeyId::new(Timestamp::UNIX_EPOCH, [n; 10]);
            let credential = Credential::new(StorageType::S3, Secret::new(SECRET)).unwrap();
            OpenKey { id, access_key: access_key.to_owned(), access, credential }
        };
        let keys = vec![key(1, WRITER, KeyAccess::Write), key(2, READER, KeyAccess::Read)];
        let seals = Seals::new(&Secret::new("a sealing key")).unwrap();
        self.gateway.serve_repository(&repository, keys, Some(seals));
    }

    /// A client of the gateway with write access.
    pub(crate) fn client(&self) -> SharedDriver {
        self.client_with(WRITER)
    }

    pub(crate) fn client_with(&self, access_key: &str) -> SharedDriver {
        self.client_of(&self.bucket, access_key)
    }

    /// A client that signs with this secret.
    pub(crate) fn client_with_secret(&self, access_key: &str, secret: &str) -> SharedDriver {
        self.open_client(&self.bucket, access_key, secret)
    }

    /// A client that uses this bucket name.
    pub(crate) fn client_of(&self, bucket: &str, access_key: &str) -> SharedDriver {
        self.open_client(bucket, access_key, SECRET)
    }

    fn open_client(&self, bucket: &str, access_key: &str, secret: &str) -> SharedDriver {
        let target = BucketTarget {
            location: BucketLocation {
                key: Some(access_key.to_owned()),
                region: Some("us-east-1".to_owned()),
                ..target(bucket, Some(&format!("http://{}", self.address))).location
            },
            secret: Some(Secret::new(secret)),
        };
        open(&target, &connections()).unwrap()
    }
}

pub(crate) fn repository_id() -> RepoId {
    RepoId::new(Timestamp::UNIX_EPOCH, [2; 10])
}

pub(crate) fn bucket_id() -> BucketId {
    BucketId::new(Timestamp::UNIX_EPOCH, [3; 10])
}

/// The address of the real server.
fn server() -> SocketAddr {
    let endpoint = setting("BUCKETRY_TEST_S3_ENDPOINT");
    endpoint.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}

/// Waits until `look` returns something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs a real S3 server, which `cargo xtask test` starts and names"
        )
    })
}

fn connection_settings() -> ConnectionSettings {
    ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() }
}

fn connections() -> Connections {
    Connections::new(connection_settings()).unwrap()
}

fn target(bucket: &str, endpoint: Option<&str>) -> BucketTarget {
    let endpoint = endpoint.map_or_else(|| setting("BUCKETRY_TEST_S3_ENDPOINT"), str::to_owned);
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: bucket.to_owned(),
            key: Some(setting("BUCKETRY_TEST_S3_KEY")),
            endpoint: Some(Endpoint::parse(&endpoint).unwrap()),
            region: Some("us-east-1".to_owned()),
        },
        secret: Some(Secret::new(setting("BUCKETRY_TEST_S3_SECRET"))),
    }
}

/// One bucket for all tests, because the real server has no space for many.
async fn bucket() -> String {
    let name = "gateway-traffic".to_owned();
    match S3Driver::open(&target(&name, None), &connections()).unwrap().create_bucket().await {
        Ok(()) => name,
        Err(ProviderError::Answer(answer)) if answer.status == 409 => name,
        Err(error) => panic!("the test bucket can't be created: {error:?}"),
    }
}
