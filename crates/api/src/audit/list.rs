//! `GET /audit`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::audit::{AuditList, AuditRow};
use bucketry_model::audit::AuditRecord;
use bucketry_model::id::UserId;
use bucketry_store::audit::{AuditFilter, AuditPosition};
use http::HeaderMap;
use http::header::ACCEPT;
use serde::Serialize;

use super::export::{AuditSource, export, position, wanted_format};
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{DateOrTime, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/audit?limit=10");

impl Source for AuditSource {
    type Entry = AuditRecord;
    type Position = AuditPosition;

    async fn read(&self, after: Option<AuditPosition>, limit: u32) -> ApiResult<Vec<AuditRecord>> {
        Self::read(self, after, limit).await
    }

    fn position(entry: &AuditRecord) -> AuditPosition {
        position(entry)
    }

    fn show(entry: &AuditRecord) -> impl Serialize {
        AuditRow::of(entry)
    }
}

fn filter(params: &Params) -> ApiResult<AuditFilter> {
    fn parsed<T: std::str::FromStr<Err: ToString>>(
        params: &Params,
        name: &'static str,
    ) -> ApiResult<Option<T>> {
        let read = |text: &str| text.parse::<T>().map_err(|why| ApiError::field(name, why.to_string()));
        params.text(name)?.map(read).transpose()
    }
    let refused = match params.text("result")? {
        None => None,
        Some("done") => Some(false),
        Some("refused") => Some(true),
        Some(_) => return Err(ApiError::field("result", "must be done or refused")),
    };
    Ok(AuditFilter {
        kind: parsed(params, "kind")?,
        action: parsed(params, "action")?,
        user_id: params.id::<UserId>("user")?,
        target_id: params.text("id")?.map(str::to_owned),
        target_name: None,
        workspace_id: params.id("workspace")?,
        refused,
        since: params.moments("since")?.map(DateOrTime::first),
        until: params.moments("until")?.map(DateOrTime::first),
        only_public: false,
        unread_by: None,
    })
}

/// Lists who changed what, what was refused, and logins.
///
/// Newest first. Needs the organization role ADMINISTRATORS or OWNER. Without `limit` and `cursor`, all records are
/// returned. With `format=jsonl` or `format=csv` (or the header `Accept`), the response is an export: the cursor of
/// its next page is in the header `x-next-cursor`. Secrets are masked. Records can't be changed or deleted; the
/// operator decides how long they are retained.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "Audit",
    operation_id = "listAudit",
    security(("bearer" = [])),
    params(
        ("kind" = Option<String>, Query, description = "Only records about this kind of resource, such as `bucket`"),
        ("action" = Option<String>, Query, description = "Only records of this action, such as `deleted`"),
        ("user" = Option<String>, Query, format = "uuid", description = "Only what this user did"),
        ("id" = Option<String>, Query, description = "Only records about the resource with this id"),
        ("workspace" = Option<String>, Query, format = "uuid", description = "Only records about resources of this workspace"),
        ("result" = Option<String>, Query, description = "Only what was `done`, or only what was `refused`"),
        ("since" = Option<String>, Query, description = "Only records from this time on: a date or an RFC 3339 date-time"),
        ("until" = Option<String>, Query, description = "Only records before this time: a date or an RFC 3339 date-time"),
        ("format" = Option<String>, Query, description = "The format of the response: `json`, `jsonl` or `csv`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The records", content(
            (AuditList<'static> = "application/json"),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let format = wanted_format(params.text("format")?, headers.get(ACCEPT))?;
    let page = params.page()?;
    let selection = AuditSource { control: state.control().clone(), caller, filter: filter(&params)? };
    match format {
        Some(format) => export(selection, format, page).await,
        None => pagination::answer(selection, Frame::Named("records"), page).await,
    }
}
