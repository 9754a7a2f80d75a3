//! What channels are notified about: the findings of each organization.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::finding::Finding;
use bucketry_model::id::OrgId;

use crate::{Control, Result};

/// The findings of an organization.
#[derive(Clone)]
pub(super) struct FoundInOrganization(Arc<(Vec<Finding>, u64)>);

impl FoundInOrganization {
    pub(super) fn findings(&self) -> &[Finding] {
        &self.0.0
    }

    /// Whether nothing was only counted. If something was, a finding may be missing although its condition lasts.
    pub(super) fn is_complete(&self) -> bool {
        self.0.1 == 0
    }
}

impl Control {
    /// The findings of all organizations.
    pub(super) async fn found(&self) -> Result<HashMap<OrgId, FoundInOrganization>> {
        Ok(HashMap::new())
    }
}
