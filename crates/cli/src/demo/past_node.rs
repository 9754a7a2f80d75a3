//! Reports the demo's invented past as the embedded node would have reported it, before that node is started.

use std::path::Path;
use std::sync::Arc;

use bucketry_client::{NodeClient, NodeName, Options};
use bucketry_control::Control;
use bucketry_model::node_protocol::{Heartbeat, MAX_BATCH, Register, Report, StatusCounts, UsageBatch};
use bucketry_model::time::{Clock, SystemClock};
use bucketry_vault::{Identities, NodeSigningKey};

use super::history::{self, PastBucket};
use crate::data_directory::{NODE_KEY, VAULT_KEY};
use crate::failure::{Failure, Result};
use crate::settings::NodePlan;

/// The spool of the invented traffic.
const SPOOL: &str = "invented";

/// Speaks as the embedded node.
pub(crate) struct PastNode {
    client: NodeClient,
    name: String,
    region: String,
}

impl PastNode {
    /// Creates the keys of the embedded node, and registers it, so that secrets can be sealed to it.
    pub(crate) async fn register(
        control: &Control,
        url: &str,
        data_dir: &Path,
        node: &NodePlan,
    ) -> Result<Self> {
        let failed =
            |error: &dyn std::error::Error| Failure::because("the demo's node can't register", error);
        let key_file = data_dir.join(NODE_KEY);
        // Generating an RSA key keeps a core busy for a moment.
        let key = tokio::task::spawn_blocking(move || NodeSigningKey::load_or_create(&key_file))
            .await
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        let public = key.verifying_key().map_err(|error| failed(&error))?;
        control.trust_deployment_key(&public).await.map_err(|error| failed(&error))?;
        let identities =
            Identities::load_or_create(&data_dir.join(VAULT_KEY)).map_err(|error| failed(&error))?;
        let name = NodeName { ip: node.name.clone(), id_org: None };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let client = NodeClient::new(url, key, name, clock, Options::default())?;
        let registration = Register {
            ip: node.name.clone(),
            provider: node.provider.clone(),
            status: "active".to_owned(),
            region: node.region.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id_org: None,
            node_services: None,
            recipients: identities.recipients().iter().map(ToString::to_string).collect(),
        };
        control.trust_vault_keys(registration.recipients.iter().cloned());
        client.register(&registration).await?;
        Ok(Self { client, name: node.name.clone(), region: node.region.clone() })
    }

    /// Reports the past of these buckets.
    pub(crate) async fn report(&self, buckets: &[PastBucket]) -> Result<()> {
        let now = SystemClock.now();
        for probes in history::probes(buckets, now).chunks(MAX_BATCH) {
            let heartbeat = Heartbeat {
                ip: self.name.clone(),
                region: self.region.clone(),
                id_org: None,
                probe_interval_ms: history::PROBE_SECONDS.unsigned_abs() * 1_000,
                buckets: probes.to_vec(),
                census: StatusCounts::default(),
                gateway_url: None,
                waiting_batches: None,
                process: None,
                released: Vec::new(),
                leaving: false,
            };
            self.client.heartbeat(&heartbeat).await?;
        }
        let rows = history::traffic(buckets, now);
        for (rows, number) in rows.chunks(MAX_BATCH).zip(1..) {
            let usage = UsageBatch { spool: SPOOL.to_owned(), number, rows: rows.to_vec() };
            let report = Report { ip: self.name.clone(), usage: Some(usage), ..Report::default() };
            self.client.report(&report).await?;
        }
        Ok(())
    }
}
