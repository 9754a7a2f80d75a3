//! Seals existing secrets again after nodes were approved or removed, without changing any node's keys.
//!
//! The request for it is stored together with the approval or removal, and its state after each page, so a restart
//! continues it. Secrets that no connected node can open wait until other nodes are connected.

use std::time::Duration;

use bucketry_model::id::NodeId;
use bucketry_model::node::Node;
use bucketry_model::status::is_connected;
use bucketry_store::Store;
use bucketry_store::vault::{RotationPhase, RotationState};
use jiff::{SignedDuration, Timestamp};

use crate::vault_reseal::LostKeys;
use crate::{Control, Result};

/// How many secrets a node gets at once.
pub(crate) const PAGE: u32 = 200;
/// How long to wait before the first page: other control planes cache the list of nodes for a second. After it, they
/// seal new secrets to the same keys as this pass.
const OTHERS_KNOW_WITHIN: Duration = Duration::from_secs(2);
/// After which time a pass is repeated if some secrets couldn't be sealed again, although no other node has connected.
const TRY_FAILED_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// The nodes that were connected when this process began its latest pass.
#[derive(Default)]
pub(crate) struct TriedNodes(Vec<NodeId>);

impl Control {
    /// Whether secrets are to be sealed again, and nodes are connected that may be able to do it.
    pub(crate) async fn has_rewrap(&self, tried: &TriedNodes) -> Result<bool> {
        match self.inner.store.rewrap().await? {
            Some(state) => Ok(is_due(&state, &self.able_nodes().await?, tried, self.inner.environment.now())),
            None => Ok(false),
        }
    }

    /// Seals one page of secrets again if that is due. Returns whether there may be another page.
    pub(crate) async fn advance_rewrap(&self, store: &dyn Store, tried: &mut TriedNodes) -> Result<bool> {
        let Some(mut state) = store.rewrap().await? else { return Ok(false) };
        let able = self.able_nodes().await?;
        if !is_due(&state, &able, tried, self.inner.environment.now()) {
            return Ok(false);
        }
        if state.finished_at.is_some() {
            state = RotationState {
                phase: RotationPhase::Resealing,
                done: 0,
                failed: 0,
                finished_at: None,
                ..state
            };
        }
        if state.cursor.is_none() {
            tokio::time::sleep(OTHERS_KNOW_WITHIN).await;
            self.inner.presence.forget_nodes();
            state.total = store.count_secrets().await?;
            tried.0 = able;
        }
        let page = store.secrets_after(state.cursor, PAGE).await?;
        state.cursor = page.last().map(|(last, _)| last.owner);
        state.done += u64::try_from(page.len()).unwrap_or(u64::MAX);
        if page.is_empty() {
            state.phase = RotationPhase::Done;
            state.finished_at = Some(self.inner.environment.now());
            if state.done > 0 {
                tracing::info!(
                    secrets = state.done,
                    failed = state.failed,
                    "the secrets are sealed to the current nodes"
                );
            }
        } else {
            let (_, failed) = self.reseal_page(store, page, LostKeys::Keep).await?;
            state.failed += failed;
        }
        // If another request has arrived meanwhile, the pass begins again.
        store.set_rewrap(&state).await?;
        Ok(true)
    }

    /// The connected nodes that can open secrets, by id.
    async fn able_nodes(&self) -> Result<Vec<NodeId>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let is_able = |node: &&Node| node.sealing_recipient().is_some() && is_connected(node.last_seen, now);
        let mut able: Vec<_> = nodes.iter().filter(is_able).map(|node| node.id).collect();
        able.sort_unstable();
        Ok(able)
    }
}

/// Whether there is work that some of the connected nodes may be able to do. A node that only comes and goes doesn't cause
/// another pass over all secrets.
fn is_due(state: &RotationState, able: &[NodeId], tried: &TriedNodes, now: Timestamp) -> bool {
    let Some(finished_at) = state.finished_at else { return !able.is_empty() };
    let is_untried = able.iter().any(|id| !tried.0.contains(id));
    let is_long_ago = now.duration_since(finished_at).abs() >= TRY_FAILED_AGAIN;
    state.failed > 0 && !able.is_empty() && (is_untried || is_long_ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_again_with_another_node_or_after_an_hour() {
        let node = |number: u8| NodeId::new(Timestamp::UNIX_EPOCH, [number; 10]);
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let state = |failed, finished_at| RotationState {
            phase: RotationPhase::Done,
            cursor: None,
            total: 3,
            done: 3,
            failed,
            started_at: at(0),
            finished_at,
        };
        let tried = TriedNodes(vec![node(1), node(2)]);
        let is_due = |failed, finished: Option<i64>, able: &[NodeId], now| {
            is_due(&state(failed, finished.map(at)), able, &tried, at(now))
        };
        assert!(is_due(0, None, &[node(1)], 1), "it isn't finished");
        assert!(!is_due(0, None, &[], 1), "nobody can do it");
        assert!(!is_due(0, Some(1), &[node(3)], 90), "nothing failed");
        assert!(!is_due(1, Some(1), &[node(1), node(2)], 2));
        assert!(!is_due(1, Some(1), &[node(2)], 2), "a node that left doesn't help");
        assert!(is_due(1, Some(1), &[node(1), node(3)], 2));
        assert!(is_due(1, Some(1), &[node(1)], 61));
        assert!(!is_due(1, Some(1), &[], 61));
    }
}
