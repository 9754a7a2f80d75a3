//! Records of changes, refusals and logins.

use std::borrow::Cow;

use bucketry_model::audit::{AuditActor, AuditDetail, AuditRecord};
use bucketry_model::id::{TokenId, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::moment::Moment;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ActorType {
    /// A user, or a program with a token of the user.
    User,
    /// A node.
    Node,
    /// Somebody with direct access to the database, on the command line.
    Operator,
    /// The deployment itself.
    System,
    /// Somebody who didn't prove to be anybody.
    Unknown,
}

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// A record of a change, a refusal or a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = AuditRecord))]
pub struct AuditRow<'a> {
    /// The number of the record. Later records have higher numbers.
    pub id: i64,
    /// When it happened.
    pub timestamp: Moment,
    /// What kind of actor it was.
    pub actor_type: ActorType,
    /// The user.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub user_id: Option<UserId>,
    /// The user's e-mail address at that time, the node's name, or the e-mail address of a failed login.
    pub actor: Option<Cow<'a, str>>,
    /// The session or API token.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub token_id: Option<TokenId>,
    /// The client's address.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<Cow<'a, str>>,
    /// The kind of resource: workspace, bucket, repo, user, org, workspaceuser, node, orgkey, repokey, token,
    /// session, vault or route.
    #[cfg_attr(feature = "openapi", schema(example = "bucket"))]
    pub kind: Cow<'a, str>,
    /// What was done: created, updated, deleted, read, used, signed-in or signed-out.
    #[cfg_attr(feature = "openapi", schema(example = "updated"))]
    pub action: Cow<'a, str>,
    /// The id of the resource, as it was sent.
    pub target_id: Option<Cow<'a, str>>,
    /// The name of the resource at that time.
    pub target_name: Option<Cow<'a, str>>,
    /// The workspace of the resource.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub workspace_id: Option<WorkspaceId>,
    /// Whether it was done.
    pub result: AuditResult,
    /// The HTTP status of the refusal.
    pub status: Option<u16>,
    /// The error code of the refusal.
    pub error_code: Option<Cow<'a, str>>,
    /// How many equal refusals the record stands for.
    pub repeats: u32,
    /// The resource before the change, with secrets masked.
    pub before: Option<Value>,
    /// The resource after the change, with secrets masked.
    pub after: Option<Value>,
}

impl<'a> AuditRow<'a> {
    /// A stored record as it is returned and exported.
    pub fn of(record: &'a AuditRecord) -> Self {
        let entry = &record.entry;
        let (actor_type, user_id, actor, token_id) = match &entry.actor {
            AuditActor::User { id, email, token_id } => {
                (ActorType::User, Some(*id), Some(email.as_str()), *token_id)
            }
            AuditActor::Node(name) => (ActorType::Node, None, Some(name.as_str()), None),
            AuditActor::Operator => (ActorType::Operator, None, None, None),
            AuditActor::System => (ActorType::System, None, None, None),
            AuditActor::Unknown(name) => (ActorType::Unknown, None, Some(name.as_str()), None),
        };
        let refusal = entry.refusal.as_ref();
        Self {
            id: record.id,
            timestamp: Moment(entry.at),
            actor_type,
            user_id,
            actor: actor.map(Into::into),
            token_id,
            address: entry.origin.address.map(|address| address.to_string()),
            request_id: entry.origin.request_id.as_deref().map(Into::into),
            kind: entry.kind.to_string().into(),
            action: entry.action.to_string().into(),
            target_id: entry.target.id.as_deref().map(Into::into),
            target_name: entry.target.name.as_deref().map(Into::into),
            workspace_id: entry.target.workspace_id,
            result: if refusal.is_some() { AuditResult::Refused } else { AuditResult::Done },
            status: refusal.map(|refusal| refusal.status),
            error_code: refusal.map(|refusal| refusal.code.as_ref().into()),
            repeats: entry.repeats,
            before: entry.before.as_ref().map(detail),
            after: entry.after.as_ref().map(detail),
        }
    }
}

fn detail(detail: &AuditDetail) -> Value {
    serde_json::from_str(detail.as_text()).unwrap_or(Value::Null)
}

/// A list of records.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditList<'a> {
    /// Always true.
    pub success: bool,
    /// The records, newest first.
    pub records: Vec<AuditRow<'a>>,
    /// Where the next page begins. `null` on the last one; absent if the whole list was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which system events to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemEventQuery {
    /// How many events to leave out first.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10000, default = 0))]
    pub skip: Option<u32>,
    /// The most events to return.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, default = 20))]
    pub take: Option<u32>,
    /// Only events from this time on, as RFC 3339. Without times, the last 24 hours are listed.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub from_timestamp: Option<String>,
    /// Only events up to this time, as RFC 3339.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub to_timestamp: Option<String>,
    /// Only events of the resource with this id.
    #[serde(rename = "contextId")]
    pub context_id: Option<String>,
    /// Only events of this kind of resource: 0 workspace, 1 bucket, 2 repo, 3 user, 4 org, 5 workspaceuser,
    /// 9 node, 10 orgkey.
    pub context: Option<i64>,
    /// Only events of this kind: 0 created, 1 updated, 2 deleted.
    pub event: Option<i64>,
    /// Only what this user did.
    #[serde(rename = "userId")]
    pub user_id: Option<String>,
    /// Only events of this workspace.
    #[serde(rename = "workspaceId")]
    pub workspace_id: Option<String>,
    /// Whether to list only events that the caller hasn't marked as read.
    #[serde(rename = "showUnread")]
    pub show_unread: Option<bool>,
}

/// A change in the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SystemEvent {
    /// The number of the event.
    pub id: i64,
    /// When it happened.
    pub timestamp: Moment,
    /// The id of the resource.
    pub context_id: String,
    /// The kind of resource.
    #[cfg_attr(feature = "openapi", schema(example = "bucket"))]
    pub context: String,
    /// What was done: created, updated or deleted.
    #[cfg_attr(feature = "openapi", schema(example = "created"))]
    pub event: String,
    /// The organization.
    pub org_id: String,
    /// The user who did it. Empty if it wasn't a user.
    pub user_id: String,
    /// The user's name, or the node's.
    pub user_name: String,
    /// The user's e-mail address at that time.
    pub user_email: String,
    /// The workspace of the resource.
    pub workspace_id: Option<String>,
    /// The resource before and after the change, as the text of a JSON object.
    pub json_data: Option<String>,
    /// Whether the caller hasn't marked the event as read.
    pub show_unread: bool,
}

/// A page of system events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemEventList {
    /// The events, newest first.
    pub events: Vec<SystemEvent>,
    /// How many events match, at most 10,000.
    pub total: u64,
    /// How many events were left out first.
    pub skip: u32,
    /// The most events that were requested.
    pub take: u32,
}

/// The system events to mark.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemEventMarks {
    /// One event.
    pub id: Option<i64>,
    /// Several events, at most 1000.
    pub ids: Option<Vec<i64>>,
}
