//! Series: the combination of a node, a bucket and a repository whose traffic is counted together, identified by a
//! number. Rows of traffic contain that number and their organization's number instead of the ids. The row of a
//! series contains its totals and its latest day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId, WorkspaceId};
use sqlx::query;

use super::columns::Columns;
use super::dialect::for_update;
use super::statement::{InList, Rows, Write, texts};
use crate::Result;

/// The numbers under which a row of traffic is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    pub(super) number: i64,
    pub(super) org_number: i64,
    /// The latest day on which anything was counted.
    pub(super) day: i64,
    /// The latest minute in which anything was counted, in Unix seconds. Negative if there is none.
    pub(super) minute: i64,
    /// The workspace of the bucket. `None` if the bucket was unknown when traffic was moved into series.
    pub(super) workspace_id: Option<WorkspaceId>,
}

/// A bucket, and the repository through which it was requested.
pub(super) type Route = (BucketId, Option<RepoId>);

/// The organization and the workspace of a bucket.
type Owner = (OrgId, WorkspaceId);

const NO_MINUTE: i64 = -1;

const NEW_SERIES: Rows<'static> = Rows {
    before: "WITH n (number, node_id, bucket_id, repo_id, org_id, org_number, day, minute, workspace_id) AS (",
    columns: 9,
    after: ") INSERT INTO usage_series (number, node_id, bucket_id, repo_id, org_id, org_number, day, minute, requests, \
            errors, reads, writes, lists, provider_errors, upload_bytes, download_bytes, size_change, latency_sum_ms, \
            first_byte_sum_ms, total_requests, total_upload_bytes, total_download_bytes, total_size_change, workspace_id) \
            SELECT n.number, n.node_id, n.bucket_id, n.repo_id, n.org_id, n.org_number, \
            n.day, n.minute, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n.workspace_id FROM n",
};

impl Write {
    /// The series of the given buckets and repositories. Creates missing series, with the given day as their latest
    /// one. Leaves out buckets that are unknown or don't belong to the organization that the node serves (`None`
    /// means all).
    pub(super) async fn series_of(
        &mut self,
        node_id: NodeId,
        org_id: Option<OrgId>,
        mut routes: BTreeMap<Route, i64>,
    ) -> Result<HashMap<Route, Series>> {
        let mut known = self.known_series(node_id, org_id, &routes).await?;
        routes.retain(|route, _| !known.contains_key(route));
        if !routes.is_empty() {
            let owners = self.owners(org_id, &routes).await?;
            routes.retain(|(bucket, _), _| owners.contains_key(bucket));
            if !routes.is_empty() {
                known.extend(self.number_series(node_id, routes, &owners).await?);
            }
        }
        Ok(known)
    }

    async fn known_series(
        &mut self,
        node_id: NodeId,
        org_id: Option<OrgId>,
        routes: &BTreeMap<Route, i64>,
    ) -> Result<HashMap<Route, Series>> {
        let list = InList::new(
            "SELECT org_id, bucket_id, repo_id, number, org_number, day, minute, workspace_id FROM usage_series \
             WHERE node_id = $1 AND bucket_id IN (",
            ")",
        )
        .text(node_id);
        let mut known = HashMap::with_capacity(routes.len());
        for row in self.rows_in_list(&list, &texts(routes.keys().map(|(bucket, _)| bucket))).await? {
            let mut columns = Columns::of(&row);
            let owner: OrgId = columns.parsed()?;
            if org_id.is_none_or(|own| own == owner) {
                let (route, series) = series(&mut columns)?;
                known.insert(route, series);
            }
        }
        Ok(known)
    }

    /// The organizations and workspaces of the buckets that the node serves. Includes removed buckets. Locks the
    /// buckets, so that none moves before its series is stored.
    async fn owners(
        &mut self,
        org_id: Option<OrgId>,
        routes: &BTreeMap<Route, i64>,
    ) -> Result<HashMap<BucketId, Owner>> {
        let list = InList::new(
            "SELECT id, org_id, workspace_id FROM buckets WHERE id IN (",
            concat!(") ORDER BY id", for_update!()),
        );
        let mut owners = HashMap::new();
        for row in self.rows_in_list(&list, &texts(routes.keys().map(|(bucket, _)| bucket))).await? {
            let mut columns = Columns::of(&row);
            let (id, owner): (BucketId, Owner) = (columns.parsed()?, (columns.parsed()?, columns.parsed()?));
            if org_id.is_none_or(|own| own == owner.0) {
                owners.insert(id, owner);
            }
        }
        Ok(owners)
    }

    /// Gives numbers to series that have none. Concurrent callers wait for each other here, before any counts are
    /// touched.
    async fn number_series(
        &mut self,
        node_id: NodeId,
        routes: BTreeMap<Route, i64>,
        owners: &HashMap<BucketId, Owner>,
    ) -> Result<HashMap<Route, Series>> {
        let organizations: BTreeSet<OrgId> = owners.values().map(|(org_id, _)| *org_id).collect();
        let mut next = self.take_numbers(routes.len() + organizations.len()).await?;
        // Another process may have numbered some of them in the meantime.
        let mut numbered = self.known_series(node_id, None, &routes).await?;
        let mut org_numbers = HashMap::new();
        for org_id in organizations {
            org_numbers.insert(org_id, self.org_number(org_id, next).await?);
            next += 1;
        }
        let mut new = Vec::new();
        for (route, day) in routes {
            let owner = owners.get(&route.0).and_then(|owner| Some((*owner, *org_numbers.get(&owner.0)?)));
            if let Some(((org_id, workspace_id), org_number)) =
                owner.filter(|_| !numbered.contains_key(&route))
            {
                let workspace_id = Some(workspace_id);
                let series = Series { number: next, org_number, day, minute: NO_MINUTE, workspace_id };
                next += 1;
                numbered.insert(route, series);
                new.push((route, org_id, series));
            }
        }
        self.insert_rows(&NEW_SERIES, &new, |values, ((bucket_id, repo_id), org_id, series)| {
            values
                .bind(series.number)
                .bind(node_id.to_string())
                .bind(bucket_id.to_string())
                .bind(repo_id.map(|id| id.to_string()).unwrap_or_default())
                .bind(org_id.to_string())
                .bind(series.org_number)
                .bind(series.day)
                .bind(series.minute)
                .bind(series.workspace_id.map(|id| id.to_string()).unwrap_or_default())
        })
        .await?;
        Ok(numbered)
    }

    /// Reserves `count` numbers. Returns the first.
    async fn take_numbers(&mut self, count: usize) -> Result<i64> {
        let sql = "INSERT INTO usage_numbers (id, last_number) VALUES (1, $1) ON CONFLICT (id) DO UPDATE \
                   SET last_number = usage_numbers.last_number + excluded.last_number RETURNING last_number";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let row = self.row(query(sql).bind(count)).await?;
        let last = row.map_or(Ok(count), |row| Columns::of(&row).number())?;
        Ok(last - count + 1)
    }

    /// The organization's number. Becomes `new` if it has none.
    async fn org_number(&mut self, org_id: OrgId, new: i64) -> Result<i64> {
        let insert = "INSERT INTO usage_organizations (org_id, number) VALUES ($1, $2) \
                      ON CONFLICT (org_id) DO NOTHING";
        self.execute(query(insert).bind(org_id.to_string()).bind(new)).await?;
        let find = "SELECT number FROM usage_organizations WHERE org_id = $1";
        let row = self.row(query(find).bind(org_id.to_string())).await?;
        row.map_or(Ok(new), |row| Columns::of(&row).number())
    }
}

/// Counts the traffic of a bucket that moved in its new workspace from now on. Must be called last, because reports of
/// nodes lock series after everything else.
pub(super) async fn move_series(write: &mut Write, bucket: BucketId, to: WorkspaceId) -> Result<()> {
    // In the order in which reports lock series.
    let lock = concat!("SELECT number FROM usage_series WHERE bucket_id = $1 ORDER BY number", for_update!());
    write.rows(query(lock).bind(bucket.to_string())).await?;
    let sql = "UPDATE usage_series SET workspace_id = $2 WHERE bucket_id = $1";
    write.execute(query(sql).bind(bucket.to_string()).bind(to.to_string())).await.map(|_| ())
}

fn series(columns: &mut Columns<'_>) -> Result<(Route, Series)> {
    let route = (columns.parsed()?, columns.parsed_unless_empty()?);
    let series = Series {
        number: columns.number()?,
        org_number: columns.number()?,
        day: columns.number()?,
        minute: columns.number()?,
        workspace_id: columns.parsed_unless_empty()?,
    };
    Ok((route, series))
}
