//! What was ever counted for repositories.

use std::collections::HashMap;

use bucketry_model::id::{OrgId, RepoId, WorkspaceId};
use bucketry_model::role::{Caller, Visibility};
use bucketry_model::time::from_micros;
use bucketry_model::usage::UsageTotals;
use bucketry_store::bucket::PageStart;
use bucketry_store::repository::RepositoryQuery;

use crate::{Control, Result};

/// A repository's totals.
#[derive(Debug, Clone)]
pub struct RepositoryTotals {
    /// Which repository, and where the list stands with it; without a time where it was named.
    pub position: PageStart<RepoId>,
    /// The totals; zeros without traffic.
    pub totals: UsageTotals,
}

/// Repositories whose totals their caller may read.
#[derive(Debug, Clone)]
pub struct RepositorySelection {
    org_id: OrgId,
    which: Which,
}

#[derive(Debug, Clone)]
enum Which {
    /// Live ones, newest first.
    Visible(Visibility),
    /// In the order they were named, deleted ones too: their totals are retained.
    Named(Vec<RepoId>),
}

impl Control {
    /// Selects the named repositories, or all that the caller may see where none are named; with a workspace, only those
    /// in it. Of the named ones unknown ones are left out; one that the caller may not read is forbidden, and so is a
    /// workspace that the caller can't enter.
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

    /// A page of the totals of the selected repositories: newest first, or in the order they were named.
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
