//! Payloads without chunks: length, hash and checksums.

use bucketry_gateway::internals::error::Code::{
    self, BadDigest, EntityTooLarge, IncompleteBody, InvalidArgument, InvalidDigest, InvalidRequest,
    MissingContentLength, XAmzContentSHA256Mismatch,
};
use bucketry_gateway::internals::payload::{self, content_encoding};
use bucketry_gateway::internals::{BoxError, Failure, FailureKind, PayloadBody, checksum};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};

use crate::client::{Draft, UNSIGNED, body, receive, sha256, verify};

const HELLO: &[u8] = b"hello world";

fn put(content: &str, length: usize) -> Draft {
    Draft::new("PUT", "/b/k", content).header("content-length", length)
}

async fn outcome(draft: Draft, frames: &[&[u8]]) -> Result<Vec<u8>, Code> {
    let frames = frames.iter().map(|frame| frame.to_vec()).collect();
    receive(&draft.sign().0, frames).await.map_err(|error| error.code)
}

/// The code that an S3 client gets.
fn code(failure: Failure) -> Code {
    failure.kind.into()
}

#[tokio::test]
async fn the_signed_hash_is_held_against_what_comes() {
    let hash = sha256(HELLO);
    assert_eq!(outcome(put(&hash, 11), &[b"hello ", b"world"]).await.unwrap(), HELLO);
    assert_eq!(outcome(put(&hash, 11), &[b"hello ", b"w0rld"]).await, Err(XAmzContentSHA256Mismatch));
    assert_eq!(outcome(put(UNSIGNED, 11), &[b"hello ", b"w0rld"]).await.unwrap(), b"hello w0rld");
}

/// With more than one core, a payload of this size is hashed on another thread.
#[tokio::test]
async fn the_hash_of_a_large_payload_is_held_against_its_last_byte_too() {
    let mut content: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[at as usize % 4]).collect();
    let hash = sha256(&content);
    let frames = |content: &[u8]| content.chunks(100_000).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let request = put(&hash, content.len()).sign().0;
    assert_eq!(receive(&request, frames(&content)).await.unwrap(), content);
    *content.last_mut().unwrap() ^= 1;
    let refused = receive(&request, frames(&content)).await.unwrap_err();
    assert_eq!(refused.code, XAmzContentSHA256Mismatch);
}

#[tokio::test]
async fn an_empty_payload_is_verified_before_a_driver_is_asked() {
    let read = async |content: &str| {
        let request = put(content, 0).sign().0;
        let payload = payload::reader(body(Vec::new()), &verify(&request).unwrap(), &request).unwrap();
        payload.into_driver_payload().await.map(|payload| payload.length()).map_err(code)
    };
    assert_eq!(read(&sha256(b"")).await, Ok(0));
    assert_eq!(read(UNSIGNED).await, Ok(0));
    assert_eq!(read(&sha256(b"x")).await, Err(XAmzContentSHA256Mismatch));
}

#[tokio::test]
async fn a_body_is_as_long_as_announced() {
    assert_eq!(outcome(put(UNSIGNED, 12), &[HELLO]).await, Err(IncompleteBody));
    assert_eq!(outcome(put(UNSIGNED, 10), &[HELLO]).await, Err(IncompleteBody));
    assert_eq!(outcome(put(UNSIGNED, 11), &[HELLO, b"!"]).await, Err(IncompleteBody));
    assert_eq!(outcome(put(UNSIGNED, 0), &[b"!"]).await, Err(IncompleteBody));
    for wrong in ["", "-1", "+1", "1.0", "0x1", "99999999999999999999"] {
        let draft = Draft::new("PUT", "/b/k", UNSIGNED).header("content-length", wrong);
        assert_eq!(outcome(draft, &[b"x"]).await, Err(InvalidArgument), "{wrong}");
    }
    let unknown = Draft::new("PUT", "/b/k", UNSIGNED).unsigned("transfer-encoding", "chunked");
    assert_eq!(outcome(unknown, &[HELLO]).await, Err(MissingContentLength));
}

#[tokio::test]
async fn content_without_a_length_is_not_taken_for_an_empty_object() {
    let empty = sha256(b"");
    for target in ["/b/k", "/b/k?partNumber=1&uploadId=u", "/b/k?x-id=PutObject", "/b/acl"] {
        for content in [UNSIGNED, &empty] {
            let draft = || Draft::new("PUT", target, content);
            assert_eq!(outcome(draft(), &[]).await, Err(MissingContentLength), "{target}");
            assert_eq!(outcome(draft().header("content-length", 0), &[]).await.unwrap(), b"", "{target}");
        }
    }
    let presigned = Draft::new("PUT", "/b/k", UNSIGNED).presign("60");
    assert_eq!(receive(&presigned, Vec::new()).await.unwrap_err().code, MissingContentLength);
    // A header takes the place of the document.
    for (method, target) in [
        ("PUT", "/b/k?acl="),
        ("PUT", "/b?acl="),
        ("PUT", "/b/k?tagging=&versionId=v"),
        ("POST", "/b?delete="),
    ] {
        assert_eq!(outcome(Draft::new(method, target, &empty), &[]).await.unwrap(), b"", "{target}");
    }
}

#[tokio::test]
async fn checksums_are_verified_whichever_it_is() {
    for (name, right) in [
        ("x-amz-checksum-crc32", "DUoRhQ=="),
        ("x-amz-checksum-crc32c", "yZRlqg=="),
        ("x-amz-checksum-crc64nvme", "jSnVw/bqjr4="),
        ("x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
        ("x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
        ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="),
    ] {
        for hash in [UNSIGNED, &sha256(HELLO)] {
            let draft = || put(hash, 11).header(name, right);
            assert_eq!(outcome(draft(), &[HELLO]).await.unwrap(), HELLO, "{name}");
        }
        let draft = || put(UNSIGNED, 11).header(name, right);
        assert_eq!(outcome(draft(), &[b"hello w0rld"]).await, Err(BadDigest), "{name}");
        let expected = if name == "content-md5" { InvalidDigest } else { InvalidRequest };
        for wrong in ["", "AAAA", "!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let draft = put(UNSIGNED, 11).header(name, wrong);
            assert_eq!(outcome(draft, &[HELLO]).await, Err(expected), "{name}: {wrong}");
        }
    }
}

#[tokio::test]
async fn the_verified_checksum_can_be_answered() {
    let request = put(UNSIGNED, 11).header("x-amz-checksum-crc32", "DUoRhQ==").sign().0;
    let payload = payload::reader(body(vec![HELLO.to_vec()]), &verify(&request).unwrap(), &request).unwrap();
    let receipt = payload.receipt();
    assert_eq!(receipt.checksum(), None);
    assert_eq!(payload.collect_bounded(100).await.unwrap(), HELLO);
    let (name, value) = checksum::header(receipt.checksum().unwrap());
    assert_eq!((name.as_str(), value.as_bytes()), ("x-amz-checksum-crc32", &b"DUoRhQ=="[..]));
}

#[tokio::test]
async fn one_checksum_at_a_time_and_none_that_nobody_checks() {
    let two = put(UNSIGNED, 11)
        .header("x-amz-checksum-crc32", "DUoRhQ==")
        .header("x-amz-checksum-crc32c", "yZRlqg==");
    assert_eq!(outcome(two, &[HELLO]).await, Err(InvalidRequest));
    let unknown = put(UNSIGNED, 11).header("x-amz-checksum-xxhash64", "AAAAAAAAAAA=");
    assert_eq!(outcome(unknown, &[HELLO]).await, Err(InvalidRequest));
    let no_trailer = put(UNSIGNED, 11).header("x-amz-trailer", "x-amz-checksum-crc32");
    assert_eq!(outcome(no_trailer, &[HELLO]).await, Err(InvalidRequest));
    let words = put(UNSIGNED, 11)
        .header("x-amz-checksum-algorithm", "CRC32")
        .header("x-amz-sdk-checksum-algorithm", "CRC32")
        .header("x-amz-checksum-type", "FULL_OBJECT")
        .header("x-amz-checksum-mode", "ENABLED");
    assert_eq!(outcome(words, &[HELLO]).await.unwrap(), HELLO);
}

#[tokio::test]
async fn completing_an_upload_names_the_checksum_of_the_object() {
    let draft = Draft::new("POST", "/b/k?uploadId=x", UNSIGNED)
        .header("content-length", 11)
        .header("x-amz-checksum-crc32", "AAAAAA==");
    assert_eq!(outcome(draft, &[HELLO]).await.unwrap(), HELLO);
}

#[tokio::test]
async fn a_checksum_in_a_presigned_url_counts() {
    let put = |checksum: &str| {
        let target = format!("/b/k?x-amz-checksum-crc32={checksum}&x-amz-sdk-checksum-algorithm=CRC32");
        let mut draft = Draft::new("PUT", &target, UNSIGNED);
        draft.unsigned.push(("content-length", "11".to_owned()));
        draft.presign("60")
    };
    assert_eq!(receive(&put("DUoRhQ%3D%3D"), vec![HELLO.to_vec()]).await.unwrap(), HELLO);
    let empty = receive(&put("AAAAAA%3D%3D"), vec![HELLO.to_vec()]).await;
    assert_eq!(empty.unwrap_err().code, BadDigest);
}

#[tokio::test]
async fn chunks_that_nobody_declared_are_not_stored_as_content() {
    let draft = put(UNSIGNED, 11).header("content-encoding", "gzip,aws-chunked");
    assert_eq!(outcome(draft, &[HELLO]).await, Err(InvalidRequest));
    let empty = put(UNSIGNED, 0).header("content-encoding", "aws-chunked");
    assert_eq!(outcome(empty, &[]).await.unwrap(), b"");
}

#[test]
fn the_content_encoding_of_the_object_is_what_is_left() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("content-encoding", http::HeaderValue::from_static(value));
        }
        content_encoding(&headers)
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["aws-chunked"]), None);
    assert_eq!(of(&["aws-chunked,gzip"]).as_deref(), Some("gzip"));
    assert_eq!(of(&["gzip, AWS-CHUNKED", "br"]).as_deref(), Some("gzip, br"));
    assert_eq!(of(&["gzip"]).as_deref(), Some("gzip"));
}

#[tokio::test]
async fn pieces_are_handed_on_as_they_come_except_the_last() {
    let request = put(&sha256(HELLO), 11).sign().0;
    let frames = vec![b"hello ".to_vec(), Vec::new(), b"wor".to_vec(), b"lx".to_vec()];
    let mut payload = payload::reader(body(frames), &verify(&request).unwrap(), &request).unwrap();
    assert_eq!((payload.length(), payload.size_hint().exact()), (11, Some(11)));
    let mut next = async || payload.frame().await.unwrap().map(|frame| frame.into_data().unwrap());
    assert_eq!(next().await.unwrap(), "hello ");
    assert_eq!(next().await.unwrap(), "wor");
    for _ in 0..3 {
        assert_eq!(code(next().await.unwrap_err()), XAmzContentSHA256Mismatch, "the error is permanent");
    }
    assert!(!payload.is_end_stream());
}

#[tokio::test]
async fn a_client_that_breaks_off_and_a_slow_one_are_told_apart() {
    let request = put(UNSIGNED, 11).sign().0;
    let failing = |error: BoxError| {
        let frames = vec![Ok(Frame::data(Bytes::from_static(b"hello "))), Err(error)];
        payload::reader(StreamBody::new(stream::iter(frames)), &verify(&request).unwrap(), &request).unwrap()
    };
    let reset = failing(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
    assert_eq!(code(reset.collect_bounded(100).await.unwrap_err()), IncompleteBody);
    let slow = failing(Failure::new(FailureKind::RequestTimeout, "Too slow.").into());
    assert_eq!(code(slow.collect_bounded(100).await.unwrap_err()), Code::RequestTimeout);
}

#[tokio::test]
async fn a_document_has_a_bound() {
    let request = put(UNSIGNED, 11).sign().0;
    let read = || payload::reader(body(vec![HELLO.to_vec()]), &verify(&request).unwrap(), &request).unwrap();
    assert_eq!(read().collect_bounded(11).await.unwrap(), HELLO);
    assert_eq!(code(read().collect_bounded(10).await.unwrap_err()), EntityTooLarge);
    assert_eq!(PayloadBody::of_bytes("abc").collect_bounded(3).await.unwrap(), "abc");
}
