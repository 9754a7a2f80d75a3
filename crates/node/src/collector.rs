//! The metrics of a node, its gateway and its connections to providers, in the form that Prometheus reads.

use bucketry_gateway::{CLASSES, STATUSES};
use bucketry_provider::connection::Connections;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::MetricsReader;

/// Reads the current values at each scrape. Register it with the registry of the process.
pub struct MetricsCollector {
    node: MetricsReader,
    connections: Connections,
}

impl MetricsCollector {
    /// A collector for a node and the connections that it uses.
    pub fn new(node: MetricsReader, connections: Connections) -> Self {
        Self { node, connections }
    }
}

impl std::fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsCollector")
    }
}

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let connections = self.connections.stats();
        for (name, help, count) in [
            ("bucketry_provider_connections_opened", "Connections opened to providers", connections.opened),
            ("bucketry_provider_requests", "Requests sent to providers", connections.requests),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let node = self.node.snapshot();
        for (name, help, count) in [
            (
                "bucketry_usage_writes_failed",
                "Failed writes of counted traffic to the spool; each is retried",
                node.usage_writes_failed,
            ),
            (
                "bucketry_usage_rows_lost",
                "Rows of counted traffic lost because there was no room to store them",
                node.usage_rows_lost,
            ),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let waiting = ConstGauge::new(i64::try_from(node.usage_batches_waiting).unwrap_or(i64::MAX));
        waiting.encode(encoder.encode_descriptor(
            "bucketry_usage_batches_waiting",
            "Batches of counted traffic in the spool that the control plane has not acknowledged yet",
            None,
            MetricType::Gauge,
        )?)?;
        let Some(stats) = self.node.gateway() else { return Ok(()) };
        let mut requests = encoder.encode_descriptor(
            "bucketry_gateway_requests",
            "S3 requests answered, by class and status class",
            None,
            MetricType::Counter,
        )?;
        for (class, counts) in CLASSES.into_iter().zip(stats.requests) {
            for (status, count) in STATUSES.into_iter().zip(counts) {
                let labels = [("class", class), ("status", status)];
                ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
            }
        }
        for (name, help, count) in [
            (
                "bucketry_gateway_broken_off",
                "S3 requests that ended before their response was complete",
                stats.broken_off,
            ),
            (
                "bucketry_gateway_uploaded_bytes",
                "Bytes of object content received from clients",
                stats.uploaded,
            ),
            (
                "bucketry_gateway_downloaded_bytes",
                "Bytes of object content sent to clients",
                stats.downloaded,
            ),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let in_flight = ConstGauge::new(i64::try_from(stats.in_flight).unwrap_or(i64::MAX));
        in_flight.encode(encoder.encode_descriptor(
            "bucketry_gateway_requests_in_flight",
            "S3 requests in flight",
            None,
            MetricType::Gauge,
        )?)
    }
}
