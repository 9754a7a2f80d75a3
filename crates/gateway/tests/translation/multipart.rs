//! Multipart uploads.

use bucketry_gateway::internals::error::Code;
use bytes::Bytes;
use http::{Method, StatusCode};

use crate::context::TestContext;

const MIB: usize = 1024 * 1024;

async fn begin(context: &TestContext, key: &str) -> String {
    let begun =
        context.ok(Method::POST, &format!("/one/{key}?uploads"), &[("content-type", "text/parts")], "").await;
    assert_eq!(begun.element("Key").as_deref(), Some(key));
    let upload = begun.element("UploadId").unwrap();
    percent_encoding::utf8_percent_encode(&upload, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(crate) async fn parts_become_an_object(context: &TestContext) {
    context.put("/one/large", "small").await;
    context.put("/two/source", vec![3; 100]).await;
    let upload = begin(context, "large").await;
    let mut parts: Vec<String> = Vec::new();
    for (number, content) in [(1, vec![1; 5 * MIB]), (2, vec![2; 5 * MIB])] {
        let path = format!("/one/large?partNumber={number}&uploadId={upload}");
        let part = context.ok(Method::PUT, &path, &[], content).await;
        assert_eq!(part.size_change, 0);
        let etag = part.header("etag").replace('"', "&quot;");
        parts.push(format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
    }
    let path = format!("/one/large?partNumber=3&uploadId={upload}");
    let source = [("x-amz-copy-source", "two/source"), ("x-amz-copy-source-range", "bytes=10-19")];
    let copied = context.ok(Method::PUT, &path, &source, "").await;
    parts.push(format!(
        "<Part><PartNumber>3</PartNumber><ETag>{}</ETag></Part>",
        copied.element("ETag").unwrap().replace('"', "&quot;")
    ));
    let outside = [("x-amz-copy-source", "two/source"), ("x-amz-copy-source-range", "bytes=10-100")];
    assert_eq!(context.refused(Method::PUT, &path, &outside).await.code, Code::InvalidArgument);

    let list = context.get(&format!("/one/large?uploadId={upload}&max-parts=2")).await;
    assert_eq!(
        (list.elements("PartNumber"), list.element("IsTruncated").unwrap()),
        (vec!["1".into(), "2".into()], "true".into())
    );
    let next = list.element("NextPartNumberMarker").unwrap();
    let rest = context.get(&format!("/one/large?uploadId={upload}&part-number-marker={next}")).await;
    assert_eq!(
        (rest.elements("PartNumber"), rest.elements("Size")),
        (vec!["3".to_owned()], vec!["10".to_owned()])
    );

    assert_eq!(
        context.get("/one/large").await.text(),
        "small",
        "the old object stays until the upload is completed"
    );
    let path = format!("/one/large?uploadId={upload}");
    let document = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.concat());
    let done = context.ok(Method::POST, &path, &[], document).await;
    assert_eq!(done.element("Location").as_deref(), Some("/one/large"));
    let size = 10 * MIB + 10;
    assert_eq!(done.size_change, i64::try_from(size).unwrap() - 5);
    let read = context.get("/one/large").await;
    assert_eq!((read.body.len(), read.header("content-type")), (size, "text/parts"));
    assert_eq!(read.body.slice(5 * MIB - 1..=5 * MIB), Bytes::from_static(&[1, 2]));
    assert_eq!(read.body[10 * MIB..], [3; 10]);
    assert_eq!(Some(read.header("etag")), done.element("ETag").as_deref());
}

pub(crate) async fn an_aborted_upload_is_gone(context: &TestContext) {
    let upload = begin(context, "aborted").await;
    context.put(&format!("/one/aborted?partNumber=1&uploadId={upload}"), "part").await;
    let gone = context.ok(Method::DELETE, &format!("/one/aborted?uploadId={upload}"), &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(context.refused(Method::GET, "/one/aborted", &[]).await.code, Code::NoSuchKey);
    let document = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>\
        </CompleteMultipartUpload>";
    let completed = context
        .send(Method::POST, &format!("/one/aborted?uploadId={upload}"), &[], document)
        .await
        .unwrap_err();
    assert!(
        matches!(completed.error.code, Code::NoSuchUpload | Code::InvalidPart | Code::InvalidRequest),
        "{completed:?}"
    );
    let sub_resource = context.refused(Method::GET, "/one/aborted?uploadId=u&acl", &[]).await;
    assert_eq!(sub_resource.code, Code::NotImplemented);
}
