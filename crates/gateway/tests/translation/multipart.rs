//! Multipart uploads.

use bucketry_gateway::internals::error::Code;
use bytes::Bytes;
use http::{Method, StatusCode};

use crate::context::{Answer, TestContext};

const MIB: usize = 1024 * 1024;

pub(crate) async fn begin(context: &TestContext, key: &str) -> String {
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
    let path = format!("/one/aborted?partNumber=2&uploadId={upload}");
    assert_eq!(context.refused(Method::PUT, &path, &[]).await.code, Code::NoSuchUpload);
    let path = format!("/one/aborted?uploadId={upload}");
    assert_eq!(context.refused(Method::GET, &path, &[]).await.code, Code::NoSuchUpload);
    let sub_resource = context.refused(Method::GET, "/one/aborted?uploadId=u&acl", &[]).await;
    assert_eq!(sub_resource.code, Code::NotImplemented);
}

pub(crate) async fn part(
    context: &TestContext,
    key: &str,
    upload: &str,
    number: u32,
    content: &'static str,
) -> String {
    let path = format!("/one/{key}?partNumber={number}&uploadId={upload}");
    let etag = context.put(&path, content).await.header("etag").replace('"', "&quot;");
    format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
}

pub(crate) async fn complete(
    context: &TestContext,
    key: &str,
    upload: &str,
    headers: &[(&str, &str)],
    parts: &str,
) -> Result<Answer, Code> {
    let path = format!("/one/{key}?uploadId={upload}");
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    context.send(Method::POST, &path, headers, document).await.map_err(|failure| failure.error.code)
}

pub(crate) async fn a_completion_that_is_repeated_has_the_same_result(context: &TestContext) {
    let absent = [("if-none-match", "*")];
    let conditional = context.one.capabilities().conditional_completion;
    for (key, headers) in [("plain", &[][..]), ("conditional", if conditional { &absent } else { &[] })] {
        let upload = begin(context, key).await;
        let parts = part(context, key, &upload, 1, "content").await;
        let first = complete(context, key, &upload, headers, &parts).await.unwrap();
        let again = complete(context, key, &upload, headers, &parts).await.unwrap();
        assert_eq!(again.element("ETag"), first.element("ETag"), "{key}");
        assert_eq!((first.size_change, again.size_change), (7, 0), "{key}: it is counted once");

        if conditional {
            let other = begin(context, key).await;
            let part_of_other = part(context, key, &other, 1, "content").await;
            let error = complete(context, key, &other, &absent, &part_of_other).await.unwrap_err();
            assert_eq!(error, Code::PreconditionFailed, "{key}: another upload is no repetition");
        }
        context.put(&format!("/one/{key}"), "replaced").await;
        let error = complete(context, key, &upload, &[], &parts).await.unwrap_err();
        assert_eq!(error, Code::NoSuchUpload, "{key}: the object is another one");
        assert_eq!(context.get(&format!("/one/{key}")).await.text(), "replaced");
    }
}

/// The blocks of such an upload can't be discarded at Azure.
pub(crate) async fn an_aborted_upload_is_gone_beside_an_object(context: &TestContext) {
    context.put("/one/key", "content").await;
    let (aborted, other) = (begin(context, "key").await, begin(context, "key").await);
    let parts =
        part(context, "key", &aborted, 1, "part").await + &part(context, "key", &aborted, 2, "").await;
    context.ok(Method::DELETE, &format!("/one/key?uploadId={aborted}"), &[], "").await;
    let listed = context.get("/one?uploads").await.elements("UploadId");
    assert_eq!(listed.len(), 1);
    let path = format!("/one/key?uploadId={aborted}");
    assert_eq!(context.refused(Method::GET, &path, &[]).await.code, Code::NoSuchUpload);
    let path = format!("/one/key?partNumber=3&uploadId={aborted}");
    for headers in [&[][..], &[("x-amz-copy-source", "one/key")]] {
        assert_eq!(context.refused(Method::PUT, &path, headers).await.code, Code::NoSuchUpload);
    }
    let (full, empty) = parts.split_at(parts.len() / 2);
    for parts in [&parts, full, empty] {
        let error = complete(context, "key", &aborted, &[], parts).await.unwrap_err();
        assert_eq!(error, Code::NoSuchUpload, "{parts}");
    }
    assert_eq!(context.get("/one/key").await.text(), "content");
    let parts = part(context, "key", &other, 1, "other").await;
    complete(context, "key", &other, &[], &parts).await.unwrap();
    assert_eq!(context.get("/one?uploads").await.elements("UploadId"), [""; 0]);
}

/// The write discards the blocks of the upload at Azure.
pub(crate) async fn an_upload_outlasts_a_write_to_its_key(context: &TestContext) {
    let upload = begin(context, "written").await;
    let first = part(context, "written", &upload, 1, "discarded").await;
    context.put("/one/written", "meanwhile").await;
    let second = part(context, "written", &upload, 2, "content").await;
    if let Err(code) = complete(context, "written", &upload, &[], &format!("{first}{second}")).await {
        assert_eq!(code, Code::InvalidPart, "of its parts, only the first is missing");
        complete(context, "written", &upload, &[], &second).await.unwrap();
        assert_eq!(context.get("/one/written").await.text(), "content");
    }
}

/// As docker-registry does: it looks for the upload, and continues with the id that the list returns.
pub(crate) async fn a_listed_upload_can_be_completed(context: &TestContext) {
    let metadata = ("x-amz-meta-long", "0123456789 ".repeat(20));
    let headers = [("content-type", "text/parts"), (metadata.0, metadata.1.trim())];
    let begun = context.ok(Method::POST, "/one/key?uploads", &headers, "").await.element("UploadId");
    let listed = context.get("/one?uploads&prefix=key").await.element("UploadId");
    assert_eq!(listed, begun, "the upload has one id");
    let upload = percent_encoding::utf8_percent_encode(&listed.unwrap(), percent_encoding::NON_ALPHANUMERIC)
        .to_string();
    let parts = part(context, "key", &upload, 1, "content").await;
    let list = context.get(&format!("/one/key?uploadId={upload}")).await;
    assert_eq!((list.elements("PartNumber"), list.elements("Size")), (vec!["1".into()], vec!["7".into()]));
    complete(context, "key", &upload, &[], &parts).await.unwrap();
    let read = context.get("/one/key").await;
    assert_eq!((read.text().as_str(), read.header("content-type")), ("content", "text/parts"));
    assert_eq!(read.header("x-amz-meta-long"), metadata.1.trim());
}

pub(crate) async fn a_completion_may_need_an_object(context: &TestContext) {
    let upload = begin(context, "missing").await;
    let parts = part(context, "missing", &upload, 1, "content").await;
    let other = [("if-match", "\"00000000000000000000000000000000\"")];
    let error = complete(context, "missing", &upload, &other, &parts).await.unwrap_err();
    assert_eq!(error, Code::NoSuchKey);
    assert_eq!(context.refused(Method::GET, "/one/missing", &[]).await.code, Code::NoSuchKey);

    let etag = context.put("/one/there", "old").await.header("etag").to_owned();
    let upload = begin(context, "there").await;
    let parts = part(context, "there", &upload, 1, "content").await;
    let error = complete(context, "there", &upload, &other, &parts).await.unwrap_err();
    assert_eq!(error, Code::PreconditionFailed);
    complete(context, "there", &upload, &[("if-match", etag.as_str())], &parts).await.unwrap();
    assert_eq!(context.get("/one/there").await.text(), "content");
}

pub(crate) async fn a_completed_upload_is_gone(context: &TestContext) {
    let upload = begin(context, "done").await;
    let parts = part(context, "done", &upload, 1, "content").await;
    complete(context, "done", &upload, &[], &parts).await.unwrap();
    context.put("/one/source", "x").await;
    let path = format!("/one/done?partNumber=2&uploadId={upload}");
    for headers in [&[][..], &[("x-amz-copy-source", "one/source")]] {
        assert_eq!(context.refused(Method::PUT, &path, headers).await.code, Code::NoSuchUpload);
    }
    let path = format!("/one/done?uploadId={upload}");
    assert_eq!(context.refused(Method::GET, &path, &[]).await.code, Code::NoSuchUpload);
    assert_eq!(context.get("/one/done").await.text(), "content");
}

pub(crate) async fn a_wrong_part_is_named(context: &TestContext) {
    let upload = begin(context, "wrong").await;
    let right = part(context, "wrong", &upload, 1, "content").await;
    let missing = right.replace("<PartNumber>1<", "<PartNumber>2<");
    let unknown = "<Part><PartNumber>1</PartNumber><ETag>00000000000000000000000000000000</ETag></Part>";
    for parts in [missing.as_str(), unknown] {
        let error = complete(context, "wrong", &upload, &[], parts).await.unwrap_err();
        assert_eq!(error, Code::InvalidPart, "{parts}");
    }
    complete(context, "wrong", &upload, &[], &right).await.unwrap();
}

pub(crate) async fn an_empty_last_part_is_stored(context: &TestContext) {
    for (key, contents, whole) in [("empty", &[""][..], ""), ("last", &["content", ""], "content")] {
        let upload = begin(context, key).await;
        let mut parts = String::new();
        for (number, content) in (1..).zip(contents) {
            parts += &part(context, key, &upload, number, content).await;
        }
        let list = context.get(&format!("/one/{key}?uploadId={upload}")).await;
        let sizes: Vec<_> = contents.iter().map(|content| content.len().to_string()).collect();
        assert_eq!(list.elements("Size"), sizes);
        let first = complete(context, key, &upload, &[], &parts).await.unwrap();
        assert_eq!(context.get(&format!("/one/{key}")).await.text(), whole);
        let again = complete(context, key, &upload, &[], &parts).await.unwrap();
        assert_eq!(again.element("ETag"), first.element("ETag"), "{key}");
        context.put(&format!("/one/{key}"), "replaced").await;
        let error = complete(context, key, &upload, &[], &parts).await.unwrap_err();
        assert_eq!(error, Code::NoSuchUpload, "{key}");
        assert_eq!(context.get(&format!("/one/{key}")).await.text(), "replaced", "{key}");
    }
}
