//! Metrics of the certificates in use.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::settings::TlsListener;

/// The stats of a certificate, whichever it is at the moment.
#[derive(Debug)]
pub(crate) struct CertificateStats {
    listeners: Vec<TlsListener>,
    /// When it ends: seconds since 1970.
    ends: AtomicI64,
    replaced: AtomicU64,
    refused: AtomicU64,
}

impl CertificateStats {
    /// The files contained a new one.
    pub(crate) fn replaced(&self, not_after: SystemTime) {
        self.ends.store(seconds(not_after), Ordering::Relaxed);
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    /// The files contained something that can't be used.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The stats of all certificates. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsStats(Vec<Arc<CertificateStats>>);

impl TlsStats {
    /// Adds a certificate.
    pub(crate) fn add(
        &mut self,
        listeners: Vec<TlsListener>,
        not_after: SystemTime,
    ) -> Arc<CertificateStats> {
        let ends = AtomicI64::new(seconds(not_after));
        let stats =
            CertificateStats { listeners, ends, replaced: AtomicU64::new(0), refused: AtomicU64::new(0) };
        let stats = Arc::new(stats);
        self.0.push(Arc::clone(&stats));
        stats
    }
}

impl TlsStats {
    fn by_listener(&self) -> impl Iterator<Item = ([(&'static str, &'static str); 1], &CertificateStats)> {
        self.0.iter().flat_map(|of| {
            of.listeners.iter().map(move |listener| ([("listener", listener.label())], of.as_ref()))
        })
    }

    fn count(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&CertificateStats) -> u64,
    ) -> Result<(), Error> {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, of) in self.by_listener() {
            ConstCounter::new(value(of)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for TlsStats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (name, help) =
            ("bucketry_tls_certificate_expiry_timestamp", "When the certificate in use ends, by listener");
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (labels, of) in self.by_listener() {
            ConstGauge::new(of.ends.load(Ordering::Relaxed)).encode(family.encode_family(&labels)?)?;
        }
        let replaced = ("bucketry_tls_certificate_reloads", "New certificates that were read, by listener");
        self.count(&mut encoder, replaced, |of| of.replaced.load(Ordering::Relaxed))?;
        let refused =
            ("bucketry_tls_certificate_reload_failures", "New certificates that can't be used, by listener");
        self.count(&mut encoder, refused, |of| of.refused.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_listener_has_its_figures() {
        let mut stats = TlsStats::default();
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let shared = stats.add(vec![TlsListener::Api, TlsListener::Gateway], at(100));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(stats));
        shared.replaced(at(200));
        shared.refused();
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "bucketry_tls_certificate_expiry_timestamp_seconds{listener=\"api\"} 200",
            "bucketry_tls_certificate_expiry_timestamp_seconds{listener=\"gateway\"} 200",
            "bucketry_tls_certificate_reloads_total{listener=\"api\"} 1",
            "bucketry_tls_certificate_reload_failures_total{listener=\"gateway\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
