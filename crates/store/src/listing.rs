//! Lists of buckets and repositories by status, provider and words, in the order that the caller chooses.

use async_trait::async_trait;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId};
use bucketry_model::provider::Provider;
use bucketry_model::repository::Repository;
use bucketry_model::role::Visibility;
use bucketry_model::search::SearchWords;
use bucketry_model::status::{ProbedStatus, Status, as_seen_now, fold};
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{ListedBucket, PageStart};

/// The most matches of a search that can be sorted.
pub const SORTABLE: u32 = 1_000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// The newest first, then by id.
    #[default]
    Newest,
    /// By name, without regard to letter case.
    Name,
}

/// A position in a list, after which the next page begins. Each order has its own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPosition<Id> {
    /// In a list of the order [`ListOrder::Newest`].
    Newest(PageStart<Id>),
    /// In a list of the order [`ListOrder::Name`].
    Name(NamePosition<Id>),
    /// In the results of a search that are in the order of the words.
    Word(WordPosition<Id>),
}

/// A position in a list by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePosition<Id> {
    /// The folded name of the last entry on the previous page.
    pub name: String,
    /// The id of that entry.
    pub id: Id,
}

/// A position in the results of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPosition<Id> {
    /// Which of the searched words the results are read by, by its number.
    pub reading: usize,
    /// The word of the last result that was looked at.
    pub word: String,
    /// The id of that result.
    pub id: Id,
}

/// Which buckets to list. An empty list restricts nothing.
#[derive(Debug, Clone, Default)]
pub struct BucketFilter {
    /// The buckets with any of these statuses.
    pub statuses: Vec<Status>,
    /// The buckets at any of these providers.
    pub providers: Vec<Provider>,
    /// The buckets of any of these types.
    pub storage_types: Vec<StorageType>,
    /// The connected nodes, whose reports make a bucket's status.
    pub connected: Vec<NodeId>,
}

impl BucketFilter {
    /// Whether it restricts nothing.
    pub fn is_empty(&self) -> bool {
        self.statuses.is_empty() && self.providers.is_empty() && self.storage_types.is_empty()
    }

    /// Whether buckets of this provider and type with these reports are listed.
    pub(crate) fn selects(
        &self,
        provider: Provider,
        storage_type: StorageType,
        reports: &[(NodeId, ProbedStatus)],
    ) -> bool {
        let seen =
            |(node, status): &(NodeId, ProbedStatus)| as_seen_now(*status, self.connected.contains(node));
        (self.providers.is_empty() || self.providers.contains(&provider))
            && (self.storage_types.is_empty() || self.storage_types.contains(&storage_type))
            && (self.statuses.is_empty() || self.statuses.contains(&fold(reports.iter().map(seen))))
    }
}

/// A page of a list of buckets.
#[expect(missing_docs, reason = "the other fields are those of `BucketQuery`")]
#[derive(Debug, Clone)]
pub struct BucketSearch {
    pub org_id: OrgId,
    pub visible: Visibility,
    /// What the listed buckets have in common.
    pub filter: BucketFilter,
    /// The words that all listed buckets have.
    pub words: Option<SearchWords>,
    /// The order. `None`: newest first, or in the order of the found words.
    pub order: Option<ListOrder>,
    pub after: Option<ListPosition<BucketId>>,
    pub limit: u32,
}

/// A page of a list of repositories.
#[expect(missing_docs, reason = "the fields are those of `BucketSearch`")]
#[derive(Debug, Clone)]
pub struct RepositorySearch {
    pub org_id: OrgId,
    pub visible: Visibility,
    pub words: Option<SearchWords>,
    pub order: Option<ListOrder>,
    pub after: Option<ListPosition<RepoId>>,
    pub limit: u32,
}

/// A page, or why there is none.
#[derive(Debug, Clone)]
pub enum SearchPage<T, Id> {
    /// The page.
    Found {
        /// The entries. There may be fewer than the limit, even none, although the list goes on.
        entries: Vec<T>,
        /// Where the next page begins. `None` on the last page.
        next: Option<ListPosition<Id>>,
    },
    /// More than [`SORTABLE`] entries match the rarest of the words, so the results have no order but that of the words.
    TooManyToSort,
}

/// Live buckets that have provider, storage type and reports of nodes in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// Their provider.
    pub provider: Provider,
    /// Their storage type.
    pub storage_type: StorageType,
    /// What each node last reported about each of them.
    pub reports: Vec<(NodeId, ProbedStatus)>,
    /// How many there are.
    pub buckets: u64,
}

/// Lists that filters, searches and orders apply to.
#[async_trait]
pub trait ListingStore {
    /// A page of live buckets. Its cost depends on the size of the page, not on the number of buckets.
    ///
    /// A search without an order looks at a limited number of buckets per page.
    async fn search_buckets(&self, search: &BucketSearch) -> Result<SearchPage<ListedBucket, BucketId>>;

    /// A page of live repositories, in the same way.
    async fn search_repositories(&self, search: &RepositorySearch) -> Result<SearchPage<Repository, RepoId>>;

    /// The numbers of the visible live buckets that the filter selects, by what they have in common. Counts at most
    /// `at_most` of each kind per workspace, so the cost doesn't grow with the number of buckets.
    async fn count_facets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        filter: &BucketFilter,
        at_most: u32,
    ) -> Result<Vec<FacetCount>>;

    /// Deletes combinations of facets that no bucket has and that weren't used since the given time. Returns how many.
    async fn purge_facets(&self, unused_since: Timestamp) -> Result<u64>;
}
