//! Texts from clients can't lead a provider outside the folder, however careless it is. That holds for plain names
//! and ids, and for forged texts that are normally sealed by the gateway.

use std::sync::Arc;

use bucketry_gateway::internals::error::Code;
use bucketry_gateway::internals::{PagePosition, PageTokens, Scope};
use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::secret::Secret;
use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, TestRunner};

use crate::context::{TestContext, bucket_id, repository, sealing_key};
use crate::recorded::{Answering, Asked, answer, context, context_of, provider, target, the_one, unmeasured};

const CREATED: &str = "<InitiateMultipartUploadResult><Bucket>their-one</Bucket><Key>in/here/k</Key>\
    <UploadId>hash_0a1b</UploadId></InitiateMultipartUploadResult>";
const LISTED: &str = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
    <Upload><Key>in/here/k</Key><UploadId>hash_0a1b</UploadId></Upload>\
    <Upload><Key>in/here/k</Key><UploadId>hash/..</UploadId></Upload></ListMultipartUploadsResult>";
const PARTS: &str = "<ListPartsResult><Bucket>their-one</Bucket><Key>in/here/k</Key><UploadId>hash_0a1b</UploadId>\
    <IsTruncated>false</IsTruncated></ListPartsResult>";

/// A context for each driver, with the requests that its provider receives.
async fn contexts() -> Vec<(&'static str, TestContext, Asked)> {
    let mut contexts = Vec::new();
    for (name, storage_type, key, secret) in [
        ("s3", StorageType::S3, Some("provider-key"), Some("provider-secret")),
        ("azure", StorageType::Blob, Some("account"), Some("a2V5")),
        ("gcs", StorageType::Gcs, None, None),
        ("gcs-hmac", StorageType::Gcs, Some("GOOG1EXAMPLE"), Some("provider-secret")),
    ] {
        let answering: Answering = Arc::new(|request| answer(200, &[("etag", "\"e\"")], of(request)));
        let (endpoint, asked) = provider(answering).await;
        let of_bucket = |bucket: &str| {
            let mut target: BucketTarget = target(storage_type, bucket, "", &endpoint);
            target.location.key = key.map(str::to_owned);
            target.secret = secret.map(Secret::new);
            target
        };
        contexts.push((name, unmeasured(&of_bucket("their-one"), &of_bucket("their-two")), asked));
    }
    contexts
}

fn of(request: &Request<Bytes>) -> &'static str {
    if *request.method() == Method::HEAD {
        return "";
    }
    match request.uri().query().unwrap_or_default() {
        query if *request.method() == Method::POST && query.starts_with("uploads") => CREATED,
        query if query.contains("uploads=") => LISTED,
        query if query.contains("uploadId=") => PARTS,
        _ => "<Unknown/>",
    }
}

/// A request with a client's text in one position.
struct Attempt {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Requests with the text in every possible position.
fn attempts(context: &TestContext, text: &str) -> Vec<Attempt> {
    let escaped = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let xml = text.replace('&', "&amp;").replace('<', "&lt;");
    let sealed = context.sealed("k", "hash_0a1b");
    let forged = |prefix: &str, delimiter: Option<&str>, token: Option<&str>, after: Option<&str>| {
        let scope = Scope { repository: repository(), bucket: bucket_id(1), prefix, delimiter };
        let position = PagePosition { token: token.map(str::to_owned), after: after.map(str::to_owned) };
        PageTokens::new(&sealing_key()).unwrap().seal(scope, &position).unwrap()
    };
    let mut all = Vec::new();
    let mut add = |method: &Method, path: String, headers: &[(&'static str, &str)], body: &str| {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        all.push(Attempt { method: method.clone(), path, headers, body: body.to_owned() });
    };
    let (get, put, post, delete) = (&Method::GET, &Method::PUT, &Method::POST, &Method::DELETE);

    for method in [get, &Method::HEAD, put, delete] {
        add(method, format!("/one/{escaped}"), &[], "");
        add(method, format!("/{escaped}/k"), &[], "");
    }
    add(post, format!("/one/{escaped}?uploads"), &[], "");
    for method in [get, &Method::HEAD, delete] {
        add(method, format!("/one/k?versionId={escaped}"), &[], "");
    }
    let attributes = [("x-amz-object-attributes", "ETag")];
    add(get, format!("/one/k?attributes&versionId={escaped}"), &attributes, "");
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    for (method, body) in [(get, ""), (put, tags), (delete, "")] {
        add(method, format!("/one/k?tagging&versionId={escaped}"), &[], body);
    }
    for source in [format!("one/{escaped}"), format!("one/k?versionId={escaped}"), format!("{escaped}/k")] {
        let source = [("x-amz-copy-source", source.as_str())];
        add(put, "/one/copy".to_owned(), &source, "");
        add(put, format!("/one/k?partNumber=1&uploadId={sealed}"), &source, "");
    }
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
                 </CompleteMultipartUpload>";
    add(put, format!("/one/k?partNumber=1&uploadId={escaped}"), &[], "part");
    let source = [("x-amz-copy-source", "one/from")];
    add(put, format!("/one/k?partNumber=1&uploadId={escaped}"), &source, "");
    add(post, format!("/one/k?uploadId={escaped}"), &[], parts);
    add(delete, format!("/one/k?uploadId={escaped}"), &[], "");
    add(get, format!("/one/k?uploadId={escaped}"), &[], "");
    add(post, format!("/one/k?uploadId={sealed}"), &[], &parts.replace(">e<", &format!(">{xml}<")));
    for form in ["", "&list-type=2", "&versions", "&uploads"] {
        for name in ["prefix", "delimiter", "marker", "key-marker", "start-after", "continuation-token"] {
            add(get, format!("/one?{name}={escaped}{form}"), &[], "");
        }
    }
    add(get, format!("/one?uploads&key-marker=k&upload-id-marker={escaped}"), &[], "");
    for (token, after) in [(Some(text), None), (None, Some(text)), (Some(text), Some("in/here/k"))] {
        let of_keys = forged("in/here/", None, token, after);
        add(get, format!("/one?list-type=2&continuation-token={of_keys}"), &[], "");
        add(get, format!("/one?marker={of_keys}"), &[], "");
        add(get, format!("/one?versions&key-marker={of_keys}"), &[], "");
        let of_uploads = forged("in/here/", Some("uploads "), token, after);
        add(get, format!("/one?uploads&key-marker={of_uploads}"), &[], "");
    }
    let objects = format!(
        "<Delete><Object><Key>{xml}</Key></Object><Object><Key>k</Key><VersionId>{xml}</VersionId></Object></Delete>"
    );
    add(post, "/one?delete".to_owned(), &[], &objects);
    all
}

/// The segments of a text as the most careless server reads it: decoded until nothing changes, with backslashes as
/// slashes.
fn careless(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    loop {
        let again = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if again == text {
            return text.split(['/', '\\']).map(str::to_owned).collect();
        }
        text = again;
    }
}

fn climbs(text: &str) -> bool {
    let mut depth = 0;
    careless(text).iter().any(|segment| {
        match segment.as_str() {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        depth < 0
    })
}

/// Checks that a path below a bucket stays in the repository's folder.
fn check_object(bucket: &str, key: &str) -> Result<(), String> {
    let folder = if bucket == "their-one" { "in/here/" } else { "" };
    match key.strip_prefix(folder) {
        Some(key) if !key.is_empty() && !climbs(key) => Ok(()),
        _ => Err(format!("the key {key:?} in {bucket}")),
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let path = percent_decode_str(path).decode_utf8().map_err(|_| "a path that isn't UTF-8".to_owned())?;
    let found = ["their-one", "their-two"].into_iter().find_map(|bucket| {
        let (before, rest) = path.split_once(bucket)?;
        Some((before, bucket, rest))
    });
    let Some((before, bucket, rest)) = found else { return Err(format!("the path {path}")) };
    if !["/", "/account/", "/storage/v1/b/", "/upload/storage/v1/b/"].contains(&before) {
        return Err(format!("the path {path}"));
    }
    let rest = if before.contains("storage") { rest.strip_prefix("/o").unwrap_or(rest) } else { rest };
    match rest.strip_prefix('/') {
        None | Some("") if rest.len() < 2 => Ok(()),
        // Google's path of a copy contains source and destination.
        Some(key) if before.contains("storage") => {
            key.split("/rewriteTo/b/their-one/o/").try_for_each(|key| check_object(bucket, key))
        }
        Some(key) => check_object(bucket, key),
        None => Err(format!("the path {path}")),
    }
}

/// Checks that nothing in a request leads out of the repository's folder.
fn check(request: &Request<Bytes>) -> Result<(), String> {
    check_path(request.uri().path())?;
    for pair in request.uri().query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        let is_id = ["uploadId", "versionId", "versionid", "generation", "upload-id-marker"].contains(&name);
        let strange = |segment: &String| ["", ".", ".."].contains(&segment.as_str());
        let is_control = |segment: &String| segment.chars().any(char::is_control);
        if climbs(&value) || (is_id && careless(&value).iter().any(|one| strange(one) || is_control(one))) {
            return Err(format!("the parameter {name}={value:?}"));
        }
    }
    for name in ["x-amz-copy-source", "x-ms-copy-source"] {
        let Some(source) = request.headers().get(name) else { continue };
        let source = source.to_str().map_err(|_| "a source that isn't text".to_owned())?;
        // Azure gets a complete URL.
        let source =
            source.strip_prefix("http://").map_or(source, |rest| &rest[rest.find('/').unwrap_or(0)..]);
        let (path, query) = source.split_once('?').unwrap_or((source, ""));
        check_path(path)?;
        if climbs(query) {
            return Err(format!("the source {source:?}"));
        }
    }
    Ok(())
}

#[test]
fn no_text_of_a_client_leads_any_driver_elsewhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let contexts = runtime.block_on(contexts());
    let piece = "\\.|\\.\\.|\\.\\./|/|//|%2e|%2E|%25|%2F|%252f|%5c|\\\\|hash|b|%|\n|\u{0}";
    let texts = proptest::string::string_regex(&format!("({piece}){{1,10}}")).unwrap();
    let known = ["hash/..", "hash/../../folderB", "x/../../../folderB/plain.txt", "hash%2F..", ".."];
    let mut reached = 0;
    let mut look = |text: &str| {
        runtime.block_on(async {
            for (name, context, asked) in &contexts {
                for Attempt { method, path, headers, body } in attempts(context, text) {
                    let headers: Vec<_> =
                        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    let what = format!("{name}: {method} {path} {headers:?} {body}");
                    _ = context.send(method, &path, &headers, body).await;
                    let requests = std::mem::take(&mut *asked.lock().unwrap());
                    for request in requests {
                        reached += 1;
                        check(&request)
                            .unwrap_or_else(|why| panic!("{what}\nreached the provider with {why}"));
                    }
                }
            }
        });
    };
    known.into_iter().for_each(&mut look);
    let look = std::cell::RefCell::new(look);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(&texts.prop_filter("a text", |text| !text.is_empty()), |text| {
            (look.borrow_mut())(&text);
            Ok(())
        })
        .unwrap();
    assert!(reached > 100, "harmless requests reached the providers: {reached}");
}

#[tokio::test]
async fn ids_that_are_paths_are_refused_in_s3s_own_words_and_reach_no_provider() {
    for (name, context, asked) in contexts().await {
        let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
                     </CompleteMultipartUpload>";
        for id in [
            "hash/..",
            "hash/../../folderB",
            "hash_0a1b",
            "..",
            "hash%2F..",
            &context.sealed("other", "hash_0a1b"),
        ] {
            let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
            for (method, path, body) in [
                (Method::PUT, format!("/one/k?partNumber=1&uploadId={id}"), "part"),
                (Method::POST, format!("/one/k?uploadId={id}"), parts),
                (Method::DELETE, format!("/one/k?uploadId={id}"), ""),
                (Method::GET, format!("/one/k?uploadId={id}"), ""),
            ] {
                let error = context.send(method.clone(), &path, &[], body).await.unwrap_err().error;
                assert_eq!(error.code, Code::NoSuchUpload, "{name} {method} {path}");
            }
        }
        for version in ["x/../../../folderB/plain.txt", "hash/..", "a//b", "a%2F..%2Fb", "a\nb"] {
            let version = utf8_percent_encode(version, NON_ALPHANUMERIC);
            for (method, path) in [
                (Method::GET, format!("/one/k?versionId={version}")),
                (Method::HEAD, format!("/one/k?versionId={version}")),
                (Method::DELETE, format!("/one/k?versionId={version}")),
                (Method::GET, format!("/one/k?tagging&versionId={version}")),
            ] {
                let error = context.refused(method.clone(), &path, &[]).await;
                assert_eq!(error.code, Code::InvalidArgument, "{name} {method} {path}");
            }
            let source = format!("one/k?versionId={version}");
            let error = context.refused(Method::PUT, "/one/copy", &[("x-amz-copy-source", &source)]).await;
            assert_eq!(error.code, Code::InvalidArgument, "{name} {source}");
        }
        assert!(asked.lock().unwrap().is_empty(), "{name}: {asked:?}");
    }
}

#[tokio::test]
async fn clients_know_uploads_by_sealed_ids_only_and_providers_by_their_own() {
    let (context, asked) =
        context_of(Arc::new(|request| answer(200, &[("etag", "\"e\"")], of(request)))).await;
    let begun = context.ok(Method::POST, "/one/k?uploads", &[], "").await;
    let sealed = begun.element("UploadId").unwrap();
    assert_eq!(sealed, context.sealed("k", "hash_0a1b"));
    asked.lock().unwrap().clear();
    let listed = context.get("/one?uploads").await;
    assert_eq!(listed.elements("UploadId"), [sealed.as_str()], "unusable ids are left out");
    asked.lock().unwrap().clear();
    let parts = context.get(&format!("/one/k?uploadId={sealed}")).await;
    assert_eq!(parts.elements("UploadId"), [sealed.as_str()]);
    for response in [&begun, &listed, &parts] {
        assert!(!response.text().contains("hash_0a1b"), "{}", response.text());
    }
    assert_eq!(the_one(&asked).0, "/their-one/in/here/k?max-parts=1000&uploadId=hash_0a1b");
}

#[tokio::test]
async fn the_marker_of_a_list_of_uploads_is_the_sealed_id_of_its_key() {
    let (context, asked) = context(200, &[], LISTED).await;
    let marker = context.sealed("k", "hash_0a1b");
    context.get(&format!("/one?uploads&key-marker=k&upload-id-marker={marker}")).await;
    assert!(the_one(&asked).0.contains("&upload-id-marker=hash_0a1b&"));
    for query in [
        format!("key-marker=other&upload-id-marker={marker}"),
        "key-marker=k&upload-id-marker=hash_0a1b".to_owned(),
        "key-marker=k&upload-id-marker=hash%2F..".to_owned(),
    ] {
        let error = context.refused(Method::GET, &format!("/one?uploads&{query}"), &[]).await;
        assert_eq!(error.code, Code::InvalidArgument, "{query}");
    }
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
}

#[tokio::test]
async fn without_the_sealing_key_uploads_wait_and_everything_else_goes_on() {
    for (name, context, asked) in contexts().await {
        let sealed = context.sealed("k", "hash_0a1b");
        context.forget_sealing_key();
        for (method, path) in [
            (Method::POST, "/one/k?uploads".to_owned()),
            (Method::PUT, format!("/one/k?partNumber=1&uploadId={sealed}")),
            (Method::DELETE, format!("/one/k?uploadId={sealed}")),
            (Method::GET, format!("/one/k?uploadId={sealed}")),
        ] {
            let error = context.refused(method.clone(), &path, &[]).await;
            assert_eq!(
                (error.code, error.retry_after),
                (Code::ServiceUnavailable, Some(2)),
                "{name} {method}"
            );
        }
        assert!(asked.lock().unwrap().is_empty(), "{name}: {asked:?}");
        context.ok(Method::HEAD, "/one/k", &[], "").await;
    }
}
