//! Object tags, for all providers that store them.

use bucketry_gateway::internals::error::Code;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::TestContext;
use crate::multipart;

const TEXT: &str = "0123456789";

pub(crate) fn tagging(tags: &[(&str, &str)]) -> String {
    let tags: Vec<_> = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    format!(
        "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>{}</TagSet></Tagging>",
        tags.concat()
    )
}

pub(crate) async fn tags(context: &TestContext, path: &str) -> Vec<(String, String)> {
    let answer = context.get(&format!("{path}?tagging")).await;
    answer.elements("Key").into_iter().zip(answer.elements("Value")).collect()
}

pub(crate) fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

pub(crate) async fn tags_are_replaced_and_taken_away(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    assert_eq!(tags(context, "/one/key").await, []);
    for given in [&[("a", "1"), ("colour", "light blue")][..], &[("b", "2 + 3")]] {
        let put = context.ok(Method::PUT, "/one/key?tagging", &[], tagging(given)).await;
        assert_eq!((put.status, put.size_change), (StatusCode::OK, 0));
    }
    assert_eq!(tags(context, "/one/key").await, [pair("b", "2 + 3")]);
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(context.ok(method, "/one/key", &[], "").await.header("x-amz-tagging-count"), "1");
    }
    let gone = context.ok(Method::DELETE, "/one/key?tagging", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(tags(context, "/one/key").await, []);
    let untouched = context.get("/one/key").await;
    assert_eq!((untouched.text().as_str(), untouched.header("x-amz-tagging-count")), (TEXT, ""));
    for (method, body) in [(Method::GET, String::new()), (Method::PUT, tagging(&[("a", "1")]))] {
        let failure = context.send(method, "/one/missing?tagging", &[], body).await.unwrap_err();
        assert_eq!(failure.error.code, Code::NoSuchKey);
    }
}

pub(crate) async fn malformed_tags_change_nothing(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    context.ok(Method::PUT, "/one/key?tagging", &[], tagging(&[("a", "1")])).await;
    let large = format!("<Tagging>{}</Tagging>", " ".repeat(65 << 10));
    let twice = tagging(&[("k", "v"); 2]);
    for (document, code) in [
        ("", Code::MalformedXML),
        ("<Tagging>", Code::MalformedXML),
        ("<Delete/>", Code::MalformedXML),
        (&large, Code::EntityTooLarge),
        (&twice, Code::InvalidTag),
    ] {
        let document = document.to_owned();
        let failure = context.send(Method::PUT, "/one/key?tagging", &[], document).await.unwrap_err();
        assert_eq!(failure.error.code, code, "{failure:?}");
    }
    assert_eq!(tags(context, "/one/key").await, [pair("a", "1")]);
}

pub(crate) async fn tags_are_stored_along_with_an_object(context: &TestContext) {
    let tagged = ("x-amz-tagging", "colour=light%20blue&a=%2F1+%2B+2");
    context.ok(Method::PUT, "/one/key", &[tagged, ("x-amz-meta-m", "1")], TEXT).await;
    let found = tags(context, "/one/key").await;
    assert_eq!(found, [pair("a", "/1 + 2"), pair("colour", "light blue")], "they are listed by name");
    for method in [Method::GET, Method::HEAD] {
        let answer = context.ok(method, "/one/key", &[], "").await;
        assert_eq!(answer.header("x-amz-tagging-count"), "2");
        let metadata = answer.headers.keys().filter(|name| name.as_str().starts_with("x-amz-meta-"));
        assert_eq!(metadata.map(http::HeaderName::as_str).collect::<Vec<_>>(), ["x-amz-meta-m"]);
    }
    let many: Vec<String> = (0..11).map(|n| format!("{n}=x")).collect();
    for (wrong, code) in
        [("a=1&a=2", Code::InvalidTag), (&many.join("&"), Code::InvalidTag), ("a=%ff", Code::InvalidArgument)]
    {
        for (method, path) in [(Method::PUT, "/one/key"), (Method::POST, "/one/key?uploads")] {
            let error = context.refused(method, path, &[("x-amz-tagging", wrong)]).await;
            assert_eq!(error.code, code, "{path} {wrong:.40}");
        }
    }
    assert_eq!(context.get("/one/key").await.text(), TEXT, "refused requests change nothing");
    context.put("/one/key", "new").await;
    assert_eq!(tags(context, "/one/key").await, [], "a new object has no tags");
    let key = "k".repeat(126);
    let longest: Vec<_> = (10..20).map(|n| format!("{n}{key}={}", "v".repeat(256))).collect();
    context.ok(Method::PUT, "/one/key", &[("x-amz-tagging", &longest.join("&"))], TEXT).await;
    assert_eq!(tags(context, "/one/key").await.len(), 10);
}

/// A copy that replaces one of the two keeps the other.
pub(crate) async fn metadata_and_tags_of_a_copy_are_replaced_separately(context: &TestContext) {
    context.ok(Method::PUT, "/one/from", &[("x-amz-tagging", "a=1"), ("x-amz-meta-m", "1")], TEXT).await;
    let source = ("x-amz-copy-source", "one/from");
    let metadata = [source, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-n", "2")];
    let all_tags = [source, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "b=2")];
    for bucket in ["one", "two"] {
        for (name, headers, tagged, of_source) in [
            ("same", &[source][..], pair("a", "1"), true),
            ("metadata", &metadata, pair("a", "1"), false),
            ("tags", &all_tags, pair("b", "2"), true),
        ] {
            let path = format!("/{bucket}/{name}");
            let copied = context.ok(Method::PUT, &path, headers, "").await;
            assert_eq!(copied.header("x-bucketry-not-copied"), "", "{path}");
            assert_eq!(tags(context, &path).await, [tagged], "{path}");
            let read = context.get(&path).await;
            let expected = if of_source { ("1", "") } else { ("", "2") };
            assert_eq!((read.header("x-amz-meta-m"), read.header("x-amz-meta-n")), expected, "{path}");
        }
    }
    for wrong in [
        &[source, ("x-amz-tagging", "a=1")][..],
        &[source, ("x-amz-tagging-directive", "MOVE")],
        &[source, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "a=%ff")],
    ] {
        let error = context.refused(Method::PUT, "/one/copy", wrong).await;
        assert_eq!(error.code, Code::InvalidArgument, "{wrong:?}");
    }
}

pub(crate) async fn an_upload_in_parts_may_have_tags(context: &TestContext) {
    let tagged = [("x-amz-tagging", "colour=light%20blue&a=")];
    let begun = context.ok(Method::POST, "/one/key?uploads", &tagged, "").await;
    let upload = begun.element("UploadId").unwrap();
    let upload = utf8_percent_encode(&upload, NON_ALPHANUMERIC).to_string();
    let parts = multipart::part(context, "key", &upload, 1, "content").await;
    multipart::complete(context, "key", &upload, &[], &parts).await.unwrap();
    let found = tags(context, "/one/key").await;
    assert_eq!(found, [pair("a", ""), pair("colour", "light blue")]);
    assert_eq!(context.get("/one/key").await.text(), "content");
}

/// Names under which the gateway stores metadata for itself.
pub(crate) async fn reserved_metadata_is_refused(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    let forged = ("x-amz-meta-bucketry_tags", "a=1");
    let copy = [("x-amz-copy-source", "one/key"), ("x-amz-metadata-directive", "REPLACE"), forged];
    for (method, path, headers) in [
        (Method::PUT, "/one/key", &[forged][..]),
        (Method::POST, "/one/key?uploads", &[forged]),
        (Method::PUT, "/one/copy", &copy),
        (Method::PUT, "/two/copy", &copy),
    ] {
        let error = context.refused(method, path, headers).await;
        assert_eq!(error.code, Code::InvalidArgument, "{path}");
        assert!(error.message.contains("bucketry_"), "{error}");
    }
    assert_eq!(tags(context, "/one/key").await, []);
}
