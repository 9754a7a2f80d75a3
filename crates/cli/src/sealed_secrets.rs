//! Checks whether the keys of a data directory open the secrets of the registry.

use std::collections::HashMap;
use std::path::Path;

use bucketry_model::node::Node;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::status::is_connected;
use bucketry_store::{Store, StoreError};
use bucketry_vault::{Identities, SecretContext, VaultError, open};
use jiff::Timestamp;

use crate::failure::{Failure, Result};

/// Secrets per page.
const PAGE: u32 = 200;

/// How many secrets to examine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The first page only: a start must not read anything that grows.
    FirstPage,
    /// All secrets.
    All,
}

/// The result of examining secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Examined {
    /// How many secrets were examined.
    pub(crate) secrets: u64,
    /// How many of them the keys don't open.
    pub(crate) unopened: u64,
    /// How many of those are addresses and secrets of notification channels, which only servers open.
    pub(crate) unopened_channels: u64,
    /// Public keys that nodes of the deployment have registered but that are not among the keys.
    pub(crate) missing: Vec<String>,
    /// Whether the deployment's node of that name has registered one of the keys.
    pub(crate) registered: bool,
    /// Whether another node is connected, which may be able to open them.
    pub(crate) others: bool,
}

impl Examined {
    /// Whether a start would lose the registry's secrets: none of the examined ones opens, the node has never
    /// registered with these keys, and no other node is connected that may be able to open them.
    pub(crate) fn are_lost(&self) -> bool {
        self.secrets > 0 && self.unopened == self.secrets && !self.registered && !self.others
    }
}

/// Examines whether a node's keys open the stored secrets. Only one secret per set of recipients is tried.
pub(crate) async fn examine(
    store: &dyn Store,
    keys: Option<&Identities>,
    node_name: &str,
    extent: Extent,
    now: Timestamp,
) -> std::result::Result<Examined, StoreError> {
    let own: Vec<String> =
        keys.map(|keys| keys.recipients().iter().map(ToString::to_string).collect()).unwrap_or_default();
    let mut found = of_nodes(&store.nodes().await?, &own, node_name, now);
    let (mut after, mut opens) = (None, HashMap::<String, bool>::new());
    loop {
        let page = store.secrets_after(after, PAGE).await?;
        for (bound, sealed_to) in &page {
            let opens = *opens.entry(sealed_to.clone()).or_insert_with(|| {
                let context = SecretContext::of(bound.org_id, bound.owner);
                keys.is_some_and(|keys| {
                    !matches!(open(&bound.secret, &context, keys), Err(VaultError::SealedToOthers))
                })
            });
            found.secrets += 1;
            found.unopened += u64::from(!opens);
            found.unopened_channels += u64::from(!opens && matches!(bound.owner, SecretOwner::Channel(_)));
        }
        after = page.last().map(|(bound, _)| bound.owner);
        if after.is_none() || extent == Extent::FirstPage {
            return Ok(found);
        }
    }
}

/// What the registered nodes reveal.
fn of_nodes(nodes: &[Node], own: &[String], node_name: &str, now: Timestamp) -> Examined {
    let mut found = Examined::default();
    for node in nodes {
        let is_own = node.org_id.is_none() && node.name == node_name;
        let knows = node.recipients.iter().any(|one| own.contains(one));
        found.registered |= is_own && knows;
        found.others |= !is_own && node.sealing_recipient().is_some() && is_connected(node.last_seen, now);
        if node.org_id.is_none() && !knows {
            found.missing.extend(node.approved.iter().cloned());
        }
    }
    found
}

/// Explains what is wrong with the key file, and what to do.
pub(crate) fn explain(path: &Path, file_is_there: bool, found: &Examined) -> String {
    let (file, Examined { secrets, unopened, missing, .. }) = (path.display(), found);
    let recipients = match missing.as_slice() {
        [] => "of a node that is no longer registered".to_owned(),
        keys => format!("to {}", keys.join(", ")),
    };
    let what = if file_is_there { "contains other keys" } else { "is missing" };
    format!(
        "{file} {what}. Secrets examined: {secrets}, sealed to keys that it doesn't contain: {unopened} ({recipients}). Restore \
         the vault.key of this registry from its original data directory or from a backup"
    )
}

/// Refuses to start if a node with this key file could open none of the registry's secrets, unless that is
/// `accepted`. Creates nothing when it refuses, so the next start finds the same situation.
pub(crate) async fn refuse_without(
    store: &dyn Store,
    path: &Path,
    node_name: &str,
    accepted: bool,
    now: Timestamp,
) -> Result<()> {
    let keys =
        Identities::load(path).map_err(|error| Failure::because("the embedded node can't start", &error))?;
    let found = examine(store, keys.as_ref(), node_name, Extent::FirstPage, now)
        .await
        .map_err(|error| Failure::because("can't read the database", &error))?;
    let explained = explain(path, keys.is_some(), &found);
    if found.are_lost() && !accepted {
        return Err(Failure::failed(format!(
            "{explained}. To start without the secrets, pass --start-without-secrets: every bucket is OFFLINE until you \
             enter its secret again"
        )));
    }
    if found.unopened > 0 && !found.others {
        tracing::warn!("{explained}, or enter the secrets again with `bucketry bucket update`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
    use jiff::SignedDuration;

    use super::*;

    fn node(name: &str, recipients: &[&str], last_seen: Timestamp) -> Node {
        Node {
            id: NodeId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            org_id: None,
            name: name.to_owned(),
            region: String::new(),
            provider: String::new(),
            version: String::new(),
            recipients: recipients.iter().map(|one| (*one).to_owned()).collect(),
            approved: recipients.iter().map(|one| (*one).to_owned()).collect(),
            key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen,
            last_heartbeat: None,
        }
    }

    fn lost(nodes: &[Node], own: &[&str]) -> bool {
        let own: Vec<String> = own.iter().map(|one| (*one).to_owned()).collect();
        let found = of_nodes(nodes, &own, "embedded", Timestamp::UNIX_EPOCH);
        Examined { secrets: 3, unopened: 3, ..found }.are_lost()
    }

    #[test]
    fn secrets_are_lost_where_neither_this_node_nor_another_can_open_them() {
        let now = Timestamp::UNIX_EPOCH;
        let long_ago = now - SignedDuration::from_hours(1);
        let before = node("embedded", &["old"], now);
        assert!(lost(std::slice::from_ref(&before), &[]), "the file is missing");
        assert!(lost(std::slice::from_ref(&before), &["new"]), "the file is another one");
        assert!(lost(&[], &["new"]), "no node has registered");
        assert!(lost(&[before.clone(), node("other", &["x"], long_ago)], &["new"]), "the other node is gone");
        let pending = Node { approved: Vec::new(), ..node("other", &["x"], now) };
        assert!(lost(&[before.clone(), pending], &["new"]), "nothing is sealed to the other node yet");
        assert!(!lost(&[before, node("other", &["x"], now)], &["new"]), "the other node may open them");
    }

    #[test]
    fn a_start_without_secrets_is_asked_for_once() {
        // That start registered the node with the new key.
        let known = node("embedded", &["new", "older"], Timestamp::UNIX_EPOCH);
        assert!(!lost(&[known], &["new"]));
    }

    #[test]
    fn keys_of_nodes_of_organizations_are_not_asked_for() {
        let theirs = Node {
            org_id: Some(OrgId::new(Timestamp::UNIX_EPOCH, [2; 10])),
            ..node("theirs", &["x"], Timestamp::UNIX_EPOCH)
        };
        let found = of_nodes(
            &[theirs, node("embedded", &["old"], Timestamp::UNIX_EPOCH)],
            &[],
            "embedded",
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(found.missing, ["old"]);
    }

    #[test]
    fn the_file_and_the_keys_are_named() {
        let found =
            Examined { secrets: 5, unopened: 5, missing: vec!["age1old".to_owned()], ..Examined::default() };
        let response = explain(Path::new("data/vault.key"), false, &found);
        assert!(response.contains("data/vault.key is missing") && response.contains("age1old"), "{response}");
        assert!(explain(Path::new("data/vault.key"), true, &found).contains("contains other keys"));
    }
}
