//! Has nodes seal stored secrets again, to the public keys to which new secrets are sealed.
//!
//! The nodes are asked one after the other, until no secret is left. A node that has just stopped still counts as connected,
//! and would keep the others waiting: one that doesn't fetch its job soon is asked again only if the others can't open
//! everything.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{Node, serves};
use bucketry_model::node_protocol::{BoundSecret, Outcome, SecretOwner, Task};
use bucketry_model::status::is_connected;
use bucketry_store::Store;
use bucketry_store::bucket::StoredSecret;
use bucketry_vault::Recipient;

use crate::{Control, Error, Result};

/// How long a node may take for a job of the vault, such as a page of secrets.
pub(crate) const JOB_DEADLINE: Duration = Duration::from_mins(1);
/// How long a node has to fetch its job before the next one is asked. A node that is running fetches it at once.
const FETCHED_WITHIN: Duration = Duration::from_secs(3);

/// What happens to sealing keys that no node can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostKeys {
    /// They are replaced, which ends uploads in progress.
    Replace,
    /// They stay as they are, because a node that opens them may connect later.
    Keep,
}

impl Control {
    /// Seals the stale secrets of a page again. Returns how many succeeded and how many failed.
    pub(crate) async fn reseal_page(
        &self,
        store: &dyn Store,
        page: Vec<(BoundSecret, String)>,
        lost: LostKeys,
    ) -> Result<(u64, u64)> {
        let mut by_org: HashMap<OrgId, Vec<(BoundSecret, String)>> = HashMap::new();
        for entry in page {
            by_org.entry(entry.0.org_id).or_default().push(entry);
        }
        let (mut resealed, mut failed) = (0, 0);
        for (org_id, entries) in by_org {
            let recipients = self.recipients(org_id).await?;
            let fingerprint = bucketry_vault::fingerprint(&recipients);
            let stale: Vec<BoundSecret> = entries
                .into_iter()
                .filter(|(_, sealed_to)| *sealed_to != fingerprint)
                .map(|(secret, _)| secret)
                .collect();
            if stale.is_empty() {
                continue;
            }
            let count = u64::try_from(stale.len()).unwrap_or(u64::MAX);
            let done = self.reseal(store, org_id, stale, &recipients, lost).await?;
            resealed += done;
            failed += count - done;
        }
        Ok((resealed, failed))
    }

    async fn reseal(
        &self,
        store: &dyn Store,
        org_id: OrgId,
        stale: Vec<BoundSecret>,
        recipients: &[Recipient],
        lost: LostKeys,
    ) -> Result<u64> {
        let fingerprint = bucketry_vault::fingerprint(recipients);
        let mut nodes = self.resealing_nodes(org_id).await?;
        let mut old = stale;
        let mut done = 0;
        let mut asked_all = true;
        while let Some((node_id, fetched_within)) = nodes.pop_front() {
            if old.is_empty() {
                break;
            }
            if !self.is_connected_now(node_id).await? {
                asked_all = false;
                continue;
            }
            let task = Task::Reseal {
                secrets: old.clone(),
                recipients: recipients.iter().map(ToString::to_string).collect(),
            };
            let secrets = match self.ask_in_turn(node_id, task, fetched_within).await {
                Ok(Some(Outcome::Resealed { secrets })) => secrets,
                Ok(None) if fetched_within < JOB_DEADLINE => {
                    nodes.push_back((node_id, JOB_DEADLINE));
                    continue;
                }
                // Another node may open them.
                Ok(_) | Err(Error::NodeTimeout) => {
                    asked_all = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut replacements = Vec::with_capacity(secrets.len());
            old.retain(|before| {
                let Some(after) = secrets.iter().find(|after| after.owner == before.owner) else {
                    return true;
                };
                let stored = StoredSecret { sealed: after.secret.clone(), sealed_to: fingerprint.clone() };
                replacements.push((before.owner, before.secret.clone(), stored));
                false
            });
            done += u64::try_from(replacements.len()).unwrap_or(u64::MAX);
            store.replace_secrets(&replacements, self.inner.environment.now()).await?;
            self.inner.changes.notify_waiters();
        }
        if asked_all && lost == LostKeys::Replace {
            done += self.replace_lost_sealing_keys(store, org_id, &old).await?;
        }
        Ok(done)
    }

    /// The nodes to ask for an organization's secrets, in this order, and how long each has to fetch its job.
    ///
    /// The deployment's nodes are first: what they have sealed again doesn't depend on the organization's own ones. Of each
    /// kind, the most recently seen node is first, because it is the least likely to have stopped.
    async fn resealing_nodes(&self, org_id: OrgId) -> Result<VecDeque<(NodeId, Duration)>> {
        let nodes = self.known_nodes().await?;
        let is_able = |node: &&Node| serves(node, org_id) && node.sealing_recipient().is_some();
        let mut able: Vec<&Node> = nodes.iter().filter(is_able).collect();
        able.sort_by_key(|node| (node.org_id.is_some(), Reverse(node.last_seen)));
        Ok(able.into_iter().map(|node| (node.id, FETCHED_WITHIN)).collect())
    }

    async fn is_connected_now(&self, id: NodeId) -> Result<bool> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        Ok(nodes.iter().any(|node| node.id == id && is_connected(node.last_seen, now)))
    }

    /// Has a node do a job. Returns `None` if it hasn't fetched the job in time, or has too many others; it then doesn't get the
    /// job any more.
    async fn ask_in_turn(
        &self,
        node_id: NodeId,
        task: Task,
        fetched_within: Duration,
    ) -> Result<Option<Outcome>> {
        let Some(mut job) = self.give_job(node_id, task, JOB_DEADLINE, None).await? else { return Ok(None) };
        let outcome = match tokio::time::timeout(fetched_within, job.outcome()).await {
            Ok(outcome) => outcome,
            Err(_) if job.withdraw_unfetched().await? => return Ok(None),
            Err(_) => {
                let left = JOB_DEADLINE.saturating_sub(fetched_within);
                tokio::time::timeout(left, job.outcome()).await.ok().flatten()
            }
        };
        outcome.map(Some).ok_or(Error::NodeTimeout)
    }

    /// Replaces sealing keys that no node can open, because nobody could enter them again. Returns how many.
    async fn replace_lost_sealing_keys(
        &self,
        store: &dyn Store,
        org_id: OrgId,
        lost: &[BoundSecret],
    ) -> Result<u64> {
        let mut replacements = Vec::new();
        for secret in lost {
            if let SecretOwner::Repository(id) = secret.owner
                && let Some(key) = self.new_sealing_key(org_id, id).await?
            {
                tracing::warn!(
                    repository = %id,
                    "no node can open the repository's sealing key: it gets a new one, and its uploads in progress end"
                );
                replacements.push((secret.owner, secret.secret.clone(), key));
            }
        }
        store.replace_secrets(&replacements, self.inner.environment.now()).await?;
        self.inner.changes.notify_waiters();
        Ok(u64::try_from(replacements.len()).unwrap_or(u64::MAX))
    }
}
