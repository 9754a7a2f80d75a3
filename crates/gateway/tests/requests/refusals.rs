//! Requests that must be refused.

use bucketry_gateway::internals::error::Code::{
    self, AccessDenied, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidAccessKeyId,
    InvalidArgument, InvalidRequest, InvalidToken, NotImplemented, RequestTimeTooSkewed,
    SignatureDoesNotMatch,
};
use http::HeaderValue;
use http::request::Parts;
use jiff::SignedDuration;

use crate::client::{Draft, HOST, UNSIGNED, now, verify, verify_at};

fn refusal(request: &Parts) -> Code {
    verify(request).err().map(|error| error.code).unwrap()
}

fn get() -> Draft {
    Draft::new("GET", "/b/k", UNSIGNED)
}

#[test]
fn what_the_client_of_these_tests_signs_is_accepted() {
    assert!(verify(&get().sign().0).is_ok());
    assert!(verify(&get().header("x-amz-meta-a", "b c").sign().0).is_ok());
    assert!(verify(&Draft::new("GET", "/b/?list-type=2&prefix=a%2Fb&uploads=", UNSIGNED).sign().0).is_ok());
    assert!(verify(&get().presign("60")).is_ok());
    assert!(verify(&Draft { region: "auto", ..get() }.sign().0).is_ok());
}

#[test]
fn a_changed_request_does_not_match_its_signature() {
    type Change = fn(&mut Parts);
    let changes: [(&str, Change); 8] = [
        ("method", |parts| parts.method = http::Method::DELETE),
        ("path", |parts| parts.uri = "/b/other".parse().unwrap()),
        ("dots", |parts| parts.uri = "/b/./k".parse().unwrap()),
        ("case of an escape's meaning", |parts| parts.uri = "/b%2Fk".parse().unwrap()),
        ("query", |parts| parts.uri = "/b/k?acl".parse().unwrap()),
        ("host", |parts| {
            parts.headers.insert("host", HeaderValue::from_static("other.example"));
        }),
        ("payload", |parts| {
            parts.headers.insert("x-amz-content-sha256", HeaderValue::from_str(&"0".repeat(64)).unwrap());
        }),
        ("a second value", |parts| {
            parts.headers.append("x-amz-meta-a", HeaderValue::from_static("2"));
        }),
    ];
    for (what, change) in changes {
        let mut parts = get().header("x-amz-meta-a", "1").sign().0;
        change(&mut parts);
        assert_eq!(refusal(&parts), SignatureDoesNotMatch, "{what}");
    }
    let mut parts = get().header("x-amz-meta-a", "1").sign().0;
    parts.headers.remove("x-amz-meta-a");
    assert_eq!(refusal(&parts), SignatureDoesNotMatch, "a signed header is missing");
}

#[test]
fn a_proxy_that_changes_what_is_signed_is_named_if_it_says_so() {
    let message = |change: &dyn Fn(&mut Parts)| {
        let mut parts = get().sign().0;
        change(&mut parts);
        let error = verify(&parts).err().unwrap();
        assert_eq!(error.code, SignatureDoesNotMatch);
        error.message.clone()
    };
    let replaced = message(&|parts| {
        parts.headers.insert("host", HeaderValue::from_static("127.0.0.1:9000"));
        parts.headers.insert("x-forwarded-host", HeaderValue::from_static(HOST));
    });
    assert!(replaced.contains("replaced the Host header") && replaced.contains(HOST), "{replaced}");
    let shortened = message(&|parts| {
        parts.uri = "/k".parse().unwrap();
        parts.headers.insert("x-forwarded-prefix", HeaderValue::from_static("/b"));
    });
    assert!(shortened.contains("removed '/b' from the path"), "{shortened}");
    let unknown = message(&|parts| {
        parts.uri = "/k".parse().unwrap();
        parts.headers.insert("x-forwarded-prefix", HeaderValue::from_static("/other"));
    });
    assert!(unknown.contains("a proxy may have changed the request"), "{unknown}");
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_told_apart_as_s3_does() {
    assert_eq!(refusal(&Draft { secret: "wrong", ..get() }.sign().0), SignatureDoesNotMatch);
    assert_eq!(refusal(&Draft { key: "AKIAOTHER", ..get() }.sign().0), InvalidAccessKeyId);
    assert_eq!(refusal(&Draft { secret: "wrong", ..get() }.presign("60")), SignatureDoesNotMatch);
    assert_eq!(refusal(&Draft { key: "AKIAOTHER", ..get() }.presign("60")), InvalidAccessKeyId);
}

/// Unknown keys are verified with an empty secret, which must not be accepted.
#[test]
fn an_unknown_key_with_an_empty_secret_is_not_let_in() {
    assert_eq!(refusal(&Draft { key: "AKIAOTHER", secret: "", ..get() }.sign().0), InvalidAccessKeyId);
}

#[test]
fn headers_that_change_what_is_done_must_be_signed() {
    for name in ["x-amz-acl", "x-amz-copy-source", "x-amz-meta-a", "x-amz-checksum-crc32", "x-amz-tagging"] {
        let header = get().unsigned(name, "public-read").sign().0;
        let error = verify(&header).err().unwrap();
        assert_eq!(error.code, AccessDenied, "{name}");
        assert!(error.message.contains(name), "{}", error.message);
        assert_eq!(refusal(&get().unsigned(name, "x").presign("60")), AccessDenied, "{name}");
    }
    assert!(verify(&get().unsigned("x-amzn-trace-id", "Root=1").sign().0).is_ok(), "not a header of S3");
    assert!(verify(&get().unsigned("content-type", "text/plain").sign().0).is_ok());
}

#[test]
fn host_and_time_must_be_among_the_signed_headers() {
    let without_host = get().without("host").unsigned("host", HOST).sign().0;
    assert_eq!(refusal(&without_host), AuthorizationHeaderMalformed);
    let time = "20130524T000000Z";
    let without_time = get().without("x-amz-date").unsigned("x-amz-date", time).sign().0;
    assert_eq!(refusal(&without_time), AccessDenied);
    let unsigned_date =
        get().without("x-amz-date").unsigned("date", "Fri, 24 May 2013 00:00:00 GMT").sign().0;
    assert_eq!(refusal(&unsigned_date), AccessDenied);
    assert_eq!(refusal(&get().without("x-amz-date").sign().0), AccessDenied, "without any time");
}

#[test]
fn a_date_header_serves_as_the_time_when_it_is_signed() {
    let request = get().without("x-amz-date").header("date", "Fri, 24 May 2013 00:00:00 GMT").sign().0;
    assert!(verify(&request).is_ok());
}

#[test]
fn a_request_is_of_its_time() {
    let request = get().sign().0;
    let after = |minutes| verify_at(&request, now() + SignedDuration::from_mins(minutes)).map(|_| ());
    assert!(after(15).is_ok() && after(-15).is_ok());
    for minutes in [16, -16, 60, -60, 24 * 60] {
        assert_eq!(after(minutes).unwrap_err().code, RequestTimeTooSkewed, "{minutes}");
    }
}

#[test]
fn a_presigned_url_lives_as_long_as_it_says() {
    let url = Draft::new("GET", "/b/k?response-content-type=text%2Fplain", UNSIGNED).presign("3600");
    let after = |minutes| verify_at(&url, now() + SignedDuration::from_mins(minutes)).map(|_| ());
    assert!(after(0).is_ok() && after(59).is_ok() && after(-14).is_ok());
    assert_eq!(after(61).unwrap_err().code, AccessDenied);
    assert_eq!(after(-16).unwrap_err().code, RequestTimeTooSkewed);
    for expires in ["604801", "-1", "", "x", "1e3"] {
        assert_eq!(refusal(&get().presign(expires)), AuthorizationQueryParametersError, "{expires}");
    }
    assert!(verify(&get().presign("604800")).is_ok());
}

#[test]
fn a_forged_presigned_url_is_refused() {
    let url = |change: fn(&str) -> String| {
        let mut parts = Draft::new("GET", "/b/k?versionId=1", UNSIGNED).presign("60");
        parts.uri = change(&parts.uri.to_string()).parse().unwrap();
        refusal(&parts)
    };
    assert_eq!(url(|uri| uri.replace("Expires=60", "Expires=6000")), SignatureDoesNotMatch);
    assert_eq!(url(|uri| uri.replace("/b/k", "/b/other")), SignatureDoesNotMatch);
    assert_eq!(url(|uri| uri.replace("versionId=1", "versionId=2")), SignatureDoesNotMatch);
    assert_eq!(url(|uri| uri.replace("versionId=1&", "")), SignatureDoesNotMatch);
    assert_eq!(url(|uri| format!("{uri}&acl")), SignatureDoesNotMatch);
    assert_eq!(url(|uri| format!("{uri}&X-Amz-Expires=60")), AuthorizationQueryParametersError);
    assert_eq!(url(|uri| uri.replace("&X-Amz-Expires=60", "")), AuthorizationQueryParametersError);
    assert_eq!(url(|uri| uri.replace("%2F20130524%2F", "%2F20130525%2F")), AuthorizationQueryParametersError);
}

#[test]
fn version_2_is_refused_with_the_setting_to_change() {
    let header = get().unsigned("authorization", "AWS AKID:frJIUN8DYpKDtOLCwo//yllqDzg=").parts();
    let query =
        Draft::new("GET", "/b/k?AWSAccessKeyId=AKID&Expires=1700000000&Signature=x%3D", UNSIGNED).parts();
    for request in [header, query] {
        let error = verify(&request).err().unwrap();
        assert_eq!(error.code, InvalidRequest);
        assert!(error.message.contains("signature_version='s3v4'"), "{}", error.message);
    }
}

#[test]
fn requests_without_a_signature_are_told_what_to_do() {
    let error = verify(&get().parts()).err().unwrap();
    assert_eq!(error.code, AccessDenied);
    assert!(error.message.contains("repository key"));
}

#[test]
fn a_session_token_is_refused_by_name() {
    let signed = get().header("x-amz-security-token", "t").sign().0;
    let unsigned = get().unsigned("x-amz-security-token", "t").sign().0;
    let url = Draft::new("GET", "/b/k?X-Amz-Security-Token=t", UNSIGNED).presign("60");
    for request in [signed, unsigned, url] {
        assert_eq!(refusal(&request), InvalidToken);
    }
}

#[test]
fn two_answers_to_who_asks_are_none() {
    let mut both = get().presign("60");
    let authorization = get().sign().0.headers.remove("authorization").unwrap();
    both.headers.insert("authorization", authorization.clone());
    assert_eq!(refusal(&both), InvalidArgument);
    let mut twice = get().sign().0;
    twice.headers.append("authorization", authorization);
    assert_eq!(refusal(&twice), InvalidArgument);
}

#[test]
fn headers_that_may_be_there_once_are_refused_twice() {
    let hosts = get().sign().0;
    let mut hosts = hosts;
    hosts.headers.append("host", HeaderValue::from_static(HOST));
    assert_eq!(refusal(&hosts), InvalidRequest);
    for name in ["x-amz-date", "x-amz-content-sha256"] {
        let mut parts = get().sign().0;
        let value = parts.headers[name].clone();
        parts.headers.append(name, value);
        assert_eq!(refusal(&parts), InvalidArgument, "{name}");
    }
}

#[test]
fn the_payload_must_be_declared_in_a_form_that_is_known() {
    assert_eq!(refusal(&get().without("x-amz-content-sha256").sign().0), InvalidRequest);
    let declare = |text: &str| refusal(&get().set("x-amz-content-sha256", text).sign().0);
    assert_eq!(declare("something"), InvalidArgument);
    assert_eq!(declare("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), NotImplemented);
}

#[test]
fn keys_keep_their_bytes() {
    for key in ["a//b", "a/../b", "./a", "%2e%2e", "a%2Fb", "a%20b", "%F0%9F%AA%A3", "%00", "%252F", "a/"] {
        let target = format!("/b/{key}");
        // The client of these tests signs the path as it is sent, so keys with another canonical spelling are
        // skipped.
        if key != "%2e%2e" {
            assert!(verify(&Draft::new("GET", &target, UNSIGNED).sign().0).is_ok(), "{key}");
        }
        let mut other = Draft::new("GET", "/b/b", UNSIGNED).sign().0;
        other.uri = target.parse().unwrap();
        assert_eq!(refusal(&other), SignatureDoesNotMatch, "{key}");
    }
}

#[test]
fn what_a_refusal_says_holds_no_secret() {
    let mut parts = Draft { secret: "hunter2secret", ..get() }.sign().0;
    parts.headers.insert("host", HeaderValue::from_bytes(b"h\xff<x>").unwrap());
    let error = verify(&parts).err().unwrap();
    assert!(error.message.contains("'h\\xff<x>'"), "{}", error.message);
    assert!(!error.message.contains("hunter2") && !error.message.contains("Signature="));
}
