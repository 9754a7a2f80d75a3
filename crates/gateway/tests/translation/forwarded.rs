//! Features that only providers with S3 support, and what is forwarded in both directions.

use bucketry_gateway::internals::error::Code;
use bucketry_provider::driver::{NewUpload, S3Protocol};
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::{Answer, TestContext};
use crate::signing::Draft;
use crate::tags::{pair, tagging, tags};

const TEXT: &str = "0123456789";
const MIB: usize = 1024 * 1024;

pub(crate) async fn tags_are_kept_with_the_object(context: &TestContext) {
    context.ok(Method::PUT, "/one/key", &[("x-amz-tagging", "colour=light%20blue&a=1")], TEXT).await;
    let mut found = tags(context, "/one/key").await;
    found.sort_unstable();
    assert_eq!(found, [pair("a", "1"), pair("colour", "light blue")]);
    assert_eq!(context.get("/one/key").await.header("x-amz-tagging-count"), "2");
}

fn tells_nothing_of_the_provider(answer: &Answer) {
    for (name, value) in &answer.headers {
        let text = format!("{name}: {value:?}").to_ascii_lowercase();
        assert!(!text.contains("seaweed") && !text.contains("admin"), "{text}");
        assert!(!["x-amz-request-id", "server", "date", "vary"].contains(&name.as_str()), "{text}");
    }
}

pub(crate) async fn what_is_kept_at_s3_passes_both_ways(context: &TestContext) {
    let sha256 = ("x-amz-checksum-sha256", "hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=");
    let kept = [
        ("x-amz-storage-class", "STANDARD_IA"),
        ("expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("content-language", "de"),
        ("x-amz-meta-colour", "light  blue"),
    ];
    let sent: Vec<_> = kept.into_iter().chain([sha256]).collect();
    let stored = context.ok(Method::PUT, "/one/key", &sent, TEXT).await;
    assert_eq!(stored.header(sha256.0), sha256.1);
    tells_nothing_of_the_provider(&stored);
    for method in [Method::GET, Method::HEAD] {
        let plain = context.ok(method.clone(), "/one/key", &[], "").await;
        for (name, value) in kept {
            assert_eq!(plain.header(name), value, "{method}");
        }
        let checked = context.ok(method, "/one/key", &[("x-amz-checksum-mode", "ENABLED")], "").await;
        assert_eq!(checked.header(sha256.0), sha256.1);
        tells_nothing_of_the_provider(&checked);
    }
    let wrong = [("x-amz-storage-class", "NO_SUCH_CLASS")];
    let error = context.send(Method::PUT, "/one/key", &wrong, TEXT).await.unwrap_err().error;
    assert_eq!(error.status().as_u16(), 400, "{error}");
    let listed = context.get("/one?list-type=2").await;
    assert_eq!(listed.element("StorageClass").as_deref(), Some("STANDARD_IA"));
}

pub(crate) async fn a_checksum_behind_a_small_payload_is_kept(context: &TestContext) {
    // `0123456789` in one unsigned chunk, followed by its CRC-32.
    let crc32 = "poTHxg==";
    let body = format!("a\r\n{TEXT}\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n");
    let draft = Draft::new("PUT", "/one/key", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", 10)
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .header("x-amz-sdk-checksum-algorithm", "CRC32");
    let stored = context.send_signed(draft, body).await.unwrap();
    assert_eq!(stored.size_change, 10);
    let read = context.ok(Method::GET, "/one/key", &[("x-amz-checksum-mode", "ENABLED")], "").await;
    assert_eq!((read.text().as_str(), read.header("x-amz-checksum-crc32")), (TEXT, crc32));
    assert_eq!(read.header("content-encoding"), "", "aws-chunked is not the object's encoding");
}

async fn begin(context: &TestContext, path: &str) -> String {
    let speaks_s3 = context.one.capabilities().protocol == S3Protocol::Whole;
    let tags: &[_] = if speaks_s3 { &[("x-amz-tagging", "a=1")] } else { &[] };
    let begun = context.ok(Method::POST, &format!("{path}?uploads"), tags, "").await;
    tells_nothing_of_the_provider(&begun);
    assert!(!begun.text().contains("in/here") && begun.element("Bucket").as_deref() == Some("one"));
    utf8_percent_encode(&begun.element("UploadId").unwrap(), NON_ALPHANUMERIC).to_string()
}

async fn complete(context: &TestContext, path: &str, upload: &str, etags: &[String]) -> Answer {
    let parts: Vec<_> = etags
        .iter()
        .zip(1..)
        .map(|(etag, number)| {
            let etag = etag.replace('"', "&quot;");
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    let document = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.concat());
    context.ok(Method::POST, &format!("{path}?uploadId={upload}"), &[], document).await
}

pub(crate) async fn parts_are_read_by_number(context: &TestContext) {
    let path = "/one/of parts";
    let path = path.replace(' ', "%20");
    let upload = begin(context, &path).await;
    let mut etags = Vec::new();
    for (number, content) in [(1, vec![b'a'; 5 * MIB]), (2, b"the end".to_vec())] {
        let part = format!("{path}?partNumber={number}&uploadId={upload}");
        etags.push(context.ok(Method::PUT, &part, &[], content).await.header("etag").to_owned());
    }
    let listed = context.get(&format!("{path}?uploadId={upload}")).await;
    assert_eq!(listed.element("Key").as_deref(), Some("of parts"));
    assert_eq!(listed.elements("LastModified").len(), 2, "the response has the times of the parts");
    assert!(!listed.text().contains("in/here") && !listed.text().contains("Owner"), "{}", listed.text());
    let done = complete(context, &path, &upload, &etags).await;
    assert_eq!(done.element("Location").as_deref(), Some("/one/of%20parts"));
    assert_eq!(
        (done.element("Bucket").as_deref(), done.element("Key").as_deref()),
        (Some("one"), Some("of parts"))
    );
    assert!(!done.text().contains("in/here"), "{}", done.text());
    let second = context.get(&format!("{path}?partNumber=2")).await;
    assert_eq!((second.status, second.text().as_str()), (StatusCode::PARTIAL_CONTENT, "the end"));
    assert_eq!(second.header("x-amz-mp-parts-count"), "2");
    assert_eq!(second.header("content-range"), format!("bytes {}-{}/{}", 5 * MIB, 5 * MIB + 6, 5 * MIB + 7));
    assert_eq!(tags(context, &path).await, [pair("a", "1")], "the tags that the upload was created with");
}

pub(crate) async fn parts_are_copied_by_the_provider(context: &TestContext) {
    context.put("/two/source", vec![3; 100]).await;
    let upload = begin(context, "/one/pieced").await;
    let path = format!("/one/pieced?partNumber=1&uploadId={upload}");
    let source = ("x-amz-copy-source", "two/source");
    let copied =
        context.ok(Method::PUT, &path, &[source, ("x-amz-copy-source-range", "bytes=10-19")], "").await;
    let etag = copied.element("ETag").unwrap();
    for (condition, code) in [
        (("x-amz-copy-source-if-match", "\"x\""), Code::PreconditionFailed),
        (("x-amz-copy-source-range", "bytes=10-100"), Code::InvalidArgument),
        (("x-amz-copy-source-range", "bytes=10-"), Code::InvalidArgument),
    ] {
        let error = context.refused(Method::PUT, &path, &[source, condition]).await;
        assert_eq!(error.code, code, "{condition:?}");
    }
    complete(context, "/one/pieced", &upload, &[etag]).await;
    assert_eq!(context.get("/one/pieced").await.body, vec![3; 10]);
}

async fn listed(context: &TestContext, query: &str) -> Answer {
    let answer = context.get(&format!("/one?uploads&{query}")).await;
    assert!(!answer.text().contains("in/here"), "{}", answer.text());
    assert!(!answer.text().contains("admin"), "the provider's account is not revealed");
    answer
}

pub(crate) async fn uploads_that_go_on_are_listed_in_the_folder_only(context: &TestContext) {
    let one = begin(context, "/one/a").await;
    let other = begin(context, "/one/dir/b%20%26%20c").await;
    let outside = context.there("../../outside").replace("in/here/../../", "in/her-");
    let beside = context.one.create_multipart(&outside, &NewUpload::default()).await.unwrap();
    let all = listed(context, "").await;
    let mut keys = all.elements("Key");
    keys.sort_unstable();
    assert_eq!(keys, ["a", "dir/b & c"]);
    assert!(!all.text().contains(beside.as_str()));
    assert_eq!(all.element("IsTruncated").as_deref(), Some("false"));
    assert!(all.element("Initiated").unwrap().ends_with('Z'));
    let escaped = listed(context, "encoding-type=url&prefix=dir/").await;
    assert_eq!(escaped.elements("Key"), ["dir/b%20%26%20c"]);
    let folded = listed(context, "delimiter=/").await;
    assert_eq!(folded.elements("Key"), ["a"]);
    assert!(folded.text().contains("<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>"));
    assert_eq!(listed(context, "max-uploads=0").await.elements("Key"), [""; 0]);
    for query in ["prefix=../", "key-marker=../../x", "max-uploads=x", "encoding-type=base64"] {
        let error = context.refused(Method::GET, &format!("/one?uploads&{query}"), &[]).await;
        assert!(matches!(error.code, Code::InvalidURI | Code::InvalidArgument), "{query}: {error}");
    }
    for (key, upload) in [("a", one), ("dir/b%20%26%20c", other)] {
        context.ok(Method::DELETE, &format!("/one/{key}?uploadId={upload}"), &[], "").await;
    }
    assert_eq!(listed(context, "").await.elements("Key"), [""; 0]);
    context.one.abort_multipart(&outside, &beside).await.unwrap();
}

pub(crate) async fn pages_of_uploads_join_without_gaps(context: &TestContext) {
    let mut begun = Vec::new();
    for key in ["a", "b", "b", "c/d", "e"] {
        begun.push(begin(context, &format!("/one/{key}")).await);
    }
    let mut found = Vec::new();
    let mut from = String::new();
    for _ in 0..10 {
        let page = listed(context, &format!("max-uploads=2{from}")).await;
        found.extend(page.elements("UploadId"));
        let Some(next) = page.element("NextKeyMarker") else { break };
        let upload = page.element("NextUploadIdMarker").unwrap_or_default();
        from = format!("&key-marker={next}&upload-id-marker={upload}");
        let error = context.refused(Method::GET, &format!("/one?uploads&prefix=b{from}"), &[]).await;
        assert_eq!(error.code, Code::InvalidArgument, "a token is valid for its own list only");
    }
    let mut escaped: Vec<_> =
        found.iter().map(|id| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()).collect();
    // By the same spelling: an escaped character sorts elsewhere than itself.
    escaped.sort_unstable();
    begun.sort_unstable();
    assert_eq!(escaped, begun);
}

pub(crate) async fn attributes_are_the_providers_own(context: &TestContext) {
    context.ok(Method::PUT, "/one/key", &[("x-amz-storage-class", "STANDARD_IA")], TEXT).await;
    let wanted = [("x-amz-object-attributes", "ETag,ObjectSize,StorageClass")];
    let response = context.ok(Method::GET, "/one/key?attributes", &wanted, "").await;
    assert_eq!(response.element("ObjectSize").as_deref(), Some("10"));
    assert_eq!(response.element("StorageClass").as_deref(), Some("STANDARD_IA"));
    assert!(response.header("last-modified").ends_with(" GMT"));
    tells_nothing_of_the_provider(&response);
    let missing = context.refused(Method::GET, "/one/missing?attributes", &wanted).await;
    assert_eq!(missing.code, Code::NoSuchKey);
}

pub(crate) async fn a_copy_keeps_or_replaces_tags(context: &TestContext) {
    context.ok(Method::PUT, "/one/from", &[("x-amz-tagging", "a=1"), ("x-amz-meta-m", "1")], TEXT).await;
    let source = ("x-amz-copy-source", "one/from");
    for target in ["/one/copy", "/two/copy"] {
        // Without `REPLACE`, the metadata in the request is ignored.
        context.ok(Method::PUT, target, &[source, ("x-amz-meta-m", "2")], "").await;
        assert_eq!(tags(context, target).await, [pair("a", "1")], "{target}");
        assert_eq!(context.get(target).await.header("x-amz-meta-m"), "1");
        let replacing = [source, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "b=2")];
        let copied = context.ok(Method::PUT, target, &replacing, "").await;
        tells_nothing_of_the_provider(&copied);
        assert_eq!(tags(context, target).await, [pair("b", "2")], "{target}");
    }
}

pub(crate) async fn versions_are_read_and_copied(context: &TestContext) {
    let first = context.put("/one/key", "first").await.header("x-amz-version-id").to_owned();
    let second = context.put("/one/key", "second").await.header("x-amz-version-id").to_owned();
    assert!(!first.is_empty() && first != second);
    assert_eq!(context.get("/one/key").await.header("x-amz-version-id"), second);
    let old = format!("/one/key?versionId={first}");
    for method in [Method::GET, Method::HEAD] {
        let read = context.ok(method, &old, &[], "").await;
        assert_eq!((read.header("x-amz-version-id"), read.header("content-length")), (first.as_str(), "5"));
    }
    assert_eq!(context.get(&old).await.text(), "first");
    assert_eq!(
        context.get("/one/key?versionId=null").await.text(),
        "second",
        "the version that lists contain"
    );
    context.ok(Method::PUT, &format!("{old}&tagging"), &[], tagging(&[("old", "1")])).await;
    assert_eq!(tags(context, "/one/key").await, []);
    let source = format!("one/key?versionId={first}");
    context.ok(Method::PUT, "/one/key", &[("x-amz-copy-source", &source)], "").await;
    assert_eq!(context.get("/one/key").await.text(), "first");
    let unknown =
        context.refused(Method::GET, "/one/key?versionId=00000000000000000000000000000000", &[]).await;
    assert!(matches!(unknown.code, Code::NoSuchVersion | Code::NoSuchKey), "{unknown}");
}

/// The bucket has kept versions since before its first object.
pub(crate) async fn another_version_than_null_is_not_deleted_permanently(context: &TestContext) {
    context.put("/one/key", "first").await;
    let version = context.put("/one/key", "second").await.header("x-amz-version-id").to_owned();
    let refused = context.refused(Method::DELETE, "/one/key?versionId=null", &[]).await;
    assert_eq!(refused.code, Code::NotImplemented, "{refused}");
    let document = "<Delete><Object><Key>key</Key><VersionId>null</VersionId></Object></Delete>";
    let refused = context.ok(Method::POST, "/one?delete", &[], document).await;
    assert_eq!((refused.elements("Code"), refused.size_change), (vec!["NotImplemented".to_owned()], 0));
    let read = context.get("/one/key").await;
    assert_eq!((read.text().as_str(), read.header("x-amz-version-id")), ("second", version.as_str()));
    context.ok(Method::DELETE, "/one/key", &[], "").await;
    let old = context.get(&format!("/one/key?versionId={version}")).await;
    assert_eq!(old.text(), "second", "without a version, the provider retains it");
}
