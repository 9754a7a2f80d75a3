//! Diagnoses a bucket: runs a few checks in order and explains each outcome. The texts of failures are in `check_finding`.
//!
//! How each check works:
//! - `dns`, `connect` and `tls` use a dedicated connection. Endpoints with plain http have no `tls` check.
//! - `authenticate` and `list` share one request, which lists a single key. The response to a failed HEAD has no
//!   body, and only the error code in a body distinguishes an unknown key, a wrong secret and a missing permission.
//!   Listing one bucket also works with keys that are scoped to it. The diagnosis never lists buckets.
//! - `bucket` is a HEAD on the bucket, sent at the same time as the list. Its duration is the latency of the
//!   diagnosis. If it is denied (403), the check still passes unless the list reported that the bucket doesn't
//!   exist, because a key may lack the permission for HEAD.
//! - A wrong region fails `bucket`, and `authenticate` is then left out: providers check the region before the
//!   signature, so nothing is known about the key.
//! - `write`, `read` and `delete` use one object of a few bytes. It is deleted even if the diagnosis is
//!   interrupted. In a read-only diagnosis, `read` asks for an object that doesn't exist: the provider answers "no
//!   such object" only to keys that may read.
//!
//! One missing permission doesn't hide another: after a denial, the next check still runs. A check that could prove
//! nothing is left out:
//! - `delete` if nothing could be written. Deleting a missing object would leave a delete marker in a versioned
//!   bucket.
//! - `read` of a missing object if listing is denied too. AWS then answers 403 whether or not the key may read.
//!
//! Any other failure ends the diagnosis.

mod objects;
mod uploads;

pub use uploads::explain_unlisted_uploads;

use std::time::Duration;

use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::{Check, CheckCode, CheckName, CheckScope, Diagnosis};
use tokio::time::{Instant, timeout};

use crate::check_finding::{Action, CheckFinding, upper_first};
use crate::connection::Connections;
use crate::driver::{SharedDriver, Site};
use crate::error::{ErrorKind, ProviderError};
use crate::open::{OpenError, open};
use crate::probe::first_key;
use crate::tls::TlsFailure;

/// Learns how far a diagnosis has come.
pub trait CheckObserver: Send + Sync {
    /// A check begins.
    fn begins(&self, name: CheckName);

    /// A check has ended. Not every check that begins has a separate outcome.
    fn ended(&self, check: &Check);
}

/// Nobody waits for the progress.
impl CheckObserver for () {
    fn begins(&self, _: CheckName) {}

    fn ended(&self, _: &Check) {}
}

/// Finds out what is wrong with a bucket within `deadline`. Each check gets at most half of that time. If the
/// bucket can't be opened, the diagnosis has a single failed check that says why.
///
/// Dropping the future cancels the checks. If an object was already written, it is deleted in the background.
pub async fn diagnose(
    target: &BucketTarget,
    connections: &Connections,
    scope: CheckScope,
    deadline: Duration,
) -> Diagnosis {
    diagnose_observed(target, connections, scope, deadline, &()).await
}

/// Like [`diagnose`], and tells the observer how far it has come.
pub async fn diagnose_observed(
    target: &BucketTarget,
    connections: &Connections,
    scope: CheckScope,
    deadline: Duration,
    observer: &dyn CheckObserver,
) -> Diagnosis {
    let driver = match open(target, connections) {
        Ok(driver) => driver,
        Err(error) => return Diagnosis::new(vec![unopened(error)]),
    };
    let mut run = Run::new(driver.site(), deadline, observer);
    // The check that stopped the diagnosis has already been recorded.
    let _ = run.all(&driver, connections, scope).await;
    Diagnosis::new(run.checks)
}

/// Like [`diagnose`], for a bucket that is already open.
pub async fn diagnose_driver(
    driver: &SharedDriver,
    connections: &Connections,
    scope: CheckScope,
    deadline: Duration,
) -> Diagnosis {
    let mut run = Run::new(driver.site(), deadline, &());
    // The check that stopped the diagnosis has already been recorded.
    let _ = run.all(driver, connections, scope).await;
    Diagnosis::new(run.checks)
}

/// The check that says why a bucket can't be opened.
pub fn unopened(error: OpenError) -> Check {
    let (name, code) = error.check();
    let message = format!("{}.", upper_first(&error.to_string()));
    Check { name, ok: false, latency_ms: 0, message, error_code: Some(code), hint: None }
}

/// Whether the response to a list refuses it without a code. Object stores have one for each refusal, and any web server has
/// a 403 or 404.
fn proves_nothing(error: &ProviderError) -> bool {
    let is_of_store = matches!(error, ProviderError::Answer(_));
    error.answer().filter(|answer| is_of_store && answer.code.is_none()).is_some_and(|answer| {
        matches!(answer.kind, ErrorKind::AccessDenied | ErrorKind::NotFound | ErrorKind::Invalid)
    })
}

const AUTHENTICATED: &str = "The provider accepts the key and its signature.";

/// Ends the diagnosis: the remaining checks would prove nothing.
struct StopChecks;

struct Run<'a> {
    checks: Vec<Check>,
    site: Site,
    started: Instant,
    deadline: Duration,
    observer: &'a dyn CheckObserver,
}

impl<'a> Run<'a> {
    fn new(site: Site, deadline: Duration, observer: &'a dyn CheckObserver) -> Self {
        Self { checks: Vec::new(), site, started: Instant::now(), deadline, observer }
    }

    async fn all(
        &mut self,
        driver: &SharedDriver,
        connections: &Connections,
        scope: CheckScope,
    ) -> Result<(), StopChecks> {
        self.network(connections).await?;
        let may_list = self.access(driver).await?;
        match scope {
            CheckScope::Full => self.objects(driver, may_list).await,
            CheckScope::ReadOnly => {
                self.read_missing(driver, may_list).await;
                Ok(())
            }
        }
    }

    async fn network(&mut self, connections: &Connections) -> Result<(), StopChecks> {
        let Site { host, port, tls, .. } = self.site.clone();

        self.observer.begins(CheckName::Dns);
        let (took, resolved) = self.timed(connections.resolve(&host, port)).await;
        let addresses = self.judge(
            CheckName::Dns,
            took,
            resolved,
            "The host resolves to addresses that the endpoint policy allows.",
        )?;

        self.observer.begins(CheckName::Connect);
        let (took, connected) = self.timed(connections.connect(&host, &addresses)).await;
        let stream = self.judge(CheckName::Connect, took, connected, "The connection succeeds.")?;

        if tls {
            self.observer.begins(CheckName::Tls);
            let (took, agreed) = self.timed(connections.handshake(&host, stream)).await;
            self.judge(
                CheckName::Tls,
                took,
                agreed,
                "The TLS handshake succeeds and the certificate is trusted.",
            )?;
        }
        Ok(())
    }

    /// The checks `authenticate`, `bucket` and `list`. Returns whether the key may list.
    async fn access(&mut self, driver: &SharedDriver) -> Result<bool, StopChecks> {
        let first = first_key();
        self.observer.begins(CheckName::Authenticate);
        let ((list_took, listed), asked) =
            tokio::join!(self.timed(driver.list(&first)), self.timed(driver.head_bucket()));
        let denied = match listed {
            Ok(_) => None,
            Err(error) if proves_nothing(&error) => {
                let status = error.answer().map(|answer| answer.status);
                let other = ProviderError::NotAnObjectStore { status };
                self.fail(CheckName::Authenticate, list_took, &other, Action::List);
                return Err(StopChecks);
            }
            Err(error) => match error.kind() {
                Some(ErrorKind::AccessDenied) => Some(error),
                Some(ErrorKind::BucketNotFound | ErrorKind::NotFound) => {
                    self.pass(CheckName::Authenticate, list_took, AUTHENTICATED);
                    self.fail(CheckName::Bucket, list_took, &error, Action::List);
                    return Err(StopChecks);
                }
                Some(ErrorKind::WrongRegion) => {
                    self.fail(CheckName::Bucket, list_took, &error, Action::List);
                    return Err(StopChecks);
                }
                _ => {
                    self.fail(CheckName::Authenticate, list_took, &error, Action::List);
                    return Err(StopChecks);
                }
            },
        };
        self.pass(CheckName::Authenticate, list_took, AUTHENTICATED);
        self.bucket(asked, denied.is_none())?;
        match &denied {
            None => self.pass(CheckName::List, list_took, "The key can list the bucket."),
            Some(error) => self.fail(CheckName::List, list_took, error, Action::List),
        }
        Ok(denied.is_none())
    }

    fn bucket(
        &mut self,
        (took, answered): (Duration, Result<(), ProviderError>),
        may_list: bool,
    ) -> Result<(), StopChecks> {
        match answered {
            Ok(()) => self.pass(CheckName::Bucket, took, "The bucket exists."),
            Err(error)
                if error.answer().is_some_and(|answer| answer.status.is_client_error()) && may_list =>
            {
                self.pass(CheckName::Bucket, took, "The bucket exists: it can be listed.");
            }
            Err(error) if error.kind() == Some(ErrorKind::AccessDenied) => {
                self.pass(
                    CheckName::Bucket,
                    took,
                    "The bucket seems to exist, but the key is not allowed to look it up.",
                );
            }
            Err(error) => {
                self.fail(CheckName::Bucket, took, &error, Action::List);
                return Err(StopChecks);
            }
        }
        Ok(())
    }

    /// Runs a check for at most half of the deadline, or the remaining time if that is shorter.
    async fn timed<T, E: Into<ProviderError>>(
        &self,
        check: impl Future<Output = Result<T, E>>,
    ) -> (Duration, Result<T, ProviderError>) {
        self.timed_leaving(Duration::ZERO, check).await
    }

    /// Like [`Run::timed`], but reserves `rest` for the checks that must follow.
    async fn timed_leaving<T, E: Into<ProviderError>>(
        &self,
        rest: Duration,
        check: impl Future<Output = Result<T, E>>,
    ) -> (Duration, Result<T, ProviderError>) {
        let left = self.deadline.saturating_sub(self.started.elapsed()).saturating_sub(rest);
        let start = Instant::now();
        let outcome = match timeout(left.min(self.deadline / 2), check).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(_) => Err(ProviderError::TimedOut),
        };
        (start.elapsed(), outcome)
    }

    /// Records a check whose failure ends the diagnosis.
    fn judge<T>(
        &mut self,
        name: CheckName,
        took: Duration,
        outcome: Result<T, ProviderError>,
        success: &str,
    ) -> Result<T, StopChecks> {
        match outcome {
            Ok(value) => {
                self.pass(name, took, success);
                Ok(value)
            }
            Err(error) => {
                // Until the connection is established, a timeout is a failure of the network, not of the provider.
                let silent = name == CheckName::Connect && matches!(error, ProviderError::TimedOut);
                let unresolved = name == CheckName::Dns && matches!(error, ProviderError::TimedOut);
                let unshaken = name == CheckName::Tls && matches!(error, ProviderError::TimedOut);
                let error = match error {
                    _ if silent => ProviderError::ConnectTimeout,
                    _ if unresolved => ProviderError::DnsFailed,
                    _ if unshaken => ProviderError::Tls(TlsFailure::TimedOut),
                    other => other,
                };
                self.fail(name, took, &error, Action::List);
                Err(StopChecks)
            }
        }
    }

    fn pass(&mut self, name: CheckName, took: Duration, message: &str) {
        self.push(name, took, message.to_owned(), None, None);
    }

    fn fail(&mut self, name: CheckName, took: Duration, error: &ProviderError, action: Action) {
        let CheckFinding { code, message, hint } = CheckFinding::of(error, action, &self.site);
        self.push(name, took, message, Some(code), hint);
    }

    fn push(
        &mut self,
        name: CheckName,
        took: Duration,
        message: String,
        code: Option<CheckCode>,
        hint: Option<String>,
    ) {
        let latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let check = Check { name, ok: code.is_none(), latency_ms, message, error_code: code, hint };
        self.observer.ended(&check);
        self.checks.push(check);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Permissions;

    static PERMISSIONS: Permissions = Permissions::UNNAMED;

    #[tokio::test]
    async fn a_check_leaves_the_time_that_the_ones_after_it_need() {
        let host = bucketry_model::endpoint::Host::Name("h".to_owned());
        let site = Site {
            tls: false,
            host,
            port: 80,
            names_account: false,
            assumes_aws: false,
            bucket: "b".into(),
            permissions: &PERMISSIONS,
        };
        let deadline = Duration::from_hours(1);
        let run = Run::new(site, deadline, &());
        let endless = std::future::pending::<Result<(), ProviderError>>();
        let (_, outcome) = run.timed_leaving(deadline, endless).await;
        assert!(matches!(outcome, Err(ProviderError::TimedOut)));
    }
}
