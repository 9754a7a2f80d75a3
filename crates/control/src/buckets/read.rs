//! Reads buckets with their current status.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bucketry_model::bucket::Bucket;
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::node::Node;
use bucketry_model::price_sheet::StorageCost;
use bucketry_model::provider::Provider;
use bucketry_model::role::{Caller, Visibility, WorkspaceRole};
use bucketry_model::status::{ProbeFailure, Status, as_seen_now, fold, is_connected};
use bucketry_store::bucket::{BucketQuery, ListedBucket, NodeStatusRow, PageStart};
use bucketry_store::inventory::MeasuredSize;
use bucketry_store::repository::RepositoryOfBucket;
use jiff::Timestamp;

use crate::{Control, Result};

/// A bucket with its current state.
#[derive(Debug, Clone)]
pub struct BucketView {
    /// The bucket, without its sealed secret.
    pub bucket: Bucket,
    /// Whether a secret is stored.
    pub has_secret: bool,
    /// Combined from the statuses of its nodes.
    pub status: Status,
    /// When a node last probed the bucket.
    pub last_status_at: Option<Timestamp>,
    /// Lowest latency among the nodes that reach the bucket, in milliseconds; `None` if none does.
    pub latency_ms: Option<u32>,
    /// Provider, recognised from the location.
    pub provider: Provider,
    /// Repositories that use the bucket, oldest first.
    pub repositories: Vec<RepositoryOfBucket>,
    /// Why the bucket is OFFLINE, from the first node that reports it so; `None` for other statuses.
    pub last_error: Option<ProbeFailure>,
    /// Since when the bucket has been ONLINE or OFFLINE. `None` if it is DISCONNECTED, or if the time isn't known.
    pub since: Option<Timestamp>,
    /// How full the bucket was when it was last measured.
    pub size: Option<MeasuredSize>,
    /// What that size costs per month. `None` if it isn't known, or has no price.
    pub storage_cost: Option<StorageCost>,
}

/// One node's current status for a bucket.
#[derive(Debug, Clone)]
pub struct NodeStatusView {
    /// The node that reported.
    pub node: Node,
    /// DISCONNECTED if the node has fallen silent.
    pub status: Status,
    /// Latency of the last successful probe, in milliseconds; `None` unless the bucket is ONLINE.
    pub latency_ms: Option<u32>,
    /// When the node last probed the bucket.
    pub last_updated: Timestamp,
    /// Why the node reports OFFLINE; `None` for other statuses.
    pub last_error: Option<ProbeFailure>,
    /// Since when the node has reported this status. `None` if it is DISCONNECTED, or if the time isn't known.
    pub since: Option<Timestamp>,
}

/// A value that changes whenever a response about an organization's buckets could change. As long as it is the
/// same, a cached response is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    stored: u64,
    connected: u64,
}

impl Control {
    /// Returns a page of the buckets that the caller may see, newest first, optionally limited to one workspace.
    ///
    /// A workspace of another organization is not found; one that the caller can't access is forbidden.
    pub async fn list_buckets(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketView>> {
        let visible = self.visible(caller, workspace).await?;
        let query = BucketQuery { org_id: caller.org_id, visible, after, limit };
        let page = self.inner.store.buckets(&query).await?;
        self.views_of(page).await
    }

    /// Adds the current state to listed buckets.
    pub(crate) async fn views_of(&self, listed: Vec<ListedBucket>) -> Result<Vec<BucketView>> {
        let connected = self.connected_node_ids().await?;
        let ids: Vec<BucketId> = listed.iter().map(|one| one.bucket.id).collect();
        let mut holders = self.repositories_by_bucket(&ids).await?;
        let view = |one: ListedBucket| {
            let repositories = holders.remove(&one.bucket.id).unwrap_or_default();
            let view = view(one, &connected, repositories);
            BucketView { storage_cost: self.storage_cost(&view), ..view }
        };
        Ok(listed.into_iter().map(view).collect())
    }

    /// Returns those of the named buckets that exist and that the caller may see, in the order named.
    pub async fn buckets_named(&self, caller: &Caller, ids: &[BucketId]) -> Result<Vec<BucketView>> {
        let mut found = self.inner.store.buckets_among(caller.org_id, ids).await?;
        found.retain(|one| caller.may(WorkspaceRole::Read, one.bucket.workspace_id));
        let position = |id: BucketId| ids.iter().position(|named| *named == id);
        found.sort_by_key(|one| position(one.bucket.id));
        self.views_of(found).await
    }

    async fn repositories_by_bucket(
        &self,
        ids: &[BucketId],
    ) -> Result<HashMap<BucketId, Vec<RepositoryOfBucket>>> {
        let mut holders: HashMap<BucketId, Vec<RepositoryOfBucket>> = HashMap::new();
        for (bucket, holder) in self.inner.store.repositories_of_buckets(ids).await? {
            holders.entry(bucket).or_default().push(holder);
        }
        Ok(holders)
    }

    /// Like [`Self::list_buckets`], limited to buckets that a new repository can use: those that aren't in a
    /// repository of mode MIRROR.
    pub async fn available_buckets(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketView>> {
        let visible = self.visible(caller, workspace).await?;
        let query = BucketQuery { org_id: caller.org_id, visible, after, limit };
        let page = self.inner.store.available_buckets(&query).await?;
        self.views_of(page).await
    }

    /// Returns one bucket.
    pub async fn bucket(&self, caller: &Caller, id: BucketId) -> Result<BucketView> {
        let mut bucket = self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        let words = self.status_of(id).await?;
        let has_secret = bucket.secret.take().is_some();
        let status = fold(words.iter().map(|word| word.status));
        let view = BucketView {
            has_secret,
            status,
            last_error: reason(status, words.iter().map(|word| (word.status, word.last_error.as_ref()))),
            since: since(status, words.iter().map(|word| (word.status, word.since))),
            last_status_at: words.iter().map(|word| word.last_updated).max(),
            latency_ms: reached_in(words.iter().map(|word| (word.status, word.latency_ms))),
            provider: Provider::recognise(bucket.location.storage_type, bucket.location.endpoint.as_ref()),
            repositories: self.repositories_by_bucket(&[id]).await?.remove(&id).unwrap_or_default(),
            size: self.inner.store.bucket_size(id).await?.map(MeasuredSize::from),
            storage_cost: None,
            bucket,
        };
        Ok(BucketView { storage_cost: self.storage_cost(&view), ..view })
    }

    /// What the bytes of a bucket cost per month by the operator's price sheet.
    fn storage_cost(&self, view: &BucketView) -> Option<StorageCost> {
        let sheet = self.inner.settings.prices.as_deref()?;
        sheet.prices(view.provider, view.bucket.id).storage_cost(view.size?.bytes)
    }

    /// Returns the current status of a bucket at each node, by node name.
    pub async fn bucket_status(&self, caller: &Caller, id: BucketId) -> Result<Vec<NodeStatusView>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        self.status_of(id).await
    }

    pub(crate) async fn status_of(&self, id: BucketId) -> Result<Vec<NodeStatusView>> {
        let now = self.inner.environment.now();
        let words = self.inner.store.node_statuses(id).await?;
        let view = |(node, word): (Node, NodeStatusRow)| {
            let status = as_seen_now(word.status, is_connected(node.last_seen, now));
            NodeStatusView {
                status,
                latency_ms: word.latency_ms.filter(|_| status == Status::Online),
                since: word.since.filter(|_| status != Status::Disconnected),
                last_updated: word.at,
                last_error: word.failure.filter(|_| status == Status::Offline),
                node,
            }
        };
        Ok(words.into_iter().map(view).collect())
    }

    /// The current generation of the caller's lists.
    pub async fn bucket_generation(&self, caller: &Caller) -> Result<Generation> {
        self.generation_of(caller.org_id).await
    }

    pub(crate) async fn generation_of(&self, org_id: OrgId) -> Result<Generation> {
        let stored = self.inner.store.bucket_generation(org_id).await?;
        Ok(Generation { stored, connected: self.connected_hash().await? })
    }

    /// The current generations of several organizations, in their order.
    pub(crate) async fn generations_of(&self, org_ids: &[OrgId]) -> Result<Vec<Generation>> {
        let stored = self.inner.store.bucket_generations(org_ids).await?;
        let connected = self.connected_hash().await?;
        Ok(stored.into_iter().map(|stored| Generation { stored, connected }).collect())
    }

    /// A number for the set of connected nodes, and which of them wait for approval.
    async fn connected_hash(&self) -> Result<u64> {
        let now = self.inner.environment.now();
        let mut hasher = DefaultHasher::new();
        for node in self.known_nodes().await?.iter() {
            (node.id, node.is_pending(), is_connected(node.last_seen, now)).hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    /// What the caller may see, optionally limited to one workspace.
    pub async fn visible(&self, caller: &Caller, workspace: Option<WorkspaceId>) -> Result<Visibility> {
        match workspace {
            None => Ok(caller.visibility()),
            Some(id) => {
                self.enter(caller, id, WorkspaceRole::Read).await?;
                Ok(Visibility::Workspaces(vec![id]))
            }
        }
    }
}

fn reached_in(words: impl Iterator<Item = (Status, Option<u32>)>) -> Option<u32> {
    words.filter(|(status, _)| *status == Status::Online).filter_map(|(_, latency)| latency).min()
}

/// Why a bucket is OFFLINE, from the first node that reports it so.
fn reason<'w>(
    status: Status,
    mut words: impl Iterator<Item = (Status, Option<&'w ProbeFailure>)>,
) -> Option<ProbeFailure> {
    if status != Status::Offline {
        return None;
    }
    words.find_map(|(said, failure)| failure.filter(|_| said == Status::Offline)).cloned()
}

/// Since when a bucket has been ONLINE or OFFLINE: ONLINE since the first of the nodes that reach it now, OFFLINE since
/// the last of the connected nodes lost it. `None` if one of these times isn't known.
fn since(status: Status, words: impl Iterator<Item = (Status, Option<Timestamp>)>) -> Option<Timestamp> {
    let times = words.filter(|(said, _)| *said == status).map(|(_, since)| since);
    match status {
        Status::Online => times.min().flatten(),
        Status::Offline => times.collect::<Option<Vec<_>>>()?.into_iter().max(),
        Status::Disconnected => None,
    }
}

fn view(listed: ListedBucket, connected: &[NodeId], repositories: Vec<RepositoryOfBucket>) -> BucketView {
    let now = |word: &NodeStatusRow| as_seen_now(word.status, connected.contains(&word.node_id));
    let status = fold(listed.nodes.iter().map(now));
    BucketView {
        has_secret: listed.has_secret,
        status,
        last_error: reason(status, listed.nodes.iter().map(|word| (now(word), word.failure.as_ref()))),
        since: since(status, listed.nodes.iter().map(|word| (now(word), word.since))),
        last_status_at: listed.nodes.iter().map(|word| word.at).max(),
        latency_ms: reached_in(listed.nodes.iter().map(|word| (now(word), word.latency_ms))),
        provider: Provider::recognise(
            listed.bucket.location.storage_type,
            listed.bucket.location.endpoint.as_ref(),
        ),
        size: listed.size,
        storage_cost: None,
        bucket: listed.bucket,
        repositories,
    }
}
