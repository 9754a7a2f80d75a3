//! Total traffic of repositories.

use std::collections::HashMap;

use bucketry_model::id::{OrgId, RepoId, WorkspaceId};
use bucketry_model::role::{Caller, Visibility};
use bucketry_model::time::from_micros;
use bucketry_model::usage::UsageTotals;
use bucketry_store::bucket::PageStart;
use bucketry_store::repository::RepositoryQuery;

use crate::{Control, Result};

/// The total traffic of a repository.
#[derive(Debug, Clone)]
pub struct RepositoryTotals {
    /// The repository, and the list's position at it. A named repository has no time.
    pub position: PageStart<RepoId>,
    /// Zeros if there was no traffic.
    pub totals: UsageTotals,
}

/// Repositories whose totals the caller may read.
#[derive(Debug, Clone)]
pub struct RepositorySelection {
    org_id: OrgId,
    which: Which,
}

#[derive(Debug, Clone)]
enum Which {
    /// Existing repositories, newest first.
    Visible(Visibility),
    /// In the order named. Deleted ones are included, because their totals are retained.
    Named(Vec<RepoId>),
}

impl Control {
    /// Selects the named repositories, or all that the caller may see if none are named, optionally limited to one
    /// workspace. Unknown ids are left out. A repository that the caller may not read is forbidden, and so is a
    /// workspace that the caller can't access.
    pub async fn select_repositories(
        &self,
        caller: &Caller,
        named: Option<&[RepoId]>,
        workspace: Option<WorkspaceId>,
    ) -> Result<RepositorySelection> {
        let visible = self.visible(caller, workspace).await?;
        let which = match named {
            None => Which::Visible(visible),
            Some(ids) => Which::Named(self.named_repositories(caller, ids, workspace).await?),
        };
        Ok(RepositorySelection { org_id: caller.org_id, which })
    }

    /// Returns a page of totals of the selected repositories: newest first, or in the order named.
    pub async fn repository_totals(
        &self,
        selection: &RepositorySelection,
        after: Option<PageStart<RepoId>>,
        limit: u32,
    ) -> Result<Vec<RepositoryTotals>> {
        let positions: Vec<PageStart<RepoId>> = match &selection.which {
            Which::Visible(visible) => {
                let visible = visible.clone();
                let query = RepositoryQuery { org_id: selection.org_id, visible, after, limit };
                let page = self.inner.store.repositories(&query).await?;
                page.iter().map(|one| PageStart { created_at: one.created_at, id: one.id }).collect()
            }
            Which::Named(ids) => {
                let attachment = |last: PageStart<RepoId>| ids.iter().position(|id| *id == last.id);
                let from = after.map_or(0, |last| attachment(last).map_or(ids.len(), |at| at + 1));
                let page = ids[from..].iter().take(limit as usize);
                page.map(|id| PageStart { created_at: from_micros(0), id: *id }).collect()
            }
        };
        let ids: Vec<RepoId> = positions.iter().map(|position| position.id).collect();
        let counted = self.inner.store.usage_totals_of_repositories(selection.org_id, &ids).await?;
        let totals: HashMap<_, _> = counted.into_iter().collect();
        let of = |id: RepoId| totals.get(&id).copied().unwrap_or_default();
        Ok(positions
            .into_iter()
            .map(|position| RepositoryTotals { totals: of(position.id), position })
            .collect())
    }
}
