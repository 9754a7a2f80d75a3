//! How far the walk in progress has come.

use bucketry_model::inventory::WalkState;
use bucketry_store::inventory::WalkPlan;
use jiff::Timestamp;

use crate::{Control, Result};

/// A walk that is running, paused, or waiting for a node.
#[derive(Debug, Clone)]
pub struct WalkProgress {
    /// When the walk began. `None` if no node has begun it yet.
    pub started_at: Option<Timestamp>,
    /// The name of the node that is running it. `None` while it waits.
    pub node: Option<String>,
    /// When it continues at the earliest. `None` while it is running.
    pub continues_at: Option<Timestamp>,
    /// The objects that were counted so far.
    pub objects: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// Requests for pages so far.
    pub requests: u64,
    /// When these figures were saved.
    pub saved_at: Option<Timestamp>,
}

impl Control {
    /// The walk that is in progress or was requested.
    pub(super) async fn walk_progress(&self, plan: &WalkPlan) -> Result<Option<WalkProgress>> {
        let now = self.inner.environment.now();
        let Some(walk) = &plan.walk else {
            return Ok(plan.requested.then_some(WalkProgress {
                started_at: None,
                node: None,
                continues_at: plan.due_at,
                objects: 0,
                bytes: 0,
                requests: 0,
                saved_at: None,
            }));
        };
        let is_running = walk.node_id.is_some() && plan.due_at.is_some_and(|lease| lease > now);
        let nodes = self.known_nodes().await?;
        let node = walk.node_id.filter(|_| is_running);
        let node = node.and_then(|id| nodes.iter().find(|node| node.id == id));
        let state = walk.state.as_deref().and_then(WalkState::from_text).unwrap_or_default();
        Ok(Some(WalkProgress {
            started_at: Some(walk.started_at),
            node: node.map(|node| node.name.clone()),
            continues_at: plan.due_at.filter(|_| !is_running),
            objects: state.sum.objects,
            bytes: state.sum.bytes,
            requests: state.requests,
            saved_at: Some(walk.saved_at),
        }))
    }
}
