//! Which nodes validate a bucket: those near it first.

use std::collections::HashMap;

use bucketry_model::bucket::BucketLocation;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node::Node;
use bucketry_model::pinning::BucketPins;
use bucketry_model::status::ProbedStatus;

use crate::{Control, Result};

impl Control {
    /// The connected nodes that can validate the bucket, the nearest first.
    pub(super) async fn nearest_nodes(
        &self,
        org_id: OrgId,
        id: BucketId,
        location: &BucketLocation,
        pins: &BucketPins,
    ) -> Result<Vec<Node>> {
        let nodes = self.connected_nodes(org_id, pins).await?;
        if nodes.len() < 2 {
            return Ok(nodes);
        }
        let reports = self.inner.store.node_statuses(id).await?;
        let latencies = reports
            .into_iter()
            .filter(|(_, report)| report.status == ProbedStatus::Online)
            .filter_map(|(node, report)| Some((node.id, report.latency_ms?)))
            .collect();
        Ok(by_distance(nodes, location.region.as_deref(), &latencies))
    }
}

/// Orders nodes: those in the bucket's region first, then by the latency that they measured for the bucket, those that
/// measured none last. Otherwise they stay in their order.
fn by_distance(mut nodes: Vec<Node>, region: Option<&str>, latencies: &HashMap<NodeId, u32>) -> Vec<Node> {
    nodes.sort_by_key(|node| {
        let is_elsewhere = region.is_none_or(|region| !node.region.eq_ignore_ascii_case(region));
        (is_elsewhere, latencies.get(&node.id).copied().unwrap_or(u32::MAX))
    });
    nodes
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::NodeKeyId;
    use jiff::Timestamp;

    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn node(n: u8, region: &str) -> Node {
        Node {
            id: id(n),
            org_id: None,
            name: format!("node-{n}"),
            region: region.to_owned(),
            provider: "AWS".to_owned(),
            version: "1".to_owned(),
            recipients: Vec::new(),
            approved: Vec::new(),
            key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            last_heartbeat: None,
        }
    }

    #[test]
    fn the_region_comes_before_the_latency_and_what_was_measured_before_what_was_not() {
        let nodes =
            || vec![node(1, "us-east-1"), node(2, "eu-west-1"), node(3, "EU-West-1"), node(4, "ap-south-1")];
        let latencies = HashMap::from([(id(1), 90), (id(3), 20), (id(4), 15)]);
        let order = |region, latencies: &HashMap<_, _>| {
            let ordered = by_distance(nodes(), region, latencies);
            ordered.iter().map(|node| node.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(order(Some("eu-west-1"), &latencies), ["node-3", "node-2", "node-4", "node-1"]);
        assert_eq!(order(None, &latencies), ["node-4", "node-3", "node-1", "node-2"]);
        assert_eq!(order(Some("eu-west-1"), &HashMap::new()), ["node-2", "node-3", "node-1", "node-4"]);
        assert_eq!(order(None, &HashMap::new()), ["node-1", "node-2", "node-3", "node-4"]);
    }
}
