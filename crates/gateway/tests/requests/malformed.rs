//! Malformed aws-chunked bodies. Each one is a client error, and nothing is stored.

use bucketry_gateway::internals::error::Code::{
    self, IncompleteBody, InvalidArgument, InvalidRequest, MalformedTrailerError, MissingContentLength,
    SignatureDoesNotMatch,
};

use crate::chunked::{CRC32, SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, put, signed_chunks};
use crate::client::{Draft, receive};

async fn refusal(draft: Draft, body: &[u8]) -> Code {
    let error = receive(&draft.sign().0, vec![body.to_vec()]).await.unwrap_err();
    assert!(error.status().is_client_error(), "{error}");
    error.code
}

#[tokio::test]
async fn an_unsigned_body_that_is_none_is_refused() {
    let trailer = "x-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let long_line = "0".repeat(1000);
    let long_trailer = format!("b\r\nhello world\r\n0\r\n{}\r\n", "\r\n".repeat(3000));
    let long_name = format!("b\r\nhello world\r\n0\r\n{}: x\r\n", "x".repeat(5000));
    for (what, body, expected) in [
        ("nothing", String::new(), IncompleteBody),
        ("only content", "hello world".into(), IncompleteBody),
        ("content in lines", "hello\r\nworld\r\n".into(), InvalidRequest),
        ("a cut size", "b".into(), IncompleteBody),
        ("no content", "b\r\n".into(), IncompleteBody),
        ("cut content", "b\r\nhello".into(), IncompleteBody),
        ("no last chunk", "b\r\nhello world".into(), IncompleteBody),
        ("no last chunk's size", "b\r\nhello world\r\n".into(), IncompleteBody),
        ("half a line's end", "b\r\nhello world\r".into(), IncompleteBody),
        ("a cut last chunk", "b\r\nhello world\r\n0".into(), IncompleteBody),
        ("no trailer", "b\r\nhello world\r\n0\r\n\r\n".into(), MalformedTrailerError),
        ("no trailer at all", "b\r\nhello world\r\n0\r\n".into(), MalformedTrailerError),
        ("a cut trailer", "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUo".into(), IncompleteBody),
        ("a chunk too short", format!("a\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("a chunk too long", format!("c\r\nhello world\r\n0\r\n{trailer}"), IncompleteBody),
        ("less in all", format!("5\r\nhello\r\n0\r\n{trailer}"), IncompleteBody),
        ("more in all", format!("b\r\nhello world\r\n1\r\n!\r\n0\r\n{trailer}"), IncompleteBody),
        ("an early last chunk", format!("0\r\nb\r\nhello world\r\n0\r\n{trailer}"), IncompleteBody),
        ("a negative size", format!("-b\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("a size with a sign", format!("+b\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("a size with a prefix", format!("0xb\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("a size with space", format!(" b\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("an empty size", format!("\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        ("a huge size", format!("ffffffffffffffff\r\nhello world\r\n0\r\n{trailer}"), IncompleteBody),
        ("an overflowing size", format!("1000000000000000b\r\nhello world\r\n{trailer}"), InvalidRequest),
        ("an endless size", long_line, InvalidRequest),
        ("a line of LF", format!("b\nhello world\n0\n{trailer}"), InvalidRequest),
        ("no end after content", format!("b\r\nhello world0\r\n{trailer}"), InvalidRequest),
        ("an extension", format!("b;x=y\r\nhello world\r\n0\r\n{trailer}"), InvalidRequest),
        (
            "a signature",
            format!("b;chunk-signature={}\r\nhello world\r\n0\r\n{trailer}", "0".repeat(64)),
            InvalidRequest,
        ),
        ("a trailer without a colon", "b\r\nhello world\r\n0\r\nx\r\n".into(), MalformedTrailerError),
        ("another trailer", "b\r\nhello world\r\n0\r\nx-other: 1\r\n\r\n".into(), MalformedTrailerError),
        (
            "a checksum of another kind",
            "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32c:yZRlqg==\r\n\r\n".into(),
            MalformedTrailerError,
        ),
        (
            "a checksum too short",
            "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n".into(),
            MalformedTrailerError,
        ),
        (
            "a checksum that is no text",
            "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:\r\n\r\n".into(),
            MalformedTrailerError,
        ),
        (
            "a checksum twice",
            format!("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:{CRC32}\r\n{trailer}"),
            MalformedTrailerError,
        ),
        (
            "a trailer's signature",
            format!(
                "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:{CRC32}\r\nx-amz-trailer-signature:{}\r\n\r\n",
                "0".repeat(64)
            ),
            MalformedTrailerError,
        ),
        ("something behind", format!("b\r\nhello world\r\n0\r\n{trailer}more\r\n"), MalformedTrailerError),
        ("an endless trailer", long_trailer, InvalidRequest),
        ("an endless name", long_name, InvalidRequest),
    ] {
        assert_eq!(refusal(put(UNSIGNED_TRAILER, 11), body.as_bytes()).await, expected, "{what}");
    }
}

#[tokio::test]
async fn a_signed_body_that_is_none_is_refused() {
    let zeros = "0".repeat(64);
    for (what, body, expected) in [
        ("no signature", "b\r\nhello world\r\n0\r\n\r\n".to_owned(), InvalidRequest),
        ("an empty one", "b;chunk-signature=\r\nhello world\r\n".into(), InvalidRequest),
        ("a short one", "b;chunk-signature=00\r\nhello world\r\n".into(), InvalidRequest),
        ("another extension", format!("b;signature={zeros}\r\nhello world\r\n"), InvalidRequest),
        ("two extensions", format!("b;chunk-signature={zeros};x=y\r\nhello world\r\n"), InvalidRequest),
        ("a wrong one", format!("b;chunk-signature={zeros}\r\nhello world\r\n"), SignatureDoesNotMatch),
        ("a wrong one at the end", format!("0;chunk-signature={zeros}\r\n\r\n"), IncompleteBody),
    ] {
        assert_eq!(refusal(put(SIGNED, 11), body.as_bytes()).await, expected, "{what}");
    }
}

#[tokio::test]
async fn something_behind_the_last_chunk_is_refused() {
    for behind in ["\r\n\r\n", "\r\n0", "x", "\n", "x-amz-checksum-crc32:DUoRhQ==\r\n\r\n"] {
        let (request, mut chunks) = put(SIGNED, 11).sign();
        let mut body = signed_chunks(&mut chunks, &[b"hello world"]);
        body.extend_from_slice(behind.as_bytes());
        let error = receive(&request, vec![body]).await.unwrap_err();
        assert_eq!(error.code, InvalidRequest, "{behind:?}");
    }
}

#[tokio::test]
async fn a_signed_trailer_cannot_be_left_out_or_exchanged() {
    let zeros = "0".repeat(64);
    for (what, trailer, expected) in [
        ("nothing", "\r\n".to_owned(), MalformedTrailerError),
        ("no signature", format!("x-amz-checksum-crc32:{CRC32}\r\n\r\n"), MalformedTrailerError),
        ("only a signature", format!("x-amz-trailer-signature:{zeros}\r\n\r\n"), MalformedTrailerError),
        (
            "a short signature",
            format!("x-amz-checksum-crc32:{CRC32}\r\nx-amz-trailer-signature:0\r\n\r\n"),
            MalformedTrailerError,
        ),
        (
            "a wrong signature",
            format!("x-amz-checksum-crc32:{CRC32}\r\nx-amz-trailer-signature:{zeros}\r\n\r\n"),
            SignatureDoesNotMatch,
        ),
        (
            "a checksum behind the signature",
            format!("x-amz-trailer-signature:{zeros}\r\nx-amz-checksum-crc32:{CRC32}\r\n\r\n"),
            MalformedTrailerError,
        ),
    ] {
        let (request, mut chunks) = put(SIGNED_TRAILER, 11).sign();
        let mut body = signed_chunks(&mut chunks, &[b"hello world"]);
        body.extend_from_slice(trailer.as_bytes());
        assert_eq!(receive(&request, vec![body]).await.unwrap_err().code, expected, "{what}");
    }
}

#[tokio::test]
async fn the_header_must_tell_what_the_body_is() {
    let length = "x-amz-decoded-content-length";
    let fine = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let form = || put(UNSIGNED_TRAILER, 11);
    assert!(receive(&form().sign().0, vec![fine.to_vec()]).await.is_ok());
    for (draft, expected) in [
        (form().without(length), MissingContentLength),
        (form().set(length, "eleven"), InvalidArgument),
        (form().set(length, "-11"), InvalidArgument),
        (form().set(length, "12"), IncompleteBody),
        (form().set(length, "10"), IncompleteBody),
        (form().header(length, "11"), InvalidArgument),
        (form().header("content-length", 10), IncompleteBody),
        (form().set("x-amz-trailer", "x-amz-meta-a"), InvalidRequest),
        (form().set("x-amz-trailer", "x-amz-checksum-md5"), InvalidRequest),
        (form().set("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-crc32c"), InvalidRequest),
        (form().set("x-amz-trailer", "x-amz-checksum-crc32c"), MalformedTrailerError),
        (form().without("x-amz-trailer"), MalformedTrailerError),
        (form().header("x-amz-checksum-crc32", CRC32), InvalidRequest),
    ] {
        let headers = format!("{:?}", draft.headers);
        assert_eq!(refusal(draft, fine).await, expected, "{headers}");
    }
}
