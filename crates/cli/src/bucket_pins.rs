//! The flags that pin a bucket to nodes and regions, and how pins are shown.

use bucketry_api_types::node::RegisteredNode;
use bucketry_api_types::pinned_to::PinnedTo;
use bucketry_client::ApiClient;
use bucketry_model::id::NodeId;
use clap::Args;

use crate::failure::{Failure, Result};
use crate::nearest::nearest;
use crate::registry_file::FilePins;

/// The heading of flags that choose nodes.
pub(crate) const NODES: &str = "Nodes";

/// The flags that pin a bucket.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PinFields {
    /// Pin the bucket to this node (name or id): only pinned nodes serve it. Can be repeated
    #[arg(long = "pin-node", value_name = "NODE", help_heading = NODES)]
    pub(crate) pin_nodes: Vec<String>,
    /// Pin the bucket to the nodes in this region. Can be repeated, and combined with --pin-node
    #[arg(long = "pin-region", value_name = "REGION", help_heading = NODES)]
    pub(crate) pin_regions: Vec<String>,
}

/// The pins to send. `None` if no flag was passed.
pub(crate) async fn chosen(client: &ApiClient, fields: &PinFields) -> Result<Option<PinnedTo>> {
    if fields.pin_nodes.is_empty() && fields.pin_regions.is_empty() {
        return Ok(None);
    }
    let nodes = node_ids(client, &fields.pin_nodes).await?;
    Ok(Some(PinnedTo { nodes, regions: fields.pin_regions.clone() }))
}

/// The ids of nodes that are given by name or by id.
pub(crate) async fn node_ids(client: &ApiClient, given: &[String]) -> Result<Vec<String>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let known = client.nodes().await?;
    given.iter().map(|one| node_id(&known, one)).collect()
}

/// The pins that a registry file names, as they are sent.
pub(crate) fn of_file(pins: &FilePins, known: &[RegisteredNode]) -> Result<PinnedTo> {
    let nodes = pins.nodes.iter().map(|one| node_id(known, one)).collect::<Result<_>>()?;
    Ok(PinnedTo { nodes, regions: pins.regions.clone() })
}

/// The pins of a bucket as a registry file names them. A removed node has its id.
pub(crate) fn for_file(pins: &PinnedTo, known: &[RegisteredNode]) -> FilePins {
    let node = |id: &String| {
        let found = known.iter().find(|node| node.id.to_string() == *id);
        found.map_or_else(|| id.clone(), |node| node.ip.clone())
    };
    FilePins { nodes: pins.nodes.iter().map(node).collect(), regions: pins.regions.clone() }
}

fn node_id(known: &[RegisteredNode], given: &str) -> Result<String> {
    let given = given.trim();
    let named = known.iter().find(|node| node.ip.eq_ignore_ascii_case(given));
    if let Some(node) = named {
        return Ok(node.id.to_string());
    }
    // The server decides about ids: one that the bucket is pinned to already may be of a removed node.
    if given.parse::<NodeId>().is_ok() {
        return Ok(given.to_owned());
    }
    let meant = nearest(given, known.iter().map(|node| node.ip.as_str()));
    let meant = meant.map_or_else(String::new, |name| format!(" (did you mean {name}?)"));
    Err(Failure::failed(format!(
        "there is no node {given:?} that serves your organization{meant}; `bucketry nodes list` shows all of them"
    )))
}

/// What a bucket is pinned to, with the names of nodes.
pub(crate) fn shown(pins: &PinnedTo, known: &[RegisteredNode]) -> String {
    let node = |id: &String| match known.iter().find(|node| node.id.to_string() == *id) {
        Some(node) => node.ip.clone(),
        None => format!("{id} (removed)"),
    };
    let region = |name: &String| format!("region {name}");
    let all: Vec<String> = pins.nodes.iter().map(node).chain(pins.regions.iter().map(region)).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<RegisteredNode> {
        let node = serde_json::json!({
            "id": "0197a3b0-0000-7000-8000-0000000000aa", "ip": "s3-eu.example.com", "region": "eu", "version": "1",
            "status": "ONLINE", "lastUpdated": "2026-03-01T10:00:00Z", "url": "https://a.example.com", "nodeServices": 1,
        });
        vec![serde_json::from_value(node).unwrap()]
    }

    #[test]
    fn a_node_is_given_by_its_name_or_its_id() {
        let id = |given: &str| node_id(&nodes(), given).ok();
        let known = Some("0197a3b0-0000-7000-8000-0000000000aa".to_owned());
        assert_eq!(id("S3-EU.example.com"), known);
        assert_eq!(id("0197a3b0-0000-7000-8000-0000000000aa"), known);
        let removed = "0197a3b0-0000-7000-8000-0000000000bb";
        assert_eq!(id(removed).as_deref(), Some(removed));
        let refused = node_id(&nodes(), "s3-eu.exmaple.com").unwrap_err();
        assert!(format!("{refused:?}").contains("did you mean s3-eu.example.com?"), "{refused:?}");
    }

    #[test]
    fn pins_are_shown_with_names() {
        let text = |nodes: &[&str], regions: &[&str]| PinnedTo {
            nodes: nodes.iter().map(|one| (*one).to_owned()).collect(),
            regions: regions.iter().map(|one| (*one).to_owned()).collect(),
        };
        let pins =
            text(&["0197a3b0-0000-7000-8000-0000000000aa", "0197a3b0-0000-7000-8000-0000000000bb"], &["us"]);
        assert_eq!(
            shown(&pins, &nodes()),
            "s3-eu.example.com, 0197a3b0-0000-7000-8000-0000000000bb (removed), region us"
        );
    }
}
