//! Registers the node with the control plane, and registers it again when needed.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::node_protocol::Register;
use bucketry_vault::Identities;
use parking_lot::RwLock;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::NodeInfo;
use crate::control_plane::{ControlPlane, ControlPlaneError};
use crate::jitter::Jitter;

/// The bit of `node_services` for storage.
const STORAGE: u32 = 1;
/// A registration that becomes invalid sooner than this counts as a failure, so that a control plane that accepts
/// registrations but doesn't store them is not asked in a tight loop.
const LASTS: Duration = Duration::from_mins(1);

/// The node's registration.
pub(crate) struct Registration {
    control_plane: Arc<dyn ControlPlane>,
    node: NodeInfo,
    identities: Arc<RwLock<Identities>>,
    registered: watch::Sender<bool>,
    /// Allows one registration at a time, so that one with older keys never arrives after one with newer keys.
    registering: Mutex<()>,
}

impl Registration {
    pub(crate) fn new(
        control_plane: Arc<dyn ControlPlane>,
        node: NodeInfo,
        identities: Arc<RwLock<Identities>>,
    ) -> Self {
        Self {
            control_plane,
            node,
            identities,
            registered: watch::Sender::new(false),
            registering: Mutex::new(()),
        }
    }

    /// Registers once, with the current public keys.
    pub(crate) async fn register(&self) -> Result<(), ControlPlaneError> {
        let _turn = self.registering.lock().await;
        let identities = self.identities.read().recipients();
        let message = Register {
            ip: self.node.name.clone(),
            provider: self.node.provider.clone(),
            status: "active".to_owned(),
            region: self.node.region.clone(),
            version: self.node.version.clone(),
            id_org: self.node.id_org,
            node_services: Some(STORAGE),
            recipients: identities.iter().map(ToString::to_string).collect(),
        };
        self.control_plane.register(&message).await
    }

    /// What an operator can do about a refused registration.
    fn remedy(&self) -> String {
        let key = match self.node.id_org {
            None => {
                "for a node without --org, that is node.pem from the data directory of a server of the deployment that has \
                 run with an embedded node"
                    .to_owned()
            }
            Some(org) => format!("for this node, that is a key of the organization {org}"),
        };
        format!("it must know the key that signs the node's messages ({key})")
    }

    /// Records that the control plane doesn't know the node.
    pub(crate) fn invalidate(&self) {
        self.registered.send_replace(false);
    }

    pub(crate) fn is_registered(&self) -> bool {
        *self.registered.borrow()
    }

    /// Waits until the node is registered.
    pub(crate) async fn wait(&self) {
        // Waiting fails only if the sender is dropped, and `self` owns the sender.
        _ = self.registered.subscribe().wait_for(|registered| *registered).await;
    }

    /// Registers whenever it is necessary, until it is stopped.
    pub(crate) async fn run(&self, jitter: Jitter, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), jitter);
        let mut registered = self.registered.subscribe();
        loop {
            let attempt = tokio::select! {
                () = stop.cancelled() => return,
                attempt = self.register() => attempt,
            };
            let since = Instant::now();
            match attempt {
                Ok(()) => {
                    let recipient = self.identities.read().in_use().to_string();
                    tracing::info!(node = self.node.name, recipient, "registered with the control plane");
                    self.registered.send_replace(true);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        _ = registered.wait_for(|registered| !registered) => {}
                    }
                    tracing::warn!("the control plane no longer knows this node; registering again");
                    if since.elapsed() >= LASTS {
                        backoff.reset();
                        continue;
                    }
                }
                Err(error @ ControlPlaneError::Unregistered(_)) => {
                    tracing::error!(%error, "the control plane refuses this node: {}", self.remedy());
                }
                Err(error @ ControlPlaneError::WrongClock(_)) => {
                    tracing::error!(
                        %error,
                        "the control plane refuses this node because their clocks differ; the node tries again until they agree"
                    );
                }
                Err(error) => tracing::warn!(%error, "can't register with the control plane yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff.after_failure()) => {}
            }
        }
    }
}
