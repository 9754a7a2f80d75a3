//! The examples of the Amazon S3 API reference, as requests.

use http::Request;
use http::request::Parts;

use crate::client::{now, receive, verify, verify_at};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SCOPE: &str = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

fn request(method: &str, target: &str, host: &str, headers: &[(&str, &str)]) -> Parts {
    let mut builder = Request::builder().method(method).uri(target).header("host", host);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.header("x-amz-date", "20130524T000000Z").body(()).unwrap().into_parts().0
}

fn signed(
    (method, target, host): (&str, &str, &str),
    headers: &[(&str, &str)],
    names: &str,
    signature: &str,
) -> Parts {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders={names},Signature={signature}");
    let mut headers = headers.to_vec();
    headers.push(("authorization", &authorization));
    request(method, target, host, &headers)
}

const BUCKET: &str = "examplebucket.s3.amazonaws.com";

#[test]
fn requests_with_a_header_are_verified() {
    let hash = ("x-amz-content-sha256", EMPTY);
    for request in [
        signed(
            ("GET", "/test.txt", BUCKET),
            &[("range", "bytes=0-9"), hash],
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        signed(
            ("GET", "/?lifecycle", BUCKET),
            &[hash],
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        signed(
            ("GET", "/?prefix=J&max-keys=2", BUCKET),
            &[hash],
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let verified = verify(&request).unwrap_or_else(|error| panic!("{}: {error}", request.uri));
        assert!(!verified.presigned);
    }
}

#[tokio::test]
async fn a_payload_in_a_single_chunk_is_verified() {
    for target in ["/test$file.text", "/test%24file.text"] {
        let request = signed(
            ("PUT", target, BUCKET),
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("content-length", "21"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            ],
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
        let content = receive(&request, vec![b"Welcome to ".to_vec(), b"Amazon S3.".to_vec()]).await.unwrap();
        assert_eq!(content, b"Welcome to Amazon S3.");
    }
}

#[test]
fn a_presigned_url_is_verified() {
    let target = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let absolute = Request::get(target).body(()).unwrap().into_parts().0;
    assert!(verify(&absolute).unwrap().presigned);
    let target = target.strip_prefix("https://examplebucket.s3.amazonaws.com").unwrap();
    let request = Request::get(target).header("host", BUCKET).body(()).unwrap().into_parts().0;
    assert!(verify(&request).is_ok());
    assert!(verify_at(&request, now() + jiff::SignedDuration::from_secs(86_401)).is_err());
}

fn chunk(size: &str, signature: &str, length: usize) -> Vec<u8> {
    let content = "a".repeat(length);
    format!("{size};chunk-signature={signature}\r\n{content}\r\n").into_bytes()
}

#[tokio::test]
async fn a_payload_in_signed_chunks_is_verified() {
    let request = signed(
        ("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com"),
        &[
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
        ],
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let body = [
        chunk("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", 65536),
        chunk("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", 1024),
        chunk("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", 0),
    ]
    .concat();
    assert_eq!(body.len(), 66824);
    assert_eq!(receive(&request, vec![body]).await.unwrap(), vec![b'a'; 66560]);
}

#[tokio::test]
async fn a_payload_in_signed_chunks_with_a_trailer_is_verified() {
    let request = signed(
        ("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com"),
        &[
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-trailer", "x-amz-checksum-crc32c"),
        ],
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;\
         x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let mut body = [
        chunk("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", 65536),
        chunk("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", 1024),
    ]
    .concat();
    body.extend_from_slice(
        b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
          x-amz-checksum-crc32c:sOO8/Q==\r\n\
          x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    );
    assert_eq!(receive(&request, vec![body]).await.unwrap(), vec![b'a'; 66560]);
}
