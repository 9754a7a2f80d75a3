//! Keeps a certificate from an ACME authority: orders it when it is due, and again after failures.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bucketry_acme::CertificateOrderer;
use bucketry_control::server_certificates::RefusedCertificate;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_web::tls::OwnershipProofs;
use parking_lot::Mutex;

/// Time between two looks whether the certificate is due.
const LOOK_EVERY: Duration = Duration::from_mins(30);
/// The pause after a first failure. It doubles up to the longest one. Authorities allow few failures per hour.
const SHORTEST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(3);

/// Why the last order failed, for the finding. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderFailure(Arc<Mutex<Option<RefusedCertificate>>>);

impl OrderFailure {
    /// The failure, if the last order failed.
    pub(crate) fn get(&self) -> Option<RefusedCertificate> {
        self.0.lock().clone()
    }

    fn set(&self, reason: String) {
        let mut failure = self.0.lock();
        let since = failure.take().map_or_else(|| SystemClock.now(), |earlier| earlier.since);
        *failure = Some(RefusedCertificate { since, reason });
    }

    fn clear(&self) {
        *self.0.lock() = None;
    }
}

/// Orders certificates. Never returns.
pub(crate) async fn keep_ordering(
    orderer: CertificateOrderer,
    proofs: OwnershipProofs,
    failure: OrderFailure,
) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        if !orderer.is_due(now()) {
            failure.clear();
            pause = SHORTEST_PAUSE;
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        match orderer.renew(&proofs, now).await {
            Ok(()) => tracing::info!("a certificate was issued"),
            Err(error) => {
                tracing::warn!(%error, "no certificate was issued; trying again in {} min", pause.as_secs() / 60);
                failure.set(error.to_string());
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

fn now() -> SystemTime {
    SystemClock.now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_beginning() {
        let failure = OrderFailure::default();
        failure.set("one".to_owned());
        let first = failure.get().unwrap();
        failure.set("two".to_owned());
        let second = failure.get().unwrap();
        assert_eq!((second.since, second.reason.as_str()), (first.since, "two"));
        failure.clear();
        assert_eq!(failure.get(), None);
    }
}
