//! Checksums of objects and of their parts, which the gateway stores where the provider doesn't.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_gateway::internals::error::Code;
use crc_fast::CrcAlgorithm::Crc32IsoHdlc;
use http::{Method, StatusCode};

use crate::context::{Answer, TestContext};
use crate::signing::{Draft, UNSIGNED};

const SIZE: usize = 5 << 20;
const ENABLED: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

fn bytes(content: &[u8]) -> [u8; 4] {
    let crc = crc_fast::checksum(Crc32IsoHdlc, content).to_be_bytes();
    [crc[4], crc[5], crc[6], crc[7]]
}

fn crc32(content: &[u8]) -> String {
    STANDARD.encode(bytes(content))
}

async fn put(context: &TestContext, path: &str, content: &[u8]) -> Answer {
    let draft = Draft::new("PUT", path, UNSIGNED)
        .header("content-length", content.len())
        .header("x-amz-checksum-crc32", crc32(content));
    context.send_signed(draft, content.to_vec()).await.unwrap()
}

/// The checksum and its type that a read returns.
fn checksum_and_type(answer: &Answer) -> (&str, &str) {
    (answer.header("x-amz-checksum-crc32"), answer.header("x-amz-checksum-type"))
}

pub(crate) async fn a_checksum_is_stored_with_the_object(context: &TestContext) {
    for content in [&b""[..], b"123456789", &vec![7; 100_000]] {
        put(context, "/one/key", content).await;
        let expected = crc32(content);
        for method in [Method::GET, Method::HEAD] {
            let answer = context.ok(method.clone(), "/one/key", &[ENABLED], "").await;
            assert_eq!(checksum_and_type(&answer), (expected.as_str(), "FULL_OBJECT"), "{method}");
            let hidden = answer.headers.keys().any(|name| name.as_str().contains("bucketry"));
            assert!(!hidden, "{:?}", answer.headers);
            let answer = context.ok(method, "/one/key", &[], "").await;
            assert_eq!(checksum_and_type(&answer), ("", ""), "only if it is asked for");
        }
        let attributes = context.get("/one/key?attributes").await;
        assert_eq!(attributes.elements("ChecksumCRC32"), [expected.as_str()]);
        assert_eq!(attributes.elements("ChecksumType"), ["FULL_OBJECT"]);
    }
    let part = context.ok(Method::GET, "/one/key", &[ENABLED, ("range", "bytes=0-9")], "").await;
    assert_eq!(
        (part.status, checksum_and_type(&part)),
        (StatusCode::PARTIAL_CONTENT, ("", "")),
        "it isn't that of the range"
    );
    context.put("/one/key", "other").await;
    assert_eq!(checksum_and_type(&context.ok(Method::GET, "/one/key", &[ENABLED], "").await), ("", ""));
}

pub(crate) async fn a_refused_checksum_stores_nothing(context: &TestContext) {
    for content in [vec![7; 10], vec![7; 100_000]] {
        let draft = Draft::new("PUT", "/one/none", UNSIGNED)
            .header("content-length", content.len())
            .header("x-amz-checksum-crc32", crc32(b"other"));
        let failure = context.send_signed(draft, content).await.unwrap_err();
        assert_eq!(failure.error.code, Code::BadDigest);
        assert_eq!(context.refused(Method::GET, "/one/none", &[]).await.code, Code::NoSuchKey);
    }
}

pub(crate) async fn a_copy_has_the_checksum_of_its_source(context: &TestContext) {
    put(context, "/one/from", b"123456789").await;
    let source = ("x-amz-copy-source", "one/from");
    let replacing = [source, ("x-amz-metadata-directive", "REPLACE")];
    for path in ["/one/copy", "/two/copy"] {
        for headers in [&[source][..], &replacing] {
            context.ok(Method::PUT, path, headers, "").await;
            let read = context.ok(Method::GET, path, &[ENABLED], "").await;
            assert_eq!(checksum_and_type(&read), ("y/Q5Jg==", "FULL_OBJECT"), "{path} {headers:?}");
        }
    }
    // New tags change nothing about the content.
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    context.ok(Method::PUT, "/one/from?tagging", &[], tags).await;
    assert_eq!(checksum_and_type(&context.ok(Method::HEAD, "/one/from", &[ENABLED], "").await).0, "y/Q5Jg==");
}

fn part_element(number: u32, etag: &str) -> String {
    format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
}

/// Uploads parts with these numbers, and returns the response to the completion.
async fn upload(context: &TestContext, parts: &[(u32, Vec<u8>)]) -> Answer {
    let begun =
        context.ok(Method::POST, "/one/large?uploads", &[("x-amz-checksum-algorithm", "CRC32")], "").await;
    let path = format!("/one/large?uploadId={}", begun.element("UploadId").unwrap());
    let mut document = String::new();
    for (number, content) in parts {
        let stored = put(context, &format!("{path}&partNumber={number}"), content).await;
        let etag = stored.header("etag").replace('"', "&quot;");
        document.push_str(&part_element(*number, &etag));
    }
    let missing = context.refused(Method::GET, "/one/large?partNumber=1", &[]).await;
    assert_eq!(missing.code, Code::NoSuchKey, "the object doesn't exist yet");
    let document = format!("<CompleteMultipartUpload>{document}</CompleteMultipartUpload>");
    context.ok(Method::POST, &path, &[], document).await
}

pub(crate) async fn parts_are_read_and_described(context: &TestContext) {
    let parts = [(2, vec![1; SIZE]), (3, vec![2; SIZE]), (7, b"the rest".to_vec())];
    let done = upload(context, &parts).await;
    let of_parts: Vec<u8> = parts.iter().flat_map(|(_, content)| bytes(content)).collect();
    let composite = format!("{}-3", crc32(&of_parts));
    assert_eq!(done.elements("ChecksumCRC32"), [composite.as_str()]);
    let head = context.ok(Method::HEAD, "/one/large", &[ENABLED], "").await;
    assert_eq!(checksum_and_type(&head), (composite.as_str(), "COMPOSITE"));
    assert_eq!(head.header("x-amz-mp-parts-count"), "", "only if a part is asked for");
    assert_eq!(head.header("etag"), done.element("ETag").unwrap());

    let total = 2 * SIZE + 8;
    for ((number, content), first) in parts.iter().zip([0, SIZE, 2 * SIZE]) {
        let path = format!("/one/large?partNumber={number}");
        for method in [Method::GET, Method::HEAD] {
            let read = context.ok(method.clone(), &path, &[ENABLED], "").await;
            assert_eq!(
                (read.status, read.header("x-amz-mp-parts-count")),
                (StatusCode::PARTIAL_CONTENT, "3")
            );
            assert_eq!(read.header("content-length"), content.len().to_string());
            let range = format!("bytes {first}-{}/{total}", first + content.len() - 1);
            assert_eq!(read.header("content-range"), range);
            assert_eq!(read.header("x-amz-checksum-crc32"), crc32(content));
            assert_eq!(read.header("etag"), head.header("etag"));
            assert!(method == Method::HEAD || read.body == *content, "{path}");
        }
    }
    for number in [1, 4, 8] {
        let path = format!("/one/large?partNumber={number}");
        assert_eq!(context.refused(Method::GET, &path, &[]).await.code, Code::InvalidPartNumber);
    }
    let range = ("range", "bytes=0-1");
    let both = context.refused(Method::GET, "/one/large?partNumber=2", &[range]).await;
    assert_eq!(both.code, Code::InvalidRequest);
    let etag = head.header("etag");
    let unchanged = context.ok(Method::GET, "/one/large?partNumber=2", &[("if-none-match", etag)], "").await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);

    let wanted = [("x-amz-object-attributes", "ETag,Checksum,ObjectParts,ObjectSize")];
    let all = context.ok(Method::GET, "/one/large?attributes", &wanted, "").await;
    assert_eq!(all.elements("PartNumber"), ["2", "3", "7"]);
    assert_eq!(all.elements("Size"), [SIZE.to_string(), SIZE.to_string(), "8".to_owned()]);
    let expected: Vec<String> =
        [composite].into_iter().chain(parts.iter().map(|(_, part)| crc32(part))).collect();
    assert_eq!(all.elements("ChecksumCRC32"), expected);
    assert_eq!(
        (all.element("PartsCount").unwrap(), all.element("IsTruncated").unwrap()),
        ("3".into(), "false".into())
    );
    assert_eq!((all.element("ObjectSize"), all.element("StorageClass")), (Some(total.to_string()), None));
    let page = [wanted[0], ("x-amz-max-parts", "1"), ("x-amz-part-number-marker", "2")];
    let page = context.ok(Method::GET, "/one/large?attributes", &page, "").await;
    assert_eq!(
        (page.elements("PartNumber"), page.elements("NextPartNumberMarker")),
        (vec!["3".into()], vec!["3".into()])
    );
    assert_eq!(page.elements("IsTruncated"), ["true"]);
}

pub(crate) async fn an_object_without_parts_is_its_first_part(context: &TestContext) {
    put(context, "/one/key", b"123456789").await;
    for method in [Method::GET, Method::HEAD] {
        let read = context.ok(method.clone(), "/one/key?partNumber=1", &[ENABLED], "").await;
        assert_eq!(
            (read.header("content-length"), read.header("x-amz-mp-parts-count")),
            ("9", ""),
            "{method}"
        );
        assert_eq!(checksum_and_type(&read).0, "y/Q5Jg==");
        let second = context.refused(method, "/one/key?partNumber=2", &[]).await;
        assert_eq!(second.code, Code::InvalidPartNumber);
    }
    context.put("/one/empty", "").await;
    let empty = context.get("/one/empty?partNumber=1").await;
    assert_eq!((empty.status, empty.header("content-length")), (StatusCode::OK, "0"));
    let wanted = [("x-amz-object-attributes", "ObjectParts")];
    let attributes = context.ok(Method::GET, "/one/key?attributes", &wanted, "").await;
    assert_eq!((attributes.element("ObjectParts"), attributes.element("ETag")), (None, None));
    let wrong =
        context.refused(Method::GET, "/one/key?attributes", &[("x-amz-object-attributes", "Name")]).await;
    assert_eq!(wrong.code, Code::InvalidArgument);
}
