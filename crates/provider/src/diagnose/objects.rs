//! The checks `write`, `read` and `delete`, made with one small object that doesn't stay.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::diagnosis::{CheckCode, CheckName};
use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Run, StopChecks};
use crate::body::Payload;
use crate::driver::{Driver, GetRequest, PutRequest, SharedDriver, Stored, VersionId};
use crate::error::{ErrorKind, ProviderError};
use crate::finding::{Action, Finding};

/// Under this all objects of validations lie, so that one that had to stay is recognised.
const PREFIX: &str = ".bucketry/probe-";
const CONTENT: &[u8] = b"Bucketry wrote this to check the bucket. It can be deleted.\n";
/// The most that is read back.
const MAX_READ_BYTES: usize = 4_096;
/// How long a deletion in the background may take.
const BACKGROUND_DELETE: Duration = Duration::from_secs(30);

impl Run {
    pub(super) async fn objects(&mut self, driver: &SharedDriver, may_list: bool) -> Result<(), StopChecks> {
        let mut object = ProbeObject::new(driver);
        let rest = self.deadline / 5;

        let (took, written) = self.timed_leaving(rest, object.write()).await;
        match written {
            Ok(()) => self.pass(CheckName::Write, took, "The key may write objects."),
            Err(error) => {
                self.fail(CheckName::Write, took, &error, Action::Write);
                return self.after_failed_write(driver, object, &error, may_list).await;
            }
        }

        let (took, read) = self.timed_leaving(rest, object.read()).await;
        match read {
            Ok(true) => self.pass(CheckName::Read, took, "The key may read objects."),
            Ok(false) => self.push(
                CheckName::Read,
                took,
                "The provider gave back other content than was written.".to_owned(),
                Some(CheckCode::ProviderError),
                Some("Look at the state of the object store.".to_owned()),
            ),
            Err(error) => self.fail(CheckName::Read, took, &error, Action::Read),
        }

        let (took, deleted) = self.timed(object.delete()).await;
        match deleted {
            Ok(()) => self.pass(CheckName::Delete, took, "The key may delete objects."),
            Err(error) => {
                let Finding { code, message, hint } = Finding::of(&error, Action::Delete, &self.site);
                let denied = error.kind() == Some(ErrorKind::AccessDenied);
                let stays = if denied { "stays" } else { "may stay" };
                let message = format!("{message} The object {} {stays} in the bucket.", object.key);
                self.push(CheckName::Delete, took, message, Some(code), hint);
                if denied {
                    object.stays();
                }
            }
        }
        Ok(())
    }

    /// A denied write left nothing, and says nothing of reading. Any other failure ends the diagnosis, and may have
    /// left the object.
    async fn after_failed_write(
        &mut self,
        driver: &SharedDriver,
        mut object: ProbeObject,
        error: &ProviderError,
        may_list: bool,
    ) -> Result<(), StopChecks> {
        if error.kind() != Some(ErrorKind::AccessDenied) {
            // Its failure would tell nothing new; dropping the object tries once more.
            let _ = self.timed(object.delete()).await;
            return Err(StopChecks);
        }
        object.stays();
        self.read_missing(driver, may_list).await;
        Ok(())
    }

    /// Whether the key may read, asked of an object that isn't there.
    pub(super) async fn read_missing(&mut self, driver: &SharedDriver, may_list: bool) {
        let key = new_key();
        let (took, read) = self.timed(driver.get(&key, &GetRequest::default())).await;
        match read {
            Err(error) if matches!(error.kind(), Some(ErrorKind::ObjectNotFound | ErrorKind::NotFound)) => {
                self.pass(CheckName::Read, took, "The key may read objects.");
            }
            Ok(_) => self.pass(CheckName::Read, took, "The key may read objects."),
            Err(error) if error.kind() == Some(ErrorKind::AccessDenied) && !may_list => {}
            Err(error) => self.fail(CheckName::Read, took, &error, Action::Read),
        }
    }
}

fn new_key() -> String {
    format!("{PREFIX}{}", Uuid::new_v4().hyphenated())
}

/// The object of a validation. Dropped while it may be there, it is deleted in the background.
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
        let content = read.body.collect_bounded(MAX_READ_BYTES, BACKGROUND_DELETE).await?;
        Ok(content == CONTENT)
    }

    async fn delete(&mut self) -> Result<(), ProviderError> {
        delete(&*self.driver, &self.key, &self.stored).await?;
        self.may_be_there = false;
        Ok(())
    }

    /// There is nothing to be deleted, or it may not be.
    fn stays(&mut self) {
        self.may_be_there = false;
    }
}

async fn delete(driver: &dyn Driver, key: &str, stored: &Stored) -> Result<(), ProviderError> {
    let deleted = driver.delete(key, None).await?;
    // A bucket that keeps versions keeps the content and a marker. Removing those needs a permission of its own,
    // which a key need not have.
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
                    tracing::warn!(key, "the object of an interrupted validation could not be deleted");
                }
            });
        }
    }
}
