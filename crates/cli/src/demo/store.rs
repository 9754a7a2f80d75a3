//! The demo's embedded S3 server: `s3s` over a directory, on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_model::bucket::StorageType;
use bucketry_model::secret::Secret;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::S3Access;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    DeleteObjectInput, GetObjectInput, HeadObjectInput, ListObjectsInput, ListObjectsV2Input, PutObjectInput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Request, S3Result, s3_error};
use tokio::net::TcpListener;

use super::ACCESS_KEY;
use super::buckets::{AT_STORE, DemoBucket};
use crate::failure::{Failure, Result};

/// Writes the objects of a bucket as files, in a directory named after the bucket.
pub(crate) fn write_objects(directory: &Path, bucket: &DemoBucket) -> std::io::Result<()> {
    for (key, text) in bucket.objects {
        let path = directory.join(bucket.bucket).join(key);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Hides the directories that keys with slashes create on the disk. The store would read them as objects and fail
/// with status 500, which clients that look before they write (rclone) retry for a minute.
struct OnlyFiles {
    root: PathBuf,
}

impl OnlyFiles {
    async fn is_folder(&self, bucket: &str, key: &str) -> bool {
        let found = tokio::fs::metadata(self.root.join(bucket).join(key)).await;
        found.is_ok_and(|found| found.is_dir())
    }

    async fn check_object(&self, bucket: &str, key: &str) -> S3Result<()> {
        if self.is_folder(bucket, key).await { Err(s3_error!(NoSuchKey)) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl S3Access for OnlyFiles {
    async fn head_object(&self, request: &mut S3Request<HeadObjectInput>) -> S3Result<()> {
        self.check_object(&request.input.bucket, &request.input.key).await
    }

    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        self.check_object(&request.input.bucket, &request.input.key).await
    }

    /// Drops the encoding type: the store claims to encode names and doesn't.
    async fn list_objects(&self, request: &mut S3Request<ListObjectsInput>) -> S3Result<()> {
        request.input.encoding_type = None;
        Ok(())
    }

    async fn list_objects_v2(&self, request: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        request.input.encoding_type = None;
        Ok(())
    }

    /// Refuses long keys. The store writes metadata to a file named after bucket and key. If that name is too long,
    /// it fails after it has stored the object.
    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        let PutObjectInput { bucket, key, .. } = &request.input;
        let name = (bucket.len().div_ceil(3) + key.len().div_ceil(3)) * 4;
        if name + NAMES_OF_THE_STORE > LONGEST_NAME { Err(s3_error!(KeyTooLongError)) } else { Ok(()) }
    }

    async fn delete_object(&self, request: &mut S3Request<DeleteObjectInput>) -> S3Result<()> {
        let input = &mut request.input;
        if !input.key.ends_with('/') && self.is_folder(&input.bucket, &input.key).await {
            // Deletes a key that can't exist, because no file has so long a name. That succeeds.
            input.key = format!("{}/{}", input.key, "-".repeat(LONGEST_NAME + 1));
        }
        Ok(())
    }
}

/// The maximum length of a file name, in bytes.
const LONGEST_NAME: usize = 255;

/// What the store adds to bucket and key in the name of a metadata file, in bytes: `.bucket-`, `.object-`,
/// `.metadata.json`.
const NAMES_OF_THE_STORE: usize = 30;

/// A running S3 server with the demo's buckets.
pub(crate) struct DemoStore {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for DemoStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DemoStore {
    /// Starts the server over a directory. Its only access key is the demo's, with this secret.
    pub(crate) async fn start(directory: &Path, secret: &Secret) -> Result<Self> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::failed(format!("the demo's S3 server: {error}"));
        for bucket in AT_STORE {
            write_objects(directory, bucket).map_err(|error| failed(&error))?;
        }
        let files = s3s_fs::FileSystem::new(directory).map_err(|error| failed(&format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, secret.expose()));
        builder.set_access(OnlyFiles { root: directory.to_owned() });
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    // An error means that the client disconnected.
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Ok(Self { address, task })
    }

    /// The URL of the server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The fields that register one of its buckets, without the workspace.
    pub(crate) fn fields(&self, bucket: &DemoBucket, secret: &Secret) -> NewBucketRequest {
        NewBucketRequest {
            name: Some(bucket.name.to_owned()),
            bucket: Some(bucket.bucket.to_owned()),
            storage_type: Some(StorageType::S3.into()),
            key: Some(ACCESS_KEY.to_owned()),
            secret: Some(secret.clone()),
            endpoint: Some(self.url()),
            ..NewBucketRequest::default()
        }
    }
}
