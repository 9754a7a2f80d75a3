//! Against a server that does what Azure documents where its emulator doesn't.

use bucketry_faults::{AzureStub, BlockLists};
use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use http::Method;

use crate::context::TestContext;
use crate::multipart::{begin, complete, part};

async fn stub() -> (AzureStub, TestContext) {
    let stub = AzureStub::start().await.unwrap();
    let target = |bucket: &str| BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: bucket.to_owned(),
            key: Some("account".to_owned()),
            endpoint: Some(Endpoint::parse(&stub.endpoint()).unwrap()),
            region: None,
        },
        secret: Some(Secret::new("c2VjcmV0")),
    };
    let context = TestContext::new(&target("container"), &target("container"), "");
    (stub, context)
}

#[tokio::test]
async fn a_key_that_the_provider_would_change_is_refused_everywhere() {
    let (stub, context) = stub().await;
    context.put("/one/report", "the final report").await;
    context.put("/one/dir/file", "x").await;
    let names = stub.names();
    let source = ("x-amz-copy-source", "one/report");
    for key in ["report.", "report..", "dir./file", "dir/file.", "dir.../file"] {
        let path = format!("/one/{key}");
        let wrong_source = format!("one/{key}");
        let wrong_source = ("x-amz-copy-source", wrong_source.as_str());
        for (method, path, headers) in [
            (Method::PUT, path.clone(), &[][..]),
            (Method::GET, path.clone(), &[]),
            (Method::HEAD, path.clone(), &[]),
            (Method::DELETE, path.clone(), &[]),
            (Method::PUT, path.clone(), &[source]),
            (Method::PUT, "/one/copy".to_owned(), &[wrong_source]),
            (Method::PUT, "/two/copy".to_owned(), &[wrong_source]),
            (Method::POST, format!("{path}?uploads"), &[]),
            (Method::GET, format!("{path}?tagging"), &[]),
            (Method::DELETE, format!("{path}?tagging"), &[]),
            (Method::GET, format!("{path}?attributes"), &[]),
        ] {
            let error = context.refused(method.clone(), &path, headers).await;
            assert_eq!(error.code, Code::InvalidRequest, "{method} {path} {headers:?}");
            assert!(error.message.contains("Azure drops dots"), "{error}");
        }
        let document = format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
        let answer = context.ok(Method::POST, "/one?delete", &[], document).await;
        assert_eq!(answer.elements("Code"), ["InvalidRequest"], "{key}");
        assert_eq!(answer.size_change, 0);
    }
    assert_eq!(stub.names(), names, "nothing was stored or deleted");
    assert_eq!(context.get("/one/report").await.text(), "the final report");
}

#[tokio::test]
async fn an_empty_last_part_is_stored() {
    let (stub, context) = stub().await;
    crate::multipart::an_empty_last_part_is_stored(&context).await;
    assert_eq!(stub.uncommitted(), 0);
}

#[tokio::test]
async fn a_part_of_a_completed_upload_leaves_nothing_behind() {
    let (stub, context) = stub().await;
    crate::multipart::a_completed_upload_is_gone(&context).await;
    crate::multipart::a_completion_that_is_repeated_has_the_same_result(&context).await;
    assert_eq!(stub.uncommitted(), 0);
}

#[tokio::test]
async fn uploads_work_where_blocks_cannot_be_listed() {
    let (stub, context) = stub().await;
    for block_lists in [BlockLists::Committed, BlockLists::Denied] {
        stub.set_block_lists(block_lists);
        for (key, contents) in [("empty", &[""][..]), ("full", &["con", "tent"]), ("last", &["content", ""])]
        {
            let upload = begin(&context, key).await;
            let mut parts = String::new();
            for (number, content) in (1..).zip(contents) {
                parts += &part(&context, key, &upload, number, content).await;
            }
            let unsent = parts.replace("<PartNumber>1<", "<PartNumber>7<");
            complete(&context, key, &upload, &[], &unsent).await.unwrap_err();
            complete(&context, key, &upload, &[], &parts).await.unwrap();
            assert_eq!(
                context.get(&format!("/one/{key}")).await.text(),
                contents.concat(),
                "{block_lists:?}"
            );
        }
    }
    assert_eq!(stub.uncommitted(), 0);
}

#[tokio::test]
async fn an_upload_outlasts_a_write_to_its_key() {
    let (stub, context) = stub().await;
    crate::multipart::an_upload_outlasts_a_write_to_its_key(&context).await;
    assert_eq!(stub.uncommitted(), 0);
    assert_eq!(context.get("/one/written").await.text(), "content");
}
