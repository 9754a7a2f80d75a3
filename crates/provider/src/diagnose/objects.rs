//! The checks `write`, `read` and `delete`. They share one small object, which is deleted afterwards.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::diagnosis::{CheckCode, CheckName};
use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Run, StopChecks};
use crate::check_finding::{Action, CheckFinding};
use crate::driver::{Driver, GetRequest, PutRequest, SharedDriver, Stored, VersionId};
use crate::error::{ErrorKind, ProviderError};
use crate::payload::Payload;

/// The key prefix of all probe objects, so that one left behind can be recognised.
const PREFIX: &str = ".bucketry/probe-";
const CONTENT: &[u8] = b"Bucketry wrote this to check the bucket. It can be deleted.\n";
/// The limit on reading the object back, in bytes.
const MAX_READ_BYTES: usize = 4_096;
/// How long the object's content may take after the headers of the response.
const READ_BACK: Duration = Duration::from_secs(5);
/// The timeout of a deletion in the background.
const BACKGROUND_DELETE: Duration = Duration::from_secs(30);

impl Run<'_> {
    pub(super) async fn objects(&mut self, driver: &SharedDriver, may_list: bool) -> Result<(), StopChecks> {
        let mut object = ProbeObject::new(driver);
        let rest = self.deadline / 5;

        self.observer.begins(CheckName::Write);
        let (took, written) = self.timed_leaving(rest, object.write()).await;
        match written {
            Ok(()) => self.pass(CheckName::Write, took, "The key can write objects."),
            Err(error) => {
                self.fail(CheckName::Write, took, &error, Action::Write);
                return self.after_failed_write(driver, object, &error, may_list).await;
            }
        }

        self.observer.begins(CheckName::Read);
        let (took, read) = self.timed_leaving(rest, object.read()).await;
        match read {
            Ok(true) => self.pass(CheckName::Read, took, "The key can read objects."),
            Ok(false) => self.push(
                CheckName::Read,
                took,
                "The provider returned different content than was written.".to_owned(),
                Some(CheckCode::ProviderError),
                Some("Check the status of the object store.".to_owned()),
            ),
            Err(error) => self.fail(CheckName::Read, took, &error, Action::Read),
        }

        self.observer.begins(CheckName::Delete);
        let (took, deleted) = self.timed(object.delete()).await;
        match deleted {
            Ok(()) => self.pass(CheckName::Delete, took, "The key can delete objects."),
            Err(error) => {
                let CheckFinding { code, message, hint } =
                    CheckFinding::of(&error, Action::Delete, &self.site);
                let denied = error.kind() == Some(ErrorKind::AccessDenied);
                let stays = if denied { "remains" } else { "may remain" };
                let message = format!("{message} The object {} {stays} in the bucket.", object.key);
                self.push(CheckName::Delete, took, message, Some(code), hint);
                if denied {
                    object.stays();
                }
            }
        }
        Ok(())
    }

    /// A denied write stores nothing and proves nothing about reading, so the diagnosis continues. After any other
    /// failure the object may exist, and the diagnosis ends.
    async fn after_failed_write(
        &mut self,
        driver: &SharedDriver,
        mut object: ProbeObject,
        error: &ProviderError,
        may_list: bool,
    ) -> Result<(), StopChecks> {
        if error.kind() != Some(ErrorKind::AccessDenied) {
            // The outcome adds nothing to the diagnosis. If this fails, dropping the object tries again.
            let _ = self.timed(object.delete()).await;
            return Err(StopChecks);
        }
        object.stays();
        self.read_missing(driver, may_list).await;
        Ok(())
    }

    /// Checks whether the key may read, by requesting an object that doesn't exist.
    pub(super) async fn read_missing(&mut self, driver: &SharedDriver, may_list: bool) {
        let key = new_key();
        self.observer.begins(CheckName::Read);
        let (took, read) = self.timed(driver.get(&key, &GetRequest::default())).await;
        match read {
            Err(error) if matches!(error.kind(), Some(ErrorKind::ObjectNotFound | ErrorKind::NotFound)) => {
                self.pass(CheckName::Read, took, "The key can read objects.");
            }
            Ok(_) => self.pass(CheckName::Read, took, "The key can read objects."),
            Err(error) if error.kind() == Some(ErrorKind::AccessDenied) && !may_list => {}
            Err(error) => self.fail(CheckName::Read, took, &error, Action::Read),
        }
    }
}

fn new_key() -> String {
    format!("{PREFIX}{}", Uuid::new_v4().hyphenated())
}

/// The object that a diagnosis writes. Dropping this while the object may exist deletes it in the background.
struct ProbeObject {
    driver: SharedDriver,
    key: String,
    stored: Stored,
    may_be_there: bool,
}

impl ProbeObject {
    fn new(driver: &SharedDriver) -> Self {
        Self { driver: Arc::clone(driver), key: new_key(), stored: Stored::default(), may_be_there: false }
    }

    async fn write(&mut self) -> Result<(), ProviderError> {
        self.may_be_there = true;
        let payload = Payload::bytes(Bytes::from_static(CONTENT));
        self.stored = self.driver.put(&self.key, payload, &PutRequest::default()).await?;
        Ok(())
    }

    async fn read(&self) -> Result<bool, ProviderError> {
        let read = self.driver.get(&self.key, &GetRequest::default()).await?;
        let content = read.body.collect_bounded(MAX_READ_BYTES, READ_BACK).await?;
        Ok(content == CONTENT)
    }

    async fn delete(&mut self) -> Result<(), ProviderError> {
        delete(&*self.driver, &self.key, &self.stored).await?;
        self.may_be_there = false;
        Ok(())
    }

    /// Gives up deleting: the object doesn't exist, or the key isn't allowed to delete it.
    fn stays(&mut self) {
        self.may_be_there = false;
    }
}

async fn delete(driver: &dyn Driver, key: &str, stored: &Stored) -> Result<(), ProviderError> {
    let deleted = driver.delete(key, None).await?;
    // A versioned bucket retains the content and a delete marker. Removing these needs a separate permission, which
    // the key may lack, so failures are ignored.
    for version in [&deleted.version, &stored.version].into_iter().flatten() {
        if let Ok(version) = VersionId::new(version.as_str()) {
            let _ = driver.delete(key, Some(&version)).await;
        }
    }
    Ok(())
}

impl Drop for ProbeObject {
    fn drop(&mut self) {
        if !self.may_be_there {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let driver = Arc::clone(&self.driver);
            let key = std::mem::take(&mut self.key);
            let stored = std::mem::take(&mut self.stored);
            runtime.spawn(async move {
                let gone = timeout(BACKGROUND_DELETE, delete(&*driver, &key, &stored)).await;
                if !matches!(gone, Ok(Ok(()))) {
                    tracing::warn!(key, "could not delete the object of an interrupted validation");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
    use bucketry_model::secret::Secret;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::connection::{ConnectionSettings, Connections};
    use crate::open::open;
    use crate::policy::EndpointPolicy;

    #[tokio::test]
    async fn content_that_does_not_come_back_is_not_waited_for_as_long_as_for_a_deletion() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (answered, stalls) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\nBucketry").await.unwrap();
            answered.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".to_owned(),
            key: Some("AKID".to_owned()),
            endpoint: Some(endpoint),
            region: Some("us-east-1".to_owned()),
        };
        let target = BucketTarget { location, secret: Some(Secret::new("secret")) };
        let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
        let driver = open(&target, &Connections::new(settings).unwrap()).unwrap();
        let reading = tokio::spawn(async move { ProbeObject::new(&driver).read().await });
        stalls.await.unwrap();
        tokio::time::pause();
        let begun = Instant::now();
        let outcome = reading.await.unwrap();
        assert!(matches!(outcome, Err(ProviderError::TimedOut)), "{outcome:?}");
        assert!(begun.elapsed() < BACKGROUND_DELETE / 2, "{:?}", begun.elapsed());
    }
}
