//! Single objects, and operations on buckets.

use bucketry_gateway::internals::error::Code;
use bucketry_gateway::internals::operation::{Handling, OPERATIONS, Scope};
use bucketry_provider::body::Payload;
use bucketry_provider::contract::keys::ODD_KEYS;
use bucketry_provider::driver::{Conditions, ObjectAttributes, PutRequest, S3Protocol};
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::TestContext;

const TEXT: &str = "0123456789";

fn escaped(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
}

pub(crate) async fn objects_lie_under_the_folder_and_come_back(context: &TestContext) {
    let stored = context.put("/one/dir/key", TEXT).await;
    assert_eq!(stored.status, StatusCode::OK);
    assert!(stored.header("etag").starts_with('"'), "{stored:?}");
    let there = context.one.head(&context.there("dir/key"), &Conditions::default()).await.unwrap();
    assert_eq!(there.size, Some(10));

    let read = context.get("/one/dir/key").await;
    assert_eq!((read.status, &read.body[..]), (StatusCode::OK, TEXT.as_bytes()));
    assert_eq!((read.header("content-length"), read.header("accept-ranges")), ("10", "bytes"));
    assert_eq!(read.header("etag"), stored.header("etag"));
    assert!(read.header("last-modified").ends_with(" GMT"));
    let head = context.ok(Method::HEAD, "/one/dir/key", &[], "").await;
    assert_eq!((head.header("content-length"), head.body.len()), ("10", 0));
    assert_eq!(head.header("etag"), stored.header("etag"));

    let attributes = context.ok(Method::GET, "/one/dir/key?attributes", &[], "").await;
    assert_eq!(attributes.element("ObjectSize").as_deref(), Some("10"));
    assert_eq!(attributes.element("ETag").unwrap(), stored.header("etag").trim_matches('"'));

    let gone = context.ok(Method::DELETE, "/one/dir/key", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(context.refused(Method::GET, "/one/dir/key", &[]).await.code, Code::NoSuchKey);
    assert_eq!(context.refused(Method::HEAD, "/one/dir/key", &[]).await.code, Code::NoSuchKey);
    context.ok(Method::DELETE, "/one/dir/key", &[], "").await;
}

pub(crate) async fn odd_keys_come_back_byte_for_byte(context: &TestContext) {
    let kept: Vec<&str> = ODD_KEYS.iter().copied().filter(|key| !key.starts_with("%2e")).collect();
    for key in &kept {
        let path = format!("/one/{}", escaped(key));
        context.put(&path, *key).await;
        assert_eq!(context.get(&path).await.text(), **key, "{key:?}");
    }
    let list = context.get("/one?list-type=2&encoding-type=url").await;
    let decode =
        |text: String| percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned();
    let listed: Vec<String> = list.elements("Key").into_iter().map(decode).collect();
    let mut expected = kept;
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for key in ["..", "../up", "a/../../up", "%2e%2e/x"] {
        let error = context.refused(Method::PUT, &format!("/one/{}", escaped(key)), &[]).await;
        assert_eq!(error.code, Code::InvalidURI, "{key}");
    }
}

pub(crate) async fn ranges_are_read(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    for (range, content, place) in [
        ("bytes=2-5", "2345", "bytes 2-5/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-9223372036854775807", "89", "bytes 8-9/10"),
        ("bytes=8-99999999999999999999", "89", "bytes 8-9/10"),
        ("bytes=-99999999999999999999", TEXT, "bytes 0-9/10"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let part = context.ok(method.clone(), "/one/key", &[("range", range)], "").await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{method} {range}");
            assert_eq!(part.header("content-range"), place);
            assert_eq!(part.header("content-length"), content.len().to_string());
            if method == Method::GET {
                assert_eq!(part.text(), content);
            }
        }
    }
    for method in [Method::GET, Method::HEAD] {
        for range in ["bytes=10-", "bytes=18446744073709551616-", "bytes=10-99999999999999999999"] {
            let error = context.refused(method.clone(), "/one/key", &[("range", range)]).await;
            assert_eq!(error.code, Code::InvalidRange, "{method} {range}");
        }
    }
    let whole = context.ok(Method::GET, "/one/key", &[("range", "bytes=5-2")], "").await;
    assert_eq!((whole.status, whole.text().as_str()), (StatusCode::OK, TEXT));
}

pub(crate) async fn a_download_resumes_if_the_object_is_the_same(context: &TestContext) {
    let etag = context.put("/one/key", TEXT).await.header("etag").to_owned();
    let modified = context.get("/one/key").await.header("last-modified").to_owned();
    let weak = format!("W/{etag}");
    for method in [Method::GET, Method::HEAD] {
        let resumed = async |range, same| {
            let headers = [("range", range), ("if-range", same)];
            context.ok(method.clone(), "/one/key", &headers, "").await
        };
        for same in [etag.as_str(), modified.as_str()] {
            let part = resumed("bytes=8-", same).await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{method} {same}");
            assert_eq!((part.header("content-length"), part.header("content-range")), ("2", "bytes 8-9/10"));
            let outside = [("range", "bytes=10-"), ("if-range", same)];
            assert_eq!(context.refused(method.clone(), "/one/key", &outside).await.code, Code::InvalidRange);
        }
        for other in ["\"other\"", weak.as_str(), "Thu, 01 Jan 2026 00:00:00 GMT", "nonsense"] {
            // The second range is outside of the object that the name has now.
            for range in ["bytes=8-", "bytes=10-"] {
                let whole = resumed(range, other).await;
                assert_eq!(whole.status, StatusCode::OK, "{method} {range} {other}");
                assert_eq!((whole.header("content-length"), whole.header("content-range")), ("10", ""));
                assert!(method == Method::HEAD || whole.text() == TEXT);
            }
        }
        assert_eq!(resumed("bytes=5-2", &etag).await.status, StatusCode::OK, "without a range, all of it");
    }
    if context.one.capabilities().conditional_get {
        let failed = [("range", "bytes=8-"), ("if-range", "\"other\""), ("if-match", "\"other\"")];
        assert_eq!(context.refused(Method::GET, "/one/key", &failed).await.code, Code::PreconditionFailed);
    }
}

pub(crate) async fn what_is_kept_with_an_object_comes_back(context: &TestContext) {
    let headers = [
        ("content-type", "text/x-test"),
        ("cache-control", "max-age=60"),
        ("content-disposition", "attachment; filename=\"a b.txt\""),
        ("content-language", "de"),
        ("content-encoding", "deflate, gzip"),
        ("x-amz-meta-colour", "light blue"),
    ];
    context.ok(Method::PUT, "/one/key", &headers, TEXT).await;
    for method in [Method::GET, Method::HEAD] {
        let answer = context.ok(method, "/one/key", &[], "").await;
        for (name, value) in headers {
            assert_eq!(answer.header(name), value);
        }
    }
    let overridden =
        context.get("/one/key?response-content-type=text%2Fhtml&response-cache-control=no-store").await;
    assert_eq!(overridden.header("content-type"), "text/html");
    assert_eq!(overridden.header("cache-control"), "no-store");
    for (name, value) in [("x-amz-acl", "public-read"), ("x-amz-object-lock-mode", "GOVERNANCE")] {
        let error = context.refused(Method::PUT, "/one/key", &[(name, value)]).await;
        assert_eq!(error.code, Code::NotImplemented);
        assert!(error.message.contains(name), "{error}");
    }
    assert_eq!(context.get("/one/key").await.text(), TEXT);
}

pub(crate) async fn conditions_hold_or_refuse(context: &TestContext) {
    let can = context.one.capabilities();
    let etag = context.put("/one/key", TEXT).await.header("etag").to_owned();
    let unchanged = context.ok(Method::GET, "/one/key", &[("if-none-match", &etag)], "").await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
    let other = [("if-match", "\"00000000000000000000000000000000\"")];
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(context.refused(method, "/one/key", &other).await.code, Code::PreconditionFailed);
    }
    let second = [("if-none-match", "*")];
    let expected = if can.put_if_absent { Code::PreconditionFailed } else { Code::NotImplemented };
    assert_eq!(context.refused(Method::PUT, "/one/key", &second).await.code, expected);
    let expected = if can.put_if_match { Code::PreconditionFailed } else { Code::NotImplemented };
    assert_eq!(context.refused(Method::PUT, "/one/key", &other).await.code, expected);
    let date = [("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 GMT")];
    assert_eq!(context.refused(Method::PUT, "/one/key", &date).await.code, Code::NotImplemented);
    assert_eq!(context.refused(Method::DELETE, "/one/key", &other).await.code, Code::NotImplemented);
    assert_eq!(context.get("/one/key").await.text(), TEXT, "none of these requests changed the object");
    if can.put_if_absent {
        let new = context.ok(Method::PUT, "/one/new", &second, TEXT).await;
        assert_eq!(new.size_change, 10);
    }
}

pub(crate) async fn a_condition_on_a_missing_object_finds_none(context: &TestContext) {
    if !context.one.capabilities().put_if_match {
        return;
    }
    for tag in ["\"00000000000000000000000000000000\"", "*"] {
        let error = context.refused(Method::PUT, "/one/missing", &[("if-match", tag)]).await;
        assert_eq!(error.code, Code::NoSuchKey, "{tag}");
        assert_eq!(context.refused(Method::GET, "/one/missing", &[]).await.code, Code::NoSuchKey);
    }
    let etag = context.put("/one/there", TEXT).await.header("etag").to_owned();
    let replaced = context.ok(Method::PUT, "/one/there", &[("if-match", etag.as_str())], "012").await;
    assert_eq!(replaced.size_change, -7);
    let error = context.refused(Method::PUT, "/one/there", &[("if-match", etag.as_str())]).await;
    assert_eq!(error.code, Code::PreconditionFailed);
}

pub(crate) async fn an_unchanged_object_is_named(context: &TestContext) {
    if !context.one.capabilities().conditional_get {
        return;
    }
    let etag = context.put("/one/key", TEXT).await.header("etag").to_owned();
    let modified = context.get("/one/key").await.header("last-modified").to_owned();
    let several = format!("\"other\", {etag}");
    for condition in [
        ("if-none-match", etag.as_str()),
        ("if-none-match", several.as_str()),
        ("if-none-match", "*"),
        ("if-modified-since", modified.as_str()),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let unchanged = context.ok(method.clone(), "/one/key", &[condition], "").await;
            assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED, "{method} {condition:?}");
            // The emulators leave the time out.
            let tags: Vec<_> = unchanged.headers.get_all("etag").iter().collect();
            assert_eq!(tags, [etag.as_str()], "{method} {condition:?}");
            assert!(["", modified.as_str()].contains(&unchanged.header("last-modified")));
            assert!(unchanged.body.is_empty() && unchanged.header("content-length").is_empty());
        }
    }
}

/// Google's tools store UTF-8. At other providers the driver encodes it, as other tools have to.
pub(crate) async fn what_other_tools_store_comes_back_encoded(context: &TestContext) {
    let attributes = ObjectAttributes {
        content_disposition: Some("attachment; filename=\"café.txt\"".into()),
        metadata: vec![("title".into(), "Straße".into()), ("plain".into(), "x".into())],
        ..Default::default()
    };
    let request = PutRequest { attributes, ..Default::default() };
    context.one.put(&context.there("key"), Payload::bytes(TEXT), &request).await.unwrap();
    for copy in ["/one/copy", "/two/copy", "/one/back"] {
        let source = if copy == "/one/back" { "two/copy" } else { "one/key" };
        context.ok(Method::PUT, copy, &[("x-amz-copy-source", source)], "").await;
    }
    for path in ["/one/key", "/one/copy", "/two/copy", "/one/back"] {
        for method in [Method::GET, Method::HEAD] {
            let answer = context.ok(method, path, &[], "").await;
            assert_eq!(
                answer.header("content-disposition"),
                "attachment; filename*=UTF-8''caf%C3%A9.txt",
                "{path}"
            );
            assert_eq!(answer.header("x-amz-meta-title"), "=?UTF-8?B?U3RyYcOfZQ==?=", "{path}");
            assert_eq!((answer.header("x-amz-meta-plain"), answer.header("x-amz-missing-meta")), ("x", ""));
        }
    }
}

pub(crate) async fn the_change_of_size_is_measured(context: &TestContext) {
    assert_eq!(context.put("/one/key", TEXT).await.size_change, 10);
    assert_eq!(context.put("/one/key", "0123").await.size_change, -6);
    assert_eq!(context.put("/one/key", "").await.size_change, -4);
    assert_eq!(context.put("/one/key", TEXT).await.size_change, 10);
    let copy = context.ok(Method::PUT, "/one/copy", &[("x-amz-copy-source", "one/key")], "").await;
    assert_eq!(copy.size_change, 10);
    assert_eq!(context.ok(Method::DELETE, "/one/key", &[], "").await.size_change, -10);
    assert_eq!(context.ok(Method::DELETE, "/one/key", &[], "").await.size_change, 0);
}

pub(crate) async fn several_objects_are_deleted_at_once(context: &TestContext) {
    for key in ["a", "b & c", "d"] {
        context.put(&format!("/one/{}", escaped(key)), TEXT).await;
    }
    context.put("/two/a", TEXT).await;
    let document = "<Delete><Object><Key>a</Key></Object><Object><Key>b &amp; c</Key><VersionId>null</VersionId>\
        </Object><Object><Key>missing</Key></Object><Object><Key>../../a</Key></Object>\
        <Object><Key>d</Key><VersionId>7</VersionId></Object></Delete>";
    let answer = context.ok(Method::POST, "/one?delete", &[], document).await;
    assert_eq!(answer.size_change, -20);
    let text = answer.text();
    assert_eq!(text.matches("<Deleted>").count(), 3, "{text}");
    assert_eq!(answer.elements("Code"), ["InvalidURI", "NotImplemented"]);
    assert_eq!(context.get("/one?list-type=2").await.elements("Key"), ["d"]);
    assert_eq!(context.get("/two?list-type=2").await.elements("Key"), ["a"]);

    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>d</Key></Object></Delete>";
    let answer = context.ok(Method::POST, "/one?delete", &[], quiet).await;
    assert!(!answer.text().contains("Deleted"));
    let error = context.refused(Method::POST, "/one?delete", &[]).await;
    assert_eq!(error.code, Code::MalformedXML);

    context.put("/one/e", TEXT).await;
    let twice = "<Object><Key>e</Key></Object>".repeat(8);
    let answer = context.ok(Method::POST, "/one?delete", &[], format!("<Delete>{twice}</Delete>")).await;
    assert_eq!(answer.text().matches("<Deleted>").count(), 8, "{}", answer.text());
    assert_eq!(answer.size_change, -10, "the object is counted once");
}

pub(crate) async fn the_bucket_is_asked(context: &TestContext) {
    let head = context.ok(Method::HEAD, "/one", &[], "").await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (StatusCode::OK, "us-east-1"));
    assert!(context.get("/one?location").await.text().contains("<LocationConstraint"));
    assert!(context.get("/one?versioning").await.text().contains("<VersioningConfiguration"));
    assert_eq!(context.get("/").await.elements("Name"), ["absent", "one", "two"]);
    assert_eq!(context.get("/?prefix=t").await.elements("Name"), ["two"]);
    assert_eq!(context.ok(Method::PUT, "/one", &[], "").await.header("location"), "/one");
    assert_eq!(context.refused(Method::PUT, "/other", &[]).await.code, Code::NotImplemented);
    assert_eq!(context.refused(Method::HEAD, "/other", &[]).await.code, Code::NoSuchBucket);
    let waiting = context.refused(Method::GET, "/absent/key", &[]).await;
    assert_eq!((waiting.code, waiting.retry_after), (Code::ServiceUnavailable, Some(2)));
}

pub(crate) async fn tags_are_refused_where_the_provider_has_none(context: &TestContext) {
    let can = context.one.capabilities();
    context.put("/one/key", TEXT).await;
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let along = context.send(Method::PUT, "/one/along", &[("x-amz-tagging", "a=b")], TEXT).await;
    assert_eq!(along.is_ok(), can.protocol == S3Protocol::Whole || can.tags);
    for (method, body) in [(Method::GET, ""), (Method::PUT, tags), (Method::DELETE, "")] {
        let outcome = context.send(method, "/one/key?tagging", &[], body).await;
        if can.protocol == S3Protocol::Whole || can.tags {
            outcome.unwrap();
        } else {
            let error = outcome.unwrap_err().error;
            assert_eq!(error.code, Code::NotImplemented);
            assert!(error.message.contains("x-amz-meta-"), "the message says what to do instead: {error}");
        }
    }
    assert_eq!(context.get("/one/key").await.text(), TEXT);
}

/// Clients of some SDKs send such headers with every request.
pub(crate) async fn unknown_headers_are_ignored_and_owners_compared(context: &TestContext) {
    let ignored = [("x-amz-api-version", "2006-03-01"), ("x-amz-something-new", "1")];
    let owner = |name| [ignored[0], ("x-amz-expected-bucket-owner", name)];
    let requests = [
        (Method::PUT, "/one/key", TEXT),
        (Method::GET, "/one/key", ""),
        (Method::HEAD, "/one/key", ""),
        (Method::HEAD, "/one", ""),
        (Method::GET, "/one?list-type=2", ""),
        (Method::GET, "/one?location", ""),
        (Method::DELETE, "/one/key", ""),
    ];
    for (method, path, body) in &requests {
        let foreign = context.refused(method.clone(), path, &owner("111122223333")).await;
        assert_eq!(foreign.code, Code::AccessDenied, "{method} {path}");
        assert!(foreign.message.contains("x-amz-expected-bucket-owner"), "{foreign}");
        for headers in [&ignored, &owner("bucketry")] {
            context.ok(method.clone(), path, headers, *body).await;
        }
        // The objects are put and deleted twice.
        if *method == Method::DELETE {
            assert_eq!(context.count().await, 0);
        }
    }
    context.put("/one/key", TEXT).await;
    let source = ("x-amz-source-expected-bucket-owner", "111122223333");
    let copy = [("x-amz-copy-source", "one/key"), source];
    for bucket in ["one", "two"] {
        let foreign = context.refused(Method::PUT, &format!("/{bucket}/copy"), &copy).await;
        assert_eq!(foreign.code, Code::AccessDenied, "{bucket}");
    }
    assert_eq!(context.count().await, 1);
}

/// A known trap: treating a request for a sub-resource as a request for the object itself.
pub(crate) async fn buckets_are_listed_in_pages(context: &TestContext) {
    let all = context.get("/").await;
    assert_eq!(all.elements("Name"), ["absent", "one", "two"]);
    assert_eq!(all.elements("BucketRegion"), [""; 0]);
    // The id of `one` begins with the time at which the test's bucket was registered.
    assert_eq!(all.elements("CreationDate")[1], "2026-04-30T23:59:59.123Z");
    let first = context.get("/?max-buckets=2&bucket-region=us-east-1").await;
    assert_eq!(first.elements("Name"), ["absent", "one"]);
    assert_eq!(first.elements("BucketRegion"), ["us-east-1", "us-east-1"]);
    let token = first.element("ContinuationToken").unwrap();
    let second = context.get(&format!("/?max-buckets=2&continuation-token={token}")).await;
    assert_eq!(
        (second.elements("Name"), second.element("ContinuationToken")),
        (vec!["two".to_owned()], None)
    );
    assert_eq!(context.get("/?prefix=t").await.elements("Name"), ["two"]);
    assert_eq!(context.get("/?bucket-region=eu-west-1").await.elements("Name"), [""; 0]);
}

/// Some clients always set the ACL that everything has.
pub(crate) async fn the_private_acl_changes_nothing_and_others_are_refused(context: &TestContext) {
    context.put("/one/key", "content").await;
    let private = [("x-amz-acl", "private")];
    let document = "<AccessControlPolicy><Owner><ID>bucketry</ID></Owner><AccessControlList><Grant><Grantee>\
                    <ID>bucketry</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>\
                    </AccessControlPolicy>";
    for path in ["/one?acl", "/one/key?acl"] {
        let set = context.ok(Method::PUT, path, &private, "").await;
        assert_eq!((set.status, set.size_change), (StatusCode::OK, 0), "{path}");
        context.ok(Method::PUT, path, &[], document).await;
        let both = context.send(Method::PUT, path, &private, document).await.unwrap_err().error;
        assert_eq!(both.code, Code::InvalidRequest, "{path}");
        let public = document.replace("<ID>bucketry</ID></Grantee>", "<URI>AllUsers</URI></Grantee>");
        let public = context.send(Method::PUT, path, &[], public).await.unwrap_err().error;
        assert_eq!(public.code, Code::NotImplemented, "{path}");
        for (headers, code) in [
            (&[("x-amz-acl", "public-read")][..], Code::NotImplemented),
            (&[("x-amz-grant-read", "id=x")], Code::NotImplemented),
            (&[], Code::MissingSecurityHeader),
        ] {
            assert_eq!(context.refused(Method::PUT, path, headers).await.code, code, "{path} {headers:?}");
        }
    }
    assert_eq!(context.refused(Method::PUT, "/one/none?acl", &private).await.code, Code::NoSuchKey);
    assert_eq!(context.refused(Method::PUT, "/none?acl", &private).await.code, Code::NoSuchBucket);
    assert_eq!(context.get("/one/key").await.text(), "content");
}

pub(crate) async fn buckets_are_neither_created_nor_deleted(context: &TestContext) {
    context.put("/one/key", "content").await;
    for (method, path, code) in [
        (Method::PUT, "/new-bucket", Code::NotImplemented),
        (Method::PUT, "/Not_A_Name", Code::InvalidBucketName),
        (Method::PUT, "/ab", Code::InvalidBucketName),
        (Method::PUT, "/192.168.5.4", Code::InvalidBucketName),
        (Method::PUT, "/foo.-bar", Code::InvalidBucketName),
        (Method::PUT, "/foo-.bar", Code::InvalidBucketName),
        (Method::DELETE, "/one", Code::NotImplemented),
        (Method::DELETE, "/new-bucket", Code::NoSuchBucket),
        (Method::DELETE, "/Not_A_Name", Code::NoSuchBucket),
    ] {
        assert_eq!(context.refused(method.clone(), path, &[]).await.code, code, "{method} {path}");
    }
    // As S3 in us-east-1: a bucket that the caller has is there, so creating it again succeeds and changes nothing.
    let usual = [("x-amz-acl", "private"), ("x-amz-object-ownership", "BucketOwnerEnforced")];
    for headers in [&[][..], &usual] {
        let again = context.ok(Method::PUT, "/one", headers, "").await;
        assert_eq!((again.status, again.header("location")), (StatusCode::OK, "/one"), "{headers:?}");
        assert!(again.body.is_empty());
    }
    for (header, code) in [
        (("x-amz-acl", "public-read"), Code::NotImplemented),
        (("x-amz-acl", "public-ready"), Code::InvalidArgument),
        (("x-amz-bucket-object-lock-enabled", "true"), Code::NotImplemented),
        (("x-amz-grant-read", "id=1"), Code::NotImplemented),
    ] {
        assert_eq!(context.refused(Method::PUT, "/one", &[header]).await.code, code, "{header:?}");
        assert_eq!(context.refused(Method::PUT, "/new-bucket", &[header]).await.code, code, "{header:?}");
    }
    assert_eq!(context.get("/one/key").await.text(), "content");
}

/// Clients of every operation with an ACL learn the same of a misspelt one.
pub(crate) async fn an_acl_that_s3_does_not_have_is_invalid(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    let source = ("x-amz-copy-source", "one/key");
    for (method, path, also) in [
        (Method::PUT, "/one/new", None),
        (Method::PUT, "/one/new", Some(source)),
        (Method::POST, "/one/new?uploads", None),
        (Method::PUT, "/one/key?acl", None),
        (Method::PUT, "/one?acl", None),
    ] {
        for (acl, code) in
            [("public-ready", Code::InvalidArgument), ("authenticated-read", Code::NotImplemented)]
        {
            let headers: Vec<_> = also.into_iter().chain([("x-amz-acl", acl)]).collect();
            let error = context.refused(method.clone(), path, &headers).await;
            assert_eq!(error.code, code, "{method} {path} {acl}");
            assert!(error.message.contains("x-amz-acl"), "{error}");
        }
    }
    assert_eq!(context.count().await, 1);
}

pub(crate) async fn what_is_not_offered_changes_nothing(context: &TestContext) {
    context.put("/one/key", TEXT).await;
    let before = context.one.head(&context.there("key"), &Conditions::default()).await.unwrap();
    for row in OPERATIONS.iter().filter(|row| matches!(row.handling, Handling::Refused(_))) {
        let query: Vec<String> = row.requires.iter().map(|(name, _)| format!("{name}=")).collect();
        let path = match row.scope {
            Scope::Service => "/",
            Scope::Bucket => "/one",
            Scope::Object => "/one/key",
        };
        let error = context.refused(row.method.clone(), &format!("{path}?{}", query.join("&")), &[]).await;
        assert_eq!(error.code, Code::NotImplemented, "{}", row.name);
    }
    let after = context.one.head(&context.there("key"), &Conditions::default()).await.unwrap();
    assert_eq!((after.etag, after.last_modified), (before.etag, before.last_modified));
    assert_eq!(context.count().await, 1);
    assert_eq!(context.get("/one/key").await.text(), TEXT);
}

/// Google's objects always have a version.
pub(crate) async fn the_version_null_is_deleted(context: &TestContext) {
    let document = "<Delete><Object><Key>key</Key><VersionId>null</VersionId></Object></Delete>";
    for _ in 0..2 {
        context.put("/one/key", TEXT).await;
        let deleted = context.ok(Method::DELETE, "/one/key?versionId=null", &[], "").await;
        assert_eq!((deleted.status, deleted.size_change), (StatusCode::NO_CONTENT, -10));
        assert_eq!(context.refused(Method::GET, "/one/key", &[]).await.code, Code::NoSuchKey);
        assert_eq!(context.ok(Method::DELETE, "/one/key?versionId=null", &[], "").await.size_change, 0);
        context.put("/one/key", TEXT).await;
        let deleted = context.ok(Method::POST, "/one?delete", &[], document).await;
        assert_eq!((deleted.elements("Key"), deleted.size_change), (vec!["key".to_owned()], -10));
        assert_eq!(context.refused(Method::GET, "/one/key", &[]).await.code, Code::NoSuchKey);
    }
}
