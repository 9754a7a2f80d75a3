//! The nodes and regions that a bucket is pinned to, as requests name them.

use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::serves;
use bucketry_model::pinning::{BucketPins, InvalidPins, MAX_PINS};

use crate::{Control, Error, Result};

/// Fields of requests.
const NODES: &str = "pinnedTo.nodes";
const REGIONS: &str = "pinnedTo.regions";
/// The longest part of an unknown id that an error repeats, in characters.
const SHOWN: usize = 36;

/// Pins as a request contains them. Without nodes and regions, the bucket isn't pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinsInput {
    /// Ids of nodes.
    pub nodes: Vec<String>,
    /// Names of regions. No node has to be in them yet.
    pub regions: Vec<String>,
}

impl Control {
    /// The pins that a request asks for, or the stored ones if it doesn't mention them. Each node must serve the organization
    /// now, unless the bucket is pinned to it already: a node that was removed may come back.
    pub(super) async fn read_pins(
        &self,
        org_id: OrgId,
        input: Option<&PinsInput>,
        stored: &BucketPins,
    ) -> Result<BucketPins> {
        let Some(input) = input else { return Ok(stored.clone()) };
        // Before anything is looked up or copied.
        if input.nodes.len() > MAX_PINS {
            return Err(refused(InvalidPins::TooManyNodes));
        }
        if input.regions.len() > MAX_PINS {
            return Err(refused(InvalidPins::TooManyRegions));
        }
        let known = self.known_nodes().await?;
        let mut nodes = Vec::new();
        for text in &input.nodes {
            let is_known = |id: &NodeId| {
                stored.nodes().contains(id) || known.iter().any(|node| node.id == *id && serves(node, org_id))
            };
            let id = text.trim().parse::<NodeId>().ok().filter(is_known);
            nodes.push(id.ok_or_else(|| unknown(text))?);
        }
        BucketPins::new(nodes, input.regions.iter().cloned()).map_err(refused)
    }
}

fn refused(error: InvalidPins) -> Error {
    let field = match error {
        InvalidPins::TooManyNodes => NODES,
        InvalidPins::TooManyRegions | InvalidPins::Region => REGIONS,
    };
    Error::field(field, error)
}

fn unknown(text: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let message = format!(
        "contains \"{shown}\", which is not the id of a node that serves this organization: GET /node and `bucketry nodes list` \
         show them"
    );
    Error::field(NODES, message)
}
