//! Parses the headers that declare what the payload must be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode_str;

use super::refuse;
use crate::front::s3::auth::{Declared, once};
use crate::front::s3::checksum;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::headers::{CONTENT_MD5, X_AMZ_DECODED_CONTENT_LENGTH, X_AMZ_TRAILER};
use crate::payload::Expected;
use crate::payload::checksum::{Algorithm, Checksum};

const PREFIX: &str = "x-amz-checksum-";
/// Headers with the same prefix that contain no checksum.
const NO_CHECKSUMS: [&str; 3] = ["x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"];

/// What the payload of a request must be.
pub(super) fn of(request: &Parts, declared: Declared, presigned: bool) -> Result<Expected> {
    let headers = &request.headers;
    let length = length(request, declared)?;
    if length > 0 && !matches!(declared, Declared::Chunks { .. }) && is_chunked(headers) {
        return Err(S3Error::new(
            Code::InvalidRequest,
            "Content-Encoding is aws-chunked, but x-amz-content-sha256 does not declare chunks.",
        ));
    }
    let mut checksum = if completes_upload(request) { None } else { checksum_of(headers)? };
    if presigned && checksum.is_none() {
        checksum = query_checksum(request.uri.query().unwrap_or_default())?;
    }
    let trailing = trailing(headers, declared)?;
    if checksum.is_some() && trailing.is_some() {
        return Err(one_checksum());
    }
    let sha256 = match declared {
        Declared::Digest(digest) => Some(digest),
        Declared::Unsigned | Declared::Chunks { .. } => None,
    };
    Ok(Expected {
        length,
        may_be_shorter: false,
        sha256,
        md5: content_md5(headers)?,
        checksum,
        trailing,
        refuse,
    })
}

fn length(request: &Parts, declared: Declared) -> Result<u64> {
    let headers = &request.headers;
    let content = number(headers, &CONTENT_LENGTH)?;
    if matches!(declared, Declared::Chunks { .. }) {
        let decoded = number(headers, &X_AMZ_DECODED_CONTENT_LENGTH)?.ok_or_else(|| {
            S3Error::new(
                Code::MissingContentLength,
                "You must provide the x-amz-decoded-content-length HTTP header.",
            )
        })?;
        if content.is_some_and(|content| content < decoded) {
            return Err(S3Error::new(
                Code::IncompleteBody,
                "Content-Length is smaller than x-amz-decoded-content-length.",
            ));
        }
        return Ok(decoded);
    }
    match content {
        Some(length) => Ok(length),
        // In HTTP, such a request has no body. A client that forgets the length would store an empty object.
        None if headers.contains_key(TRANSFER_ENCODING) || stores_content(request) => {
            Err(S3Error::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header."))
        }
        None => Ok(0),
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>> {
    let Some(text) = once(headers, name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().map(Some).ok_or_else(|| {
        S3Error::new(Code::InvalidArgument, format!("The header '{name}' must be a number of bytes."))
    })
}

fn is_chunked(headers: &HeaderMap) -> bool {
    codings(headers).any(|coding| coding.eq_ignore_ascii_case("aws-chunked"))
}

fn codings(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|coding| !coding.is_empty())
}

/// The content encoding of the object: that of the request as the client wrote it, without `aws-chunked`, which the
/// gateway decodes. A repeated header is a list (RFC 9110 §5.3).
pub fn content_encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let kept: Vec<String> = values.filter_map(without_chunked).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

fn without_chunked(value: &str) -> Option<String> {
    let is_kept = |coding: &&str| {
        let coding = coding.trim();
        !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked")
    };
    let kept: Vec<&str> = value.split(',').filter(is_kept).collect();
    (!kept.is_empty()).then(|| kept.join(",").trim().to_owned())
}

/// Whether the body is content to store, and not a document with an ACL or tags, in whose place a header may be sent.
fn stores_content(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    let is_document = |part: &str| matches!(part.split('=').next(), Some("acl" | "tagging"));
    request.method == Method::PUT && !query.split('&').any(is_document)
}

/// Whether the request completes a multipart upload. Its checksum is that of the object, not of the document.
fn completes_upload(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    request.method == Method::POST && query.split('&').any(|part| part.starts_with("uploadId="))
}

/// The checksum in the headers.
pub(crate) fn checksum_of(headers: &HeaderMap) -> Result<Option<Checksum>> {
    let mut found = None;
    for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)) {
        if NO_CHECKSUMS.contains(&name.as_str()) {
            continue;
        }
        let Some(algorithm) = checksum::of_header(name.as_str()) else {
            return Err(unknown_algorithm());
        };
        let text = once(headers, name)?.unwrap_or_default();
        if found.replace(read(algorithm, text)?).is_some() {
            return Err(one_checksum());
        }
    }
    Ok(found)
}

/// Some clients move the header into the query of a presigned URL, where it has the same meaning.
fn query_checksum(query: &str) -> Result<Option<Checksum>> {
    let mut found = None;
    for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
        let Some(algorithm) = checksum::of_header(name) else { continue };
        let text = percent_decode_str(value).decode_utf8_lossy();
        if found.replace(read(algorithm, &text)?).is_some() {
            return Err(one_checksum());
        }
    }
    Ok(found)
}

fn read(algorithm: Algorithm, text: &str) -> Result<Checksum> {
    Checksum::read(algorithm, text).ok_or_else(|| {
        S3Error::new(
            Code::InvalidRequest,
            format!("Value for {} header is invalid.", checksum::header_name(algorithm)),
        )
    })
}

fn one_checksum() -> S3Error {
    S3Error::new(
        Code::InvalidRequest,
        "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
    )
}

fn unknown_algorithm() -> S3Error {
    S3Error::new(
        Code::InvalidRequest,
        "The checksum algorithm is not supported. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.",
    )
}

fn trailing(headers: &HeaderMap, declared: Declared) -> Result<Option<Algorithm>> {
    let Some(names) = once(headers, &X_AMZ_TRAILER)? else { return Ok(None) };
    if !matches!(declared, Declared::Chunks { trailer: true, .. }) {
        return Err(S3Error::new(
            Code::InvalidRequest,
            "x-amz-trailer announces a trailer, but x-amz-content-sha256 does not.",
        ));
    }
    let mut found = None;
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(algorithm) = checksum::of_header(name) else {
            return Err(if name.to_ascii_lowercase().starts_with(PREFIX) {
                unknown_algorithm()
            } else {
                S3Error::new(
                    Code::InvalidRequest,
                    "The value specified in the x-amz-trailer header is not supported.",
                )
            });
        };
        if found.replace(algorithm).is_some() {
            return Err(one_checksum());
        }
    }
    Ok(found)
}

fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>> {
    let Some(text) = once(headers, &CONTENT_MD5)? else { return Ok(None) };
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(Some)
        .ok_or_else(|| S3Error::new(Code::InvalidDigest, "The Content-MD5 you specified is not valid."))
}
