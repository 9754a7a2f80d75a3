//! `HeadObject`, `GetObject`, `GetObjectAttributes`.

use bucketry_provider::driver::{ByteRange, GetRequest, ObjectInfo};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;

use crate::error::{Code, Result, S3Error};
use crate::operation::Reading;
use crate::translate::{Answer, Failure, GatewayBody, Outcome, Place, answer, conditions};
use crate::xml::Document;

/// `GetObject`.
pub(super) async fn get(place: &Place<'_>, reading: Reading) -> Answer {
    check(place, &reading)?;
    let key = place.key(&reading.key)?;
    let request = GetRequest { range: reading.range, conditions: reading.conditions.clone() };
    let read = match place.driver.get(&key, &request).await {
        Ok(read) => read,
        Err(error) => return unmodified_or_failed(place, &reading, &error),
    };
    let whole = read.info.size;
    let length = match read.range {
        Some((first, last)) => Some(last.saturating_sub(first).saturating_add(1)),
        None => read.body.size_hint().exact().or(whole),
    };
    let mut response = Response::new(GatewayBody::object(read.body, length));
    let headers = response.headers_mut();
    describe(headers, &read.info, &reading, length);
    if let Some(range) = read.range {
        put_range(headers, range, whole);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(Outcome::of(response))
}

/// `HeadObject`.
pub(super) async fn head(place: &Place<'_>, reading: Reading) -> Answer {
    check(place, &reading)?;
    let key = place.key(&reading.key)?;
    let info = match place.driver.head(&key, &reading.conditions).await {
        Ok(info) => info,
        Err(error) => return unmodified_or_failed(place, &reading, &error),
    };
    let range = match (reading.range, info.size) {
        (Some(range), Some(size)) => Some(resolve(range, size)?),
        _ => None,
    };
    let length = range.map_or(info.size, |(first, last)| Some(last - first + 1));
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = answer::empty(status);
    describe(response.headers_mut(), &info, &reading, length);
    if let Some(range) = range {
        put_range(response.headers_mut(), range, info.size);
    }
    Ok(Outcome::of(response))
}

/// `GetObjectAttributes`: the tag and the size. Checksums and parts are not known for every provider, and left out as S3
/// does for objects that have none.
pub(super) async fn attributes(place: &Place<'_>, reading: Reading) -> Answer {
    check(place, &reading)?;
    let key = place.key(&reading.key)?;
    let info = match place.driver.head(&key, &reading.conditions).await {
        Ok(info) => info,
        Err(error) => return unmodified_or_failed(place, &reading, &error),
    };
    let mut document = Document::new("GetObjectAttributesResponse");
    document.optional("ETag", info.etag.as_deref().map(|etag| etag.trim_matches('"')));
    document.element("StorageClass", "STANDARD");
    document.optional("ObjectSize", info.size.map(|size| size.to_string()).as_deref());
    let mut response = answer::document(document.finish());
    let mut described = HeaderMap::new();
    answer::describe(&mut described, &info);
    if let Some(modified) = described.remove(http::header::LAST_MODIFIED) {
        response.headers_mut().insert(http::header::LAST_MODIFIED, modified);
    }
    Ok(Outcome::of(response))
}

fn check(place: &Place<'_>, reading: &Reading) -> Result<()> {
    conditions::no_version(reading.version.as_deref())?;
    if reading.part_number.is_some() {
        return Err(S3Error::new(
            Code::NotImplemented,
            "Objects can't be read by part number, because not every provider remembers parts. Ask for a range.",
        ));
    }
    conditions::of_reading(&reading.conditions, place.driver.capabilities())
}

/// An object that hasn't changed is answered with its tag, if the condition tells it.
fn unmodified_or_failed(place: &Place<'_>, reading: &Reading, error: &ProviderError) -> Answer {
    let unmodified = error.kind() == Some(ErrorKind::NotModified);
    let failure: Failure = place.failure(error);
    if !unmodified {
        return Err(failure);
    }
    let mut response = answer::empty(StatusCode::NOT_MODIFIED);
    let one = reading.conditions.if_none_match.as_deref().filter(|tag| !tag.contains([',', '*']));
    answer::put(response.headers_mut(), ETAG, one);
    Ok(Outcome::of(response))
}

fn describe(headers: &mut HeaderMap, info: &ObjectInfo, reading: &Reading, length: Option<u64>) {
    answer::describe(headers, info);
    for (name, value) in &reading.overrides {
        headers.insert(name, value.clone());
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

fn put_range(headers: &mut HeaderMap, (first, last): (u64, u64), size: Option<u64>) {
    let size = size.map_or_else(|| "*".to_owned(), |size| size.to_string());
    if let Ok(value) = HeaderValue::from_str(&format!("bytes {first}-{last}/{size}")) {
        headers.insert(CONTENT_RANGE, value);
    }
}

/// The bytes that a range names in an object of this size.
fn resolve(range: ByteRange, size: u64) -> Result<(u64, u64)> {
    let outside = || S3Error::new(Code::InvalidRange, "The range lies outside of the object.");
    let end = size.checked_sub(1).ok_or_else(outside)?;
    match range {
        ByteRange::Closed(first, _) | ByteRange::From(first) if first > end => Err(outside()),
        ByteRange::Closed(first, last) => Ok((first, last.min(end))),
        ByteRange::From(first) => Ok((first, end)),
        ByteRange::Last(0) => Err(outside()),
        ByteRange::Last(count) => Ok((size.saturating_sub(count), end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_object() {
        for (range, size, expected) in [
            (ByteRange::Closed(2, 5), 10, Some((2, 5))),
            (ByteRange::Closed(2, 99), 10, Some((2, 9))),
            (ByteRange::From(9), 10, Some((9, 9))),
            (ByteRange::From(10), 10, None),
            (ByteRange::Last(3), 10, Some((7, 9))),
            (ByteRange::Last(99), 10, Some((0, 9))),
            (ByteRange::Last(0), 10, None),
            (ByteRange::From(0), 0, None),
        ] {
            assert_eq!(resolve(range, size).ok(), expected, "{range:?} of {size}");
        }
    }
}
