//! `GET /events`, and what lists of status changes share.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::history::{StatusEventInfo, StatusEventList};
use bucketry_api_types::moment::Moment;
use bucketry_control::Control;
use bucketry_control::buckets::{EventFilter, EventView};
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_model::status::ProbedStatus;
use bucketry_store::status_event::EventPosition;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{DateOrTime, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/events?workspaceId={workspace}&kind=OFFLINE");

/// Whose events a list shows.
pub(crate) enum EventsOf {
    /// One bucket.
    Bucket(BucketId),
    /// The workspaces that the caller may see, or one of them.
    Workspaces(Option<WorkspaceId>),
}

/// The events that a caller may see.
pub(crate) struct Events {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
    pub(crate) of: EventsOf,
    pub(crate) filter: EventFilter,
}

impl Source for Events {
    type Entry = EventView;
    type Position = EventPosition;

    async fn read(&self, after: Option<EventPosition>, limit: u32) -> ApiResult<Vec<EventView>> {
        Ok(match self.of {
            EventsOf::Bucket(id) => {
                self.control.bucket_events(&self.caller, id, self.filter, after, limit).await?
            }
            EventsOf::Workspaces(workspace) => {
                self.control.events(&self.caller, workspace, self.filter, after, limit).await?
            }
        })
    }

    fn position(entry: &EventView) -> EventPosition {
        EventPosition::of(&entry.event)
    }

    fn show(entry: &EventView) -> impl Serialize {
        let event = &entry.event;
        StatusEventInfo {
            id: event.number,
            at: Moment(event.at),
            bucket_id: event.bucket_id,
            bucket_name: entry.bucket_name.clone(),
            workspace_id: event.workspace_id,
            node_id: event.node_id,
            ip: entry.node_name.clone(),
            from: event.from.map(Into::into),
            to: event.to.into(),
            last_error: event.failure.as_ref().map(|failure| failure.code.as_str().into()),
            status_reason: event.failure.as_ref().map(|failure| failure.message.clone()),
            version: event.version,
        }
    }
}

/// The filter in a request's parameters.
pub(crate) fn filter(params: &Params) -> ApiResult<EventFilter> {
    let to = match params.text("kind")? {
        None => None,
        Some("ONLINE") => Some(ProbedStatus::Online),
        Some("OFFLINE") => Some(ProbedStatus::Offline),
        Some(_) => return Err(ApiError::field("kind", "must be ONLINE or OFFLINE")),
    };
    Ok(EventFilter {
        to,
        since: params.moments("since")?.map(DateOrTime::first),
        until: params.moments("until")?.map(DateOrTime::last),
    })
}

/// Lists changes of the status of buckets, in the workspaces that the caller may see.
///
/// Newest first. A change is listed in the workspace that the bucket belonged to at that time. Changes are retained
/// for as long as the operator configures (90 days by default).
#[utoipa::path(
    get,
    path = "/events",
    tag = "Statistics",
    operation_id = "listEvents",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the changes in this workspace"),
        ("kind" = Option<String>, Query, description = "Only changes to this status: ONLINE or OFFLINE"),
        ("since" = Option<String>, Query, description = "No changes before this date or RFC 3339 date-time"),
        ("until" = Option<String>, Query, description = "No changes after this date or RFC 3339 date-time"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The changes", body = StatusEventList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn events(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Events {
        control: state.control().clone(),
        of: EventsOf::Workspaces(params.id("workspaceId")?),
        filter: filter(&params)?,
        caller: caller.0.clone(),
    };
    pagination::answer(source, Frame::Named("events"), params.page()?).await
}
