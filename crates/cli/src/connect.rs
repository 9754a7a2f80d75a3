//! `bucketry repo connect`: ready-to-paste settings for programs.

use bucketry_api_types::node::{NodeApproval, RegisteredNode};
use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_model::client_settings::{ClientTool, RepositoryConnection};
use bucketry_model::secret::Secret;
use bucketry_model::status::Status;
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::repository_arguments::Tool;

pub(crate) use bucketry_model::client_settings::REGION;

/// What an application needs to connect to a repository.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    /// URL of the gateway.
    pub(crate) endpoint: String,
    /// The gateways of all connected nodes, if no endpoint was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) endpoints: Vec<NodeEndpoint>,
    /// Region to sign requests for; the gateway accepts any.
    pub(crate) region: &'static str,
    /// Access key id.
    pub(crate) key: String,
    /// Secret of the key, if it was just created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// Names of the buckets, as clients address them.
    pub(crate) buckets: Vec<String>,
}

/// Where a node serves the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeEndpoint {
    /// Name of the node.
    pub(crate) node: String,
    /// Region that the node runs in.
    pub(crate) region: String,
    /// URL of its gateway.
    pub(crate) endpoint: String,
}

/// The gateways of the connected nodes that are approved, in the order of the nodes.
pub(crate) fn endpoints(nodes: Vec<RegisteredNode>) -> Vec<NodeEndpoint> {
    let connected = nodes
        .into_iter()
        .filter(|node| node.status == Status::Online && node.approval == NodeApproval::Approved);
    let endpoint = |node: RegisteredNode| {
        let endpoint = node.gateway_url?.to_string();
        Some(NodeEndpoint { node: node.ip, region: node.region, endpoint })
    };
    connected.filter_map(endpoint).collect()
}

impl Connection {
    /// At which nodes applications reach the repository. `None` if there is no choice.
    pub(crate) fn choice_of_nodes(&self) -> Option<String> {
        let at = |one: &NodeEndpoint| format!("  {} ({}, {})", one.endpoint, one.node, one.region);
        let nodes: Vec<String> = self.endpoints.iter().map(at).collect();
        let is_choice = nodes.len() > 1;
        is_choice.then(|| format!("Each of these nodes serves the repository:\n{}", nodes.join("\n")))
    }

    /// The settings for a program, followed by a command or line to try.
    pub(crate) fn settings(&self, tool: Tool) -> String {
        ClientTool::from(tool).settings(&RepositoryConnection {
            endpoint: &self.endpoint,
            key: &self.key,
            secret: self.secret.as_deref(),
            bucket: self.buckets.first().map(String::as_str),
        })
    }
}

impl From<Tool> for ClientTool {
    fn from(tool: Tool) -> Self {
        match tool {
            Tool::Aws => Self::Aws,
            Tool::Boto3 => Self::Boto3,
            Tool::AwsSdkJs => Self::AwsSdkJs,
            Tool::Rclone => Self::Rclone,
            Tool::S5cmd => Self::S5cmd,
        }
    }
}

/// The secret of a key that was just created.
pub(crate) fn new_secret(made: &RepoKeyMade) -> Result<&Secret> {
    made.secret.as_ref().ok_or_else(|| Failure::failed("the server returned no secret for the key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, status: Status, gateway_url: Option<&str>) -> RegisteredNode {
        let json = serde_json::json!({
            "id": "0197a3b0-0000-7000-8000-0000000000aa", "ip": name, "region": "eu", "version": "1",
            "status": status, "lastUpdated": "2026-03-01T10:00:00Z", "url": "https://a.example.com",
            "gatewayUrl": gateway_url, "nodeServices": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn only_connected_and_approved_nodes_with_a_gateway_are_named_and_only_if_there_is_a_choice() {
        let of = |nodes| {
            let endpoints = endpoints(nodes);
            let endpoint = "https://a.example.com".to_owned();
            Connection {
                endpoint,
                endpoints,
                region: REGION,
                key: String::new(),
                secret: None,
                buckets: Vec::new(),
            }
        };
        let first = || node("a", Status::Online, Some("https://a.example.com"));
        let others =
            [node("b", Status::Disconnected, Some("https://b.example.com")), node("c", Status::Online, None)];
        let pending = RegisteredNode {
            approval: NodeApproval::Pending,
            ..node("e", Status::Online, Some("https://e.example.com"))
        };
        let only = of([first(), pending].into_iter().chain(others).collect());
        assert_eq!((only.endpoints.len(), only.choice_of_nodes()), (1, None));
        let both = of(vec![first(), node("d", Status::Online, Some("https://d.example.com"))]);
        let named = both.choice_of_nodes().unwrap();
        assert!(
            named.contains("https://a.example.com (a, eu)")
                && named.contains("https://d.example.com (d, eu)")
        );
    }
}
