//! `HeadObject`, `GetObject`, `GetObjectAttributes`.

use bucketry_provider::body::ProviderBody;
use bucketry_provider::driver::{Parameter, S3Protocol, UpstreamRequest};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED, RANGE};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body as _;
use jiff::Timestamp;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::operation::GetObject;
use crate::front::s3::passthrough::document::{XmlElement, rewrite};
use crate::front::s3::passthrough::request_headers::range_value;
use crate::front::s3::passthrough::{MAX_DOCUMENT_BYTES, PassthroughRequest, response_headers};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::{answer, conditions};
use crate::object::body::GatewayBody;
use crate::object::range::{self, RangeCondition};

/// `GetObject`.
pub(super) async fn get(incoming: &mut PassthroughRequest<'_>, reading: &GetObject) -> S3Answer {
    match reading.range {
        // Without a single byte range, the provider must return the whole object.
        None => drop(incoming.headers.remove(RANGE)),
        // As the gateway understood it, so that all providers do the same.
        Some(range) => drop(incoming.headers.insert(RANGE, range_value(range)?)),
    }
    let answer = match &reading.range_condition {
        None => send(incoming, Method::GET, reading).await?,
        Some(condition) => Box::pin(send_if_same(incoming, reading, condition)).await?,
    };
    let (mut response, body) = answer.into_parts();
    if response.status == StatusCode::NOT_MODIFIED {
        return Ok(Response::from_parts(response, GatewayBody::empty()));
    }
    put_overrides(&mut response.headers, reading);
    let length = body.size_hint().exact();
    Ok(Response::from_parts(response, GatewayBody::object(body, length)))
}

/// `HeadObject`. Not every provider supports ranges for it, so the gateway computes them from the object's size.
pub(super) async fn head(incoming: &mut PassthroughRequest<'_>, reading: &GetObject) -> S3Answer {
    let (mut response, _) = send(incoming, Method::HEAD, reading).await?.into_parts();
    if response.status != StatusCode::NOT_MODIFIED {
        put_overrides(&mut response.headers, reading);
        let is_same = reading.range_condition.as_ref().is_none_or(|same| is_same(same, &response.headers));
        if let Some(wanted) = reading.range.filter(|_| reading.part_number.is_none() && is_same) {
            let size = response.headers.get(CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
            if let Some(size) = size {
                let (first, last) = range::resolve(wanted, size)?;
                response.headers.insert(CONTENT_LENGTH, (last - first + 1).into());
                response::put_range(&mut response.headers, (first, last), Some(size));
                response.status = StatusCode::PARTIAL_CONTENT;
            }
        }
    }
    Ok(Response::from_parts(response, GatewayBody::empty()))
}

/// Requests a range, or all of the object if it is another one than the client has a part of. Not every provider
/// evaluates `If-Range`, so the response to a request for the range shows which object it is from.
async fn send_if_same(
    incoming: &mut PassthroughRequest<'_>,
    reading: &GetObject,
    condition: &RangeCondition,
) -> Result<Response<ProviderBody>, Failure> {
    let mut headers = incoming.headers.clone();
    headers.remove(RANGE);
    let part = send(incoming, Method::GET, reading).await;
    match &part {
        Ok(answer)
            if answer.status() == StatusCode::PARTIAL_CONTENT && !is_same(condition, answer.headers()) => {}
        Err(failure) if failure.kind == FailureKind::InvalidRange => {}
        _ => return part,
    }
    incoming.headers = headers;
    let whole = send(incoming, Method::GET, reading).await?;
    // The range is outside of the object that the client has a part of.
    if part.is_err() && is_same(condition, whole.headers()) { part } else { Ok(whole) }
}

fn is_same(condition: &RangeCondition, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let modified = text(LAST_MODIFIED).and_then(|time| httpdate::parse_http_date(time).ok());
    condition.holds(text(ETAG), modified.and_then(|time| Timestamp::try_from(time).ok()))
}

/// Requests an object. The headers of the result are those for the client.
async fn send(
    incoming: &mut PassthroughRequest<'_>,
    method: Method,
    reading: &GetObject,
) -> Result<Response<ProviderBody>, Failure> {
    let PassthroughRequest { resolved, s3, headers, .. } = incoming;
    let headers = std::mem::take(headers);
    let can = resolved.driver().capabilities();
    if can.protocol != S3Protocol::Whole {
        answer::check_reading(reading)?;
        conditions::of_reading(&reading.conditions, can)?;
    }
    let key = resolved.key(&reading.key)?;
    let mut query = Vec::new();
    query.extend(reading.part_number.map(|number| Parameter::Number("partNumber", number)));
    query.extend(reading.version.as_ref().map(Parameter::Version));
    let request =
        UpstreamRequest { method, key: &key, query: &query, headers, payload: None, takes_long: false };
    let answer = s3.forward(request).await.map_err(|error| resolved.failure(&error))?;
    let (mut given, body) = answer.into_parts();
    if given.status != StatusCode::NOT_MODIFIED {
        match conditions::hold(&reading.conditions, &given.headers) {
            Err(failure) if failure.kind == FailureKind::NotModified => {
                given.status = StatusCode::NOT_MODIFIED;
                response_headers::keep_of_unmodified(&mut given.headers);
            }
            outcome => outcome?,
        }
        conditions::is_version(reading.version.as_ref(), &given.headers)?;
    }
    let mut response = Response::new(body);
    *response.status_mut() = given.status;
    *response.headers_mut() = response_headers::of_object(given.headers);
    Ok(response)
}

/// The gateway sets these headers, because providers refuse `response-…` parameters in unsigned requests.
fn put_overrides(headers: &mut HeaderMap, reading: &GetObject) {
    for (name, value) in &reading.overrides {
        headers.insert(name, value.clone());
    }
}

/// `GetObjectAttributes`. If the provider doesn't support it, or denies it to the bucket's credential (it needs a
/// separate permission), the ETag and the size are requested with HEAD.
pub(super) async fn attributes(incoming: PassthroughRequest<'_>, reading: GetObject) -> S3Answer {
    const ROOT: &str = "GetObjectAttributesResponse";
    let PassthroughRequest { resolved, s3, headers, .. } = incoming;
    let asked = headers.clone();
    let key = resolved.key(&reading.key)?;
    let mut query = vec![Parameter::Flag("attributes")];
    query.extend(reading.version.as_ref().map(Parameter::Version));
    let request = UpstreamRequest {
        method: Method::GET,
        key: &key,
        query: &query,
        headers,
        payload: None,
        takes_long: false,
    };
    let answer = match s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await {
        Ok(answer) => answer,
        Err(ProviderError::NotAnObjectStore { .. }) => {
            return answer::attributes(resolved, reading, &asked).await;
        }
        Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported | ErrorKind::AccessDenied)) => {
            return answer::attributes(resolved, reading, &asked).await;
        }
        Err(error) => return Err(resolved.failure(&error).into()),
    };
    let document = rewrite(answer.body(), ROOT, |_, _| XmlElement::Kept)
        .map_err(|_| resolved.failure(&ProviderError::NotAnObjectStore { status: None }))?;
    let mut response = response::document(document.finish());
    response_headers::tell(response.headers_mut(), answer.headers());
    Ok(response)
}
