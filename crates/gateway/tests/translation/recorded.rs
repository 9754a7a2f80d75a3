//! The exact requests that an S3 provider receives, and the responses that clients get for its answers. The
//! provider is a server in this process that records requests and returns given responses.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bucketry_gateway::internals::Fault;
use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::context::TestContext;
use crate::signing::Draft;

pub(crate) type Asked = Arc<Mutex<Vec<Request<Bytes>>>>;

pub(crate) type Answering = Arc<dyn Fn(&Request<Bytes>) -> Response<Full<Bytes>> + Send + Sync>;

/// A context whose provider answers every request alike.
pub(crate) async fn context(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (TestContext, Asked) {
    context_of(Arc::new(move |request| {
        answer(status, headers, if request.method() == Method::HEAD { "" } else { body })
    }))
    .await
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

pub(crate) async fn context_of(answering: Answering) -> (TestContext, Asked) {
    let (endpoint, asked) = provider(answering).await;
    let target = |bucket: &str| target(StorageType::S3, bucket, "provider-key", &endpoint);
    (unmeasured(&target("their-one"), &target("their-two")), asked)
}

/// A context that doesn't measure size changes, so the provider receives only what requests cause.
pub(crate) fn unmeasured(one: &BucketTarget, two: &BucketTarget) -> TestContext {
    let mut context = TestContext::new(one, two, "");
    context.settings.measure_size_change = false;
    context
}

pub(crate) fn target(
    storage_type: StorageType,
    bucket: &str,
    key: &str,
    endpoint: &Endpoint,
) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type,
            bucket: bucket.to_owned(),
            key: Some(key.to_owned()),
            endpoint: Some(endpoint.clone()),
            region: Some("us-east-1".to_owned()),
        },
        secret: Some(Secret::new("provider-secret")),
    }
}

/// Starts a server that records requests until the test's runtime ends.
pub(crate) async fn provider(answering: Answering) -> (Endpoint, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Asked::default();
    let writing = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (asked, answering) = (Arc::clone(&writing), Arc::clone(&answering));
            let answer = service_fn(move |request: Request<Incoming>| {
                let (asked, answering) = (Arc::clone(&asked), Arc::clone(&answering));
                async move {
                    let (head, content) = request.into_parts();
                    let content = content.collect().await.unwrap().to_bytes();
                    let request = Request::from_parts(head, content);
                    let answer = answering(&request);
                    asked.lock().unwrap().push(request);
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (Endpoint::parse(&format!("http://{address}")).unwrap(), asked)
}

/// The path with query, and the header names, of the only request that arrived.
pub(crate) fn the_one(asked: &Asked) -> (String, Vec<String>) {
    let mut asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let request = asked.remove(0);
    let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
    names.sort_unstable();
    (request.uri().to_string(), names)
}

/// Headers that clients may send, and some more.
const EVERYTHING: &[(&str, &str)] = &[
    ("authorization", "AWS4-HMAC-SHA256 Credential=client"),
    ("cookie", "session=client"),
    ("connection", "x-amz-meta-a"),
    ("proxy-authorization", "client"),
    ("te", "trailers"),
    ("accept-encoding", "gzip"),
    ("user-agent", "client/1.0"),
    ("x-forwarded-for", "192.0.2.1"),
    ("forwarded", "for=192.0.2.1"),
    ("referer", "https://client.example/"),
    ("origin", "https://client.example"),
    ("range", "bytes=0-1"),
    ("if-match", "\"e\""),
    ("x-amz-checksum-mode", "ENABLED"),
    ("x-amz-date", "20200101T000000Z"),
    ("x-amz-security-token", "client-token"),
    ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ("x-amz-request-payer", "requester"),
    ("x-amz-user-agent", "client/1.0"),
    ("x-goog-acl", "public-read"),
    ("x-http-method-override", "DELETE"),
];
/// The headers of every signed request.
const OWN: [&str; 4] = ["authorization", "host", "x-amz-content-sha256", "x-amz-date"];

fn expected(more: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = OWN.iter().chain(more).map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_forwarded_request_carries_what_is_listed_and_nothing_else() {
    let (context, asked) = context(200, &[("etag", "\"e\""), ("x-amz-version-id", "v/1")], "").await;
    let path = "/one/a%20b?versionId=v%2F1&partNumber=2&response-content-type=text%2Fhtml&x-id=GetObject";
    let read = context.ok(Method::GET, path, EVERYTHING, "").await;
    assert_eq!(read.header("content-type"), "text/html", "set by the gateway, not by the provider");
    assert_eq!(
        the_one(&asked),
        (
            "/their-one/in/here/a%20b?partNumber=2&versionId=v%2F1".to_owned(),
            expected(&["if-match", "range", "x-amz-checksum-mode"])
        )
    );
    let header =
        |asked: &Asked, name: &str| asked.lock().unwrap()[0].headers()[name].to_str().unwrap().to_owned();
    context.ok(Method::HEAD, "/one/k", EVERYTHING, "").await;
    assert!(header(&asked, "authorization").contains("Credential=provider-key/"));
    assert_ne!(header(&asked, "x-amz-date"), "20200101T000000Z");
    let names = expected(&["if-match", "x-amz-checksum-mode"]);
    assert_eq!(the_one(&asked), ("/their-one/in/here/k".to_owned(), names));

    context.ok(Method::PUT, "/one/k", EVERYTHING, "x").await;
    assert_eq!(
        the_one(&asked),
        ("/their-one/in/here/k".to_owned(), expected(&["content-length", "if-match"])),
    );
    context.ok(Method::DELETE, "/one/k?tagging&versionId=v", EVERYTHING, "").await;
    assert_eq!(the_one(&asked), ("/their-one/in/here/k?tagging=&versionId=v".to_owned(), expected(&[])));
}

#[tokio::test]
async fn what_a_provider_leaves_out_of_a_request_is_made_up_for_or_refused() {
    let (context, _) = context(200, &[("etag", "\"e\"")], "content").await;
    for (path, header, code) in [
        ("/one/k", ("if-match", "\"a\""), Code::PreconditionFailed),
        ("/one/k?versionId=v", ("if-match", "\"e\""), Code::NotImplemented),
    ] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(context.refused(method, path, &[header]).await.code, code, "{path} {header:?}");
        }
    }
    context.ok(Method::GET, "/one/k", &[("if-match", "\"e\"")], "").await;
    for method in [Method::GET, Method::HEAD] {
        let unchanged = context.ok(method, "/one/k", &[("if-none-match", "\"e\"")], "").await;
        assert_eq!((unchanged.status, unchanged.header("etag")), (StatusCode::NOT_MODIFIED, "\"e\""));
        assert!(unchanged.body.is_empty() && unchanged.header("content-length").is_empty());
    }
}

/// As at SeaweedFS.
#[tokio::test]
async fn only_a_condition_that_does_not_hold_costs_a_second_request() {
    for (write, head, expected) in [
        (200, 404, None),
        (412, 404, Some(Code::NoSuchKey)),
        (412, 403, Some(Code::PreconditionFailed)),
        (412, 200, Some(Code::PreconditionFailed)),
    ] {
        let (context, asked) = context_of(Arc::new(move |request| {
            answer(if request.method() == Method::HEAD { head } else { write }, &[], "")
        }))
        .await;
        let outcome = context.send(Method::PUT, "/one/k", &[("if-match", "\"e\"")], "x").await;
        assert_eq!(outcome.err().map(|failure| failure.error.code), expected);
        assert_eq!(asked.lock().unwrap().len(), if write == 200 { 1 } else { 2 });
        if write == 412 {
            let absent = context.refused(Method::PUT, "/one/k", &[("if-none-match", "*")]).await;
            assert_eq!(absent.code, Code::PreconditionFailed);
            assert_eq!(asked.lock().unwrap().len(), 3, "no HEAD: the object exists");
        }
    }
}

#[tokio::test]
async fn what_is_not_listed_reaches_no_provider() {
    let (context, asked) = context(200, &[], "").await;
    for (method, path) in [
        (Method::GET, "/one/k?acl"),
        (Method::GET, "/one/k?versionId=v&torrent"),
        (Method::GET, "/one/k?partNumber=1&something-new"),
        (Method::PUT, "/one/k?versionId=v"),
        (Method::PUT, "/one/k?tagging&acl"),
        (Method::GET, "/one?uploads&acl"),
        (Method::POST, "/one/k?uploads&append"),
    ] {
        let error = context.refused(method.clone(), path, &[]).await;
        assert_eq!(error.code, Code::NotImplemented, "{method} {path}");
    }
    for header in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-full-control", "x"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-grant-something-new", "x"),
    ] {
        for (method, path) in
            [(Method::PUT, "/one/k"), (Method::GET, "/one/k"), (Method::POST, "/one/k?uploads")]
        {
            let error = context.refused(method.clone(), path, &[header]).await;
            assert_eq!(error.code, Code::NotImplemented, "{method} {path} {header:?}");
        }
    }
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
}

#[tokio::test]
async fn neither_copies_nor_markers_lead_out_of_the_folder() {
    let document = "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>";
    let (context, asked) = context(200, &[], document).await;
    for source in
        ["one/../k", "/one/%2e%2e/k", "one/%252e%252e/k", "one/a/../../k", "one/..%5ck", "one/%2e%2e%2fk"]
    {
        for target in ["/one/copy", "/one/part?partNumber=1&uploadId=u"] {
            let error = context.refused(Method::PUT, target, &[("x-amz-copy-source", source)]).await;
            assert_eq!(error.code, Code::InvalidURI, "{source}");
        }
    }
    for query in ["prefix=..%2F", "prefix=a/../../", "key-marker=..%2Fx&upload-id-marker=u"] {
        let error = context.refused(Method::GET, &format!("/one?uploads&{query}"), &[]).await;
        assert_eq!(error.code, Code::InvalidURI, "{query}");
    }
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
    let source = [("x-amz-copy-source", "two/from%3Fx?versionId=v%2F1")];
    context.ok(Method::PUT, "/one/copy", &source, "").await;
    let sent = asked.lock().unwrap()[0].headers()["x-amz-copy-source"].clone();
    assert_eq!(sent, "/their-two/from%3Fx?versionId=v%2F1");
}

#[tokio::test]
async fn uploads_are_asked_for_below_the_folder_and_others_are_never_shown() {
    let document = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>in/here/b</NextKeyMarker>\
        <NextUploadIdMarker>u2</NextUploadIdMarker>\
        <Upload><Key>secret/a</Key><UploadId>u0</UploadId></Upload>\
        <Upload><Key>in/here/a</Key><UploadId>u1</UploadId></Upload>\
        <CommonPrefixes><Prefix>secret/</Prefix></CommonPrefixes></ListMultipartUploadsResult>";
    let (context, asked) = context(200, &[], document).await;
    let marker = context.sealed("a b", "u/0");
    let query = format!("prefix=&key-marker=a%20b&upload-id-marker={marker}&max-uploads=7");
    let page = context.get(&format!("/one?uploads&{query}")).await;
    assert_eq!(page.elements("UploadId"), [context.sealed("a", "u1")]);
    assert_eq!(page.elements("Key"), ["a"]);
    assert!(!page.text().contains("secret") && !page.text().contains("in/here"), "{}", page.text());
    let query = "encoding-type=url&key-marker=in%2Fhere%2Fa%20b&max-uploads=7&prefix=in%2Fhere%2F\
                 &upload-id-marker=u%2F0&uploads=";
    assert_eq!(the_one(&asked).0, format!("/their-one?{query}"));
    let next = page.element("NextKeyMarker").unwrap();
    context.get(&format!("/one?uploads&key-marker={next}&upload-id-marker=forged")).await;
    let (uri, _) = the_one(&asked);
    assert!(uri.contains("key-marker=in%2Fhere%2Fb&") && uri.contains("upload-id-marker=u2&"), "{uri}");
}

#[tokio::test]
async fn not_modified_comes_with_what_caches_need() {
    let headers =
        &[("etag", "\"e\""), ("cache-control", "max-age=5"), ("x-amz-version-id", "v"), ("server", "S")];
    let (context, _) = context(304, headers, "").await;
    for method in [Method::GET, Method::HEAD] {
        let answer = context.ok(method, "/one/k", &[("if-none-match", "\"e\"")], "").await;
        assert_eq!((answer.status, answer.header("etag")), (StatusCode::NOT_MODIFIED, "\"e\""));
        assert_eq!((answer.header("cache-control"), answer.header("x-amz-version-id")), ("max-age=5", "v"));
        assert_eq!(answer.header("server"), "");
    }
}

#[tokio::test]
async fn the_words_of_a_provider_that_refuses_are_not_repeated() {
    for (status, code, expected) in [
        (400, "InvalidArgument", Code::InvalidArgument),
        (400, "InvalidTag", Code::InvalidTag),
        (400, "SomethingNew", Code::InvalidRequest),
        (403, "AccessDenied", Code::AccessDenied),
        (403, "InvalidObjectState", Code::InvalidObjectState),
        (404, "NoSuchVersion", Code::NoSuchVersion),
        (405, "MethodNotAllowed", Code::MethodNotAllowed),
        (501, "NotImplemented", Code::NotImplemented),
    ] {
        let document = format!(
            "<Error><Code>{code}</Code><Message>secret words</Message><Key>in/here/k</Key>\
             <BucketName>their-one</BucketName></Error>"
        );
        let (context, _) = context(status, &[("x-amz-request-id", "1")], document.leak()).await;
        let tags = "<Tagging><TagSet></TagSet></Tagging>";
        let parts = format!("/one/k?uploadId={}", context.sealed("k", "u"));
        for (method, path, body) in [
            (Method::GET, "/one/k?versionId=v", ""),
            (Method::PUT, "/one/k", "x"),
            (Method::PUT, "/one/k?tagging", tags),
            (Method::GET, &parts, ""),
            (Method::POST, "/one/k?uploads", ""),
        ] {
            let error = context.send(method.clone(), path, &[], body).await.unwrap_err().error;
            assert_eq!(error.code, expected, "{method} {path}");
            for word in ["secret", "in/here", "their-one", "SomethingNew"] {
                assert!(!error.message.contains(word), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_a_success_is_an_error() {
    let document = "<Error><Code>InternalError</Code><Message>secret words</Message></Error>";
    let (context, _) = context(200, &[], document).await;
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
        </CompleteMultipartUpload>";
    let source = [("x-amz-copy-source", "two/k")];
    let upload = context.sealed("k", "u");
    for (method, path, headers, body) in [
        (Method::PUT, "/one/k".to_owned(), &source[..], ""),
        (Method::PUT, format!("/one/k?partNumber=1&uploadId={upload}"), &source[..], ""),
        (Method::POST, format!("/one/k?uploadId={upload}"), &[], parts),
    ] {
        let error = context.send(method, &path, headers, body).await.unwrap_err().error;
        assert_eq!(error.code, Code::ServiceUnavailable, "{error}");
    }
}

#[tokio::test]
async fn attributes_are_found_in_another_way_where_the_provider_has_none() {
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    for (status, body) in
        [(501, "<Error><Code>NotImplemented</Code></Error>"), (403, denied), (200, "the object")]
    {
        let (context, asked) = context_of(Arc::new(move |request| match *request.method() {
            Method::HEAD => answer(200, &[("etag", "\"e\""), ("content-length", "10")], ""),
            _ => answer(status, &[], body),
        }))
        .await;
        let wanted = [("x-amz-object-attributes", "ETag,ObjectSize")];
        let response = context.ok(Method::GET, "/one/k?attributes", &wanted, "").await;
        assert_eq!(
            (response.element("ETag").as_deref(), response.element("ObjectSize").as_deref()),
            (Some("e"), Some("10"))
        );
        assert_eq!(asked.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_provider_that_copies_is_asked_once_and_moves_no_content() {
    let document = "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>";
    let (context, asked) = context(200, &[("x-amz-copy-source-version-id", "v")], document).await;
    let headers = [
        ("x-amz-copy-source", "two/from"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "a=1"),
        ("x-amz-meta-unheeded", "1"),
        ("x-amz-acl", "private"),
    ];
    let copied = context.ok(Method::PUT, "/one/copy", &headers, "").await;
    assert_eq!(copied.header("x-amz-copy-source-version-id"), "v");
    let names =
        expected(&["content-length", "x-amz-copy-source", "x-amz-tagging", "x-amz-tagging-directive"]);
    assert_eq!(the_one(&asked), ("/their-one/in/here/copy".to_owned(), names));
    for (path, headers) in [
        ("/one/itself", &[("x-amz-copy-source", "one/itself")][..]),
        ("/one/copy", &[("x-amz-copy-source", "two/from"), ("if-none-match", "*")]),
    ] {
        context.refused(Method::PUT, path, headers).await;
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_checksum_behind_the_payload_is_sent_on_if_it_is_known_in_time() {
    use base64::Engine as _;
    for (length, known) in [(10, true), (64 << 10, true), ((64 << 10) + 1, false)] {
        let (context, asked) = context(200, &[("etag", "\"e\"")], "").await;
        let content = "x".repeat(length);
        let crc32 = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, content.as_bytes());
        let crc32 = u32::try_from(crc32).unwrap().to_be_bytes();
        let crc32 = base64::engine::general_purpose::STANDARD.encode(crc32);
        let body = format!("{length:x}\r\n{content}\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n");
        let draft = Draft::new("PUT", "/one/k", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", length)
            .header("x-amz-trailer", "x-amz-checksum-crc32");
        context.send_signed(draft, body).await.unwrap();
        let asked = asked.lock().unwrap();
        let sent =
            asked[0].headers().get("x-amz-checksum-crc32").map(|sent| sent.to_str().unwrap().to_owned());
        assert_eq!(sent, known.then_some(crc32), "{length}");
        assert!(!asked[0].headers().contains_key("content-encoding"));
        assert_eq!(asked[0].body().len(), length);
    }
}

#[tokio::test]
async fn google_with_an_hmac_pair_is_sent_the_basics_only() {
    let (endpoint, asked) = provider(Arc::new(|_| answer(200, &[("etag", "\"e\"")], ""))).await;
    let target = |bucket: &str| target(StorageType::Gcs, bucket, "GOOG1EXAMPLE", &endpoint);
    let context = unmeasured(&target("their-one"), &target("their-two"));
    context.ok(Method::GET, "/one/k", EVERYTHING, "").await;
    let read = expected(&["accept-encoding", "if-match", "range"]);
    assert_eq!(the_one(&asked), ("/their-one/in/here/k".to_owned(), read));
    let kept = [("content-type", "text/plain"), ("x-amz-meta-a", "1"), ("x-amz-checksum-crc32", "AAAAAA==")];
    context.ok(Method::PUT, "/one/k", &kept, "x").await;
    let names = expected(&["content-length", "content-type", "x-amz-meta-a"]);
    assert_eq!(the_one(&asked), ("/their-one/in/here/k".to_owned(), names));
    for (path, header) in [
        ("/one/k?versionId=v", ("range", "bytes=0-1")),
        ("/one/k?partNumber=1", ("range", "bytes=0-1")),
        ("/one/k?tagging", ("range", "bytes=0-1")),
        ("/one/k", ("x-amz-server-side-encryption-customer-key", "k")),
    ] {
        let error = context.refused(Method::GET, path, &[header]).await;
        assert_eq!(error.code, Code::NotImplemented, "{path}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_credential_that_may_not_touch_tags_is_told_their_permission() {
    let (context, _) = context(403, &[], "<Error><Code>AccessDenied</Code></Error>").await;
    let tags = "<Tagging><TagSet></TagSet></Tagging>";
    for (method, permission) in [
        (Method::GET, "s3:GetObjectTagging"),
        (Method::PUT, "s3:PutObjectTagging"),
        (Method::DELETE, "s3:DeleteObjectTagging"),
    ] {
        let failure = context.send(method, "/one/k?tagging", &[], tags).await.unwrap_err();
        assert_eq!((failure.error.code, failure.fault), (Code::AccessDenied, Some(Fault::Misconfigured)));
        assert!(failure.error.message.contains(permission), "{failure}");
    }
}

#[tokio::test]
async fn an_object_under_a_customers_key_counts_as_empty() {
    let plain: &[(&str, &str)] = &[];
    let secret: &[(&str, &str)] = &[("x-amz-server-side-encryption-customer-key", "k")];
    for (before, headers, expected) in [
        ((404, ""), plain, 10),
        ((200, "7"), plain, 3),
        ((404, ""), secret, 0),
        ((200, "7"), secret, -7),
        // An object whose size the provider reports only with its key also counts as empty.
        ((400, ""), plain, 10),
        ((400, ""), secret, 0),
    ] {
        let (mut context, _) = context_of(Arc::new(move |request| match (request.method(), before) {
            (&Method::HEAD, (status, "")) => answer(status, &[], ""),
            (&Method::HEAD, (status, size)) => answer(status, &[("content-length", size)], ""),
            _ => answer(200, &[("etag", "\"e\"")], ""),
        }))
        .await;
        context.settings.measure_size_change = true;
        let stored = context.ok(Method::PUT, "/one/k", headers, "0123456789").await;
        assert_eq!(stored.size_change, expected, "{before:?} {headers:?}");
    }
}
