//! Connects the gateway to the rest of the node: what it starts with, and where it reports requests (`Traffic`
//! implements the gateway's `Observer`).

use std::sync::Arc;
use std::time::Instant;

use bucketry_gateway::{GatewaySettings, KeyRefusal, Observer};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::usage::UsageRow;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::key_uses::KeyUses;
use crate::meter::UsageMeter;
use crate::offline::OfflineBuckets;
use crate::probes::Change;
use crate::refused_keys::RefusedKeys;

/// What a node needs to run a gateway.
pub struct GatewayStart {
    /// The settings of the gateway.
    pub settings: GatewaySettings,
    /// The socket that accepts requests.
    pub listener: TcpListener,
}

/// Passes on what the gateway observes: traffic, key uses and their refusals, and buckets whose status may have changed.
pub(crate) struct Traffic {
    pub(crate) meter: UsageMeter,
    pub(crate) key_uses: Arc<KeyUses>,
    pub(crate) refused_keys: Arc<RefusedKeys>,
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

    fn key_refused(&self, refusal: KeyRefusal) {
        self.refused_keys.note(refusal);
    }

    fn bucket_failed(&self, bucket: BucketId) {
        // When the prober's queue is full, the notice is dropped. The next failed request sends another one.
        _ = self.probes.try_send(Change::Suspect(bucket));
    }

    fn bucket_served(&self, bucket: BucketId) {
        if self.offline.take_notice(bucket, Instant::now) {
            _ = self.probes.try_send(Change::Suspect(bucket));
        }
    }
}
