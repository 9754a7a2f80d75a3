//! Records of changes, refusals and sign-ins. A change stores its record in its own transaction; the methods here
//! store the others, and read.

use async_trait::async_trait;
use bucketry_model::audit::{AuditAction, AuditEntry, AuditKind, AuditRecord};
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use jiff::Timestamp;

use crate::Result;

/// Whose records a reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditScope {
    /// All of the organization.
    Organization,
    /// Those of the user, and those about these workspaces.
    Own {
        /// The user.
        user_id: UserId,
        /// The workspaces that the user is a member of.
        workspaces: Vec<WorkspaceId>,
    },
}

/// Which records to list. `None` doesn't filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names without a comment say it")]
pub struct AuditFilter {
    pub kind: Option<AuditKind>,
    pub action: Option<AuditAction>,
    pub user_id: Option<UserId>,
    /// The id of the resource.
    pub target_id: Option<String>,
    /// The name of the resource when the record was made, in lower case. The case of ASCII letters makes no difference.
    pub target_name: Option<String>,
    pub workspace_id: Option<WorkspaceId>,
    /// Whether the action was refused.
    pub refused: Option<bool>,
    /// The first time.
    pub since: Option<Timestamp>,
    /// The time after the last one.
    pub until: Option<Timestamp>,
    /// Only changes to kinds of resources that the public contract knows.
    pub only_public: bool,
    /// Only records that this user hasn't marked as read.
    pub unread_by: Option<UserId>,
}

/// The position in a newest-first list of records after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuditPosition {
    pub at: Timestamp,
    pub id: i64,
}

/// A page of records to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// The organization whose records are listed.
    pub org_id: OrgId,
    /// Whose records the reader sees.
    pub scope: AuditScope,
    /// Which of them to list.
    pub filter: AuditFilter,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<AuditPosition>,
    /// How many records to leave out first.
    pub skip: u32,
    /// The largest number of records to return.
    pub limit: u32,
}

/// Stores and lists records.
#[async_trait]
pub trait AuditStore {
    /// Stores records that belong to no change.
    async fn record(&self, entries: &[AuditEntry]) -> Result<()>;

    /// A page of records, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>>;

    /// The number of records that a query without a limit would list, at most `at_most`.
    async fn count_audit(&self, query: &AuditQuery, at_most: u32) -> Result<u64>;

    /// The records with a higher number than `after`, of all organizations, oldest first. Records become visible in
    /// the order of their numbers, so none appears later below a number that was read.
    async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditRecord>>;

    /// The highest number of a record, or 0.
    async fn latest_audit(&self) -> Result<i64>;

    /// How far the records were written to this log. `None` if nothing was written yet.
    async fn audit_stream(&self, name: &str) -> Result<Option<i64>>;

    /// Stores how far the records were written to this log.
    async fn set_audit_stream(&self, name: &str, position: i64) -> Result<()>;

    /// Marks records as read by a user, or as unread. Ignores records of other organizations and unknown ones.
    async fn mark_audit(&self, org_id: OrgId, user_id: UserId, ids: &[i64], read: bool) -> Result<()>;

    /// Which of the records the user has marked as read.
    async fn audit_marked(&self, user_id: UserId, ids: &[i64]) -> Result<Vec<i64>>;

    /// Deletes records from before this time, the oldest first, at most `at_most`. Returns how many were deleted.
    async fn purge_audit(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
