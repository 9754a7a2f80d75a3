//! What channels are notified about: the findings of each organization.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::finding::Finding;
use bucketry_model::id::OrgId;

use crate::findings::FindingScan;
use crate::{Control, Result};

/// The findings of an organization.
#[derive(Clone)]
pub(super) struct FoundInOrganization(Arc<FindingScan>);

impl FoundInOrganization {
    pub(super) fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Whether nothing was only counted or left out. If something was, a finding may be missing although its condition lasts.
    pub(super) fn is_complete(&self) -> bool {
        self.0.more == 0 && !self.0.left_out
    }
}

impl Control {
    /// The findings of all organizations.
    pub(super) async fn found(&self) -> Result<HashMap<OrgId, FoundInOrganization>> {
        let all = self.all_findings().await?;
        Ok(all.into_iter().map(|one| (one.org_id, FoundInOrganization(one.scan))).collect())
    }
}
