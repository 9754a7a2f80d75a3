//! The nodes and regions that a bucket is pinned to.

use bucketry_model::pinning::BucketPins;
use serde::{Deserialize, Serialize};

/// The nodes and regions that a bucket is pinned to. Only these nodes, and the nodes in these regions, serve, probe and
/// validate the bucket. If both lists are empty, the bucket isn't pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "nodes": [], "regions": ["eu-central-1"] })))]
pub struct PinnedTo {
    /// Ids of nodes that serve the organization.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 16))]
    pub nodes: Vec<String>,
    /// Names of regions, as nodes report them. Letter case is ignored.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 16))]
    pub regions: Vec<String>,
}

impl PinnedTo {
    /// The pins of a response. `None` if there are none.
    pub fn of(pins: &BucketPins) -> Option<Self> {
        let nodes = || pins.nodes().iter().map(ToString::to_string).collect();
        (!pins.is_empty()).then(|| Self { nodes: nodes(), regions: pins.regions().to_vec() })
    }

    /// The pins in a response of a server. Ids and names that aren't valid are left out.
    pub fn pins(&self) -> BucketPins {
        let nodes = self.nodes.iter().filter_map(|id| id.parse().ok());
        BucketPins::new(nodes, self.regions.iter().cloned()).unwrap_or_default()
    }
}
