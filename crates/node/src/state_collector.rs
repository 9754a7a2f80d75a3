//! Metrics about the contact to the control plane, for nodes that run as processes.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::agent::MetricsReader;

/// Reads the state of the node at each scrape.
pub struct StateCollector(pub MetricsReader);

impl std::fmt::Debug for StateCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateCollector")
    }
}

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let node = self.0.snapshot();
        let registered = encoder.encode_descriptor(
            "bucketry_node_registered",
            "Whether the node is registered with its control plane",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(i64::from(node.registered)).encode(registered)?;
        if let Some(at) = node.last_sync {
            let last_sync = encoder.encode_descriptor(
                "bucketry_node_last_sync_timestamp",
                "When the control plane last answered the node, in seconds since 1970",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?;
            ConstGauge::new(at.as_second()).encode(last_sync)?;
        }
        Ok(())
    }
}
