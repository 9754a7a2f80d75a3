//! Records as JSON lines or CSV, streamed page by page.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::audit_export::AuditFormat;
use bucketry_control::Control;
use bucketry_model::audit::AuditRecord;
use bucketry_model::role::Caller;
use bucketry_store::audit::{AuditFilter, AuditPosition};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use crate::cursor::Cursor as _;
use crate::error::{ApiError, ApiResult};
use crate::params::Page;

/// Records per read.
const PAGE: u32 = 500;
/// The header with the cursor of the next page.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Reads the parameter `format`, or else the header `Accept`. `None` stands for the usual JSON of a list.
pub(super) fn wanted_format(
    format: Option<&str>,
    accept: Option<&HeaderValue>,
) -> ApiResult<Option<AuditFormat>> {
    match format {
        Some("json") => return Ok(None),
        Some("jsonl") => return Ok(Some(AuditFormat::JsonLines)),
        Some("csv") => return Ok(Some(AuditFormat::Csv)),
        Some(_) => return Err(ApiError::field("format", "must be json, jsonl or csv")),
        None => {}
    }
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted =
        |media: &str| accept.split(',').any(|one| one.split(';').next().map(str::trim) == Some(media));
    Ok(if wanted("text/csv") {
        Some(AuditFormat::Csv)
    } else if wanted("application/x-ndjson") || wanted("application/jsonl") {
        Some(AuditFormat::JsonLines)
    } else {
        None
    })
}

fn written(format: AuditFormat, records: &[AuditRecord], is_first: bool) -> ApiResult<Bytes> {
    format.write(records, is_first).map(Bytes::from).map_err(ApiError::internal)
}

/// The records that a request selects.
pub(super) struct AuditSource {
    pub(super) control: Control,
    pub(super) caller: Caller,
    pub(super) filter: AuditFilter,
}

impl AuditSource {
    pub(super) async fn read(&self, after: Option<AuditPosition>, limit: u32) -> ApiResult<Vec<AuditRecord>> {
        Ok(self.control.audit(&self.caller, self.filter.clone(), after, limit).await?)
    }
}

/// The position of a record in the list.
pub(super) fn position(record: &AuditRecord) -> AuditPosition {
    AuditPosition { at: record.entry.at, id: record.id }
}

/// Responds with a page, or with all records.
pub(super) async fn export(
    selection: AuditSource,
    format: AuditFormat,
    page: Page<AuditPosition>,
) -> ApiResult<Response> {
    let mut response = match page {
        Page::Part { after, limit } => {
            let mut records = selection.read(after, limit + 1).await?;
            let more = records.len() > limit as usize;
            records.truncate(limit as usize);
            let mut response = Body::from(written(format, &records, after.is_none())?).into_response();
            let next = records.last().filter(|_| more).map(|last| position(last).to_text());
            if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
                response.headers_mut().insert(NEXT_CURSOR, next);
            }
            response
        }
        Page::Whole => {
            // The first page is read before the response begins, so that a refusal has its status.
            let first = selection.read(None, PAGE).await?;
            whole(selection, format, first)
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    Ok(response)
}

/// Sends pages as they are read. If reading fails, the connection is closed, because a truncated export must not
/// look complete.
fn whole(selection: AuditSource, format: AuditFormat, first: Vec<AuditRecord>) -> Response {
    let pages =
        stream::try_unfold((selection, Some(first), true), move |(selection, page, is_first)| async move {
            let Some(records) = page else { return Ok::<_, ApiError>(None) };
            let text = written(format, &records, is_first)?;
            let next = match records.last() {
                Some(last) if records.len() >= PAGE as usize => {
                    Some(selection.read(Some(position(last)), PAGE).await?)
                }
                _ => None,
            };
            Ok(Some((text, (selection, next, false))))
        });
    let pages = futures_util::TryStreamExt::map_err(pages, |error| std::io::Error::other(error.code()));
    Body::from_stream(pages).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_wins_over_the_header() {
        let accept = |text| Some(HeaderValue::from_static(text));
        let read = |format, accept: Option<HeaderValue>| wanted_format(format, accept.as_ref()).unwrap();
        assert_eq!(read(None, None), None);
        assert_eq!(read(None, accept("application/json")), None);
        assert_eq!(read(None, accept("text/csv;q=0.9, */*")), Some(AuditFormat::Csv));
        assert_eq!(read(None, accept("application/x-ndjson")), Some(AuditFormat::JsonLines));
        assert_eq!(read(Some("json"), accept("text/csv")), None);
        assert!(wanted_format(Some("xml"), None).is_err());
    }
}
