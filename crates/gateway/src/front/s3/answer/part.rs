//! `GetObject` and `HeadObject` with `partNumber`.

use bucketry_provider::driver::{ByteRange, GetRequest};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, Response, StatusCode};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::answer::read::{describe, unmodified_or_failed};
use crate::front::s3::conditions;
use crate::front::s3::operation::GetObject;
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::stored_checksum;
use crate::object;
use crate::object::body::GatewayBody;
use crate::object::part::FoundPart;
use crate::routing::resolved_bucket::ResolvedBucket;

static PARTS_COUNT: HeaderName = HeaderName::from_static("x-amz-mp-parts-count");

/// `GetObject` of one part. The object must still be the one whose parts were looked up.
pub(super) async fn get(
    resolved: &ResolvedBucket,
    reading: GetObject,
    number: u32,
    asked: &HeaderMap,
) -> S3Answer {
    check(&reading)?;
    let part = match object::part::find(resolved, &reading.key, number, &reading.conditions).await {
        Ok(part) => part,
        Err(failure) => return unmodified_or_failed(&reading, failure),
    };
    let mut conditions = reading.conditions.clone();
    if conditions.if_match.is_none() {
        conditions.if_match.clone_from(&part.info.etag);
    }
    let range = part.range.map(|(first, last)| ByteRange::Closed(first, last));
    let request = GetRequest { range, conditions };
    let read = match object::get::get(resolved, &reading.key, request, None).await {
        Ok(read) => read,
        Err(failure) => return unmodified_or_failed(&reading, failure),
    };
    let length = length(&part);
    if part.range.is_some() && read.range.is_none() && Some(length) != part.info.size {
        let message = "The bucket's provider returned more than the part. Request a range instead.";
        return Err(Failure::new(FailureKind::NotImplemented, message).into());
    }
    let body = GatewayBody::object(read.body, Some(length));
    Ok(described(Response::new(body), &reading, &part, asked))
}

/// `HeadObject` of one part.
pub(super) async fn head(
    resolved: &ResolvedBucket,
    reading: GetObject,
    number: u32,
    asked: &HeaderMap,
) -> S3Answer {
    check(&reading)?;
    match object::part::find(resolved, &reading.key, number, &reading.conditions).await {
        Ok(part) => Ok(described(response::empty(StatusCode::OK), &reading, &part, asked)),
        Err(failure) => unmodified_or_failed(&reading, failure),
    }
}

fn check(reading: &GetObject) -> Result<(), Failure> {
    conditions::no_version(reading.version.as_ref())?;
    if reading.range.is_none() {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::InvalidRequest,
        "Cannot specify both Range header and partNumber query parameter.",
    ))
}

fn length(part: &FoundPart) -> u64 {
    part.range.map_or(0, |(first, last)| last - first + 1)
}

fn described(
    mut response: Response<GatewayBody>,
    reading: &GetObject,
    part: &FoundPart,
    asked: &HeaderMap,
) -> Response<GatewayBody> {
    if part.range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let headers = response.headers_mut();
    describe(headers, &part.info, reading, Some(length(part)));
    headers.insert(CONTENT_LENGTH, length(part).into());
    if let Some(range) = part.range {
        response::put_range(headers, range, part.info.size);
    }
    match part.count {
        Some(count) => {
            headers.insert(&PARTS_COUNT, count.into());
            if let Some(checksum) = &part.checksum {
                stored_checksum::tell_of_part(headers, checksum, asked);
            }
        }
        None => stored_checksum::tell(headers, &part.info, asked),
    }
    response
}
