//! Validations that are followed check by check, stored so that every control plane on the database can show them.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, ValidationId};
use jiff::Timestamp;

use crate::Result;

/// How far a validation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValidation {
    /// Which validation.
    pub id: ValidationId,
    /// The organization to which it belongs.
    pub org_id: OrgId,
    /// Raised by every change.
    pub revision: u64,
    /// Its subject, its checks and its end as JSON.
    pub state: String,
    /// When the state no longer means anything: the process that makes the validation has died, or its end is forgotten.
    pub valid_until: Timestamp,
}

/// Stores validations.
#[async_trait]
pub trait ValidationStore {
    /// Stores a validation that begins. If the organization then has more than `at_most`, its oldest ones are removed.
    async fn add_validation(&self, validation: &StoredValidation, at_most: u32) -> Result<()>;

    /// Stores a later state. Does nothing if the validation was removed, or has a higher revision.
    async fn update_validation(&self, validation: &StoredValidation) -> Result<()>;

    /// The organization's validation with this id.
    async fn validation(&self, org_id: OrgId, id: ValidationId) -> Result<Option<StoredValidation>>;

    /// Removes validations that were valid until before the given time, at most `at_most`. Returns how many.
    async fn purge_validations(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
