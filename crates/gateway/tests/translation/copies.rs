//! Copies, by the provider and streamed through the gateway.

use bucketry_gateway::internals::error::Code;
use bucketry_provider::driver::S3Protocol;
use http::Method;

use crate::context::TestContext;

pub(crate) async fn copies_within_a_bucket_and_between_two(context: &TestContext) {
    let kept = [("content-type", "text/kept"), ("x-amz-meta-a", "1")];
    let etag = context.ok(Method::PUT, "/one/from%20here", &kept, "content").await.header("etag").to_owned();
    for target in ["/one/copy", "/two/copy"] {
        let source = ("x-amz-copy-source", "one/from%20here");
        let copied = context.ok(Method::PUT, target, &[source], "").await;
        assert!(copied.element("LastModified").unwrap().ends_with('Z'));
        assert!(copied.element("ETag").is_some());
        assert_eq!(copied.size_change, 7, "{target}");
        let read = context.get(target).await;
        assert_eq!((read.text().as_str(), read.header("content-type")), ("content", "text/kept"));
        assert_eq!(read.header("x-amz-meta-a"), "1");

        let replacing = [
            source,
            ("x-amz-metadata-directive", "REPLACE"),
            ("content-type", "text/new"),
            ("x-amz-meta-b", "2"),
        ];
        assert_eq!(context.ok(Method::PUT, target, &replacing, "").await.size_change, 0);
        let read = context.get(target).await;
        assert_eq!((read.header("content-type"), read.header("x-amz-meta-a")), ("text/new", ""));
        assert_eq!(read.header("x-amz-meta-b"), "2");

        let held = [source, ("x-amz-copy-source-if-match", etag.as_str())];
        context.ok(Method::PUT, target, &held, "").await;
        for condition in
            [("x-amz-copy-source-if-none-match", etag.as_str()), ("x-amz-copy-source-if-match", "\"x\"")]
        {
            let error = context.refused(Method::PUT, target, &[source, condition]).await;
            assert_eq!(error.code, Code::PreconditionFailed, "{target} {condition:?}");
        }
    }
}

/// Google's emulator keeps what the request sets to nothing.
pub(crate) async fn a_copy_may_lose_all_metadata(context: &TestContext) {
    let kept = [("content-type", "text/kept"), ("cache-control", "no-store"), ("x-amz-meta-a", "1")];
    context.ok(Method::PUT, "/one/key", &kept, "content").await;
    let replacing = [("x-amz-copy-source", "one/key"), ("x-amz-metadata-directive", "REPLACE")];
    for target in ["/one/key", "/two/key"] {
        context.ok(Method::PUT, target, &replacing, "").await;
        let read = context.get(target).await;
        assert_eq!((read.header("cache-control"), read.header("x-amz-meta-a")), ("", ""), "{target}");
        assert_ne!(read.header("content-type"), "text/kept", "{target}");
        assert_eq!(read.text(), "content");
    }
}

pub(crate) async fn what_the_provider_can_not_store_is_refused(context: &TestContext) {
    let expires = ("expires", "Thu, 01 Jan 2026 00:00:00 GMT");
    context.put("/one/key", "content").await;
    let replacing = [("x-amz-copy-source", "one/key"), ("x-amz-metadata-directive", "REPLACE"), expires];
    let requests = [
        (Method::PUT, "/one/new", &[expires][..]),
        (Method::PUT, "/one/new", &replacing),
        (Method::PUT, "/two/new", &replacing),
        (Method::POST, "/one/new?uploads", &[expires]),
    ];
    for (method, path, headers) in requests {
        if context.one.capabilities().expires {
            context.ok(method, path, headers, "").await;
        } else {
            let error = context.refused(method, path, headers).await;
            assert_eq!(error.code, Code::NotImplemented, "{path} {headers:?}");
            assert!(error.message.contains("Expires"), "{error}");
            assert_eq!(context.refused(Method::GET, "/one/new", &[]).await.code, Code::NoSuchKey);
        }
    }
}

pub(crate) async fn a_copy_needs_a_source_of_the_repository(context: &TestContext) {
    context.put("/one/key", "content").await;
    let copies = context.one.capabilities().protocol == S3Protocol::Whole;
    let part = format!("/one/part?partNumber=1&uploadId={}", context.sealed("part", "u"));
    for (source, code) in [
        ("one/missing", Code::NoSuchKey),
        ("two/missing", Code::NoSuchKey),
        ("elsewhere/key", Code::NoSuchBucket),
        ("one/../key", Code::InvalidURI),
        ("absent/key", Code::ServiceUnavailable),
    ] {
        for target in ["/one/copy", part.as_str()] {
            let error = context.refused(Method::PUT, target, &[("x-amz-copy-source", source)]).await;
            // A provider that copies may look for the upload first.
            let looked =
                if error.code == Code::NoSuchUpload && copies { Code::NoSuchKey } else { error.code };
            assert_eq!(looked, code, "{target} of {source}: {error}");
        }
    }
    // Providers with versioning are asked for the version.
    if !copies {
        let source = ("x-amz-copy-source", "one/key?versionId=7");
        let error = context.refused(Method::PUT, "/one/copy", &[source]).await;
        assert_eq!(error.code, Code::NotImplemented);
    }
    let itself = context.refused(Method::PUT, "/one/key", &[("x-amz-copy-source", "/one/key")]).await;
    assert_eq!(itself.code, Code::InvalidRequest);
}
