//! `bucketry repo connect`: ready-to-paste settings for programs.

use bucketry_api_types::node::{NodeApproval, RegisteredNode};
use bucketry_api_types::repository::{Repo, RepoBucket};
use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_model::client_settings::{ClientTool, RepositoryConnection};
use bucketry_model::repository::RepositoryMode;
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
    /// The gateways of all connected nodes that serve the repository, if no endpoint was given. Those that serve all of
    /// its buckets come first.
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
    /// Names of the buckets that the node doesn't serve, because they are pinned to others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_served: Vec<String>,
}

/// The gateways of the connected and approved nodes that serve the repository, in the order of the nodes. Those that serve
/// all of its buckets come first. A node without a public key opens no secrets, and serves nothing.
pub(crate) fn endpoints(nodes: Vec<RegisteredNode>, repo: &Repo<'_>) -> Vec<NodeEndpoint> {
    let is_able = |node: &RegisteredNode| node.approval == NodeApproval::Approved && node.recipient.is_some();
    let connected = nodes.into_iter().filter(|node| node.status == Status::Online && is_able(node));
    let endpoint = |node: RegisteredNode| {
        let not_served = not_served(&node, repo);
        if !not_served.is_empty() && not_served.len() == repo.buckets.len() {
            return None;
        }
        let endpoint = node.gateway_url?.to_string();
        Some(NodeEndpoint { node: node.ip, region: node.region, endpoint, not_served })
    };
    let mut endpoints: Vec<NodeEndpoint> = connected.filter_map(endpoint).collect();
    endpoints.sort_by_key(|one| one.not_served.len());
    endpoints
}

/// The names of the buckets that a node doesn't serve. In mode MIRROR, all names lead to the master bucket.
fn not_served(node: &RegisteredNode, repo: &Repo<'_>) -> Vec<String> {
    let is_served = |attached: &RepoBucket<'_>| {
        let pins = attached.bucket.as_ref().and_then(|bucket| bucket.pinned_to.as_ref());
        pins.is_none_or(|pins| pins.pins().admit(node.id, &node.region))
    };
    let name = |attached: &RepoBucket<'_>| {
        attached.bucket.as_ref().map_or_else(String::new, |bucket| bucket.bucket.to_string())
    };
    let all = &repo.buckets;
    match repo.mode {
        RepositoryMode::Normal => all.iter().filter(|one| !is_served(one)).map(name).collect(),
        RepositoryMode::Mirror => {
            let master = all.iter().find(|one| one.master).or(all.first());
            if master.is_none_or(is_served) { Vec::new() } else { all.iter().map(name).collect() }
        }
    }
}

impl Connection {
    /// At which nodes applications reach the repository. `None` if there is no choice, and nothing is missing.
    pub(crate) fn choice_of_nodes(&self) -> Option<String> {
        let at = |one: &NodeEndpoint| {
            let without = match one.not_served.as_slice() {
                [] => String::new(),
                missing => format!(", without {}", missing.join(", ")),
            };
            format!("  {} ({}, {}{without})", one.endpoint, one.node, one.region)
        };
        let nodes: Vec<String> = self.endpoints.iter().map(at).collect();
        let is_choice = nodes.len() > 1 || self.endpoints.iter().any(|one| !one.not_served.is_empty());
        is_choice.then(|| format!("Each of these nodes serves the repository:\n{}", nodes.join("\n")))
    }

    /// A bucket that the endpoint serves.
    fn bucket(&self) -> Option<&str> {
        let missing = self.endpoints.first().map_or(&[][..], |first| &first.not_served);
        self.buckets.iter().find(|name| !missing.contains(name)).map(String::as_str)
    }

    /// The settings for a program, followed by a command or line to try.
    pub(crate) fn settings(&self, tool: Tool) -> String {
        ClientTool::from(tool).settings(&RepositoryConnection {
            endpoint: &self.endpoint,
            key: &self.key,
            secret: self.secret.as_deref(),
            bucket: self.bucket(),
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
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, status: Status, gateway_url: Option<&str>) -> RegisteredNode {
        let json = serde_json::json!({
            "id": "0197a3b0-0000-7000-8000-0000000000aa", "ip": name, "region": "eu", "version": "1",
            "status": status, "lastUpdated": "2026-03-01T10:00:00Z", "url": "https://a.example.com",
            "gatewayUrl": gateway_url, "nodeServices": 1, "recipient": "age1example",
        });
        serde_json::from_value(json).unwrap()
    }

    fn repository(buckets: &Value) -> Repo<'static> {
        let json = json!({
            "id": "0197a3b0-0000-7000-8000-0000000000cc", "name": "Media", "storageType": "S3", "mode": "NORMAL",
            "workspaceId": "0197a3b0-0000-7000-8000-0000000000dd", "status": "ONLINE", "buckets": buckets, "apiKeys": [],
            "createdAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z",
        });
        serde_json::from_value(json).unwrap()
    }

    fn attached(name: &str, region: Option<&str>) -> Value {
        let id = "0197a3b0-0000-7000-8000-0000000000bb";
        let pinned = region.map(|region| json!({ "nodes": [], "regions": [region] }));
        json!({ "bucketId": id, "folder": "", "master": false, "bucket": {
            "id": id, "name": name, "bucket": name, "storageType": "S3", "hasSecret": true, "provider": "OTHER",
            "status": "ONLINE", "createdAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z",
            "workspaceId": "0197a3b0-0000-7000-8000-0000000000dd", "repos": [], "pinnedTo": pinned,
        } })
    }

    #[test]
    fn nodes_that_serve_all_buckets_come_first_and_those_that_serve_none_are_left_out() {
        let at = |region: &str, url: &str| {
            let region = region.to_owned();
            RegisteredNode { region, ..node("a", Status::Online, Some(url)) }
        };
        let nodes = || vec![at("us", "https://us.example.com"), at("eu", "https://eu.example.com")];
        let named = |buckets: &Value| {
            let endpoint = |one: NodeEndpoint| (one.region, one.not_served.join(" "));
            endpoints(nodes(), &repository(buckets)).into_iter().map(endpoint).collect::<Vec<_>>()
        };
        let text = |region: &str, missing: &str| (region.to_owned(), missing.to_owned());
        let mixed = named(&json!([attached("photos", Some("EU")), attached("logs", None)]));
        assert_eq!(mixed, [text("eu", ""), text("us", "photos")]);
        assert_eq!(named(&json!([attached("photos", Some("EU"))])), [text("eu", "")]);
        assert_eq!(named(&json!([])), [text("us", ""), text("eu", "")]);
        let mut mirror = repository(&json!([attached("replica", None), attached("main", Some("eu"))]));
        mirror.mode = RepositoryMode::Mirror;
        mirror.buckets[1].master = true;
        let found = endpoints(nodes(), &mirror);
        assert_eq!(found.iter().map(|one| one.region.as_str()).collect::<Vec<_>>(), ["eu"]);
    }

    #[test]
    fn only_connected_and_approved_nodes_with_a_gateway_are_named_and_only_if_there_is_a_choice() {
        let of = |nodes| {
            let endpoints = endpoints(nodes, &repository(&json!([])));
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
        let keyless =
            RegisteredNode { recipient: None, ..node("f", Status::Online, Some("https://f.example.com")) };
        let only = of([first(), pending, keyless].into_iter().chain(others).collect());
        assert_eq!((only.endpoints.len(), only.choice_of_nodes()), (1, None));
        let both = of(vec![first(), node("d", Status::Online, Some("https://d.example.com"))]);
        let named = both.choice_of_nodes().unwrap();
        assert!(
            named.contains("https://a.example.com (a, eu)")
                && named.contains("https://d.example.com (d, eu)")
        );
    }
}
