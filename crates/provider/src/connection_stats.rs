//! Counts of connections and requests, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use bucketry_model::provider::Provider;
use http::StatusCode;

/// How requests end, in the order of [`ConnectionStats::requests`]: with a status of a class, or without a response.
pub const OUTCOMES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

/// How many connections and requests there were since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectionStats {
    /// The number of opened connections.
    pub opened: u64,
    /// The number of requests that ended, by [`OUTCOMES`], for each provider that was sent any.
    pub requests: Vec<(Provider, [u64; OUTCOMES.len()])>,
}

impl ConnectionStats {
    /// The number of requests that ended, to any provider.
    pub fn sent(&self) -> u64 {
        self.requests.iter().flat_map(|(_, counts)| counts).sum()
    }
}

/// Counts requests.
#[derive(Debug, Default)]
pub(crate) struct ProviderCounters([[AtomicU64; OUTCOMES.len()]; Provider::ALL.len()]);

impl ProviderCounters {
    /// Counts a request that ended with this status, or without a response.
    pub(crate) fn count(&self, provider: Provider, status: Option<StatusCode>) {
        let outcome = match status {
            Some(status) => usize::from(status.as_u16() / 100).clamp(2, 5) - 2,
            None => OUTCOMES.len() - 1,
        };
        // The order of `ALL` is that of the enum.
        if let Some(outcomes) = self.0.get(provider as usize) {
            outcomes[outcome].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Vec<(Provider, [u64; OUTCOMES.len()])> {
        let counted = Provider::ALL.into_iter().zip(&self.0).map(|(provider, outcomes)| {
            (provider, std::array::from_fn(|outcome| outcomes[outcome].load(Ordering::Relaxed)))
        });
        counted.filter(|(_, counts)| counts.iter().any(|count| *count > 0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_provider_and_outcome() {
        let counters = ProviderCounters::default();
        let status = |code| Some(StatusCode::from_u16(code).unwrap());
        for status in [status(200), status(206), status(503), None] {
            counters.count(Provider::Other, status);
        }
        counters.count(Provider::Aws, status(404));
        assert_eq!(counters.read(), [(Provider::Aws, [0, 0, 1, 0, 0]), (Provider::Other, [2, 0, 0, 1, 1])]);
    }
}
