//! A gateway between a client that sends forms and a real server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bucketry_faults::GcsUploadsStub;
use bucketry_gateway::{Credential, Gateway, GatewaySettings, KeyRefusal, Observer, OpenKey, Seals};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::{KeyUse, NodeRepository, NodeRepositoryBucket};
use bucketry_model::repository::{Folder, KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use bucketry_model::time::SystemClock;
use bucketry_model::usage::UsageRow;
use bucketry_provider::azure::AzureDriver;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::{Conditions, GetRequest, ObjectRead, SharedDriver, UploadsRequest};
use bucketry_provider::error::ProviderError;
use bucketry_provider::gcs::GcsDriver;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::s3::S3Driver;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::draft::SECRET;

/// How long a test waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const WRITER: &str = "BKTWRITERWRITERWRITE";
pub(crate) const READER: &str = "BKTREADERREADERREADE";

/// The rows and the refusals that the gateway reported.
#[derive(Default)]
struct Observed(Mutex<Vec<UsageRow>>, Mutex<Vec<KeyRefusal>>);

impl Observer for Observed {
    fn count(&self, row: UsageRow) {
        self.0.lock().unwrap().push(row);
    }

    fn key_used(&self, _: KeyUse) {}

    fn key_refused(&self, refusal: KeyRefusal) {
        self.1.lock().unwrap().push(refusal);
    }

    fn bucket_served(&self, _: BucketId) {}

    fn bucket_failed(&self, _: BucketId) {}
}

pub(crate) struct TestContext {
    gateway: Gateway,
    address: SocketAddr,
    observed: Arc<Observed>,
    /// The bucket without the gateway.
    direct: SharedDriver,
    folder: String,
    stop: CancellationToken,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The code of an error, or the status of a success.
    pub(crate) fn code(&self) -> &str {
        let code = self.body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map_or(&self.head[9..12], |(code, _)| code)
    }
}

impl Drop for TestContext {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestContext {
    pub(crate) async fn start(case: &str, target: BucketTarget) -> Self {
        let settings = GatewaySettings {
            measure_size_change: true,
            domains: vec!["gateway.test".to_owned()],
            ..GatewaySettings::default()
        };
        let direct = open(&target, &connections()).unwrap();
        let observed = Arc::new(Observed::default());
        let gateway = Gateway::new(settings, Arc::clone(&observed) as _, Arc::new(SystemClock), 7);
        gateway.serve_bucket(bucket_id(), open(&target, &connections()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (serving, stopping) = (gateway.clone(), stop.clone());
        tokio::spawn(async move { serving.run(listener, stopping).await });
        let folder = format!("{case}-{}", uuid::Uuid::new_v4().simple());
        let context = Self { gateway, address, observed, direct, folder, stop };
        context.serve(&[(WRITER, KeyAccess::Write), (READER, KeyAccess::Read)]);
        context.gateway.complete();
        context
    }

    /// Serves the repository with exactly these keys.
    pub(crate) fn serve(&self, keys: &[(&str, KeyAccess)]) {
        let repository = NodeRepository {
            id: RepoId::new(Timestamp::UNIX_EPOCH, [2; 10]),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version: 1,
            name: "files".to_owned(),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![NodeRepositoryBucket {
                bucket_id: bucket_id(),
                bucket: "photos".to_owned(),
                folder: Folder::parse(&self.folder).unwrap(),
                master: false,
            }],
            keys: vec![],
            sealing_key: None,
        };
        let key = |(n, (access_key, access)): (u8, &(&str, KeyAccess))| OpenKey {
            id: RepoKeyId::new(Timestamp::UNIX_EPOCH, [n; 10]),
            access_key: (*access_key).to_owned(),
            access: *access,
            credential: Credential::new(StorageType::S3, Secret::new(SECRET)).unwrap(),
        };
        let keys = (1..).zip(keys).map(key).collect();
        self.gateway.serve_repository(&repository, keys, Some(Seals::new(&Secret::new("seal")).unwrap()));
    }

    /// Sends a request whose head and body are already text. With `length`, the body ends early and the connection
    /// is closed.
    pub(crate) async fn send(
        &self,
        target: &str,
        headers: &str,
        body: &[u8],
        length: Option<usize>,
    ) -> Answer {
        let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let head = format!(
            "POST {target} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            length.unwrap_or(body.len())
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The gateway may refuse the request before everything was sent.
        _ = stream.write_all(body).await;
        if length.is_some() {
            _ = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.get(9..12).map_or(0, |status| status.parse().unwrap());
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The key in the bucket for a client's key.
    fn stored_key(&self, key: &str) -> String {
        format!("{}/{key}", self.folder)
    }

    /// The object as the provider has it.
    pub(crate) async fn read(&self, key: &str) -> (ObjectRead, Bytes) {
        let mut read = self.direct.get(&self.stored_key(key), &GetRequest::default()).await.unwrap();
        let mut content = Vec::new();
        while let Some(frame) = read.body.frame().await {
            content.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        (read, content.into())
    }

    pub(crate) async fn exists(&self, key: &str) -> bool {
        self.direct.head(&self.stored_key(key), &Conditions::default()).await.is_ok()
    }

    /// How many uploads in parts are in progress.
    pub(crate) async fn uploads(&self) -> usize {
        let request = UploadsRequest {
            prefix: self.folder.clone(),
            delimiter: None,
            after: bucketry_provider::driver::UploadsMarker::default(),
            max_uploads: 10,
        };
        self.direct.list_uploads(&request).await.unwrap().uploads.len()
    }

    /// The rows so far, once there are at least this many.
    pub(crate) async fn rows(&self, count: usize) -> Vec<UsageRow> {
        self.eventually(async || {
            let rows = self.observed.0.lock().unwrap().clone();
            (rows.len() >= count).then_some(rows)
        })
        .await
    }

    /// Waits until `look` returns something.
    pub(crate) async fn eventually<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain"))
    }
}

fn bucket_id() -> BucketId {
    BucketId::new(Timestamp::UNIX_EPOCH, [3; 10])
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs real servers, which `cargo xtask test` starts and names")
    })
}

fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}

/// A name that no other test uses.
fn new_name(case: &str) -> String {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    let case: String = case.chars().filter(char::is_ascii_alphabetic).take(24).collect();
    format!("{case}-{}", &tail[..12])
}

/// A bucket that all tests share, because each bucket takes up much space on this server.
pub(crate) async fn s3(_case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: "gateway-forms".to_owned(),
            key: Some(setting("BUCKETRY_TEST_S3_KEY")),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_S3_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting("BUCKETRY_TEST_S3_SECRET"))),
    };
    match S3Driver::open(&target, &connections()).unwrap().create_bucket().await {
        Ok(()) => target,
        Err(ProviderError::Answer(answer)) if answer.status == 409 => target,
        Err(error) => panic!("the test bucket can't be created: {error:?}"),
    }
}

pub(crate) async fn azure(case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: new_name(case),
            key: Some(setting("BUCKETRY_TEST_AZURE_ACCOUNT")),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_AZURE_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting("BUCKETRY_TEST_AZURE_KEY"))),
    };
    AzureDriver::open(&target, &connections()).unwrap().create_container().await.unwrap();
    target
}

pub(crate) async fn gcs(case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: new_name(case),
            key: None,
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_GCS_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: None,
    };
    GcsDriver::open(&target, &connections()).unwrap().create_bucket().await.unwrap();
    target
}

/// A bucket at a server that has nothing but the multipart uploads that the other server lacks.
pub(crate) async fn gcs_uploads(_case: &str) -> BucketTarget {
    let stub = GcsUploadsStub::start().await.unwrap();
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: "uploads".to_owned(),
            key: None,
            endpoint: Some(Endpoint::parse(&stub.endpoint()).unwrap()),
            region: None,
        },
        secret: None,
    };
    // It serves until the test's runtime ends.
    Box::leak(Box::new(stub));
    target
}
