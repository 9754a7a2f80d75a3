//! The certificates of the listeners: read at the start, and again when their files change.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bucketry_acme::{AcmeSettings, CertificateOrderer};
use bucketry_control::server_certificates::{RefusedCertificate, ServerCertificate};
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_web::tls::{
    CertificateFiles, CertificateWatch, CurrentCertificate, LoadedCertificate, OfferedProtocols,
    OwnershipProofs, Reloaded, ServerTls,
};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::certificate_orders::{OrderFailure, keep_ordering};
use crate::failure::{Failure, Result};
use crate::settings::{TlsListener, TlsSettings};
use crate::tls_metrics::{CertificateStats, TlsStats};

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The TLS of all listeners.
#[derive(Debug, Default)]
pub(crate) struct ServerCertificates {
    by_listener: BTreeMap<TlsListener, ServerTls>,
    watched: Vec<WatchedCertificate>,
    stats: TlsStats,
    /// `None` if no certificate comes from an authority.
    orders: Option<CertificateOrders>,
    failure: OrderFailure,
}

/// What gets a certificate from an authority.
#[derive(Debug)]
struct CertificateOrders {
    orderer: CertificateOrderer,
    proofs: OwnershipProofs,
}

/// A pair of files, with the listeners that use it.
#[derive(Debug)]
struct WatchedCertificate {
    watch: CertificateWatch,
    current: Arc<CurrentCertificate>,
    users: Vec<TlsSettings>,
    refused: Option<RefusedCertificate>,
    /// Why no certificate was issued, if it comes from an authority.
    failure: Option<OrderFailure>,
    /// The failure that was reported.
    reported: Option<RefusedCertificate>,
    stats: Arc<CertificateStats>,
}

impl ServerCertificates {
    /// Reads the certificates. A listener without one has no TLS.
    ///
    /// # Errors
    /// A certificate can't be used. The message names the setting and the file.
    pub(crate) fn read(settings: &[TlsSettings], acme: Option<&AcmeSettings>) -> Result<Self> {
        let mut certificates = Self::default();
        let ordered = acme.map(AcmeSettings::certificate_files);
        if let Some(acme) = acme {
            let orderer = CertificateOrderer::prepare(acme.clone(), now())
                .map_err(|error| Failure::failed(format!("--acme-domain: {error}")))?;
            certificates.orders = Some(CertificateOrders { orderer, proofs: OwnershipProofs::default() });
        }
        let mut by_files: BTreeMap<&CertificateFiles, Vec<TlsSettings>> = BTreeMap::new();
        for one in settings {
            by_files.entry(&one.files).or_default().push(one.clone());
        }
        for (files, users) in by_files {
            let flag = users.first().map_or("--tls-certificate", |user| user.flag);
            let watch = CertificateWatch::start(files.clone(), now())
                .map_err(|error| Failure::failed(format!("{flag}: {error}")))?;
            certificates.add(watch, users, ordered.as_ref() == Some(files))?;
        }
        Ok(certificates)
    }

    fn add(&mut self, watch: CertificateWatch, users: Vec<TlsSettings>, is_ordered: bool) -> Result<()> {
        let certificate = watch.current().clone();
        let current = match self.orders.as_ref().filter(|_| is_ordered) {
            Some(orders) => CurrentCertificate::with_proofs(certificate, orders.proofs.clone()),
            None => CurrentCertificate::new(certificate),
        };
        let failure = is_ordered.then(|| self.failure.clone());
        for user in &users {
            let offered = match user.listener {
                TlsListener::Gateway => OfferedProtocols::Http1,
                TlsListener::Api | TlsListener::Dashboard => OfferedProtocols::Http2AndHttp1,
            };
            let tls = ServerTls::new(Arc::clone(&current), offered)
                .map_err(|error| Failure::because("the server can't start", &error))?;
            self.by_listener.insert(user.listener, tls);
        }
        let listeners = users.iter().map(|user| user.listener).collect();
        let stats = self.stats.add(listeners, watch.current().not_after());
        let watched =
            WatchedCertificate { watch, current, users, refused: None, failure, reported: None, stats };
        watched.warn();
        self.watched.push(watched);
        Ok(())
    }

    /// How a listener speaks TLS. `None` if it doesn't.
    pub(crate) fn of(&self, listener: TlsListener) -> Option<ServerTls> {
        self.by_listener.get(&listener).cloned()
    }

    /// Whether no listener has TLS.
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// The stats for metrics.
    pub(crate) fn stats(&self) -> TlsStats {
        self.stats.clone()
    }

    /// Looks at the files every few seconds, and at once after a SIGHUP. Reports what is in use at the start and after
    /// each change. Never returns.
    pub(crate) async fn keep_current(self, report: impl Fn(Vec<ServerCertificate>)) {
        let mut watched = self.watched;
        let ordering = self.orders.map(|CertificateOrders { orderer, proofs }| {
            keep_ordering(orderer, proofs, self.failure.clone())
        });
        // Ends with this future.
        let mut tasks = JoinSet::new();
        if let Some(ordering) = ordering {
            tasks.spawn(ordering);
        }
        // Without the signal, there is still the time.
        let mut hang_ups = signal(SignalKind::hangup()).ok();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        report(states(&watched));
        loop {
            let at_once = tokio::select! {
                _ = looks.tick() => false,
                _ = async {
                    match &mut hang_ups {
                        Some(hang_ups) => hang_ups.recv().await,
                        None => std::future::pending().await,
                    }
                } => true,
            };
            // A file system on the network may take its time.
            let looked = tokio::task::spawn_blocking(move || {
                let mut has_news = false;
                for one in &mut watched {
                    has_news |= one.look(at_once);
                }
                (watched, has_news)
            });
            let Ok((again, has_news)) = looked.await else { return };
            watched = again;
            if has_news {
                report(states(&watched));
            }
        }
    }
}

impl WatchedCertificate {
    /// Looks at the files once. Returns whether anything is new.
    fn look(&mut self, at_once: bool) -> bool {
        let failed = self.failure.as_ref().and_then(OrderFailure::get);
        let has_news = failed != self.reported;
        self.reported = failed;
        match self.watch.look(now(), at_once) {
            Reloaded::Unchanged => return has_news,
            Reloaded::Certificate(certificate) => {
                self.stats.replaced(certificate.not_after());
                self.current.replace(certificate);
                self.refused = None;
                let file = self.file().display();
                tracing::info!(%file, valid_until = %time(self.watch.current().not_after()), "read a new certificate");
                self.warn();
            }
            Reloaded::Refused(error) => {
                self.stats.refused();
                tracing::warn!(%error, "a new certificate can't be used; the previous one stays in use");
                let since = self.refused.take().map_or_else(|| SystemClock.now(), |refused| refused.since);
                self.refused = Some(RefusedCertificate { since, reason: error.to_string() });
            }
        }
        true
    }

    fn file(&self) -> &Path {
        &self.watch.files().certificate
    }

    /// Logs what can be wrong with a certificate that is used anyway.
    fn warn(&self) {
        let other_names = other_names(self.watch.current(), &self.users);
        if !other_names.is_empty() {
            let (file, names) = (self.file().display(), other_names.join(", "));
            tracing::warn!(%file, "clients will refuse the certificate: it isn't valid for {names}");
        }
        let key = &self.watch.files().key;
        let mode = std::fs::metadata(key).map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o007 != 0) {
            let key = key.display();
            tracing::warn!("any user of this machine can read the private key {key}: run chmod o= on it");
        }
    }

    fn state(&self) -> ServerCertificate {
        let certificate = self.watch.current();
        let names: Vec<_> = self.users.iter().map(|user| user.listener.name()).collect();
        ServerCertificate {
            listeners: enumerated(&names),
            file: self.file().display().to_string(),
            not_before: time(certificate.not_before()),
            not_after: time(certificate.not_after()),
            other_names: other_names(certificate, &self.users),
            is_provisional: self.failure.is_some() && certificate.is_self_issued(),
            refused: self.refused.clone().or_else(|| self.reported.clone()),
        }
    }
}

fn states(watched: &[WatchedCertificate]) -> Vec<ServerCertificate> {
    watched.iter().map(WatchedCertificate::state).collect()
}

/// The names in settings that the certificate isn't valid for.
fn other_names(certificate: &LoadedCertificate, users: &[TlsSettings]) -> Vec<String> {
    let expected = users.iter().flat_map(|user| &user.names);
    expected.filter(|name| !certificate.is_for(&name.host)).map(|name| name.shown.clone()).collect()
}

fn enumerated(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn now() -> SystemTime {
    SystemClock.now().into()
}

/// Times that no timestamp can have are beyond what certificates need.
fn time(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_enumerated() {
        assert_eq!(enumerated(&["the API"]), "the API");
        assert_eq!(
            enumerated(&["the API", "the dashboard", "the gateway"]),
            "the API, the dashboard and the gateway"
        );
    }

    #[test]
    fn a_start_without_a_usable_certificate_names_setting_and_file() {
        let files =
            CertificateFiles { certificate: "/nowhere/tls.crt".into(), key: "/nowhere/tls.key".into() };
        let flag = "--gateway-tls-certificate";
        let listener = TlsListener::Gateway;
        let settings = TlsSettings { listener, files, flag, names: Vec::new() };
        let failure = ServerCertificates::read(&[settings], None).unwrap_err();
        assert!(
            failure.message().starts_with("--gateway-tls-certificate: can't read /nowhere/tls.crt"),
            "{}",
            failure.message()
        );
    }
}
