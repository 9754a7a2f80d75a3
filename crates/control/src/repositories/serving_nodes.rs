//! At which nodes applications reach a repository, and what they miss there.

use bucketry_model::endpoint::Endpoint;
use bucketry_model::repository::RepositoryMode;

use super::read::{AttachedBucket, RepositoryView};
use crate::presence::NodeView;

/// A connected node whose gateway serves a repository.
#[derive(Debug, Clone)]
pub struct ServingNode<'a> {
    /// The node.
    pub node: &'a NodeView,
    /// URL of its gateway.
    pub endpoint: &'a Endpoint,
    /// Names of the buckets that the node doesn't serve, as clients address them, because they are pinned to others.
    pub not_served: Vec<&'a str>,
}

impl RepositoryView {
    /// The nodes with a gateway that serve any bucket of the repository, or would if it had one. Those that serve all buckets
    /// come first; among equals, the order stays.
    pub fn serving_nodes<'a>(&'a self, nodes: &'a [NodeView]) -> Vec<ServingNode<'a>> {
        let serving = |node: &'a NodeView| {
            let endpoint = node.gateway_url.as_ref().filter(|_| node.serves_applications())?;
            let not_served = self.not_served(node)?;
            Some(ServingNode { node, endpoint, not_served })
        };
        let mut found: Vec<ServingNode<'a>> = nodes.iter().filter_map(serving).collect();
        found.sort_by_key(|one| one.not_served.len());
        found
    }

    /// The names that lead to no bucket at the node; `None` if all names do. In mode MIRROR, they all lead to the master
    /// bucket. A bucket that is gone or can't be read counts as served, because its pins aren't known.
    fn not_served(&self, node: &NodeView) -> Option<Vec<&str>> {
        let is_served = |attached: &AttachedBucket| {
            let bucket = attached.bucket.as_ref().map(|view| &view.bucket);
            bucket.is_none_or(|bucket| bucket.pinned_to.admit(node.node.id, &node.node.region))
        };
        let all = &self.buckets;
        match self.repository.mode {
            RepositoryMode::Normal => {
                let serves_any = all.iter().any(is_served) || all.is_empty();
                serves_any.then(|| all.iter().filter(|one| !is_served(one)).filter_map(name).collect())
            }
            RepositoryMode::Mirror => {
                let master = all.iter().find(|one| one.attachment.master).or(all.first());
                master.is_none_or(is_served).then(Vec::new)
            }
        }
    }
}

/// The name by which clients address the bucket.
fn name(attached: &AttachedBucket) -> Option<&str> {
    Some(attached.bucket.as_ref()?.bucket.location.bucket.as_str())
}
