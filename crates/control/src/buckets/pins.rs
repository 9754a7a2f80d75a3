//! The nodes and regions that a bucket is pinned to, as requests name them.

use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::is_meant_for;
use bucketry_model::pinning::{BucketPins, InvalidPins, MAX_PINS};
use bucketry_model::role::Caller;

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
    /// The pins that a change to `input` would store for a bucket that is pinned to `stored`, or why they are refused. Changes
    /// nothing.
    pub async fn check_pins(
        &self,
        caller: &Caller,
        input: &PinsInput,
        stored: &BucketPins,
    ) -> Result<BucketPins> {
        self.read_pins(caller.org_id, Some(input), stored).await
    }

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
            let id = text.trim().parse::<NodeId>().map_err(|_| unknown(text))?;
            if !stored.nodes().contains(&id) {
                let node = known.iter().find(|node| node.id == id && is_meant_for(node, org_id));
                let node = node.ok_or_else(|| unknown(text))?;
                if node.is_pending() {
                    return Err(pending(&node.name));
                }
            }
            nodes.push(id);
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

fn pending(name: &str) -> Error {
    let message = format!(
        "contains {name}, which waits for approval: its public key must be approved first (`bucketry nodes approve`)"
    );
    Error::field(NODES, message)
}

fn unknown(text: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let message = format!(
        "contains \"{shown}\", which is not the id of a node that serves this organization: GET /node and `bucketry nodes list` \
         show them"
    );
    Error::field(NODES, message)
}
