//! Access levels and routing.

use std::any::Any;

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, GetRequest, ListRequest, NewUpload, PutRequest};
use bucketry_provider::error::ErrorKind;
use bucketry_provider::s3::S3Driver;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::context::{READER, TestContext, WRITER, repository_id};

fn put() -> PutRequest {
    PutRequest::default()
}

#[tokio::test]
async fn objects_lie_in_the_repositorys_folder_which_clients_do_not_see() {
    let context = TestContext::start("folders").await;
    context.serve(&context.stored("apps/one"));
    context.client().put("a/b", Payload::bytes("x"), &put()).await.unwrap();
    context.direct.put(&context.stored("apps/two/secret"), Payload::bytes("y"), &put()).await.unwrap();
    assert!(context.direct.head(&context.stored("apps/one/a/b"), &Conditions::default()).await.is_ok());
    let page = context.client().list(&ListRequest::default()).await.unwrap();
    let keys: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["a/b"]);
}

#[tokio::test]
async fn a_key_that_may_read_cannot_write() {
    let context = TestContext::start("readonly").await;
    context.direct.put(&context.stored("k"), Payload::bytes("x"), &put()).await.unwrap();
    let reader = context.client_with(READER);
    let read = reader.get("k", &GetRequest::default()).await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().to_bytes(), "x");
    let written = reader.put("k", Payload::bytes("y"), &put()).await.unwrap_err();
    assert_eq!(written.kind(), Some(ErrorKind::AccessDenied));
    let deleted = reader.delete("k", None).await.unwrap_err();
    assert_eq!(deleted.kind(), Some(ErrorKind::AccessDenied));
    let begun = reader.create_multipart("k", &NewUpload::default()).await.unwrap_err();
    assert_eq!(begun.kind(), Some(ErrorKind::AccessDenied));
    let read = context.direct.get(&context.stored("k"), &GetRequest::default()).await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().to_bytes(), "x");
}

#[tokio::test]
async fn refused_uses_of_keys_are_reported_with_key_code_and_address() {
    let context = TestContext::start("refusals").await;
    context.client().put("k", Payload::bytes("x"), &put()).await.unwrap();
    assert_eq!(context.observed.refusals(), [], "accepted requests report nothing");
    let reader = context.client_with(READER);
    reader.put("k", Payload::bytes("y"), &put()).await.unwrap_err();
    let unknown = context.client_with("BKTNOBODYNOBODYNOBOD");
    unknown.get("k", &GetRequest::default()).await.err().unwrap();
    let wrong = context.client_with_secret(WRITER, "another-secret-key-of-forty-characters!!");
    wrong.get("k", &GetRequest::default()).await.err().unwrap();
    // Without a key there is no use of one.
    let anonymous = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", context.bucket);
    let mut connection = TcpStream::connect(context.address).await.unwrap();
    connection.write_all(anonymous.as_bytes()).await.unwrap();
    connection.read_to_end(&mut Vec::new()).await.unwrap();

    let refusals = context.observed.refusals();
    let codes: Vec<_> = refusals.iter().map(|one| (one.code, one.key_id.is_some())).collect();
    let expected = [("AccessDenied", true), ("InvalidAccessKeyId", false), ("SignatureDoesNotMatch", true)];
    assert_eq!(codes, expected);
    assert_ne!(refusals[0].key_id, refusals[2].key_id);
    assert!(refusals.iter().all(|one| one.address == Some([127, 0, 0, 1].into())), "{refusals:?}");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_while_what_it_began_finishes() {
    let context = TestContext::start("revoked").await;
    let content = vec![7; 8 << 20];
    context.direct.put(&context.stored("k"), Payload::bytes(content.clone()), &put()).await.unwrap();
    let client = context.client();
    let begun = client.get("k", &GetRequest::default()).await.unwrap();
    context.gateway.forget_repository(repository_id());
    let refused = client.get("k", &GetRequest::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::KeyUnknown));
    assert_eq!(begun.body.collect().await.unwrap().to_bytes(), content);
}

#[tokio::test]
async fn a_refused_upload_is_not_told_to_go_on() {
    let context = TestContext::start("expect").await;
    let mut connection = TcpStream::connect(context.address).await.unwrap();
    let request = format!(
        "PUT /{}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        context.bucket
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("x-amz-request-id: ") && answer.contains("<Error>"), "{answer}");
}

#[tokio::test]
async fn who_makes_a_bucket_is_told_how_one_is_got() {
    let context = TestContext::start("make").await;
    let create = async |name: &str| {
        let client = context.client_of(name, WRITER);
        let s3: &dyn Any = client.forwarder().unwrap();
        s3.downcast_ref::<S3Driver>().unwrap().create_bucket().await
    };
    create(&context.bucket).await.unwrap();
    let refused = create("elsewhere").await.unwrap_err();
    assert_eq!(refused.answer().unwrap().code.as_deref(), Some("NotImplemented"));
}

#[tokio::test]
async fn a_key_that_has_not_come_yet_after_a_start_is_told_to_try_again() {
    let context = TestContext::start_incomplete("early", None, |_, _| {}).await;
    let stranger = context.client_with("BKTSTRANGERSTRANGERS");
    let answer = async || {
        let error = stranger.get("k", &GetRequest::default()).await.unwrap_err();
        (error.answer().unwrap().status.as_u16(), error.answer().unwrap().code.clone())
    };
    assert_eq!(answer().await, (503, Some("ServiceUnavailable".into())));
    context.client().put("k", Payload::bytes("content"), &PutRequest::default()).await.unwrap();
    context.gateway.complete();
    assert_eq!(answer().await, (403, Some("InvalidAccessKeyId".into())));
}

#[tokio::test]
async fn a_node_that_cannot_know_whether_keys_are_revoked_refuses_them_until_it_can() {
    let context = TestContext::start("stale").await;
    let get = async || context.client().get("k", &GetRequest::default()).await;
    context.client().put("k", Payload::bytes("content"), &PutRequest::default()).await.unwrap();
    context.gateway.set_stale(true);
    let error = get().await.err().unwrap();
    let answer = error.answer().unwrap();
    assert_eq!((answer.status.as_u16(), answer.code.as_deref()), (503, Some("ServiceUnavailable")));
    context.gateway.set_stale(false);
    assert!(get().await.is_ok());
}
