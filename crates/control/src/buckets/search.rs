//! Lists of buckets by status, provider, type and words.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::provider::Provider;
use bucketry_model::role::Caller;
use bucketry_model::search::SearchWords;
use bucketry_model::status::{Status, is_connected};
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::{BucketFilter, BucketSearch, ListOrder, ListPosition, SORTABLE, SearchPage};

use super::BucketView;
use crate::{Control, Error, Result};

/// Which buckets a list shows, and in which order. An empty list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketListInput {
    /// Only the buckets of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only buckets with any of these statuses.
    pub statuses: Vec<Status>,
    /// Only buckets at any of these providers.
    pub providers: Vec<Provider>,
    /// Only buckets of any of these types.
    pub storage_types: Vec<StorageType>,
    /// Only buckets that have all of these words.
    pub words: Option<SearchWords>,
    /// The order. `None`: newest first, or in the order of the found words.
    pub order: Option<ListOrder>,
}

impl BucketListInput {
    /// Whether the list shows all buckets of the workspace or of all workspaces, newest first.
    pub fn is_plain(&self) -> bool {
        self.statuses.is_empty()
            && self.providers.is_empty()
            && self.storage_types.is_empty()
            && self.words.is_none()
            && self.order != Some(ListOrder::Name)
    }
}

/// A page of a list, and where the next one begins.
#[derive(Debug, Clone)]
pub struct FoundPage<T, Id> {
    /// The entries. There may be fewer than requested, even none, although the list goes on.
    pub entries: Vec<T>,
    /// Where the next page begins. `None` on the last page.
    pub next: Option<ListPosition<Id>>,
}

impl<T, Id> FoundPage<T, Id> {
    /// The page, or an error that says what to change.
    pub(crate) fn of(page: SearchPage<T, Id>) -> Result<Self> {
        match page {
            SearchPage::Found { entries, next } => Ok(Self { entries, next }),
            SearchPage::TooManyToSort => Err(Error::field(
                "sort",
                format!(
                    "can't be used, because more than {SORTABLE} results match: search for more words, or leave it out"
                ),
            )),
        }
    }
}

impl Control {
    /// Returns a page of the buckets that the caller may see and that a list is to show.
    ///
    /// A workspace of another organization is not found; one that the caller can't access is forbidden.
    pub async fn search_buckets(
        &self,
        caller: &Caller,
        input: &BucketListInput,
        after: Option<ListPosition<BucketId>>,
        limit: u32,
    ) -> Result<FoundPage<BucketView, BucketId>> {
        if input.is_plain() {
            match after {
                None => return self.newest_buckets(caller, input.workspace, None, limit).await,
                Some(ListPosition::Newest(after)) => {
                    return self.newest_buckets(caller, input.workspace, Some(after), limit).await;
                }
                Some(ListPosition::Name(_) | ListPosition::Word(_)) => {}
            }
        }
        let visible = self.visible(caller, input.workspace).await?;
        let filter = BucketFilter {
            statuses: input.statuses.clone(),
            providers: input.providers.clone(),
            storage_types: input.storage_types.clone(),
            connected: self.connected_node_ids().await?,
        };
        let search = BucketSearch {
            org_id: caller.org_id,
            visible,
            filter,
            words: input.words.clone(),
            order: input.order,
            after,
            limit,
        };
        let FoundPage { entries, next } = FoundPage::of(self.inner.store.search_buckets(&search).await?)?;
        let mut entries = self.views_of(entries).await?;
        // A node may have reported after the page was selected.
        entries.retain(|view| input.statuses.is_empty() || input.statuses.contains(&view.status));
        Ok(FoundPage { entries, next })
    }

    /// A page of the list without a filter, which needs no search: what doesn't have to be selected is cheaper to list.
    async fn newest_buckets(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<FoundPage<BucketView, BucketId>> {
        // One more than requested shows whether the list goes on.
        let mut entries = self.list_buckets(caller, workspace, after, limit.saturating_add(1)).await?;
        let goes_on = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let position = |view: &BucketView| {
            ListPosition::Newest(PageStart { created_at: view.bucket.created_at, id: view.bucket.id })
        };
        let next = entries.last().filter(|_| goes_on).map(position);
        Ok(FoundPage { entries, next })
    }

    /// The connected nodes.
    pub(crate) async fn connected_node_ids(&self) -> Result<Vec<NodeId>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        Ok(nodes.iter().filter(|node| is_connected(node.last_seen, now)).map(|node| node.id).collect())
    }
}
