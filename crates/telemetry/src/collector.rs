//! The metrics of traces.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::export::SpanQueue;

/// Reads the numbers of spans at each scrape.
#[derive(Debug)]
pub struct TraceCollector(Arc<SpanQueue>);

impl TraceCollector {
    pub(crate) fn new(queue: Arc<SpanQueue>) -> Self {
        Self(queue)
    }
}

impl Collector for TraceCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let counts = self.0.counts();
        let exported = encoder.encode_descriptor(
            "bucketry_trace_spans_exported",
            "Spans that the collector of traces has accepted",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(counts.exported).encode(exported)?;
        let mut dropped = encoder.encode_descriptor(
            "bucketry_trace_spans_dropped",
            "Spans that were not exported, by reason",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in [
            ("queue_full", counts.queue_full),
            ("trace_too_long", counts.too_long),
            ("not_exported", counts.not_exported),
        ] {
            ConstCounter::new(count).encode(dropped.encode_family(&[("reason", reason)])?)?;
        }
        Ok(())
    }
}
