//! The gateway inside of the node: what it needs at its start, and whom it tells what it did.

use std::sync::Arc;

use bucketry_gateway::observer::Observer;
use bucketry_gateway::settings::GatewaySettings;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::usage::UsageRow;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::key_uses::KeyUses;
use crate::meter::UsageMeter;
use crate::offline::OfflineBuckets;
use crate::probes::Change;

/// What a node needs to run a gateway.
pub struct GatewayStart {
    /// How it works.
    pub settings: GatewaySettings,
    /// Where it takes requests.
    pub listener: TcpListener,
}

/// Passes on what requests add up to.
pub(crate) struct Traffic {
    pub(crate) meter: UsageMeter,
    pub(crate) key_uses: Arc<KeyUses>,
    pub(crate) probes: mpsc::Sender<Change>,
    pub(crate) offline: Arc<OfflineBuckets>,
}

impl Observer for Traffic {
    fn count(&self, row: UsageRow) {
        self.meter.add(row);
    }

    fn key_used(&self, key_use: KeyUse) {
        self.key_uses.note(key_use);
    }

    fn bucket_failed(&self, bucket: BucketId) {
        // Where the prober has too much to take in, the next failure says so again.
        _ = self.probes.try_send(Change::Suspect(bucket));
    }

    fn bucket_served(&self, bucket: BucketId) {
        if self.offline.contains(bucket) {
            _ = self.probes.try_send(Change::Suspect(bucket));
        }
    }
}
