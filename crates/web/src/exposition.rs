//! The two text formats of metrics: that of Prometheus (0.0.4), and OpenMetrics (1.0.0).
//!
//! Metrics are written as OpenMetrics, and converted where a client doesn't accept that. Both are formats of lines; what
//! differs is the names of counters and infos in their descriptions, units, and the end.

use std::fmt::Write as _;

use http::HeaderMap;
use http::header::ACCEPT;

/// The type of the Prometheus text format.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The type of OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// The Prometheus text format, for clients that don't ask for another one.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

impl MetricsFormat {
    /// The format that a request prefers (RFC 9110 §12.5.1). Clients that accept neither get the Prometheus text
    /// format, which people can read.
    pub fn preferred(headers: &HeaderMap) -> Self {
        let (mut text, mut open_metrics) = (None, None);
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let range = MediaRange::parse(range);
            let (preference, version) = match range.name.as_str() {
                "application/openmetrics-text" => (&mut open_metrics, "1.0.0"),
                "text/plain" => (&mut text, "0.0.4"),
                _ => continue,
            };
            if range.version.is_none_or(|accepted| accepted == version) {
                *preference = (*preference).max(Some(range.quality));
            }
        }
        match (open_metrics, text) {
            (Some(open_metrics), text) if open_metrics > 0 && Some(open_metrics) >= text => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT,
            Self::OpenMetrics => OPEN_METRICS,
        }
    }

    /// Converts complete metrics in OpenMetrics to this format.
    pub fn convert(self, open_metrics: String) -> String {
        match self {
            Self::Text => prometheus_text(&open_metrics),
            Self::OpenMetrics => open_metrics,
        }
    }
}

/// An element of `Accept`.
struct MediaRange<'v> {
    name: String,
    version: Option<&'v str>,
    /// The preference, in thousandths.
    quality: u16,
}

impl<'v> MediaRange<'v> {
    /// Malformed parameters are ignored, like those that are unknown.
    fn parse(range: &'v str) -> Self {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut version, mut quality) = (None, 1_000);
        for (parameter, value) in parts.filter_map(|part| part.split_once('=')) {
            let (parameter, value) = (parameter.trim(), value.trim().trim_matches('"'));
            if parameter.eq_ignore_ascii_case("version") {
                version = Some(value);
            } else if parameter.eq_ignore_ascii_case("q")
                && let Ok(weight) = value.parse::<f32>()
            {
                // A number outside of the range, or none, becomes the nearest limit.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is between 0 and 1,000"
                )]
                let thousandths = (weight.clamp(0.0, 1.0) * 1_000.0) as u16;
                quality = thousandths;
            }
        }
        Self { name, version, quality }
    }
}

/// Converts OpenMetrics as `prometheus_client` writes it: the line `HELP` of a metric comes right before `TYPE`, and
/// there are neither exemplars nor times of creation.
fn prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1_024);
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            let help = help.take().filter(|(described, _)| *described == name).map_or("", |(_, help)| help);
            // Writing to a string can't fail.
            let _ = writeln!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &[&str]) -> MetricsFormat {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        MetricsFormat::preferred(&headers)
    }

    #[test]
    fn the_preferred_format_is_served() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in [
            prometheus_2,
            prometheus_3,
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
            "text/plain;q=0.5, application/openmetrics-text;q=0.5",
            "application/json, application/openmetrics-text;q=0.001",
        ] {
            assert_eq!(preferred(&[accept]), MetricsFormat::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0.4, text/plain;version=0.0.4;q=0.5",
            ";;;,q=,application/openmetrics-text;q=-7",
        ] {
            assert_eq!(preferred(&[accept]), MetricsFormat::Text, "{accept}");
        }
        assert_eq!(preferred(&[]), MetricsFormat::Text);
        let lines = ["text/plain;q=0.2", "application/openmetrics-text;q=0.3"];
        assert_eq!(preferred(&lines), MetricsFormat::OpenMetrics);
    }

    #[test]
    fn counters_and_infos_have_the_names_of_their_samples() {
        let open_metrics = "\
# HELP a_requests Requests.
# TYPE a_requests counter
a_requests_total{name=\"# EOF\"} 3
# HELP a_build The version.
# TYPE a_build info
a_build_info{version=\"1\"} 1
# HELP a_time_seconds Time.
# TYPE a_time_seconds histogram
# UNIT a_time_seconds seconds
a_time_seconds_sum 1.5
a_time_seconds_count 1
a_time_seconds_bucket{le=\"+Inf\"} 1
# EOF
";
        let text = "\
# HELP a_requests_total Requests.
# TYPE a_requests_total counter
a_requests_total{name=\"# EOF\"} 3
# HELP a_build_info The version.
# TYPE a_build_info gauge
a_build_info{version=\"1\"} 1
# HELP a_time_seconds Time.
# TYPE a_time_seconds histogram
a_time_seconds_sum 1.5
a_time_seconds_count 1
a_time_seconds_bucket{le=\"+Inf\"} 1
";
        assert_eq!(MetricsFormat::Text.convert(open_metrics.to_owned()), text);
        assert_eq!(MetricsFormat::OpenMetrics.convert(open_metrics.to_owned()), open_metrics);
    }
}
