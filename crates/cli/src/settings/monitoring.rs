//! The settings of metrics and traces.

use bucketry_api::MetricsSettings;
use bucketry_model::secret::Secret;
use bucketry_telemetry::TraceSettings;

use super::declared::MonitoringValues;
use crate::failure::{Failure, Result};
use crate::text_file;

/// The shortest token, in bytes. A shorter one could be guessed.
const SHORTEST_TOKEN: usize = 16;

impl MonitoringValues {
    /// Validates the settings of metrics, and reads the token.
    pub(super) fn metrics(&self) -> Result<MetricsSettings> {
        let token = match &self.metrics_token_file {
            Some(file) => Some(token(&text_file::read(file, "the token for metrics")?)?),
            None => None,
        };
        Ok(MetricsSettings {
            token,
            own_listener: self.metrics_listen.is_some(),
            buckets: self.metrics_buckets,
        })
    }
}

impl MonitoringValues {
    /// The settings of traces. `None` if nothing is to be traced.
    pub(super) fn traces(&self, node_name: &str) -> Option<TraceSettings> {
        let endpoint = self.otlp_endpoint.as_deref().map(str::trim).filter(|endpoint| !endpoint.is_empty());
        endpoint.map(|endpoint| TraceSettings {
            endpoint: endpoint.to_owned(),
            ratio: self.otlp_ratio,
            version: env!("CARGO_PKG_VERSION"),
            instance: Some(node_name.to_owned()),
        })
    }
}

fn token(text: &str) -> Result<Secret> {
    let token = text.trim();
    let can_be_sent = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.len() < SHORTEST_TOKEN || !can_be_sent {
        return Err(Failure::usage(format!(
            "--metrics-token-file: the file must contain a token of at least {SHORTEST_TOKEN} letters, digits or \
             punctuation marks, without spaces"
        )));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_can_be_sent() {
        assert_eq!(token("0123456789abcdef\n").unwrap().expose(), "0123456789abcdef");
        for wrong in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdeä"] {
            assert!(token(wrong).unwrap_err().message().contains("at least 16"), "{wrong:?}");
        }
    }
}
