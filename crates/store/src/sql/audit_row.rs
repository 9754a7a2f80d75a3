//! How a record is stored in its table.

use bucketry_model::audit::{AuditActor, AuditDetail, AuditEntry, bounded};
use bucketry_model::time::to_micros;

use super::multi_row::Rows;
use super::row_values::RowValues;

/// The columns of a record without its number.
macro_rules! entry_columns {
    () => {
        "org_id, at, actor, user_id, actor_name, token_id, address, request_id, kind, action, target_id, \
         target_name, workspace_id, status, code, repeats, state_before, state_after"
    };
}
/// The columns of a record.
macro_rules! record_columns {
    () => {
        concat!("id, ", super::audit_row::entry_columns!())
    };
}
pub(super) use {entry_columns, record_columns};

/// Stores records.
pub(super) const INSERT: Rows<'static> =
    Rows { before: concat!("INSERT INTO audit (", entry_columns!(), ") "), columns: 18, after: "" };

/// Binds the values of a record.
pub(super) fn bind(values: RowValues, entry: &AuditEntry) -> RowValues {
    let (actor, user_id, name, token_id) = match &entry.actor {
        AuditActor::User { id, email, token_id } => {
            ("USER", Some(id.to_string()), Some(email.as_str()), token_id.map(|id| id.to_string()))
        }
        AuditActor::Node(name) => ("NODE", None, Some(name.as_str()), None),
        AuditActor::Operator => ("OPERATOR", None, None, None),
        AuditActor::System => ("SYSTEM", None, None, None),
        AuditActor::Unknown(name) => ("UNKNOWN", None, Some(name.as_str()), None),
    };
    let target = &entry.target;
    let refusal = entry.refusal.as_ref();
    values
        .bind(entry.org_id.map(|id| id.to_string()))
        .bind(to_micros(entry.at))
        .bind(actor)
        .bind(user_id)
        .bind(name.map(bounded))
        .bind(token_id)
        .bind(entry.origin.address.map(|address| address.to_string()))
        .bind(entry.origin.request_id.as_deref())
        .bind(entry.kind.number())
        .bind(entry.action.number())
        .bind(target.id.as_deref().map(bounded))
        .bind(target.name.as_deref().map(bounded))
        .bind(target.workspace_id.map(|id| id.to_string()))
        .bind(refusal.map(|refusal| i64::from(refusal.status)))
        .bind(refusal.map(|refusal| refusal.code.to_string()))
        .bind(i64::from(entry.repeats))
        .bind(entry.before.as_ref().map(AuditDetail::as_text))
        .bind(entry.after.as_ref().map(AuditDetail::as_text))
}
