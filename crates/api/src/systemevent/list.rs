//! `POST /systemevent`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use bucketry_api_types::audit::{SystemEvent, SystemEventList, SystemEventQuery};
use bucketry_api_types::moment::Moment;
use bucketry_control::ResourceKind;
use bucketry_control::ids::{is_absent, read_id};
use bucketry_model::audit::{
    AuditAction, AuditActor, AuditDetail, AuditEntry, AuditKind, AuditRecord, UnknownAuditAction,
    UnknownAuditKind,
};
use bucketry_model::id::UserId;
use bucketry_model::role::Caller;
use bucketry_store::audit::AuditFilter;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json("/systemevent", r#"{ "take": 20 }"#);

/// Which time is listed if the request names none.
const LATEST: SignedDuration = SignedDuration::from_hours(24);
/// Events per page if the request doesn't say.
const TAKE: u32 = 20;
/// The most events per page.
const MOST_TAKEN: u32 = 100;

fn time(field: &'static str, text: Option<&str>) -> ApiResult<Option<Timestamp>> {
    let read = |text: &str| text.parse().map_err(|_| ApiError::field(field, "must be a time as RFC 3339"));
    text.filter(|text| !is_absent(text)).map(read).transpose()
}

fn filter(query: &SystemEventQuery, caller: &Caller, now: Timestamp) -> ApiResult<AuditFilter> {
    let until = time("to_timestamp", query.to_timestamp.as_deref())?;
    let since = match time("from_timestamp", query.from_timestamp.as_deref())? {
        None if until.is_none() => Some(now - LATEST),
        since => since,
    };
    let wrong = |field, why: &dyn ToString| ApiError::field(field, why.to_string());
    let kind = query.context.map(AuditKind::from);
    if let Some(AuditKind::Newer(_)) = kind {
        return Err(wrong("context", &UnknownAuditKind));
    }
    let action = query.event.map(AuditAction::from);
    if let Some(AuditAction::Newer(_)) = action {
        return Err(wrong("event", &UnknownAuditAction));
    }
    Ok(AuditFilter {
        kind,
        action,
        user_id: read_id(query.user_id.as_deref(), ResourceKind::User)?,
        target_id: query.context_id.clone().filter(|text| !is_absent(text)),
        target_name: None,
        workspace_id: read_id(query.workspace_id.as_deref(), ResourceKind::Workspace)?,
        since,
        // The contract's end is the last time that is listed.
        until: until.map(|until| until.saturating_add(SignedDuration::from_micros(1)).unwrap_or(until)),
        unread_by: query.show_unread.unwrap_or(false).then_some(caller.user_id),
        ..AuditFilter::default()
    })
}

/// The state before and after, as one JSON object.
fn data(entry: &AuditEntry) -> Option<String> {
    let value = |detail: Option<&AuditDetail>| {
        detail.and_then(|detail| serde_json::from_str::<serde_json::Value>(detail.as_text()).ok())
    };
    let (before, after) = (value(entry.before.as_ref()), value(entry.after.as_ref()));
    (before.is_some() || after.is_some()).then(|| json!({ "before": before, "after": after }).to_string())
}

fn event(record: AuditRecord, show_unread: bool, names: &HashMap<UserId, String>) -> SystemEvent {
    let entry = record.entry;
    let json_data = data(&entry);
    let (user_id, user_name, user_email) = match entry.actor {
        AuditActor::User { id, email, .. } => {
            (id.to_string(), names.get(&id).cloned().unwrap_or_else(|| email.clone()), email)
        }
        AuditActor::Node(name) | AuditActor::Unknown(name) => (String::new(), name, String::new()),
        AuditActor::Operator => (String::new(), "operator".to_owned(), String::new()),
        AuditActor::System => (String::new(), "system".to_owned(), String::new()),
    };
    SystemEvent {
        id: record.id,
        timestamp: Moment(entry.at),
        context_id: entry.target.id.unwrap_or_default(),
        context: entry.kind.to_string(),
        event: entry.action.to_string(),
        org_id: entry.org_id.map(|id| id.to_string()).unwrap_or_default(),
        user_id,
        user_name,
        user_email,
        workspace_id: entry.target.workspace_id.map(|id| id.to_string()),
        json_data,
        show_unread,
    }
}

/// Lists changes in the organization.
///
/// Newest first. OWNER and ADMINISTRATORS see all changes, others their own and those of their workspaces. Without
/// times, the last 24 hours are listed.
#[utoipa::path(
    post,
    path = "/systemevent",
    tag = "Audit",
    operation_id = "listSystemEvents",
    security(("bearer" = [])),
    request_body = SystemEventQuery,
    responses(
        (status = 200, description = "The events", body = SystemEventList),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    JsonBody { value: query, .. }: JsonBody<SystemEventQuery>,
) -> ApiResult<Json<SystemEventList>> {
    let (skip, take) = (query.skip.unwrap_or(0), query.take.unwrap_or(TAKE));
    if !(1..=MOST_TAKEN).contains(&take) {
        return Err(ApiError::field("take", format!("must be a whole number from 1 to {MOST_TAKEN}")));
    }
    let control = state.control();
    let filter = filter(&query, &caller, control.clock().now())?;
    let found = control.system_events(&caller, filter, skip, take).await?;
    let mut names = HashMap::new();
    for (record, _) in &found.events {
        if let AuditActor::User { id, .. } = record.entry.actor
            && !names.contains_key(&id)
            && let Some(user) =
                control.store().user(caller.org_id, id).await.map_err(bucketry_control::Error::from)?
        {
            names.insert(id, format!("{} {}", user.first_name, user.last_name));
        }
    }
    let events = found.events.into_iter().map(|(record, unread)| event(record, unread, &names)).collect();
    Ok(Json(SystemEventList { events, total: found.total, skip, take }))
}
