//! An S3 server in this process that stores keys unchanged, as AWS does. The other test servers store objects in
//! file or path trees and change or refuse some keys. Signatures are verified by `s3s`, which shares no code with
//! the driver.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::policy::EndpointPolicy;
use bytes::Bytes;
use futures_util::TryStreamExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::auth::SimpleAuth;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadBucketInput,
    HeadBucketOutput, ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput,
    StreamingBlob,
};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;

const KEY: &str = "AKIDVERBATIM";
const SECRET: &str = "secret of the verbatim server";

/// The server's only bucket, under any name, and its behaviour.
#[derive(Clone, Default)]
pub(crate) struct Verbatim {
    pub(crate) objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    /// Operations (`put`, `get`, `delete`, `list`, `head`) that are denied.
    pub(crate) denied: &'static [&'static str],
    /// Operations that never get a response.
    pub(crate) stalled: &'static [&'static str],
    /// Whether writes are carried out without a response.
    pub(crate) silent_writes: bool,
    /// Whether reads return different content.
    pub(crate) forgetful: bool,
}

impl Verbatim {
    async fn admit(&self, operation: &str) -> S3Result<()> {
        if self.stalled.contains(&operation) {
            std::future::pending::<()>().await;
        }
        if self.denied.contains(&operation) { Err(s3_error!(AccessDenied)) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl S3 for Verbatim {
    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.admit("head").await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.admit("put").await?;
        let body = request.input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let content: Vec<Bytes> = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
        self.objects.lock().unwrap().insert(request.input.key, content.concat().into());
        if self.silent_writes {
            std::future::pending::<()>().await;
        }
        let e_tag = Some(ETag::Strong("tag".into()));
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.admit("get").await?;
        let content = self.objects.lock().unwrap().get(&request.input.key).cloned();
        let content = content.ok_or_else(|| s3_error!(NoSuchKey))?;
        let content = if self.forgetful { Bytes::from_static(b"something else") } else { content };
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(content.len()).ok(),
            body: Some(StreamingBlob::from(Body::from(content))),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.admit("delete").await?;
        self.objects.lock().unwrap().remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.admit("list").await?;
        let prefix = request.input.prefix.unwrap_or_default();
        let listed = |(key, content): (&String, &Bytes)| Object {
            // AWS writes a space as a plus, too.
            key: Some(utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%20", "+")),
            size: i64::try_from(content.len()).ok(),
            ..Default::default()
        };
        let objects = self.objects.lock().unwrap();
        let contents = objects.iter().filter(|(key, _)| key.starts_with(&prefix)).map(listed).collect();
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents),
            encoding_type: request.input.encoding_type,
            is_truncated: Some(false),
            ..Default::default()
        }))
    }
}

/// Serves at a free port while the test's runtime lives, and returns a bucket on the server.
pub(crate) async fn serve(server: Verbatim) -> BucketTarget {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut service = S3ServiceBuilder::new(server);
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: "bucket".to_owned(),
            key: Some(KEY.to_owned()),
            endpoint: Some(Endpoint::parse(&format!("http://{address}")).unwrap()),
            region: Some("eu-west-1".to_owned()),
        },
        secret: Some(Secret::new(SECRET)),
    }
}

/// Connections with a policy that allows the server.
pub(crate) fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}
