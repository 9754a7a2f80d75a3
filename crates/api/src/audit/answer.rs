//! A record as it is returned.

use bucketry_api_types::audit::{ActorType, AuditResult, AuditRow};
use bucketry_api_types::moment::Moment;
use bucketry_model::audit::{AuditActor, AuditDetail, AuditRecord};
use serde_json::Value;

pub(super) fn row(record: &AuditRecord) -> AuditRow<'_> {
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
    AuditRow {
        id: record.id,
        timestamp: Moment(entry.at),
        actor_type,
        user_id,
        actor: actor.map(Into::into),
        token_id,
        address: entry.origin.address.map(|address| address.to_string()),
        request_id: entry.origin.request_id.as_deref().map(Into::into),
        kind: entry.kind.as_str().into(),
        action: entry.action.as_str().into(),
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

fn detail(detail: &AuditDetail) -> Value {
    serde_json::from_str(detail.as_text()).unwrap_or(Value::Null)
}
