//! Rotation of the vault's keys while everything stays in use: nodes create new identities, nodes seal every secret
//! again, and nodes delete the old identities.
//!
//! The control plane never opens a secret. The state is stored after each page, so a restart continues where the
//! rotation was. Repeating a step does no harm. One control plane drives the rotation, under a lease without which it
//! can't store the state. If a step fails there, another one may try.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::Node;
use bucketry_model::node_protocol::{Outcome, Task};
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::status::is_connected;
use bucketry_store::Store;
use bucketry_store::lease::LeaseName;
use bucketry_store::vault::{RotationPhase, RotationState};
use bucketry_vault::Identities;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::vault_reseal::{JOB_DEADLINE, LostKeys};
use crate::vault_rewrap::{PAGE, TriedNodes};
use crate::{Control, Error, Result};

/// How long to wait before a failed step is retried.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often to look for work that another control plane began and doesn't drive any more.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The maximum number of passes over the secrets. Each finds the secrets that were stored during the previous one.
const MOST_WALKS: u32 = 5;

/// The nodes that have done their part of a step that is being retried. Otherwise, a node would create another key at each
/// try and soon reach its maximum.
#[derive(Default)]
struct AskedNodes {
    /// The rotation's start, and the step.
    step: Option<(Timestamp, RotationPhase)>,
    nodes: HashSet<NodeId>,
}

impl AskedNodes {
    /// The nodes that were asked in the current step. Another control plane may have done other steps meanwhile.
    fn of(&mut self, state: &RotationState) -> &mut HashSet<NodeId> {
        let step = Some((state.started_at, state.phase));
        if self.step != step {
            *self = Self { step, nodes: HashSet::new() };
        }
        &mut self.nodes
    }
}

impl Control {
    /// Starts a rotation, or returns the one in progress. Only for owners of the deployment's first organization,
    /// because the vault belongs to the whole deployment.
    pub async fn start_rotation(&self, caller: &Caller) -> Result<RotationState> {
        self.may_rotate(caller).await?;
        if let Some(state) =
            self.inner.store.rotation().await?.filter(|state| state.phase != RotationPhase::Done)
        {
            return Ok(state);
        }
        let state = RotationState {
            phase: RotationPhase::NewIdentity,
            cursor: None,
            total: self.inner.store.count_secrets().await?,
            done: 0,
            failed: 0,
            started_at: self.inner.environment.now(),
            finished_at: None,
        };
        let audit = self.audit_of(caller, AuditKind::Vault, AuditAction::Updated).of_name("rotation");
        self.inner.store.begin_rotation(&state, &audit).await?;
        self.inner.rotation.notify_waiters();
        Ok(state)
    }

    /// The current or last rotation.
    pub async fn rotation(&self, caller: &Caller) -> Result<Option<RotationState>> {
        self.may_rotate(caller).await?;
        Ok(self.inner.store.rotation().await?)
    }

    async fn may_rotate(&self, caller: &Caller) -> Result<()> {
        if self.operates_deployment(caller).await? {
            return Ok(());
        }
        Err(Error::Forbidden(
            "rotating the vault needs the role OWNER in the deployment's first organization".to_owned(),
        ))
    }

    /// Whether the caller is an owner of the deployment's first organization.
    pub(crate) async fn operates_deployment(&self, caller: &Caller) -> Result<bool> {
        Ok(caller.may_in_org(OrgRole::Owner) && self.is_first_organization(caller.org_id).await?)
    }

    /// Whether the organization is the deployment's first one, whose owners operate the deployment.
    pub(crate) async fn is_first_organization(&self, id: OrgId) -> Result<bool> {
        let first = self.inner.store.organizations(1).await?;
        Ok(first.first().is_some_and(|first| first.id == id))
    }

    /// Drives rotations and rewraps until the future is dropped. That loses at most the page in progress.
    pub async fn drive_rotations(&self) {
        let (mut asked, mut tried) = (AskedNodes::default(), TriedNodes::default());
        loop {
            let news = self.inner.rotation.notified();
            if let Err(error) = self.drive_rotation(&mut asked, &mut tried).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the rotation step failed and will be retried"
                );
                tokio::time::sleep(TRY_AGAIN).await;
                continue;
            }
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Drives a rotation or a rewrap to its end, unless another control plane does or there is none. Never both at the
    /// same time, because a rotation ends with the destruction of keys.
    async fn drive_rotation(&self, asked: &mut AskedNodes, tried: &mut TriedNodes) -> Result<()> {
        let is_done = |state: RotationState| state.phase == RotationPhase::Done;
        if self.inner.store.rotation().await?.is_none_or(is_done) && !self.has_rewrap(tried).await? {
            return Ok(());
        }
        let work = async |store: Arc<dyn Store>| {
            while self.advance_rotation(&*store, asked).await? || self.advance_rewrap(&*store, tried).await? {
            }
            Ok(())
        };
        let driven = self.under_lease(LeaseName::VaultRotation, work).await;
        // Another control plane may be connected to nodes that this one isn't connected to.
        self.release_lease(LeaseName::VaultRotation).await?;
        driven.map(drop)
    }

    /// Runs one step. Returns whether there may be another one.
    async fn advance_rotation(&self, store: &dyn Store, asked: &mut AskedNodes) -> Result<bool> {
        let Some(mut state) = store.rotation().await? else { return Ok(false) };
        let asked = asked.of(&state);
        match state.phase {
            RotationPhase::Done => return Ok(false),
            RotationPhase::NewIdentity => {
                self.ask_every_node(&Task::NewIdentity, asked).await?;
                self.inner.presence.forget_nodes();
                state.phase = RotationPhase::Resealing;
            }
            RotationPhase::Resealing => self.reseal_all(store, &mut state).await?,
            RotationPhase::Retiring => {
                self.ask_every_node(&Task::RetireIdentities, asked).await?;
                self.inner.presence.forget_nodes();
                state.phase = RotationPhase::Done;
                state.finished_at = Some(self.inner.environment.now());
            }
        }
        store.set_rotation(&state).await?;
        Ok(true)
    }

    /// Sends a task to all connected nodes, at the same time. A disconnected node keeps its keys: secrets are sealed to
    /// them too, and the next rotation replaces them. So does a node that has no room for another key, until its older
    /// ones are retired at the end of the rotation, and a node of an organization that doesn't do the task: it must not
    /// stop the rotation of the whole deployment.
    async fn ask_every_node(&self, task: &Task, asked: &mut HashSet<NodeId>) -> Result<()> {
        let mut asks = JoinSet::new();
        for node in self.known_nodes().await?.iter() {
            if asked.contains(&node.id) || !self.takes_part(node, task) {
                continue;
            }
            let (control, node, task) = (self.clone(), node.clone(), task.clone());
            asks.spawn(async move {
                let outcome = control.ask(&node, task).await;
                (node, outcome)
            });
        }
        let mut failure = None;
        while let Some(done) = asks.join_next().await {
            let (node, outcome) = done.map_err(Error::internal)?;
            let why = match outcome {
                Ok(Outcome::Done) => None,
                Ok(Outcome::Failed { reason, .. }) => Some(Error::internal(reason)),
                Ok(_) => Some(Error::NodeTimeout),
                Err(error) => Some(error),
            };
            match why {
                Some(error) if node.org_id.is_none() => failure = Some(error),
                Some(error) => {
                    tracing::warn!(
                        node = node.name,
                        error = &error as &dyn std::error::Error,
                        "the organization's node did not take part in the rotation: its keys don't change"
                    );
                    asked.insert(node.id);
                }
                None => {
                    asked.insert(node.id);
                }
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(())
    }

    /// Whether a node is to be asked to do a task of the rotation.
    fn takes_part(&self, node: &Node, task: &Task) -> bool {
        if node.sealing_recipient().is_none() {
            return false;
        }
        // It would destroy the key that secrets are sealed to.
        if *task == Task::RetireIdentities
            && node.sealing_recipient() != node.recipients.first().map(String::as_str)
        {
            tracing::warn!(node = node.name, "the node's newest key isn't approved: its keys don't change");
            return false;
        }
        if !is_connected(node.last_seen, self.inner.environment.now()) {
            tracing::warn!(
                node = node.name,
                "the node is not connected: this rotation skips it, and its keys don't change"
            );
            return false;
        }
        if *task == Task::NewIdentity && node.recipients.len() >= Identities::MAX_KEYS {
            tracing::warn!(
                node = node.name,
                "the node has too many keys for another one, because earlier rotations could not open all secrets: \
                 this rotation only deletes its older keys; rotate again to replace the newest one"
            );
            return false;
        }
        true
    }

    async fn ask(&self, node: &Node, task: Task) -> Result<Outcome> {
        let job = self.give_job(node.id, task, JOB_DEADLINE, None).await?;
        let mut job =
            job.ok_or_else(|| Error::ValidationImpossible("the node has too many jobs".to_owned()))?;
        let outcome = tokio::time::timeout(JOB_DEADLINE, job.outcome()).await;
        outcome.ok().flatten().ok_or(Error::NodeTimeout)
    }

    /// Passes over all secrets until a pass finds none that must be sealed again.
    async fn reseal_all(&self, store: &dyn Store, state: &mut RotationState) -> Result<()> {
        for walk in 0..MOST_WALKS {
            let mut waiting = 0;
            state.failed = 0;
            loop {
                let page = store.secrets_after(state.cursor, PAGE).await?;
                let Some((last, _)) = page.last() else { break };
                state.cursor = Some(last.owner);
                let looked_at = u64::try_from(page.len()).unwrap_or(u64::MAX);
                let (resealed, failed) = self.reseal_page(store, page, LostKeys::Replace).await?;
                waiting += resealed;
                state.failed += failed;
                if walk == 0 {
                    state.done = (state.done + looked_at).min(state.total.max(state.done + looked_at));
                }
                store.set_rotation(state).await?;
            }
            state.cursor = None;
            if waiting == 0 {
                break;
            }
        }
        state.total = state.total.max(state.done);
        // A disconnected node may be able to open a secret that no other could, so the old identities are needed.
        let retire = state.failed == 0;
        state.phase = if retire { RotationPhase::Retiring } else { RotationPhase::Done };
        state.finished_at = (!retire).then(|| self.inner.environment.now());
        Ok(())
    }
}
