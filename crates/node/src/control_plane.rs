//! The interface between the agent and the control plane.

use std::time::Duration;

use async_trait::async_trait;
use bucketry_client::{ClientError, NodeClient};
use bucketry_model::node_protocol::{
    Heartbeat, INVALID_NODE_MESSAGE, InventoryOrders, InventoryReport, MAX_BATCH_BYTES, NODE_NOT_APPROVED,
    Register, Report, SyncAnswer, WRONG_CLOCK_FIELD,
};

/// Why the control plane didn't accept a message, classified by what the node has to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlPlaneError {
    /// The control plane can't be reached, or can't respond now. Try again later.
    #[error("{0}")]
    Unavailable(String),
    /// The control plane doesn't know the node, or rejects its key. Register, then try again. If the registration is
    /// rejected too, an operator has to check the node's key.
    #[error("{0}")]
    Unregistered(String),
    /// The clocks of the node and the control plane differ too much. Register until that succeeds; an operator has to correct
    /// the clock that the text names.
    #[error("{0}")]
    WrongClock(String),
    /// The node's public key isn't approved, so it gets no configuration. Ask again: an operator has to approve it.
    #[error("{0}")]
    NotApproved(String),
    /// The control plane will never accept this message. Don't repeat it.
    #[error("{message}")]
    Refused {
        /// The stable error code of the response, if it has one.
        code: Option<String>,
        /// One sentence that explains the refusal.
        message: String,
    },
}

impl ControlPlaneError {
    /// Whether the node has to register before it sends anything else.
    pub(crate) fn needs_registration(&self) -> bool {
        matches!(self, Self::Unregistered(_) | Self::WrongClock(_))
    }
}

/// The largest size of the samples, results or rows in one message, in bytes.
pub(crate) const MAX_CONTENT_BYTES: usize = 768 << 10;
const _: () = assert!(MAX_CONTENT_BYTES < MAX_BATCH_BYTES, "the control plane accepts no larger message");

/// Receives a node's messages. Every call ends within a bounded time, and can be repeated.
#[async_trait]
pub trait ControlPlane: Send + Sync + 'static {
    /// Registers the node.
    async fn register(&self, message: &Register) -> Result<(), ControlPlaneError>;

    /// Sends a heartbeat.
    async fn heartbeat(&self, message: &Heartbeat) -> Result<(), ControlPlaneError>;

    /// Returns what has changed since the cursor, and waits up to `wait` for changes. Jobs in a response that is
    /// lost on its way are lost too.
    async fn sync(&self, cursor: Option<&str>, wait: Duration) -> Result<SyncAnswer, ControlPlaneError>;

    /// Reports traffic, key uses and results of jobs.
    async fn report(&self, message: &Report) -> Result<(), ControlPlaneError>;

    /// Reports how far walks through buckets have come. Returns which ones to start and to drop.
    async fn inventory(&self, message: &InventoryReport) -> Result<InventoryOrders, ControlPlaneError>;
}

#[async_trait]
impl ControlPlane for NodeClient {
    async fn register(&self, message: &Register) -> Result<(), ControlPlaneError> {
        Self::register(self, message).await.map(drop).map_err(judge)
    }

    async fn heartbeat(&self, message: &Heartbeat) -> Result<(), ControlPlaneError> {
        Self::heartbeat(self, message).await.map(drop).map_err(judge)
    }

    async fn sync(&self, cursor: Option<&str>, wait: Duration) -> Result<SyncAnswer, ControlPlaneError> {
        Self::sync(self, cursor, wait).await.map_err(judge)
    }

    async fn report(&self, message: &Report) -> Result<(), ControlPlaneError> {
        Self::report(self, message).await.map(drop).map_err(judge)
    }

    async fn inventory(&self, message: &InventoryReport) -> Result<InventoryOrders, ControlPlaneError> {
        Self::inventory(self, message).await.map_err(judge)
    }
}

fn judge(error: ClientError) -> ControlPlaneError {
    let response = error.to_string();
    match error {
        ClientError::Refused(refusal) => match refusal.status {
            401 | 403 | 404 => ControlPlaneError::Unregistered(response),
            _ if refusal.error_code.as_deref() == Some(INVALID_NODE_MESSAGE) => {
                if refusal.fields.iter().any(|wrong| wrong.field == WRONG_CLOCK_FIELD) {
                    ControlPlaneError::WrongClock(response)
                } else {
                    ControlPlaneError::Unregistered(response)
                }
            }
            _ if refusal.error_code.as_deref() == Some(NODE_NOT_APPROVED) => {
                ControlPlaneError::NotApproved(response)
            }
            408 | 425 | 429 | 500.. => ControlPlaneError::Unavailable(response),
            _ => ControlPlaneError::Refused { code: refusal.error_code.clone(), message: response },
        },
        _ => ControlPlaneError::Unavailable(response),
    }
}

#[cfg(test)]
mod tests {
    use bucketry_client::{Refusal, WrongField};
    use bucketry_model::node_protocol::BATCH_OUT_OF_ORDER;

    use super::*;

    fn refused(status: u16, code: &str) -> ControlPlaneError {
        refused_because_of(vec![], status, code)
    }

    fn refused_because_of(fields: Vec<WrongField>, status: u16, code: &str) -> ControlPlaneError {
        judge(ClientError::Refused(Box::new(Refusal {
            status,
            error_code: Some(code.to_owned()),
            message: "No.".to_owned(),
            fields,
            retry_after: None,
            body: serde_json::Value::Null,
        })))
    }

    #[test]
    fn refusals_are_told_apart_by_what_follows_from_them() {
        for status in [401, 403, 404] {
            assert!(matches!(refused(status, "X"), ControlPlaneError::Unregistered(_)), "{status}");
        }
        assert!(matches!(refused(400, INVALID_NODE_MESSAGE), ControlPlaneError::Unregistered(_)));
        let wrong_time = WrongField { field: "timestamp".into(), message: "No.".to_owned() };
        let refused_clock = refused_because_of(vec![wrong_time], 400, INVALID_NODE_MESSAGE);
        assert!(
            matches!(refused_clock, ControlPlaneError::WrongClock(_)) && refused_clock.needs_registration()
        );
        for status in [408, 429, 500, 503] {
            assert!(matches!(refused(status, "X"), ControlPlaneError::Unavailable(_)), "{status}");
        }
        assert!(matches!(refused(503, NODE_NOT_APPROVED), ControlPlaneError::NotApproved(_)));
        let ControlPlaneError::Refused { code, .. } = refused(400, BATCH_OUT_OF_ORDER) else { panic!() };
        assert_eq!(code.as_deref(), Some(BATCH_OUT_OF_ORDER));
    }
}
