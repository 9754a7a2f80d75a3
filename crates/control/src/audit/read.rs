//! Reading records: the whole audit for administrators, and system events for everybody.

use bucketry_model::audit::{AuditAction, AuditKind, AuditRecord};
use bucketry_model::id::UserId;
use bucketry_model::role::{Caller, OrgRole, Visibility};
use bucketry_store::audit::{AuditFilter, AuditPosition, AuditQuery, AuditScope};

use crate::{Control, Error, Result};

/// System events that can't be counted or skipped, because there are too many.
const MOST_EVENTS: u32 = 10_000;

/// A page of system events.
#[derive(Debug, Clone)]
pub struct SystemEvents {
    /// The records, newest first, each with whether the caller hasn't marked it as read.
    pub events: Vec<(AuditRecord, bool)>,
    /// How many there are, at most 10,000.
    pub total: u64,
}

impl Control {
    /// Returns a page of the organization's records, newest first. Needs ADMINISTRATORS.
    pub async fn audit(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        after: Option<AuditPosition>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>> {
        if !caller.may_in_org(OrgRole::Administrators) {
            return Err(Error::Forbidden(
                "reading the audit needs the organization role ADMINISTRATORS or higher".to_owned(),
            ));
        }
        let scope = AuditScope::Organization;
        let query = AuditQuery { org_id: caller.org_id, scope, filter, after, skip: 0, limit };
        Ok(self.inner.store.audit(&query).await?)
    }

    /// Returns the id of the user with this e-mail address who was removed last, as long as the removal is on record. Needs
    /// ADMINISTRATORS.
    pub async fn removed_user_with_email(&self, caller: &Caller, email: &str) -> Result<Option<UserId>> {
        let filter = AuditFilter {
            kind: Some(AuditKind::User),
            action: Some(AuditAction::Deleted),
            refused: Some(false),
            target_name: Some(email.trim().to_lowercase()),
            ..AuditFilter::default()
        };
        let removals = self.audit(caller, filter, None, 1).await?;
        Ok(removals.first().and_then(|removal| removal.entry.target.id.as_deref()?.parse().ok()))
    }

    /// Returns a page of system events, newest first: all of the organization for ADMINISTRATORS, otherwise the
    /// caller's own and those of the workspaces that the caller is a member of.
    pub async fn system_events(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        skip: u32,
        limit: u32,
    ) -> Result<SystemEvents> {
        reads_events(caller)?;
        if skip > MOST_EVENTS {
            return Err(Error::field(
                "skip",
                format!("must be at most {MOST_EVENTS}: narrow the time instead"),
            ));
        }
        let scope = match caller.visibility() {
            Visibility::Organization => AuditScope::Organization,
            Visibility::Workspaces(workspaces) => AuditScope::Own { user_id: caller.user_id, workspaces },
        };
        let filter = AuditFilter { only_public: true, ..filter };
        let query = AuditQuery { org_id: caller.org_id, scope, filter, after: None, skip, limit };
        let store = &self.inner.store;
        let records = store.audit(&query).await?;
        let total = store.count_audit(&query, MOST_EVENTS).await?;
        let ids: Vec<i64> = records.iter().map(|record| record.id).collect();
        let read = store.audit_marked(caller.user_id, &ids).await?;
        let events = records.into_iter().map(|record| {
            let is_unread = !read.contains(&record.id);
            (record, is_unread)
        });
        Ok(SystemEvents { events: events.collect(), total })
    }

    /// Marks system events as read or unread by the caller. Unknown and foreign ones are left out.
    pub async fn mark_system_events(&self, caller: &Caller, ids: &[i64], read: bool) -> Result<()> {
        reads_events(caller)?;
        Ok(self.inner.store.mark_audit(caller.org_id, caller.user_id, ids, read).await?)
    }
}

fn reads_events(caller: &Caller) -> Result<()> {
    if caller.scope.is_none() {
        return Ok(());
    }
    Err(Error::Forbidden("an API token with a restricted scope can't read events: log in instead".to_owned()))
}
