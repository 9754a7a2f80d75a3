//! Against a server that does what Google documents where its emulator doesn't.

use bucketry_faults::GoogleStub;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use http::{Method, StatusCode};

use crate::context::TestContext;

const PACKED: &str = "\u{1f}compressed";

async fn stub() -> (GoogleStub, TestContext) {
    let stub = GoogleStub::start().await.unwrap();
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: "bucket".to_owned(),
            key: Some("GOOG1EXAMPLE".to_owned()),
            endpoint: Some(Endpoint::parse(&stub.endpoint()).unwrap()),
            region: None,
        },
        secret: Some(Secret::new("secret")),
    };
    let context = TestContext::new(&target, &target, "");
    (stub, context)
}

#[tokio::test]
async fn an_object_stored_as_gzip_arrives_as_it_is_stored() {
    let (stub, context) = stub().await;
    let headers = [("content-encoding", "gzip"), ("content-type", "text/plain")];
    context.ok(Method::PUT, "/one/log", &headers, PACKED).await;
    for method in [Method::GET, Method::HEAD] {
        let read = context.ok(method.clone(), "/one/log", &[], "").await;
        assert_eq!((read.status, read.header("content-encoding")), (StatusCode::OK, "gzip"), "{method}");
        assert_eq!(read.header("content-length"), PACKED.len().to_string(), "{method}");
        assert_eq!(read.text(), if method == Method::GET { PACKED } else { "" });
    }
    let part = context.ok(Method::GET, "/one/log", &[("range", "bytes=1-4")], "").await;
    assert_eq!((part.status, part.text().as_str()), (StatusCode::PARTIAL_CONTENT, "comp"));
    let part = context.ok(Method::HEAD, "/one/log", &[("range", "bytes=1-4")], "").await;
    assert_eq!((part.status, part.header("content-length")), (StatusCode::PARTIAL_CONTENT, "4"));
    let attributes = context.get("/one/log?attributes").await;
    assert_eq!(attributes.element("ObjectSize"), Some(PACKED.len().to_string()));
    context.get("/one?list-type=2").await;
    assert_eq!(stub.accepted_elsewhere(), 0, "only objects are read with Accept-Encoding");
}

#[tokio::test]
async fn an_object_stored_as_gzip_is_copied_as_it_is_stored() {
    let (_stub, context) = stub().await;
    let headers = [("content-encoding", "gzip"), ("x-amz-meta-colour", "blue")];
    context.ok(Method::PUT, "/one/log", &headers, PACKED).await;
    let copied = context.ok(Method::PUT, "/two/copy", &[("x-amz-copy-source", "one/log")], "").await;
    assert_eq!(copied.size_change, i64::try_from(PACKED.len()).unwrap());
    let read = context.get("/two/copy").await;
    assert_eq!((read.text().as_str(), read.header("content-encoding")), (PACKED, "gzip"));
    assert_eq!(read.header("x-amz-meta-colour"), "blue");
}

/// With an HMAC key, the metadata of an object can't be changed.
#[tokio::test]
async fn tags_are_refused() {
    let (_stub, context) = stub().await;
    crate::objects::tags_are_refused_where_the_provider_has_none(&context).await;
}
