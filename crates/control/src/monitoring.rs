//! What metrics say about each bucket.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node::Node;
use bucketry_model::provider::Provider;
use bucketry_model::status::{ProbedStatus, is_connected};
use bucketry_store::monitoring::MonitoredBucket;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Control, Error, ResourceKind, Result};

/// How long a result is used for further scrapes of the same buckets. It doesn't depend on the caller, so clients can't
/// make the database read all buckets more often than that.
const REMEMBER: Duration = Duration::from_secs(1);
/// How many results are cached: that of all organizations, and those of some workspaces.
const REMEMBERED: usize = 8;

/// A bucket, with what each connected node last reported about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketHealth {
    /// Identifies the bucket: names are unique only within an organization.
    pub id: BucketId,
    /// Its name in the registry.
    pub name: Name,
    /// The name of its workspace.
    pub workspace: Name,
    /// Recognised by the endpoint.
    pub provider: Provider,
    /// The reports. Empty if no connected node has probed the bucket.
    pub reports: Vec<NodeReport>,
}

/// What a connected node last reported about a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// The name of the node.
    pub node: String,
    /// Whether the node reaches the bucket.
    pub online: bool,
    /// The latency of the last successful probe, in milliseconds, if the bucket is online.
    pub latency_ms: Option<u32>,
}

/// The health of several buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitoredBuckets {
    /// The oldest buckets, up to the limit.
    pub buckets: Vec<BucketHealth>,
    /// Whether there are more buckets than the limit.
    pub more: bool,
}

/// The cached results, the latest last. Only one is read at a time.
#[derive(Debug, Default)]
pub(crate) struct HealthCache(Mutex<Vec<(CacheKey, Instant, Arc<MonitoredBuckets>)>>);

type CacheKey = (Option<WorkspaceId>, u32);

impl Control {
    /// The health of the oldest buckets, at most `limit`: those of a workspace, or of all organizations together. For
    /// metrics, which have no caller. At most a second old.
    pub async fn monitored_buckets(
        &self,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Arc<MonitoredBuckets>> {
        let key = (workspace, limit);
        let mut cached = self.inner.health_cache.0.lock().await;
        cached.retain(|(_, at, _)| at.elapsed() < REMEMBER);
        if let Some((.., known)) = cached.iter().find(|(other, ..)| *other == key) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(self.read_bucket_health(workspace, limit).await?);
        if cached.len() >= REMEMBERED {
            cached.remove(0);
        }
        cached.push((key, Instant::now(), Arc::clone(&read)));
        Ok(read)
    }

    async fn read_bucket_health(
        &self,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<MonitoredBuckets> {
        let store = &self.inner.store;
        if let Some(id) = workspace
            && !store.has_workspace(id).await?
        {
            return Err(Error::NotFound(ResourceKind::Workspace));
        }
        let mut buckets = store.monitored_buckets(workspace, limit.saturating_add(1)).await?;
        let more = buckets.len() > limit as usize;
        buckets.truncate(limit as usize);
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let connected = nodes.iter().filter(|node| is_connected(node.last_seen, now));
        let connected: HashMap<NodeId, &Node> = connected.map(|node| (node.id, node)).collect();
        let buckets = buckets.into_iter().map(|bucket| health(bucket, &connected)).collect();
        Ok(MonitoredBuckets { buckets, more })
    }
}

/// Leaves out the reports of nodes that aren't connected: what they last saw may no longer be true.
fn health(bucket: MonitoredBucket, connected: &HashMap<NodeId, &Node>) -> BucketHealth {
    let mut reports: Vec<_> = bucket
        .nodes
        .iter()
        .filter_map(|row| {
            let online = row.status == ProbedStatus::Online;
            let node = connected.get(&row.node_id)?.name.clone();
            Some(NodeReport { node, online, latency_ms: row.latency_ms.filter(|_| online) })
        })
        .collect();
    reports.sort_by(|a, b| a.node.cmp(&b.node));
    BucketHealth {
        id: bucket.id,
        name: bucket.name,
        workspace: bucket.workspace,
        provider: Provider::recognise(bucket.storage_type, bucket.endpoint.as_ref()),
        reports,
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::StorageType;
    use bucketry_model::id::NodeKeyId;
    use bucketry_store::bucket::NodeStatusRow;
    use jiff::Timestamp;

    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, [number; 10])
    }

    fn row(node: u8, status: ProbedStatus) -> NodeStatusRow {
        let at = Timestamp::UNIX_EPOCH;
        NodeStatusRow { node_id: id(node), status, latency_ms: Some(40), at, failure: None, since: None }
    }

    #[test]
    fn only_connected_nodes_count_and_an_unreachable_bucket_has_no_latency() {
        let node = |number: u8, name: &str| Node {
            id: id(number),
            org_id: None,
            name: name.to_owned(),
            region: String::new(),
            provider: String::new(),
            version: String::new(),
            recipients: Vec::new(),
            approved: Vec::new(),
            key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            last_heartbeat: None,
        };
        let (b, a) = (node(1, "b"), node(2, "a"));
        let connected = HashMap::from([(b.id, &b), (a.id, &a)]);
        let bucket = MonitoredBucket {
            id: BucketId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            name: Name::parse("photos").unwrap(),
            workspace: Name::parse("default").unwrap(),
            storage_type: StorageType::Blob,
            endpoint: None,
            nodes: vec![
                row(1, ProbedStatus::Online),
                row(2, ProbedStatus::Offline),
                row(3, ProbedStatus::Online),
            ],
        };
        let health = health(bucket, &connected);
        assert_eq!(health.provider, Provider::Azure);
        let report =
            |node: &str, online, latency_ms| NodeReport { node: node.to_owned(), online, latency_ms };
        assert_eq!(health.reports, [report("a", false, None), report("b", true, Some(40))]);
    }
}
