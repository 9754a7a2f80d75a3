//! Counting buckets by what they have in common.

use bucketry_model::id::OrgId;
use bucketry_model::role::Visibility;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use crate::Result;
use crate::listing::{BucketFilter, FacetCount};

const OF_ORG: &str = "SELECT COUNT(*) FROM (SELECT f.bucket_id FROM bucket_facets f \
                      WHERE f.org_id = $1 AND f.facet = $2 LIMIT $3) counted";
// A facet belongs to one organization, so its buckets do.
const OF_WORKSPACE: &str = "SELECT COUNT(*) FROM (SELECT f.bucket_id FROM bucket_facets f \
                            WHERE f.workspace_id = $1 AND f.facet = $2 LIMIT $3) counted";

impl SqlStore {
    /// Implements `ListingStore::count_facets`.
    pub(super) async fn count_by_facet(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        filter: &BucketFilter,
        at_most: u32,
    ) -> Result<Vec<FacetCount>> {
        let (sql, scopes) = match visible {
            Visibility::Organization => (OF_ORG, vec![org_id.to_string()]),
            Visibility::Workspaces(ids) => (OF_WORKSPACE, ids.iter().map(ToString::to_string).collect()),
        };
        let mut counts = Vec::new();
        for facet in self.facets_selected(org_id, filter).await? {
            let mut buckets: u64 = 0;
            for scope in &scopes {
                let count = query(sql).bind(scope.clone()).bind(facet.number).bind(i64::from(at_most));
                let row = self.row(count).await?;
                buckets += row.map_or(Ok(0), |row| Columns::of(&row).narrow::<u64>())?;
            }
            // A facet stays for a while after the last bucket that had it.
            if buckets > 0 {
                let (provider, storage_type, reports) = (facet.provider, facet.storage_type, facet.reports);
                counts.push(FacetCount { provider, storage_type, reports, buckets });
            }
        }
        Ok(counts)
    }
}
