//! `HeadObject` and `GetObject`.

use bucketry_provider::driver::{GetRequest, ObjectInfo};
use http::header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::conditions;
use crate::front::s3::operation::GetObject;
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::stored_checksum;
use crate::object;
use crate::object::body::GatewayBody;
use crate::object::get::{NotRead, ObjectHead};
use crate::routing::resolved_bucket::ResolvedBucket;

/// `GetObject`.
pub(super) async fn get(resolved: &ResolvedBucket, reading: GetObject, asked: &HeaderMap) -> S3Answer {
    check_version(&reading)?;
    let request = GetRequest { range: reading.range, conditions: reading.conditions.clone() };
    let read =
        match object::get::get(resolved, &reading.key, request, reading.range_condition.as_deref()).await {
            Ok(read) => read,
            Err(failure) => return unmodified_or_failed(&reading, failure),
        };
    let whole = read.info.size;
    let length = match read.range {
        Some((first, last)) => Some(last.saturating_sub(first).saturating_add(1)),
        None => read.body.size_hint().exact().or(whole),
    };
    let mut response = Response::new(GatewayBody::object(read.body, length));
    let headers = response.headers_mut();
    describe(headers, &read.info, &reading, length);
    match read.range {
        Some(range) => {
            response::put_range(headers, range, whole);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        None => stored_checksum::tell(headers, &read.info, asked),
    }
    Ok(response)
}

/// `HeadObject`.
pub(super) async fn head(resolved: &ResolvedBucket, reading: GetObject, asked: &HeaderMap) -> S3Answer {
    check_version(&reading)?;
    let same = reading.range_condition.as_deref();
    let head = object::get::head(resolved, &reading.key, reading.range, same, &reading.conditions).await;
    let ObjectHead { info, range } = match head {
        Ok(head) => head,
        Err(failure) => return unmodified_or_failed(&reading, failure),
    };
    let length = range.map_or(info.size, |(first, last)| Some(last - first + 1));
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = response::empty(status);
    describe(response.headers_mut(), &info, &reading, length);
    match range {
        Some(range) => response::put_range(response.headers_mut(), range, info.size),
        None => stored_checksum::tell(response.headers_mut(), &info, asked),
    }
    Ok(response)
}

/// Refuses options that only providers with S3 support.
pub(crate) fn check(reading: &GetObject) -> Result<(), Failure> {
    check_version(reading)?;
    if reading.part_number.is_some() {
        return Err(Failure::new(
            FailureKind::NotImplemented,
            "partNumber is not supported here, because not every provider remembers parts. Request a range.",
        ));
    }
    Ok(())
}

fn check_version(reading: &GetObject) -> Result<(), Failure> {
    conditions::no_version(reading.version.as_ref())
}

/// The response for an unmodified object includes its ETag, which the condition contains if the provider doesn't
/// return it.
pub(super) fn unmodified_or_failed(reading: &GetObject, why: NotRead) -> S3Answer {
    let unmodified = match why {
        NotRead::Unmodified(unmodified) => unmodified,
        NotRead::Failed(failure) => return Err(failure.into()),
    };
    let mut response = response::empty(StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    let one = reading.conditions.if_none_match.as_deref().filter(|tag| !tag.contains([',', '*']));
    response::put(headers, ETAG, one);
    for (name, value) in [(ETAG, unmodified.etag), (LAST_MODIFIED, unmodified.last_modified)] {
        // Not `extend`, which would add the value to that of the condition.
        value.map(|value| headers.insert(name, value));
    }
    Ok(response)
}

pub(super) fn describe(headers: &mut HeaderMap, info: &ObjectInfo, reading: &GetObject, length: Option<u64>) {
    response::describe(headers, info);
    for (name, value) in &reading.overrides {
        headers.insert(name, value.clone());
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}
