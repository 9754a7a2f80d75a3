//! Object tags, for all providers that store them.

use bucketry_gateway::internals::error::Code;
use http::{Method, StatusCode};

use crate::context::TestContext;

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
