//! The metrics of a node, its gateway and its connections to providers, in the form that Prometheus reads.

use std::fmt::Error;

use bucketry_gateway::{CLASSES, LatencyCounts, STATUSES, Stats};
use bucketry_provider::connection::Connections;
use bucketry_provider::connection_stats::{ConnectionStats, OUTCOMES};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::{MetricsReader, MetricsSnapshot};

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
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encode_connections(&mut encoder, &self.connections.stats())?;
        encode_usage(&mut encoder, &self.node.snapshot())?;
        self.node.gateway().map_or(Ok(()), |stats| encode_gateway(&mut encoder, &stats))
    }
}

fn encode_connections(encoder: &mut DescriptorEncoder<'_>, stats: &ConnectionStats) -> Result<(), Error> {
    encode_counter(
        encoder,
        "bucketry_provider_connections_opened",
        "Connections opened to providers",
        stats.opened,
    )?;
    let mut requests = encoder.encode_descriptor(
        "bucketry_provider_requests",
        "Requests sent to providers, by status class; `none` if there was no response",
        None,
        MetricType::Counter,
    )?;
    for (provider, counts) in &stats.requests {
        for (status, count) in OUTCOMES.into_iter().zip(*counts) {
            let labels = [("provider", provider.as_str()), ("status", status)];
            ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn encode_usage(encoder: &mut DescriptorEncoder<'_>, node: &MetricsSnapshot) -> Result<(), Error> {
    encode_counter(
        encoder,
        "bucketry_usage_writes_failed",
        "Failed writes of counted traffic to the spool; each is retried",
        node.usage_writes_failed,
    )?;
    encode_counter(
        encoder,
        "bucketry_usage_rows_lost",
        "Rows of counted traffic that were lost because there was no room for them, or because of a bug",
        node.usage_rows_lost,
    )?;
    encode_gauge(
        encoder,
        "bucketry_usage_batches_waiting",
        "Batches of counted traffic in the spool that the control plane has not acknowledged yet",
        node.usage_batches_waiting,
    )
}

fn encode_gateway(encoder: &mut DescriptorEncoder<'_>, stats: &Stats) -> Result<(), Error> {
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
    encode_latency(encoder, stats)?;
    encode_counter(
        encoder,
        "bucketry_gateway_broken_off",
        "S3 requests that ended before their response was complete",
        stats.broken_off,
    )?;
    encode_counter(
        encoder,
        "bucketry_gateway_uploaded_bytes",
        "Bytes of object content received from clients",
        stats.uploaded,
    )?;
    encode_counter(
        encoder,
        "bucketry_gateway_downloaded_bytes",
        "Bytes of object content sent to clients",
        stats.downloaded,
    )?;
    encode_gauge(encoder, "bucketry_gateway_requests_in_flight", "S3 requests in flight", stats.in_flight)
}

fn encode_latency(encoder: &mut DescriptorEncoder<'_>, stats: &Stats) -> Result<(), Error> {
    let mut latency = encoder.encode_descriptor(
        "bucketry_gateway_request_duration",
        "Time until the head of the response to an S3 request was ready, by class",
        Some(&Unit::Seconds),
        MetricType::Histogram,
    )?;
    for (class, LatencyCounts { counts, sum_micros }) in CLASSES.into_iter().zip(stats.latency) {
        let bounds = LatencyCounts::bounds().into_iter().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let (sum, count) = (sum_micros as f64 / 1e6, counts.iter().sum());
        let labels = [("class", class)];
        latency.encode_family(&labels)?.encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)?;
    }
    Ok(())
}

fn encode_counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    count: u64,
) -> Result<(), Error> {
    let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(count).encode(counter)
}

fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), Error> {
    let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(gauge)
}
