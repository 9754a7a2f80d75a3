//! What was ever counted for repositories.

use std::collections::{HashMap, HashSet};

use bucketry_model::id::RepoId;
use bucketry_model::role::{Caller, WorkspaceRole};
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

impl Control {
    /// A page of the totals of all repositories that the caller may see, newest first.
    pub async fn repository_totals(
        &self,
        caller: &Caller,
        after: Option<PageStart<RepoId>>,
        limit: u32,
    ) -> Result<Vec<RepositoryTotals>> {
        let query = RepositoryQuery { org_id: caller.org_id, visible: caller.visibility(), after, limit };
        let page = self.inner.store.repositories(&query).await?;
        let positions = page.iter().map(|one| PageStart { created_at: one.created_at, id: one.id }).collect();
        self.totals_at(caller, positions).await
    }

    /// The totals of named repositories, in the order they were named, each once. All of them must be there and be
    /// readable.
    pub async fn repository_totals_of(
        &self,
        caller: &Caller,
        ids: &[RepoId],
    ) -> Result<Vec<RepositoryTotals>> {
        self.reach_repositories(caller, ids, WorkspaceRole::Read).await?;
        let mut seen = HashSet::new();
        let named = ids.iter().copied().filter(|id| seen.insert(*id));
        let positions = named.map(|id| PageStart { created_at: from_micros(0), id }).collect();
        self.totals_at(caller, positions).await
    }

    async fn totals_at(
        &self,
        caller: &Caller,
        positions: Vec<PageStart<RepoId>>,
    ) -> Result<Vec<RepositoryTotals>> {
        let ids: Vec<RepoId> = positions.iter().map(|position| position.id).collect();
        let counted = self.inner.store.usage_totals_of_repositories(caller.org_id, &ids).await?;
        let totals: HashMap<_, _> = counted.into_iter().collect();
        let of = |id: RepoId| totals.get(&id).copied().unwrap_or_default();
        Ok(positions
            .into_iter()
            .map(|position| RepositoryTotals { totals: of(position.id), position })
            .collect())
    }
}
