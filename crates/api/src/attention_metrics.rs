//! The metrics of findings, and of notifications that wait to be sent.

use std::fmt::Error;

use bucketry_control::findings::{FindingCounts, NotificationOutbox};
use bucketry_model::finding::{FindingCode, Severity};
use bucketry_model::notification::code_text;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Encodes what needs attention. What couldn't be read is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttentionCollector {
    pub(crate) findings: Option<FindingCounts>,
    pub(crate) outbox: Option<NotificationOutbox>,
}

impl Collector for AttentionCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        if let Some(findings) = &self.findings {
            encode_findings(&mut encoder, findings)?;
        }
        if let Some(outbox) = &self.outbox {
            encode_outbox(&mut encoder, outbox)?;
        }
        Ok(())
    }
}

/// Findings that don't exist are 0, so that alerts end. Nobody but the person who looks finds an invalid session.
fn encode_findings(encoder: &mut DescriptorEncoder<'_>, findings: &FindingCounts) -> Result<(), Error> {
    let help = "What needs attention now, as bucketry doctor lists it";
    let mut family = encoder.encode_descriptor("bucketry_findings", help, None, MetricType::Gauge)?;
    for code in FindingCode::ALL.into_iter().filter(|code| *code != FindingCode::SessionInvalid) {
        let text = code_text(code);
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            let count = findings.get(&(code, severity)).copied().unwrap_or_default();
            let labels = [("code", text.as_str()), ("severity", severity_label(severity))];
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    }
}

fn encode_outbox(encoder: &mut DescriptorEncoder<'_>, outbox: &NotificationOutbox) -> Result<(), Error> {
    let waiting = encoder.encode_descriptor(
        "bucketry_notifications_waiting",
        "Notifications that wait to be sent, without those of disabled channels",
        None,
        MetricType::Gauge,
    )?;
    ConstGauge::new(i64::try_from(outbox.waiting).unwrap_or(i64::MAX)).encode(waiting)?;
    let oldest = encoder.encode_descriptor(
        "bucketry_notifications_oldest_age",
        "For how long the oldest of the notifications that wait to be sent has waited",
        Some(&Unit::Seconds),
        MetricType::Gauge,
    )?;
    ConstGauge::new(outbox.oldest_age.as_secs_f64()).encode(oldest)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    fn text(attention: AttentionCollector) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(attention));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn findings_are_counted_and_those_that_are_over_are_zero() {
        let findings = FindingCounts::from([((FindingCode::ErrorRateHigh, Severity::Critical), 2)]);
        let outbox = NotificationOutbox { waiting: 3, oldest_age: SignedDuration::from_millis(1_500) };
        let text = text(AttentionCollector { findings: Some(findings), outbox: Some(outbox) });
        for line in [
            r#"bucketry_findings{code="ERROR_RATE_HIGH",severity="CRITICAL"} 2"#,
            r#"bucketry_findings{code="ERROR_RATE_HIGH",severity="INFO"} 0"#,
            r#"bucketry_findings{code="BUCKET_OFFLINE",severity="CRITICAL"} 0"#,
            "bucketry_notifications_waiting 3",
            "bucketry_notifications_oldest_age_seconds 1.5",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("SESSION_INVALID"));
    }

    #[test]
    fn what_could_not_be_read_is_missing() {
        let text = text(AttentionCollector::default());
        assert!(!text.lines().any(|line| line.starts_with("bucketry")), "{text}");
    }
}
