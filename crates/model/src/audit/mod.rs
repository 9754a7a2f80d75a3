//! What is recorded about changes, refusals and sign-ins: who, what, when, from where, with which result.
//!
//! An entry is stored in the transaction of the change that it describes. Entries contain no secrets: the use cases
//! describe a secret by whether one is set.

mod detail;
mod kind;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::id::{OrgId, TokenId, UserId, WorkspaceId};

pub use detail::AuditDetail;
pub use kind::{AuditAction, AuditKind, UnknownAuditAction, UnknownAuditKind};

/// The longest stored name, address or code, in bytes. Longer ones are cut.
pub const MAX_TEXT_BYTES: usize = 256;

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The client's address, as far as it is known: behind trusted proxies, the one that they report.
    pub address: Option<IpAddr>,
    /// The request's id, which its response and its lines in the log have too.
    pub request_id: Option<Arc<str>>,
}

/// Who did, or tried to do, something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// A signed-in user, or a program with a token of the user.
    User {
        /// The user.
        id: UserId,
        /// The e-mail address at that time.
        email: String,
        /// The session or API token.
        token_id: Option<TokenId>,
    },
    /// A node, by the name under which it registers.
    Node(String),
    /// Somebody with direct access to the database, on the command line.
    Operator,
    /// The deployment itself.
    System,
    /// Somebody who didn't prove to be anybody: the e-mail address or the key that was sent.
    Unknown(String),
}

/// What was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditTarget {
    /// The id of the resource. Something that was refused may have a malformed id.
    pub id: Option<String>,
    /// The name at that time.
    pub name: Option<String>,
    /// The workspace of the resource, if it has one.
    pub workspace_id: Option<WorkspaceId>,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRefusal {
    /// The HTTP status of the response.
    pub status: u16,
    /// The stable code of the error.
    pub code: Cow<'static, str>,
}

/// One record before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The organization that the record belongs to. `None` where it concerns the whole deployment.
    pub org_id: Option<OrgId>,
    /// The time of the change.
    pub at: Timestamp,
    /// Who did it.
    pub actor: AuditActor,
    /// Where the request came from.
    pub origin: RequestOrigin,
    /// The kind of resource.
    pub kind: AuditKind,
    /// What was done to it.
    pub action: AuditAction,
    /// The resource.
    pub target: AuditTarget,
    /// Why it was refused. `None` if it was done.
    pub refusal: Option<AuditRefusal>,
    /// How many equal refusals this record stands for, at least 1.
    pub repeats: u32,
    /// The resource before the change.
    pub before: Option<AuditDetail>,
    /// The resource after the change, or what was asked for.
    pub after: Option<AuditDetail>,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The number of the record. Later records have higher numbers.
    pub id: i64,
    /// What is recorded.
    pub entry: AuditEntry,
}

impl AuditEntry {
    /// An entry about something that was done, without details.
    pub fn new(at: Timestamp, actor: AuditActor, kind: AuditKind, action: AuditAction) -> Self {
        Self {
            org_id: None,
            at,
            actor,
            origin: RequestOrigin::default(),
            kind,
            action,
            target: AuditTarget::default(),
            refusal: None,
            repeats: 1,
            before: None,
            after: None,
        }
    }

    /// Sets the organization.
    #[must_use]
    pub fn in_organization(mut self, org_id: Option<OrgId>) -> Self {
        self.org_id = org_id;
        self
    }

    /// Sets where the request came from.
    #[must_use]
    pub fn from_origin(mut self, origin: RequestOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// Names the resource.
    #[must_use]
    pub fn of(mut self, id: impl ToString, name: impl AsRef<str>) -> Self {
        self.target.id = Some(id.to_string());
        self.target.name = Some(bounded(name.as_ref()));
        self
    }

    /// Names a resource whose id isn't known.
    #[must_use]
    pub fn of_name(mut self, name: impl AsRef<str>) -> Self {
        self.target.name = Some(bounded(name.as_ref()));
        self
    }

    /// Sets the workspace of the resource.
    #[must_use]
    pub fn in_workspace(mut self, id: WorkspaceId) -> Self {
        self.target.workspace_id = Some(id);
        self
    }

    /// Adds the resource before the change.
    #[must_use]
    pub fn before(mut self, detail: AuditDetail) -> Self {
        self.before = Some(detail);
        self
    }

    /// Adds the resource after the change.
    #[must_use]
    pub fn after(mut self, detail: AuditDetail) -> Self {
        self.after = Some(detail);
        self
    }

    /// Marks the entry as one about something that was refused.
    #[must_use]
    pub fn refused(mut self, status: u16, code: impl Into<Cow<'static, str>>) -> Self {
        self.refusal = Some(AuditRefusal { status, code: code.into() });
        self
    }
}

/// A text without what exceeds [`MAX_TEXT_BYTES`].
pub fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let cut = bounded(&"ä".repeat(200));
        assert_eq!(cut, "ä".repeat(128));
        assert_eq!(bounded(&format!("x{}", "ä".repeat(200))).len(), 255);
        assert_eq!(bounded("short"), "short");
    }
}
