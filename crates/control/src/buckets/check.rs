//! Checking a bucket before it is registered.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::role::Caller;
use bucketry_model::status::Status;

use super::input::BucketInput;
use super::validate::Validated;
use crate::{Control, Result};

impl Control {
    /// Has a node make all checks with the fields of a bucket that the caller may register. Stores nothing. Unlike a
    /// registration, a check that fails is no error: the diagnosis says which did.
    pub async fn check_new_bucket(&self, caller: &Caller, input: &BucketInput) -> Result<Validated> {
        let fields = self.may_create_bucket(caller, input).await?;
        let secret = self.delegated_secret(caller, &fields.location, fields.secret).await?;
        let id = self.inner.environment.id(BucketId::new)?;
        let sealed = match &secret {
            Some(plain) => Some(self.seal(caller.org_id, SecretOwner::Bucket(id), plain).await?.sealed),
            None => None,
        };
        let report = self.run_validation(caller.org_id, id, &fields.location, sealed, input.scope).await?;
        let diagnosis = report.diagnosis;
        let status = if diagnosis.is_healthy() { Status::Online } else { Status::Offline };
        Ok(Validated { status, diagnosis, read: input.readings(None) })
    }
}
