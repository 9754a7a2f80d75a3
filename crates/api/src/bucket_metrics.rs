//! The metrics of single buckets, one series per bucket and node.

use std::fmt::Error;
use std::sync::Arc;

use bucketry_control::monitoring::{MonitoredBuckets, NodeReport};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

type SeriesLabels<'l> = [(&'static str, &'l str); 5];

/// Encodes the health of buckets. The labels contain the bucket's id, because names are unique only within an
/// organization, and metrics contain all organizations.
#[derive(Debug)]
pub(crate) struct BucketCollector(pub(crate) Arc<MonitoredBuckets>);

impl BucketCollector {
    fn for_each_report(
        &self,
        mut encode: impl FnMut(&SeriesLabels<'_>, &NodeReport) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for bucket in &self.0.buckets {
            let id = bucket.id.to_string();
            for report in &bucket.reports {
                let labels = [
                    ("bucket", bucket.name.as_str()),
                    ("bucket_id", id.as_str()),
                    ("workspace", bucket.workspace.as_str()),
                    ("provider", bucket.provider.as_str()),
                    ("node", report.node.as_str()),
                ];
                encode(&labels, report)?;
            }
        }
        Ok(())
    }
}

impl Collector for BucketCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut up = encoder.encode_descriptor(
            "bucketry_bucket_up",
            "Whether a connected node reaches the bucket",
            None,
            MetricType::Gauge,
        )?;
        self.for_each_report(|labels, report| {
            ConstGauge::new(i64::from(report.online)).encode(up.encode_family(labels)?)
        })?;
        let mut latency = encoder.encode_descriptor(
            "bucketry_bucket_latency",
            "Latency of the last successful probe, while the node reaches the bucket",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        self.for_each_report(|labels, report| match report.latency_ms {
            Some(ms) => ConstGauge::new(f64::from(ms) / 1_000.0).encode(latency.encode_family(labels)?),
            None => Ok(()),
        })?;
        let more = encoder.encode_descriptor(
            "bucketry_bucket_metrics_incomplete",
            "Whether buckets are missing here: there are too many, or the reader may not see their names",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(i64::from(self.0.more)).encode(more)
    }
}

#[cfg(test)]
mod tests {
    use bucketry_control::monitoring::BucketHealth;
    use bucketry_model::id::BucketId;
    use bucketry_model::name::Name;
    use bucketry_model::provider::Provider;
    use jiff::Timestamp;
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn names_are_escaped_and_an_unreachable_bucket_has_no_latency() {
        let report =
            |node: &str, online, latency_ms| NodeReport { node: node.to_owned(), online, latency_ms };
        let long = "é".repeat(255);
        let bucket = |name: &str, reports| BucketHealth {
            id: BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            name: Name::parse(name).unwrap(),
            workspace: Name::parse(r"a\b").unwrap(),
            provider: Provider::Aws,
            reports,
        };
        let buckets = vec![
            bucket(r#"the "best""#, vec![report("line\nfeed", true, Some(40)), report("b", false, None)]),
            bucket(&long, vec![report("b", true, None)]),
            bucket("not probed yet", Vec::new()),
        ];
        let id = buckets[0].id;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(BucketCollector(Arc::new(MonitoredBuckets {
            buckets,
            more: true,
        }))));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let labels = |name: &str, node: &str| {
            format!(r#"bucket="{name}",bucket_id="{id}",workspace="a\\b",provider="AWS",node="{node}""#)
        };
        assert_eq!(
            samples,
            [
                format!("bucketry_bucket_up{{{}}} 1", labels(r#"the \"best\""#, r"line\nfeed")),
                format!("bucketry_bucket_up{{{}}} 0", labels(r#"the \"best\""#, "b")),
                format!("bucketry_bucket_up{{{}}} 1", labels(&long, "b")),
                format!(
                    "bucketry_bucket_latency_seconds{{{}}} 0.04",
                    labels(r#"the \"best\""#, r"line\nfeed")
                ),
                "bucketry_bucket_metrics_incomplete 1".to_owned(),
            ]
        );
    }
}
