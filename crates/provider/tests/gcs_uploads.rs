//! Multipart uploads of the Google driver. Google's XML API is the same as S3's here. The emulator for Google has
//! no such uploads, so an S3 server in this process is used.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod gcs_target;

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{
    GetRequest, Multipart, NewUpload, ObjectAttributes, Objects, UploadCompletion, UploadId, UploadLists,
    UploadsRequest,
};
use bucketry_provider::error::ErrorKind;
use bucketry_provider::gcs::GcsDriver;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::dto::{ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::gcs_target::{connections, target_at};

/// A bucket on a dedicated server, which runs as long as the test's runtime.
async fn bucket() -> (GcsDriver, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bucket")).unwrap();
    (bucket_on(s3s_fs::FileSystem::new(dir.path()).unwrap()).await, dir)
}

async fn bucket_on(server: impl S3) -> GcsDriver {
    let service = S3ServiceBuilder::new(server).build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    GcsDriver::open(&target_at(&endpoint, "bucket"), &connections()).unwrap()
}

/// A server that lists in-progress uploads and supports nothing else.
struct GoingOn(&'static [(&'static str, &'static str)]);

#[async_trait::async_trait]
impl S3 for GoingOn {
    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let wanted = request.input;
        let prefix = wanted.prefix.unwrap_or_default();
        let after = (wanted.key_marker.unwrap_or_default(), wanted.upload_id_marker.unwrap_or_default());
        let follows = |(key, upload): &&(&str, &str)| {
            key.starts_with(&prefix) && (*key, *upload) > (after.0.as_str(), after.1.as_str())
        };
        let mut found: Vec<_> = self.0.iter().filter(follows).collect();
        let most = usize::try_from(wanted.max_uploads.unwrap()).unwrap();
        let truncated = found.len() > most;
        found.truncate(most);
        let (key, upload) = found.last().map_or(("", ""), |last| **last);
        let upload_of = |(key, upload): &(&str, &str)| MultipartUpload {
            key: Some((*key).to_owned()),
            upload_id: Some((*upload).to_owned()),
            ..Default::default()
        };
        Ok(S3Response::new(ListMultipartUploadsOutput {
            is_truncated: Some(truncated),
            next_key_marker: Some(key.to_owned()),
            next_upload_id_marker: Some(upload.to_owned()),
            uploads: Some(found.into_iter().map(upload_of).collect()),
            ..Default::default()
        }))
    }
}

#[tokio::test]
async fn uploads_that_go_on_are_listed_page_by_page() {
    let all = &[("f/a", "1"), ("f/b", "2"), ("f/b", "3"), ("f/ü &", "4"), ("g", "5")];
    let driver = bucket_on(GoingOn(all)).await;
    let mut request = UploadsRequest { prefix: "f/".into(), max_uploads: 2, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = driver.list_uploads(&request).await.unwrap();
        found.extend(page.uploads.into_iter().map(|one| (one.key, one.upload)));
        let Some(next) = page.next else { break };
        request.after = next;
    }
    let expected: Vec<_> =
        all[..4].iter().map(|(key, upload)| ((*key).to_owned(), (*upload).to_owned())).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn parts_become_an_object_in_the_order_of_their_numbers() {
    let (driver, _room) = bucket().await;
    let key = "dir/of parts";
    let attributes = ObjectAttributes { content_type: Some("text/parts".into()), ..Default::default() };
    let upload = driver.create_multipart(key, &NewUpload { attributes, ..Default::default() }).await.unwrap();
    let first = Bytes::from(vec![b'a'; 5 * 1024 * 1024]);
    let second = driver.upload_part(key, &upload, 2, Payload::bytes("the end")).await.unwrap();
    let first_part = driver.upload_part(key, &upload, 1, Payload::bytes(first.clone())).await.unwrap();
    assert_eq!((first_part.number, second.number, second.size), (1, 2, 7));

    let page = driver.list_parts(key, &upload, 0).await.unwrap();
    let mut sizes: Vec<_> = page.parts.iter().map(|part| (part.number, part.size)).collect();
    // This server lists parts in any order.
    sizes.sort_unstable();
    assert_eq!((sizes, page.next), (vec![(1, first.len() as u64), (2, 7)], None));

    let parts = [first_part, second];
    driver
        .complete_multipart(key, &upload, &UploadCompletion { parts: &parts, ..Default::default() })
        .await
        .unwrap();
    let read = driver.get(key, &GetRequest::default()).await.unwrap();
    assert_eq!(read.info.attributes.content_type.as_deref(), Some("text/parts"));
    assert_eq!(read.body.collect().await.unwrap().to_bytes(), [&first[..], b"the end"].concat());
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let (driver, _room) = bucket().await;
    let upload = driver.create_multipart("key", &NewUpload::default()).await.unwrap();
    let part = driver.upload_part("key", &upload, 1, Payload::bytes("x")).await.unwrap();
    driver.abort_multipart("key", &upload).await.unwrap();
    assert!(
        driver
            .complete_multipart("key", &upload, &UploadCompletion { parts: &[part], ..Default::default() })
            .await
            .is_err()
    );
    let read = driver.get("key", &GetRequest::default()).await;
    assert_eq!(read.unwrap_err().kind(), Some(ErrorKind::ObjectNotFound));
}

#[tokio::test]
async fn an_upload_that_never_was_is_not_found() {
    let (driver, _room) = bucket().await;
    let unknown = UploadId::new(uuid::Uuid::new_v4().to_string()).unwrap();
    let outcome = driver.upload_part("key", &unknown, 1, Payload::bytes("x")).await;
    assert!(outcome.unwrap_err().answer().is_some_and(|answer| answer.status.is_client_error()));
}
