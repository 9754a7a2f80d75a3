//! `/ui/audit/export`: the filtered records as CSV or JSON lines, streamed page by page.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::audit_export::AuditFormat;
use bucketry_control::{Control, Error};
use bucketry_model::audit::AuditRecord;
use bucketry_model::role::Caller;
use bucketry_store::audit::{AuditFilter, AuditPosition};
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::filter::EnteredFilter;
use super::position;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::viewer::Viewer;

/// SelectedRecords per read.
const PAGE: u32 = 500;

/// `GET`
pub(crate) async fn download(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    match start(&viewer, &query).await {
        Ok(response) => response,
        Err(error) => viewer.answer(Err(error)).await,
    }
}

async fn start(viewer: &Viewer, query: &FieldValues) -> Result<Response, PageError> {
    let (format, name) = match query.text("format") {
        "jsonl" => (AuditFormat::JsonLines, "attachment; filename=\"audit.jsonl\""),
        _ => (AuditFormat::Csv, "attachment; filename=\"audit.csv\""),
    };
    let filter = EnteredFilter::of(query).read(viewer).await?;
    let records =
        SelectedRecords { control: viewer.control().clone(), caller: viewer.caller.clone(), filter };
    // The first page is read before the response begins, so that a refusal has its status.
    let first = records.read(None).await?;
    let mut response = sent(records, format, first).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// The records that a request selects.
struct SelectedRecords {
    control: Control,
    caller: Caller,
    filter: AuditFilter,
}

impl SelectedRecords {
    async fn read(&self, after: Option<AuditPosition>) -> Result<Vec<AuditRecord>, Error> {
        self.control.audit(&self.caller, self.filter.clone(), after, PAGE).await
    }
}

/// Sends pages as they are read. If reading fails, the connection is closed, because a truncated export must not look
/// complete.
fn sent(records: SelectedRecords, format: AuditFormat, first: Vec<AuditRecord>) -> Body {
    let pages =
        stream::try_unfold((records, Some(first), true), move |(records, page, is_first)| async move {
            let Some(page) = page else { return Ok::<_, std::io::Error>(None) };
            let text = format.write(&page, is_first)?;
            let next = match page.last() {
                Some(last) if page.len() >= PAGE as usize => {
                    let next = records.read(Some(position(last))).await;
                    Some(next.map_err(|error| std::io::Error::other(error.code()))?)
                }
                _ => None,
            };
            Ok(Some((text, (records, next, false))))
        });
    Body::from_stream(pages)
}
