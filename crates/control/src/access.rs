//! Checks of what the caller may do, for all use cases: the role in a workspace, and the verified e-mail address.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

use bucketry_model::id::WorkspaceId;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::workspace::Workspace;
use tracing::field::{debug, display};

use crate::{Control, Error, ResourceKind, Result};

impl Control {
    /// Returns the workspace if the caller has at least `needed` in it. A workspace of another organization is not
    /// found; one of the caller's organization without access is forbidden.
    pub(crate) async fn enter(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        needed: WorkspaceRole,
    ) -> Result<Workspace> {
        let found = self.inner.store.workspace(caller.org_id, id).await?;
        let workspace = found.ok_or(Error::NotFound(ResourceKind::Workspace))?;
        needs(caller, id, needed)?;
        Ok(workspace)
    }
}

/// Names the resource in the request's lines in the log.
pub(crate) fn log_resource(id: impl Display, name: &str) {
    tracing::Span::current().record("resource_id", display(id)).record("resource_name", debug(name));
}

/// Refuses a caller whose role in the workspace is lower than `needed`.
pub(crate) fn needs(caller: &Caller, id: WorkspaceId, needed: WorkspaceRole) -> Result<()> {
    match caller.role_in(id) {
        Some(role) if role >= needed => Ok(()),
        Some(role) => Err(Error::Forbidden(format!(
            "this needs the role {needed} in the workspace, and yours is {role}: ask an ADMIN of the workspace"
        ))),
        None => Err(Error::Forbidden(format!(
            "this needs the role {needed} in the workspace, and you are not a member of it: ask an ADMIN of the workspace"
        ))),
    }
}

/// Refuses a caller who doesn't have `needed` in any workspace.
pub(crate) fn needs_somewhere(caller: &Caller, needed: WorkspaceRole) -> Result<()> {
    if caller.may_somewhere(needed) {
        return Ok(());
    }
    Err(Error::Forbidden(format!("this needs the role {needed} in a workspace: ask an ADMIN of a workspace")))
}

/// Returns the named ids that are known, without repetitions and in the order named. With a workspace, only those
/// in it. An id in a workspace that the caller can't access is forbidden, even if the list would not contain it.
pub(crate) fn readable<Id: Copy + Eq + Hash>(
    caller: &Caller,
    named: &[Id],
    known: &HashMap<Id, WorkspaceId>,
    only: Option<WorkspaceId>,
) -> Result<Vec<Id>> {
    let mut seen = HashSet::new();
    let mut readable = Vec::new();
    for id in named {
        let Some(workspace) = known.get(id) else { continue };
        needs(caller, *workspace, WorkspaceRole::Read)?;
        if only.is_none_or(|only| only == *workspace) && seen.insert(*id) {
            readable.push(*id);
        }
    }
    Ok(readable)
}

/// Refuses changes by a user whose e-mail address isn't verified.
pub(crate) fn validated(caller: &Caller) -> Result<()> {
    if caller.validated { Ok(()) } else { Err(Error::NotValidated) }
}
