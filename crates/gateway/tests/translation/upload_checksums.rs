//! What clients declare about an object that they upload in parts: checksums of parts and of the whole, and the size.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_gateway::internals::error::Code;
use crc_fast::CrcAlgorithm::Crc32IsoHdlc;
use http::Method;

use crate::context::{Answer, TestContext};
use crate::signing::{Draft, UNSIGNED};

const FIRST: &[u8] = &[7; 5 << 20];
const SECOND: &[u8] = b"the rest";

fn crc32(content: &[u8]) -> String {
    let crc = crc_fast::checksum(Crc32IsoHdlc, content).to_be_bytes();
    STANDARD.encode(&crc[4..])
}

/// An upload with two parts.
struct Upload<'a> {
    context: &'a TestContext,
    path: String,
    etags: [String; 2],
}

impl<'a> Upload<'a> {
    async fn begin(context: &'a TestContext) -> Self {
        let headers = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
        let begun = context.ok(Method::POST, "/one/whole?uploads", &headers, "").await;
        assert_eq!(begun.header("x-amz-checksum-algorithm"), "CRC32");
        assert_eq!(begun.header("x-amz-checksum-type"), "FULL_OBJECT");
        let id = begun.element("UploadId").unwrap();
        let path = format!("/one/whole?uploadId={id}");
        let mut etags = Vec::new();
        for (number, content) in [(1, FIRST), (2, SECOND)] {
            let draft = Draft::new("PUT", &format!("{path}&partNumber={number}"), UNSIGNED)
                .header("content-length", content.len())
                .header("x-amz-checksum-crc32", crc32(content));
            let stored = context.send_signed(draft, content).await.unwrap();
            etags.push(stored.header("etag").to_owned());
        }
        Self { context, path, etags: etags.try_into().unwrap() }
    }

    async fn complete(&self, headers: &[(&str, &str)], checksums: [&str; 2]) -> Result<Answer, Code> {
        let part = |number: usize| {
            let checksum = checksums[number - 1];
            let etag = self.etags[number - 1].replace('"', "&quot;");
            format!("<Part><PartNumber>{number}</PartNumber>{checksum}<ETag>{etag}</ETag></Part>")
        };
        let document = format!("<CompleteMultipartUpload>{}{}</CompleteMultipartUpload>", part(1), part(2));
        let sent = self.context.send(Method::POST, &self.path, headers, document).await;
        sent.map_err(|failure| failure.error.code)
    }
}

fn element(checksum: &str) -> String {
    format!("<ChecksumCRC32>{checksum}</ChecksumCRC32>")
}

pub(crate) async fn what_is_declared_about_an_upload_is_verified(context: &TestContext) {
    let upload = Upload::begin(context).await;
    let whole = crc32(&[FIRST, SECOND].concat());
    let size = (FIRST.len() + SECOND.len()).to_string();
    let [first, second] = [element(&crc32(FIRST)), element(&crc32(SECOND))];
    let wrong = crc32(b"other");
    for (headers, checksums, code) in [
        (&[][..], [first.as_str(), &element(&wrong)], Code::InvalidPart),
        (&[], [&first, "<ChecksumSHA256>x</ChecksumSHA256>"], Code::InvalidRequest),
        (&[("x-amz-mp-object-size", "5")], ["", ""], Code::InvalidRequest),
        (&[("x-amz-checksum-crc32", &wrong)], [&first, &second], Code::BadDigest),
        (
            &[("x-amz-checksum-crc32", &whole), ("x-amz-checksum-type", "COMPOSITE")],
            ["", ""],
            Code::BadDigest,
        ),
        (&[("x-amz-checksum-crc32c", &whole)], ["", ""], Code::InvalidRequest),
    ] {
        let error = upload.complete(headers, checksums).await.unwrap_err();
        assert_eq!(error, code, "{headers:?} {checksums:?}");
        assert_eq!(context.refused(Method::GET, "/one/whole", &[]).await.code, Code::NoSuchKey);
    }
    let declared = [("x-amz-mp-object-size", size.as_str()), ("x-amz-checksum-crc32", &whole)];
    let done = upload.complete(&declared, [&first, &second]).await.unwrap();
    assert_eq!(done.elements("ChecksumCRC32"), std::slice::from_ref(&whole));
    assert_eq!(done.elements("ChecksumType"), ["FULL_OBJECT"]);
    assert_eq!(context.get("/one/whole").await.body.len().to_string(), size);
}

pub(crate) async fn a_declared_completion_may_be_repeated(context: &TestContext) {
    let upload = Upload::begin(context).await;
    let size = (FIRST.len() + SECOND.len()).to_string();
    let declared = [("x-amz-mp-object-size", size.as_str())];
    let first = upload.complete(&declared, ["", ""]).await.unwrap();
    let again = upload.complete(&declared, ["", ""]).await.unwrap();
    assert_eq!(again.element("ETag"), first.element("ETag"));
    assert_eq!(again.size_change, 0, "it is counted once");
}

/// The response to the first completion may be lost, and by then the provider has forgotten the parts.
pub(crate) async fn a_repeated_completion_verifies_and_returns_the_checksum(context: &TestContext) {
    let upload = Upload::begin(context).await;
    let whole = crc32(&[FIRST, SECOND].concat());
    let size = (FIRST.len() + SECOND.len()).to_string();
    let declared = [
        ("x-amz-mp-object-size", size.as_str()),
        ("x-amz-checksum-crc32", whole.as_str()),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ];
    for attempt in ["the first", "a repeated"] {
        let done = upload.complete(&declared, ["", ""]).await.unwrap();
        assert_eq!(done.elements("ChecksumCRC32"), std::slice::from_ref(&whole), "{attempt} completion");
        assert_eq!(done.elements("ChecksumType"), ["FULL_OBJECT"], "{attempt} completion");
    }
    let wrong = crc32(b"other");
    for (headers, code) in [
        (&[("x-amz-checksum-crc32", wrong.as_str())][..], Code::BadDigest),
        (&[("x-amz-mp-object-size", "5")], Code::InvalidRequest),
    ] {
        assert_eq!(upload.complete(headers, ["", ""]).await.unwrap_err(), code, "{headers:?}");
    }
}

pub(crate) async fn a_completion_without_a_checksum_returns_that_of_the_parts(context: &TestContext) {
    let upload = Upload::begin(context).await;
    let decoded = [FIRST, SECOND].map(|content| STANDARD.decode(crc32(content)).unwrap());
    let done = upload.complete(&[], ["", ""]).await.unwrap();
    assert_eq!(done.elements("ChecksumCRC32"), [format!("{}-2", crc32(&decoded.concat()))]);
    assert_eq!(done.elements("ChecksumType"), ["COMPOSITE"]);
}

pub(crate) async fn an_unknown_algorithm_begins_no_upload(context: &TestContext) {
    let headers = [("x-amz-checksum-algorithm", "MD4")];
    let error = context.refused(Method::POST, "/one/key?uploads", &headers).await;
    assert_eq!(error.code, Code::InvalidRequest);
}
