//! The integration tests of the Rust crate `object_store`, over every kind of provider. What doesn't work is listed
//! with the reason in `clients/known-failures.txt`, as for the clients of the matrix.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bucketry_e2e::{
    Call, OBJECT_STORE, OPEN_BUCKET, Outcomes, Person, RepositoryAccess, Result, Server, azure_bucket,
    gcs_bucket, options, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStoreExt, RetryConfig, integration};
use serde_json::{Value, json};
use tokio::task::JoinError;
use tokio::time::error::Elapsed;

/// Time limit of an operation, longer than the slowest one, which moves 50 MB.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn object_store_works_with_a_bucket_at_an_s3_server() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("S3", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    all_operations("s3", &server, &owner, &body).await
}

#[tokio::test]
async fn object_store_works_with_an_azure_container() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = azure_bucket("Azure", "object-store", &owner.workspace().await?).await?;
    all_operations("azure", &server, &owner, &body).await
}

#[tokio::test]
async fn object_store_works_with_a_bucket_at_google() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = gcs_bucket("Google", "object-store", &owner.workspace().await?).await?;
    all_operations("gcs", &server, &owner, &body).await
}

/// Runs the crate's integration tests as operations and compares their failures with the known ones. Writes a table
/// of all outcomes to the target directory, for people to read.
async fn all_operations(provider: &'static str, server: &Server, owner: &Person, body: &Value) -> Result<()> {
    let bucket = owner.register(body).await?;
    let mut response = BTreeMap::new();
    // Each runs in a separate task, because they panic. Each uses a separate folder, because they expect an empty
    // bucket, which a panic doesn't leave behind, and because SeaweedFS lists the folders of deleted objects for a
    // while.
    macro_rules! operation {
        ($name:ident, |$store:ident| $test:expr) => {
            operation!($name, std::convert::identity, |$store| $test)
        };
        ($name:ident, $also:expr, |$store:ident| $test:expr) => {{
            let name = stringify!($name);
            let folder = json!({ "bucketId": bucket, "folder": name, "master": false });
            let fields = json!({ "name": name, "repoBuckets": [folder] });
            let access = owner.open_repository(server, &fields, text(&body["bucket"])).await?;
            let $store = opened(&access, $also);
            let task = tokio::spawn(tokio::time::timeout(PATIENCE, async move { $test.await }));
            response.insert(name.to_owned(), told_by(task.await));
        }};
    }
    operation!(put_get_delete_list, |store| integration::put_get_delete_list(&store));
    operation!(put_get_delete_list_unsigned, |builder| builder.with_unsigned_payload(true), |store| {
        integration::put_get_delete_list(&store)
    });
    operation!(
        put_get_delete_list_sha256,
        |builder| builder.with_checksum_algorithm(Checksum::SHA256),
        |store| integration::put_get_delete_list(&store)
    );
    operation!(
        put_get_delete_list_crc64nvme,
        |builder| builder.with_checksum_algorithm(Checksum::CRC64NVME),
        |store| integration::put_get_delete_list(&store)
    );
    operation!(put_get_attributes, |store| integration::put_get_attributes(&store));
    operation!(put_opts, |store| integration::put_opts(&store, true));
    operation!(get_opts, |store| integration::get_opts(&store));
    operation!(get_nonexistent_object, |store| get_nonexistent_object(&store));
    operation!(list_uses_directories_correctly, |store| integration::list_uses_directories_correctly(&store));
    operation!(list_with_delimiter, |store| integration::list_with_delimiter(&store));
    operation!(list_with_offset_exclusivity, |store| integration::list_with_offset_exclusivity(&store));
    operation!(list_paginated, |store| integration::list_paginated(&store, &store));
    operation!(rename_and_copy, |store| integration::rename_and_copy(&store));
    operation!(copy_if_not_exists, |store| integration::copy_if_not_exists(&store));
    operation!(copy_rename_nonexistent_object, |store| integration::copy_rename_nonexistent_object(&store));
    operation!(stream_get, |store| integration::stream_get(&store));
    operation!(multipart, |store| integration::multipart(&store, &store));
    operation!(multipart_with_opts, |store| integration::multipart_with_opts(&store, &store));
    operation!(multipart_put_part_out_of_order, |store| integration::multipart_put_part_out_of_order(
        &store, &store
    ));
    operation!(multipart_out_of_order, |store| integration::multipart_out_of_order(&store));
    operation!(multipart_race_condition, |store| integration::multipart_race_condition(&store, true));
    operation!(signed_urls, |store| signed_urls(&store));
    compare_with_known(provider, response)
}

/// Compares outcomes with the known ones, and writes a table of them.
fn compare_with_known(provider: &'static str, response: BTreeMap<String, String>) -> Result<()> {
    let mut outcomes = Outcomes::new(provider);
    outcomes.add(OBJECT_STORE, response);
    outcomes.write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("object-store-{provider}.tsv")))?;
    let surprises = outcomes.surprises();
    assert!(surprises.is_empty(), "{surprises:#?}");
    Ok(())
}

/// `ok`, or the panic message of the test.
fn told_by(ended: std::result::Result<std::result::Result<(), Elapsed>, JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(_)) => format!("not done within {} s", PATIENCE.as_secs()),
        Err(error) => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

async fn get_nonexistent_object(store: &AmazonS3) {
    let error = integration::get_nonexistent_object(store, None).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
}

/// Tests signed URLs. The crate's own test of them is not public.
async fn signed_urls(store: &AmazonS3) {
    let at = "folder/signed.txt".into();
    let call = async |method: Method| {
        let url = store.signed_url(method.clone(), &at, Duration::from_mins(1)).await.unwrap();
        let path = format!("{}?{}", url.path(), url.query().unwrap());
        Call::new(method, &url.origin().ascii_serialization(), &path)
    };
    let put = call(Method::PUT).await.raw("text/plain", "first light").send().await.unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap(), "first light");
    let got = call(Method::GET).await.send().await.unwrap();
    assert_eq!((got.status, got.text().as_str()), (200, "first light"));
    let deleted = call(Method::DELETE).await.send().await.unwrap();
    assert_eq!(deleted.status, 204, "{}", deleted.text());
}

fn opened(access: &RepositoryAccess, also: impl FnOnce(AmazonS3Builder) -> AmazonS3Builder) -> AmazonS3 {
    // A response that the client retries is a finding, so retries must not hide many of them.
    let retry =
        RetryConfig { max_retries: 1, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
    let builder = AmazonS3Builder::new()
        .with_http_connector(OverHyper)
        .with_endpoint(&access.endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(&access.bucket)
        .with_access_key_id(&access.key)
        .with_secret_access_key(&access.secret)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retry);
    also(builder).build().unwrap()
}

/// Sends the crate's requests with hyper, which avoids the dependency on reqwest.
#[derive(Debug)]
struct OverHyper;

impl HttpConnector for OverHyper {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Pool(Client::builder(TokioExecutor::new()).build_http())))
    }
}

#[derive(Debug)]
struct Pool(Client<TcpConnector, HttpRequestBody>);

#[async_trait]
impl HttpService for Pool {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let answer =
            self.0.request(request).await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        Ok(answer.map(|body| {
            let body = body.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error));
            HttpResponseBody::new(body)
        }))
    }
}
