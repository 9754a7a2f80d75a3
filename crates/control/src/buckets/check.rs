//! Checking a bucket before it is registered.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::pinning::BucketPins;
use bucketry_model::role::Caller;

use super::input::BucketInput;
use super::validate::{PreparedValidation, Validated};
use crate::{Control, Result};

impl Control {
    /// Has a node make all checks with the fields of a bucket that the caller may register. Stores nothing. Unlike a
    /// registration, a check that fails is no error: the diagnosis says which did.
    pub async fn check_new_bucket(&self, caller: &Caller, input: &BucketInput) -> Result<Validated> {
        let prepared = self.prepare_check(caller, input).await?;
        self.finish_validation(prepared, None).await
    }

    /// Checks role and fields of a check of a bucket that isn't registered.
    pub(crate) async fn prepare_check(
        &self,
        caller: &Caller,
        input: &BucketInput,
    ) -> Result<PreparedValidation> {
        let fields = self.may_create_bucket(caller, input).await?;
        let secret = self.delegated_secret(caller, &fields.location, fields.secret).await?;
        let id = self.inner.environment.id(BucketId::new)?;
        let sealed = match &secret {
            Some(plain) => Some(self.seal(caller.org_id, SecretOwner::Bucket(id), plain).await?.sealed),
            None => None,
        };
        Ok(PreparedValidation {
            org_id: caller.org_id,
            bucket_id: id,
            location: fields.location,
            secret: sealed,
            pinned_to: self
                .read_pins(caller.org_id, input.pinned_to.as_ref(), &BucketPins::default())
                .await?,
            scope: input.scope,
            stored_version: None,
            read: input.readings(None),
        })
    }
}
