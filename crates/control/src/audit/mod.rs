//! The audit: what use cases record about changes. The store writes an entry in the transaction of its change, so a
//! use case can't store a change without passing an entry.

mod describe;
mod read;
mod refusals;

pub(crate) use describe::{AuditedBucket, AuditedChannel, AuditedKey, ChangedUser, Described, Masked};
pub use read::SystemEvents;
pub(crate) use refusals::Refusals;
pub use refusals::RefusedCall;

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::id::OrgId;
use bucketry_model::role::Caller;

use crate::{Control, Result};

impl Control {
    /// An entry about something that the caller does now.
    pub(crate) fn audit_of(&self, caller: &Caller, kind: AuditKind, action: AuditAction) -> AuditEntry {
        self.audit_by(caller.actor(), Some(caller.org_id), kind, action).from_origin(caller.origin.clone())
    }

    /// An entry about something that somebody else does now.
    pub(crate) fn audit_by(
        &self,
        actor: AuditActor,
        org_id: Option<OrgId>,
        kind: AuditKind,
        action: AuditAction,
    ) -> AuditEntry {
        AuditEntry::new(self.inner.environment.now(), actor, kind, action).in_organization(org_id)
    }

    /// The organization, or the only one of the deployment: with one organization, what concerns the deployment
    /// concerns that organization.
    pub(crate) async fn org_or_only(&self, org_id: Option<OrgId>) -> Result<Option<OrgId>> {
        if org_id.is_some() {
            return Ok(org_id);
        }
        let organizations = self.inner.store.organizations(2).await?;
        Ok(if let [only] = organizations.as_slice() { Some(only.id) } else { None })
    }
}
