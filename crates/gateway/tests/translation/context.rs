//! A repository with two buckets and a client. Of `one` the client sees the folder `in/here`, `two` it sees
//! completely. On servers where buckets are expensive, both are folders in shared buckets that no other test uses.

use std::sync::Arc;

use bucketry_gateway::internals::dispatch::{handle, handle_without_bucket};
use bucketry_gateway::internals::error::{S3Error, S3Failure};
use bucketry_gateway::internals::operation::{Domains, Operation, Query, Request, Target, parse};
use bucketry_gateway::internals::{
    DetachedWrites, GatewayBody, PayloadBody, Registry, RequestContext, ServedKey, Settings, UploadIds,
    UploadScope, WriteState, payload,
};
use bucketry_gateway::{Credential, OpenKey, ProtectionSettings, Seals};
use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::id::{BucketId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::{NodeRepository, NodeRepositoryBucket};
use bucketry_model::repository::{Folder, KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use bucketry_provider::body::Payload;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::{ListRequest, PutRequest, SharedDriver, UploadId};
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;

use crate::signing::{Draft, verify};

pub(crate) struct TestContext {
    pub(crate) one: SharedDriver,
    registry: Arc<Registry>,
    repository: NodeRepository,
    pub(crate) settings: Settings,
    dir: String,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) size_change: i64,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The texts of all elements with this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let mut found: Vec<String> = text
            .split(&format!("<{name}>"))
            .skip(1)
            .map(|rest| rest.split(&format!("</{name}>")).next().unwrap().to_owned())
            .collect();
        for text in &mut found {
            *text =
                text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        }
        found
    }

    pub(crate) fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }
}

/// Reads a variable that `cargo xtask test` sets.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs real servers, which `cargo xtask test` starts and names")
    })
}

/// Connections that may reach servers on loopback addresses.
pub(crate) fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}

/// A bucket name that no other test uses.
pub(crate) fn new_name(case: &str) -> String {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    let case: String = case.chars().filter(char::is_ascii_alphabetic).take(24).collect();
    format!("{case}-{}", &tail[..12])
}

pub(crate) fn bucket_id(n: u8) -> BucketId {
    BucketId::new("2026-04-30T23:59:59.123Z".parse().unwrap(), [n; 10])
}

pub(crate) fn repository() -> RepoId {
    RepoId::new(Timestamp::UNIX_EPOCH, [9; 10])
}

const KEY: &str = "BKTESTKEY";

/// The repository's sealing key.
pub(crate) fn sealing_key() -> Secret {
    Secret::new("a sealing key")
}

impl TestContext {
    /// `dir` is empty, or a folder with a trailing slash.
    pub(crate) fn new(one: &BucketTarget, two: &BucketTarget, dir: &str) -> Self {
        let connections = connections();
        let place = |n, bucket: &str, folder: &str| NodeRepositoryBucket {
            bucket_id: bucket_id(n),
            bucket: bucket.to_owned(),
            folder: Folder::parse(folder).unwrap(),
            master: false,
        };
        let folder = format!("{dir}in/here");
        let places = [place(1, "one", &folder), place(2, "two", dir), place(3, "absent", "")];
        let one = open(one, &connections).unwrap();
        let registry = Arc::new(Registry::new(ProtectionSettings::default()));
        registry.serve_bucket(bucket_id(1), one.clone());
        registry.serve_bucket(bucket_id(2), open(two, &connections).unwrap());
        let repository = NodeRepository {
            id: repository(),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version: 1,
            name: "files".to_owned(),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: places.to_vec(),
            keys: vec![],
            sealing_key: None,
        };
        let context = Self { one, registry, repository, settings: Settings::default(), dir: dir.to_owned() };
        context.serve_repository(Some(Seals::new(&sealing_key()).unwrap()));
        context
    }

    fn serve_repository(&self, seals: Option<Seals>) {
        let id = RepoKeyId::new(Timestamp::UNIX_EPOCH, [8; 10]);
        let credential = Credential::new(StorageType::S3, Secret::new("a client's secret")).unwrap();
        let key = OpenKey { id, access_key: KEY.to_owned(), access: KeyAccess::Admin, credential };
        self.registry.serve_repository(&self.repository, vec![key], seals);
    }

    /// From now on the node doesn't have the repository's sealing key.
    pub(crate) fn forget_sealing_key(&self) {
        self.serve_repository(None);
    }

    pub(crate) fn key(&self) -> Arc<ServedKey> {
        self.registry.key(KEY).unwrap()
    }

    /// The key in the bucket of an object of `one`.
    pub(crate) fn there(&self, key: &str) -> String {
        format!("{}in/here/{key}", self.dir)
    }

    /// The sealed id of an upload to an object of `one`.
    pub(crate) fn sealed(&self, key: &str, upload: &str) -> String {
        let key = self.there(key);
        let scope = UploadScope { repository: repository(), bucket: bucket_id(1), key: &key };
        UploadIds::new(&sealing_key()).unwrap().seal(scope, &UploadId::new(upload).unwrap()).unwrap()
    }

    /// Stores an object in `one`, outside the repository's folder.
    pub(crate) async fn put_beside(&self, key: &str) {
        let key = format!("{}{key}", self.dir);
        self.one.put(&key, Payload::bytes("x"), &PutRequest::default()).await.unwrap();
    }

    /// How many objects `one` has, inside and outside the folder.
    pub(crate) async fn count(&self) -> usize {
        let request = ListRequest { prefix: self.dir.clone(), ..Default::default() };
        self.one.list(&request).await.unwrap().objects.len()
    }

    /// Sends a request, skipping the signature.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, S3Failure> {
        let write_state = Arc::new(WriteState::new(&DetachedWrites::default()));
        let response = self.begin(method, path, headers, body.into(), &write_state).await?;
        Ok(read(response, &write_state).await)
    }

    /// Sends a request and verifies its signature and payload.
    pub(crate) async fn send_signed(
        &self,
        draft: Draft,
        body: impl Into<Bytes>,
    ) -> Result<Answer, S3Failure> {
        let (parts, _) = draft.sign();
        let verified = verify(&parts)?;
        let body: Bytes = body.into();
        let mut payload = payload::reader(http_body_util::Full::new(body), &verified, &parts)?;
        let target = Target::parse(parts.uri.path(), None, &Domains::default())?;
        let mut request = parse(&parts.method, &target, &Query::parse(parts.uri.query())?, &parts.headers)?;
        let write_state = Arc::new(WriteState::new(&DetachedWrites::default()));
        let context = self.context(Arc::clone(&write_state));
        let response = execute(&context, &target, &mut request, &mut payload).await?;
        Ok(read(response, &write_state).await)
    }

    async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        write_state: &Arc<WriteState>,
    ) -> Result<Response<GatewayBody>, S3Failure> {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let target = Target::parse(path, None, &Domains::default())?;
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()))
            .collect();
        let mut request = parse(&method, &target, &Query::parse(query)?, &headers)?;
        let context = self.context(Arc::clone(write_state));
        execute(&context, &target, &mut request, &mut PayloadBody::of_bytes(body)).await
    }

    fn context(&self, write_state: Arc<WriteState>) -> RequestContext {
        RequestContext {
            key: self.key(),
            registry: Arc::clone(&self.registry),
            settings: self.settings,
            now: "2026-05-01T10:00:00Z".parse().unwrap(),
            write_state: Some(write_state),
        }
    }

    /// Sends a request that must succeed.
    pub(crate) async fn ok(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let what = format!("{method} {path}");
        let answer = self.send(method, path, headers, body).await;
        answer.unwrap_or_else(|failure| panic!("{what}: {failure:?}"))
    }

    /// Sends a request that must fail.
    pub(crate) async fn refused(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> S3Error {
        let what = format!("{method} {path}");
        match self.send(method, path, headers, Bytes::new()).await {
            Ok(answer) => panic!("{what}: {answer:?}"),
            Err(failure) => failure.error,
        }
    }

    pub(crate) async fn put(&self, path: &str, content: impl Into<Bytes>) -> Answer {
        self.ok(Method::PUT, path, &[], content).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ok(Method::GET, path, &[], "").await
    }
}

async fn execute(
    context: &RequestContext,
    target: &Target,
    request: &mut Request<'_>,
    payload: &mut PayloadBody,
) -> Result<Response<GatewayBody>, S3Failure> {
    let Request { operation, headers } = request;
    let bucket = target.clone().into_bucket();
    match bucket.map(|name| context.resolve(&name)).transpose() {
        Ok(Some(bucket)) => handle(context, &bucket, operation, headers, payload).await,
        Ok(None) => handle_without_bucket(context, operation, headers),
        Err(_) if matches!(operation, Operation::CreateBucket { .. }) => {
            handle_without_bucket(context, operation, headers)
        }
        Err(unknown) => Err(unknown.into()),
    }
}

/// Reads a response to its end.
async fn read(response: Response<GatewayBody>, write_state: &WriteState) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let size_change = write_state.take_size_change();
    Answer { status: head.status, headers: head.headers, body, size_change }
}
