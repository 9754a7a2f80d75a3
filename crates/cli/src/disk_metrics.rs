//! Metrics of the file system that contains the data directory.

use std::fmt::Error;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Reads the size and the free space at each scrape. They are missing while they can't be read.
#[derive(Debug)]
pub(crate) struct DiskCollector {
    pub(crate) data_dir: PathBuf,
}

impl Collector for DiskCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Ok(disk) = rustix::fs::statvfs(&self.data_dir) else { return Ok(()) };
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX);
        for (name, help, blocks) in [
            ("bucketry_disk_size", "Size of the file system of the data directory", disk.f_blocks),
            (
                "bucketry_disk_available",
                "Free space that the server can use in the data directory",
                disk.f_bavail,
            ),
        ] {
            let gauge = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
            ConstGauge::new(bytes(blocks)).encode(gauge)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    fn encoded(data_dir: PathBuf) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(DiskCollector { data_dir }));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn the_disk_is_measured_if_it_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let text = encoded(dir.path().to_owned());
        let value = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        let (size, available) = (value("bucketry_disk_size_bytes "), value("bucketry_disk_available_bytes "));
        assert!(0 < available && available <= size, "{text}");
        assert_eq!(encoded(dir.path().join("none")), "");
    }
}
