//! aws-chunked bodies as clients send them.

use bucketry_gateway::internals::error::Code::{self, BadDigest, IncompleteBody, SignatureDoesNotMatch};
use proptest::prelude::*;

use crate::client::{Chunks, Draft, receive};

pub(crate) const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
pub(crate) const SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
pub(crate) const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
/// The checksum of `hello world`.
pub(crate) const CRC32: &str = "DUoRhQ==";

pub(crate) fn put(form: &str, length: usize) -> Draft {
    let draft = Draft::new("PUT", "/b/k", form).header("content-encoding", "aws-chunked");
    let draft = draft.header("x-amz-decoded-content-length", length);
    if form == SIGNED { draft } else { draft.header("x-amz-trailer", "x-amz-checksum-crc32") }
}

pub(crate) fn unsigned_chunks(content: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in content {
        out.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n");
    out
}

pub(crate) fn signed_chunks(chunks: &mut Chunks, content: &[&[u8]]) -> Vec<u8> {
    content.iter().chain([&&b""[..]]).flat_map(|chunk| chunks.chunk(chunk)).collect()
}

async fn outcome(request: &http::request::Parts, body: Vec<u8>) -> Result<Vec<u8>, Code> {
    receive(request, vec![body]).await.map_err(|error| error.code)
}

#[tokio::test]
async fn signed_chunks_are_undone_and_verified() {
    let (request, mut chunks) = put(SIGNED, 11).sign();
    let body = signed_chunks(&mut chunks, &[b"hello ", b"world"]);
    let closed = [&body[..], b"\r\n"].concat();
    assert_eq!(outcome(&request, body).await.unwrap(), b"hello world", "without an empty line at the end");
    assert_eq!(outcome(&request, closed).await.unwrap(), b"hello world");
}

#[tokio::test]
async fn a_header_checksum_protects_signed_chunks_too() {
    for (checksum, expected) in [(CRC32, Ok(b"hello world".to_vec())), ("AAAAAA==", Err(BadDigest))] {
        let (request, mut chunks) = put(SIGNED, 11).header("x-amz-checksum-crc32", checksum).sign();
        let body = signed_chunks(&mut chunks, &[b"hello world"]);
        assert_eq!(outcome(&request, body).await, expected);
    }
}

#[tokio::test]
async fn a_forged_chunk_is_never_stored() {
    for (what, at) in [("its content", 87), ("its signature", 30), ("the last chunk's signature", 210)] {
        let (request, mut chunks) = put(SIGNED, 11).sign();
        let mut body = signed_chunks(&mut chunks, &[b"hello ", b"world"]);
        body[at] = if body[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(outcome(&request, body).await, Err(SignatureDoesNotMatch), "{what}");
    }
}

#[tokio::test]
async fn chunks_keep_their_order_and_their_number() {
    let (request, mut chunks) = put(SIGNED, 11).sign();
    let (first, second, last) = (chunks.chunk(b"hello"), chunks.chunk(b" worl"), chunks.chunk(b"d"));
    let end = chunks.chunk(b"");
    let sent = |parts: &[&Vec<u8>]| parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
    assert!(outcome(&request, sent(&[&first, &second, &last, &end])).await.is_ok());
    let swapped = sent(&[&second, &first, &last, &end]);
    assert_eq!(outcome(&request, swapped).await, Err(SignatureDoesNotMatch));
    let repeated = sent(&[&first, &first, &last, &end]);
    assert_eq!(outcome(&request, repeated).await, Err(SignatureDoesNotMatch));
    let dropped = sent(&[&first, &second, &end]);
    assert_eq!(outcome(&request, dropped).await, Err(IncompleteBody));
    let cut = sent(&[&first, &second, &last]);
    assert_eq!(outcome(&request, cut).await, Err(IncompleteBody));
}

#[tokio::test]
async fn an_unsigned_trailer_holds_the_checksum() {
    let request = put(UNSIGNED_TRAILER, 11).sign().0;
    for end in ["\r\n\r\n", "\r\n", "\n\r\n\r\n", "\r\n\r\n\r\n"] {
        for (checksum, expected) in [(CRC32, Ok(b"hello world".to_vec())), ("AAAAAA==", Err(BadDigest))] {
            let mut body = unsigned_chunks(&[b"hello ", b"world"]);
            body.extend_from_slice(format!("x-amz-checksum-crc32:{checksum}{end}").as_bytes());
            assert_eq!(outcome(&request, body).await, expected, "{end:?}");
        }
    }
}

#[tokio::test]
async fn a_signed_trailer_is_verified_however_it_is_written() {
    let lines = format!("x-amz-checksum-crc32:{CRC32}\n");
    for (between, end) in [("\r\n", "\r\n\r\n"), ("\n\r\n", "\r\n\r\n"), ("\r\n", "\r\n"), ("\n", "\n\r\n")] {
        let (request, mut chunks) = put(SIGNED_TRAILER, 11).sign();
        let mut body = signed_chunks(&mut chunks, &[b"hello ", b"world"]);
        let signature = chunks.trailer_signature(&lines);
        let trailer =
            format!("x-amz-checksum-crc32: {CRC32}{between}x-amz-trailer-signature:{signature}{end}");
        body.extend_from_slice(trailer.as_bytes());
        assert_eq!(outcome(&request, body.clone()).await.unwrap(), b"hello world", "{between:?} {end:?}");
        let at = body.len() - 10;
        body[at] = if body[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(outcome(&request, body).await, Err(SignatureDoesNotMatch));
    }
}

#[tokio::test]
async fn a_signed_trailer_with_a_wrong_checksum_is_refused() {
    let (request, mut chunks) = put(SIGNED_TRAILER, 11).sign();
    let mut body = signed_chunks(&mut chunks, &[b"hello world"]);
    let signature = chunks.trailer_signature("x-amz-checksum-crc32:AAAAAA==\n");
    let trailer = format!("x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:{signature}\r\n\r\n");
    body.extend_from_slice(trailer.as_bytes());
    assert_eq!(outcome(&request, body).await, Err(BadDigest));
}

#[tokio::test]
async fn an_empty_object_in_chunks_is_verified() {
    let (request, mut chunks) = put(SIGNED, 0).sign();
    let body = signed_chunks(&mut chunks, &[]);
    assert_eq!(outcome(&request, body.clone()).await.unwrap(), b"");
    let mut forged = body;
    forged[20] = if forged[20] == b'0' { b'1' } else { b'0' };
    assert_eq!(outcome(&request, forged).await, Err(SignatureDoesNotMatch));
    let request = put(UNSIGNED_TRAILER, 0).sign().0;
    let right = b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n".to_vec();
    assert_eq!(outcome(&request, right).await.unwrap(), b"");
    let wrong = b"0\r\nx-amz-checksum-crc32:AAAAAQ==\r\n\r\n".to_vec();
    assert_eq!(outcome(&request, wrong).await, Err(BadDigest));
}

#[tokio::test]
async fn a_forged_request_signature_is_refused_before_the_body_of_every_form() {
    for form in [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER] {
        let draft = Draft { secret: "wrong", ..put(form, 11) };
        let (header, url) = (draft.clone().sign().0, draft.presign("60"));
        for request in [header, url] {
            let refused = crate::client::verify(&request).err().unwrap();
            assert!(matches!(refused.code, SignatureDoesNotMatch | Code::AccessDenied), "{form}: {refused}");
        }
    }
}

fn cut(body: &[u8], at: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = at.iter().map(|at| at % (body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| body[pair[0]..pair[1]].to_vec()).collect()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// The result doesn't depend on how the bytes are split into frames, and no input makes the gateway panic.
    #[test]
    fn the_cuts_between_frames_change_nothing(
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        at in prop::collection::vec(any::<usize>(), 0..12),
        form in prop::sample::select(vec![SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]),
    ) {
        let (request, mut chunks) = put(form, 11).sign();
        let mut body = match form {
            UNSIGNED_TRAILER => unsigned_chunks(&[b"hello", b" world"]),
            _ => signed_chunks(&mut chunks, &[b"hello", b" world"]),
        };
        if form != SIGNED {
            body.extend_from_slice(format!("x-amz-checksum-crc32:{CRC32}\r\n").as_bytes());
        }
        if form == SIGNED_TRAILER {
            let signature = chunks.trailer_signature(&format!("x-amz-checksum-crc32:{CRC32}\n"));
            body.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n\r\n").as_bytes());
        }
        for (index, byte) in &noise {
            let at = index.index(body.len());
            body[at] = *byte;
        }
        let whole = block_on(receive(&request, vec![body.clone()]));
        let in_pieces = block_on(receive(&request, cut(&body, &at)));
        prop_assert_eq!(&whole, &in_pieces);
        if noise.is_empty() {
            prop_assert!(whole.is_ok());
        }
        if let Ok(content) = whole {
            prop_assert_eq!(content, b"hello world");
        }
    }

    /// Random bytes as a body.
    #[test]
    fn noise_is_refused_and_never_panics(
        body in "[0-9a-f;=:\r\n x\\-]{0,200}",
        form in prop::sample::select(vec![SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]),
    ) {
        let request = put(form, 11).sign().0;
        let result = block_on(receive(&request, vec![body.into_bytes()]));
        prop_assert!(result.is_err_and(|error| error.status().is_client_error()));
    }
}
