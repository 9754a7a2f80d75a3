//! The node's side of the node protocol, in which every message is signed. `docs/nodes.md` describes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::{
    Acknowledged, Heartbeat, INVENTORY_PATH, InventoryOrders, InventoryReport, REGISTER_PATH, REPORT_PATH,
    Register, Report, STATUS_PATH, SYNC_PATH, SyncAnswer, read_known,
};
use bucketry_model::time::Clock;
use bucketry_vault::NodeSigningKey;
use bucketry_vault::message::{sign_message, sign_query};
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::with_query;
use crate::error::ClientError;
use crate::in_process::PipeConnector;
use crate::transport::{Options, Transport};

/// How much longer a long poll may take than the time that it waits for changes.
const SYNC_GRACE: Duration = Duration::from_secs(15);

/// The identity that a node states in every message.
#[derive(Debug, Clone)]
pub struct NodeName {
    /// Unique name of the node.
    pub ip: String,
    /// Organization whose key signs the messages; `None` for nodes of the deployment.
    pub id_org: Option<OrgId>,
}

/// Sends a node's messages to its control plane.
///
/// Any call can be given up by dropping its future, and repeated: registrations overwrite, repeated samples are
/// skipped, batches are numbered, and job results contain the id of their job. The only loss is that of a `sync`
/// response in transit, with its jobs, each of which is delivered only once. Drop a `sync` only when stopping.
pub struct NodeClient {
    transport: Transport,
    key: NodeSigningKey,
    name: NodeName,
    clock: Arc<dyn Clock>,
    last_sent_ms: AtomicI64,
}

impl NodeClient {
    /// Creates a client of the control plane at a base URL.
    pub fn new(
        control_plane: &str,
        key: NodeSigningKey,
        name: NodeName,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, ClientError> {
        Ok(Self::over(Transport::new(control_plane, options)?, key, name, clock))
    }

    /// Creates a client of a control plane in this process, which has this URL for other processes.
    pub fn in_process(
        control_plane: &str,
        connector: PipeConnector,
        key: NodeSigningKey,
        name: NodeName,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, ClientError> {
        Ok(Self::over(Transport::in_process(control_plane, connector, options)?, key, name, clock))
    }

    fn over(transport: Transport, key: NodeSigningKey, name: NodeName, clock: Arc<dyn Clock>) -> Self {
        Self { transport, key, name, clock, last_sent_ms: AtomicI64::new(i64::MIN) }
    }

    /// Registers the node, or updates its registration.
    pub async fn register(&self, message: &Register) -> Result<Acknowledged, ClientError> {
        self.post(REGISTER_PATH, message).await
    }

    /// Sends a heartbeat.
    pub async fn heartbeat(&self, message: &Heartbeat) -> Result<Acknowledged, ClientError> {
        self.post(STATUS_PATH, message).await
    }

    /// Sends traffic and job results.
    pub async fn report(&self, message: &Report) -> Result<Acknowledged, ClientError> {
        self.post(REPORT_PATH, message).await
    }

    /// Fetches what changed after the cursor, waiting for changes for up to `wait` (whole seconds).
    pub async fn sync(&self, cursor: Option<&str>, wait: Duration) -> Result<SyncAnswer, ClientError> {
        let mut parameters = vec![("ip".to_owned(), self.name.ip.clone())];
        if let Some(org) = self.name.id_org {
            parameters.push(("id_org".to_owned(), org.to_string()));
        }
        if let Some(cursor) = cursor {
            parameters.push(("cursor".to_owned(), cursor.to_owned()));
        }
        parameters.push(("wait".to_owned(), wait.as_secs().to_string()));
        sign_query(&self.key, "GET", SYNC_PATH, &mut parameters, self.next_time())
            .map_err(|error| ClientError::Request(error.to_string()))?;
        let query: Vec<_> =
            parameters.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        let request = self
            .transport
            .request(Method::GET, &with_query(SYNC_PATH, &query))?
            .body(Full::default())
            .map_err(|error| ClientError::Request(error.to_string()))?;
        let answer = self.transport.send(request, Some(wait + SYNC_GRACE)).await?;
        read_known(&answer.body).map_err(|error| self.transport.unreadable(&answer, &error))
    }

    /// Reports how far walks have come, and returns further ones.
    pub async fn inventory(&self, message: &InventoryReport) -> Result<InventoryOrders, ClientError> {
        self.post(INVENTORY_PATH, message).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, ClientError> {
        let wrong = |error: &dyn std::error::Error| ClientError::Request(error.to_string());
        let mut message = serde_json::to_value(message).map_err(|error| wrong(&error))?;
        sign_message(&self.key, "POST", path, &mut message, self.next_time())
            .map_err(|error| wrong(&error))?;
        let body = serde_json::to_vec(&message).map_err(|error| wrong(&error))?;
        let request = self
            .transport
            .request(Method::POST, path)?
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| wrong(&error))?;
        let answer = self.transport.send(request, None).await?;
        self.transport.read(&answer)
    }

    /// The current time, but later than that of any earlier message. Two equal messages within one millisecond
    /// would have the same signature, and the second would be refused as a replay. After the clock was set back,
    /// this runs ahead of it only as far as the control plane tolerates.
    fn next_time(&self) -> Timestamp {
        const FARTHEST_AHEAD_MS: i64 = 60_000;
        let now = self.clock.now().as_millisecond();
        let next = |last: i64| {
            if last.saturating_sub(now) > FARTHEST_AHEAD_MS { now } else { now.max(last.saturating_add(1)) }
        };
        let sent = self
            .last_sent_ms
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)))
            .map_or(now, next);
        Timestamp::from_millisecond(sent).unwrap_or(Timestamp::MAX)
    }
}
