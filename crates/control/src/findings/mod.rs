//! What needs attention now: the list of findings that `bucketry doctor`, notifications, metrics and the dashboard share.
//!
//! `scan` reads what the `rules` look at, in slices. The rules are pure functions. `cache` stores what they found until
//! something changes, and `outcome` decides what a caller is shown.

mod cache;
mod counts;
mod hourly;
mod key_checks;
mod observations;
mod outcome;
mod rules;
mod scan;
mod scan_contents;
mod scan_deployment;
mod scan_traffic;
mod sentence;

use std::sync::Arc;

use bucketry_model::finding::{Finding, SubjectKind};
use bucketry_model::id::OrgId;
use bucketry_model::role::{Caller, OrgRole, Visibility};
use bucketry_store::left_out::noting_left_out;

use crate::{Control, Error, Result};

pub(crate) use cache::FindingCache;
use cache::ScanBasis;
pub use counts::{FindingCounts, NotificationOutbox};
pub use outcome::{FindingReport, FindingScan};
pub use rules::CREDENTIAL_WARNING;

/// For how many organizations background tasks look for findings, the oldest first.
const MOST_ORGANIZATIONS: u32 = 10_000;

/// What was found in an organization.
#[derive(Debug, Clone)]
pub struct OrganizationFindings {
    /// The organization.
    pub org_id: OrgId,
    /// Everything that was found.
    pub scan: Arc<FindingScan>,
}

impl Control {
    /// The findings that the caller is shown: the most urgent first, of these the oldest. What another finding explains
    /// is left out, and so is what hasn't lasted long enough.
    pub async fn findings(&self, caller: &Caller) -> Result<Vec<Finding>> {
        Ok(self.finding_report(caller).await?.findings)
    }

    /// Like [`Control::findings`], with the number of those that don't fit the list.
    pub async fn finding_report(&self, caller: &Caller) -> Result<FindingReport> {
        let scan = self.finding_scan(caller.org_id, caller.visibility()).await?;
        let is_administrator = caller.may_in_org(OrgRole::Administrators);
        let may_see = |one: &Finding| match one.key.subject {
            SubjectKind::Organization | SubjectKind::Deployment => is_administrator,
            _ => true,
        };
        Ok(scan.shown(self.inner.environment.now(), may_see))
    }

    /// Everything that was found in each organization, also what another finding explains and what hasn't lasted long
    /// enough to be shown ([`FindingScan::shown`] leaves that out). For tasks without a caller. As long as nothing
    /// changes, this costs a comparison per organization. An organization whose findings can't be read is left out.
    pub async fn all_findings(&self) -> Result<Vec<OrganizationFindings>> {
        let organizations = self.finding_organizations().await?;
        let generations = self.generations_of(&organizations).await?;
        let last_backup = self.checked_backup().await?;
        let mut all = Vec::with_capacity(organizations.len());
        for (org_id, generation) in organizations.iter().copied().zip(generations) {
            let basis = ScanBasis { generation, last_backup };
            match self.finding_scan_at(basis, org_id, Visibility::Organization).await {
                Ok(scan) => all.push(OrganizationFindings { org_id, scan }),
                Err(Error::Internal(error)) => {
                    tracing::warn!(%org_id, error = &*error as &dyn std::error::Error, "looking for findings failed");
                }
                // The others can't be read, either.
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// The organizations as they were at most a minute ago.
    async fn finding_organizations(&self) -> Result<Arc<[OrgId]>> {
        let now = self.inner.environment.now();
        if let Some(known) = self.inner.findings.organizations(now) {
            return Ok(known);
        }
        let found = self.inner.store.organizations(MOST_ORGANIZATIONS).await?;
        let ids: Arc<[OrgId]> = found.iter().map(|one| one.id).collect();
        self.inner.findings.set_organizations(now, Arc::clone(&ids));
        Ok(ids)
    }

    async fn finding_scan(&self, org_id: OrgId, visible: Visibility) -> Result<Arc<FindingScan>> {
        let generation = self.generation_of(org_id).await?;
        let basis = ScanBasis { generation, last_backup: self.checked_backup().await? };
        self.finding_scan_at(basis, org_id, visible).await
    }

    async fn finding_scan_at(
        &self,
        basis: ScanBasis,
        org_id: OrgId,
        visible: Visibility,
    ) -> Result<Arc<FindingScan>> {
        let now = self.inner.environment.now();
        let scan = async {
            let (seen, left_out) = noting_left_out(self.observe(org_id, &visible)).await;
            let left_out = left_out || self.inner.findings.hourly.has_left_out(org_id);
            Ok::<_, Error>(FindingScan { left_out, ..rules::evaluate(&seen?) })
        };
        self.inner.findings.get((org_id, visible.clone()), basis, now, scan).await
    }
}
