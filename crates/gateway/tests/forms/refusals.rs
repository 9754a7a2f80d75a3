//! Forms that are refused. Nothing is stored.

use bucketry_model::repository::KeyAccess;

use crate::context::{READER, TestContext, WRITER};
use crate::draft::{Draft, END, SECRET, content_type, send_body};

async fn refused(context: &TestContext, what: &str, form: Draft, code: &str) {
    let answer = form.send(context).await;
    assert_eq!(answer.code(), code, "{what}: {answer:?}");
    assert!(!context.exists("k").await, "{what}");
}

pub(crate) async fn a_policy_is_kept_to_the_letter(context: &TestContext) {
    let form = || Draft::new("k", "12345");
    for (what, form, code) in [
        ("an expired policy", form().expired(), "AccessDenied"),
        ("an expiration that isn't in UTC", form().expiring("%F %T.123456+00:00"), "InvalidPolicyDocument"),
        ("no condition on a field", form().uncovered("x-amz-meta-a", "1"), "AccessDenied"),
        ("no condition on an unknown field", form().uncovered("submit", "Upload"), "AccessDenied"),
        ("no condition on the bucket", form().without_bucket(), "AccessDenied"),
        ("another bucket", form().without_bucket().condition(r#"{"bucket": "other"}"#), "AccessDenied"),
        ("another key", form().condition(r#"["starts-with", "$key", "user/"]"#), "AccessDenied"),
        ("a missing field", form().condition(r#"{"x-amz-meta-a": "1"}"#), "AccessDenied"),
        ("a larger file", form().condition(r#"["content-length-range", 0, 4]"#), "EntityTooLarge"),
        ("a smaller file", form().condition(r#"["content-length-range", 6, 9]"#), "EntityTooSmall"),
        ("an unknown condition", form().condition(r#"["ends-with", "$key", "k"]"#), "InvalidPolicyDocument"),
        ("a condition that is none", form().condition("true"), "InvalidPolicyDocument"),
    ] {
        refused(context, what, form, code).await;
    }
    let expired = form().expired().send(context).await;
    assert!(expired.body.contains("Invalid according to Policy: Policy expired."), "{}", expired.body);
    let extra = form().uncovered("x-amz-meta-a", "1").send(context).await;
    assert!(extra.body.contains("Extra input fields: x-amz-meta-a"), "{}", extra.body);
}

pub(crate) async fn a_form_needs_a_valid_signature(context: &TestContext) {
    let form = || Draft::new("k", "x");
    refused(context, "a wrong secret", form().signed_by(WRITER, "another secret"), "SignatureDoesNotMatch")
        .await;
    refused(
        context,
        "an unknown key",
        form().signed_by("BKTUNKNOWNUNKNOWNUNK", SECRET),
        "InvalidAccessKeyId",
    )
    .await;
    let body = String::from_utf8(form().body()).unwrap();
    for (what, body, code) in [
        ("no policy", body.replace("\"policy\"", "\"x-ignore-policy\""), "AccessDenied"),
        ("no signature", body.replace("\"x-amz-signature\"", "\"x-ignore-signature\""), "InvalidArgument"),
        (
            "version 2",
            body.replace("\"x-amz-signature\"", "\"signature\"")
                .replace("\"x-amz-credential\"", "\"AWSAccessKeyId\""),
            "InvalidRequest",
        ),
        ("a session token", body.replace("\"key\"", "\"x-amz-security-token\""), "InvalidToken"),
        ("a field twice", body.replace("\"x-amz-date\"", "\"key\""), "InvalidArgument"),
    ] {
        let answer = send_body(context, "/photos", body.as_bytes(), None).await;
        assert_eq!(answer.code(), code, "{what}: {answer:?}");
    }
    let both = format!("Authorization: AWS4-HMAC-SHA256 x\r\n{}", content_type());
    let answer = context.send("/photos", &both, body.as_bytes(), None).await;
    assert_eq!(answer.code(), "InvalidArgument", "{answer:?}");
    assert_eq!(form().send(context).await.status, 204);
    context.serve(&[(READER, KeyAccess::Read)]);
    assert_eq!(form().send(context).await.code(), "InvalidAccessKeyId", "the key was revoked");
}

pub(crate) async fn a_damaged_form_stores_nothing(context: &TestContext) {
    let form = Draft::new("k", "12345");
    for (what, form, code) in [
        ("no end", form.clone().ending(""), "MalformedPOSTRequest"),
        ("another boundary", form.clone().ending(&END.replace("Test", "Rest")), "MalformedPOSTRequest"),
        ("no last boundary", form.clone().ending(&END.replace("--\r\n", "\r\n")), "MalformedPOSTRequest"),
        ("half a boundary", form.clone().ending(&END[..20]), "MalformedPOSTRequest"),
    ] {
        refused(context, what, form, code).await;
    }
    let body = String::from_utf8(form.body()).unwrap();
    for (what, body, code) in [
        ("nothing", String::new(), "MalformedPOSTRequest"),
        ("no form", "x".repeat(100), "MalformedPOSTRequest"),
        ("no form, and much of it", "x".repeat(100_000), "MaxPostPreDataLengthExceeded"),
        ("no file", body.replace("\"file\"", "\"data\""), "InvalidArgument"),
        ("a file that comes first", body.replacen("\"key\"", "\"file\"", 1), "AccessDenied"),
        (
            "too much before the file",
            body.replacen("\"key\"\r\n\r\n", &format!("\"key\"\r\n\r\n{}", "k".repeat(21_000)), 1),
            "MaxPostPreDataLengthExceeded",
        ),
    ] {
        let answer = send_body(context, "/photos", body.as_bytes(), None).await;
        assert_eq!(answer.code(), code, "{what}: {answer:?}");
    }
    // The client disconnects.
    send_body(context, "/photos", &body.as_bytes()[..body.len() - 20], Some(body.len())).await;
    assert!(!context.exists("k").await);
    for (what, target, headers, code) in [
        (
            "no boundary",
            "/photos",
            "Content-Type: multipart/form-data\r\n".to_owned(),
            "MalformedPOSTRequest",
        ),
        ("the endpoint", "/", content_type(), "MethodNotAllowed"),
        ("an object", "/photos/k", content_type(), "MethodNotAllowed"),
        ("another bucket", "/other", content_type(), "AccessDenied"),
    ] {
        let answer = context.send(target, &headers, body.as_bytes(), None).await;
        assert_eq!(answer.code(), code, "{what}: {answer:?}");
    }
}

/// Policies restrict what a key may do, and never extend it.
pub(crate) async fn a_key_allows_no_more_than_it_may(context: &TestContext) {
    let reader = Draft::new("k", "x").signed_by(READER, SECRET);
    refused(context, "a key that may only read", reader, "AccessDenied").await;
    let any = r#"["starts-with", "$key", ""]"#;
    for key in ["../k", "a/../../k", "/../k", ""] {
        let answer = Draft::new(key, "x").condition(any).send(context).await;
        assert_eq!(answer.status, 400, "{key:?} {answer:?}");
    }
    let mut named = Draft::new("${filename}", "x").condition(any);
    named.filename = "../../cat.jpg";
    assert_eq!(named.send(context).await.status, 204);
    assert!(context.exists("cat.jpg").await, "only the end of a path is the name of a file");
    named.filename = "..";
    assert_eq!(named.send(context).await.code(), "InvalidURI");
    let elsewhere = Draft::new("k", "x").without_bucket().condition(r#"{"bucket": "elsewhere"}"#);
    let answer = send_body(context, "/elsewhere", &elsewhere.body(), None).await;
    assert_eq!(answer.code(), "NoSuchBucket");
}

pub(crate) async fn what_a_provider_lacks_is_refused(context: &TestContext) {
    for (field, value) in [
        ("acl", "public-read"),
        ("x-amz-website-redirect-location", "/x"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
    ] {
        refused(context, field, Draft::new("k", "x").field(field, value), "NotImplemented").await;
    }
    let unknown = Draft::new("k", "x").field("acl", "public-ready");
    refused(context, "an ACL that S3 doesn't have", unknown, "InvalidArgument").await;
    let header = format!("x-amz-acl: public-read\r\n{}", content_type());
    let answer = context.send("/photos", &header, &Draft::new("k", "x").body(), None).await;
    assert_eq!(answer.code(), "NotImplemented");
    assert!(!context.exists("k").await);
}
