//! What lists select and order buckets by, written in the transaction of the change: the row in `bucket_facets`, and
//! the combination of provider, type and reports that it refers to.
//!
//! Reports and not a status, because a bucket's status also depends on which nodes are connected, and that changes
//! without a write. A list selects the combinations that have the wanted status at the moment.

use std::collections::{BTreeMap, HashMap};

use bucketry_model::bucket::StorageType;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::provider::Provider;
use bucketry_model::search::Words;
use bucketry_model::status::{ProbedStatus, Status, as_seen_now, fold};
use bucketry_model::time::{from_micros, to_micros};
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, for_update};
use super::node_status::last_status;
use super::readable::readable;
use super::search_words::{self, Indexed, SearchKind};
use super::statement::{InList, Rows, Write};
use crate::listing::BucketFilter;
use crate::{Result, StoreError, left_out};

/// How long a use of a facet is remembered before it is recorded again.
const USE_RECORDED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How often a number is tried that another transaction may take.
const NUMBERS_TRIED: usize = 64;

/// What nodes report about a bucket, by node.
pub(super) type Reports = Vec<(NodeId, ProbedStatus)>;

/// What buckets have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Facet {
    org_id: OrgId,
    provider: String,
    storage_type: String,
    reports: String,
}

impl Facet {
    /// A number to find the facet by. FNV-1a, which stays the same in every version.
    fn digest(&self) -> i64 {
        let parts = [&self.provider, &self.storage_type, &self.reports];
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([b'|']));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        hash.cast_signed()
    }
}

/// The reports as text: each node's id followed by `+` for ONLINE or `-` for OFFLINE.
fn reports_text(reports: &Reports) -> String {
    let mut reports = reports.clone();
    reports.sort_unstable_by_key(|(node, _)| *node);
    let one = |(node, status): &(NodeId, ProbedStatus)| match status {
        ProbedStatus::Online => format!("{node}+"),
        ProbedStatus::Offline => format!("{node}-"),
    };
    reports.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Leaves out statuses that this version doesn't know.
fn reports_of_text(text: &str) -> Reports {
    let one = |report: &str| {
        let (node, status) = match (report.strip_suffix('+'), report.strip_suffix('-')) {
            (Some(node), _) => (node, ProbedStatus::Online),
            (None, Some(node)) => (node, ProbedStatus::Offline),
            (None, None) => {
                left_out::note();
                return None;
            }
        };
        Some((node.parse().ok()?, status))
    };
    text.split_whitespace().filter_map(one).collect()
}

/// A live bucket, and the row that lists have of it.
struct Listed {
    id: BucketId,
    org_id: OrgId,
    workspace_id: WorkspaceId,
    name: Name,
    storage_type: String,
    provider: String,
    created_at: Timestamp,
    words: Words,
    row: Option<StoredRow>,
}

/// The row as it is.
#[derive(PartialEq, Eq)]
struct StoredRow {
    workspace_id: WorkspaceId,
    facet: i64,
    name_folded: String,
    words: String,
}

fn listed(row: &Row) -> Result<Listed> {
    let mut columns = Columns::of(row);
    let (id, org_id, workspace_id) = (columns.parsed()?, columns.parsed()?, columns.parsed()?);
    let (name, storage_type, bucket) = (columns.name()?, columns.parsed::<StorageType>(), columns.text()?);
    let endpoint: Option<Endpoint> = columns.optional_parsed()?;
    let created_at = columns.time()?;
    let stored = (
        columns.optional_parsed()?,
        columns.optional_narrow()?,
        columns.optional_text()?,
        columns.optional_text()?,
    );
    let row = match stored {
        (Some(workspace_id), Some(facet), Some(name_folded), Some(words)) => {
            Some(StoredRow { workspace_id, facet, name_folded, words })
        }
        _ => None,
    };
    let words = Words::of(&[name.as_str(), &bucket]);
    let listed_with = (columns.optional_text()?, columns.optional_text()?);
    let (provider, storage_type) = match (storage_type, listed_with) {
        (Ok(storage_type), _) => {
            let provider = Provider::recognise(storage_type, endpoint.as_ref());
            (provider.as_str().to_owned(), storage_type.as_str().to_owned())
        }
        // Only a newer version knows the type, and it has listed the bucket.
        (Err(_), (Some(provider), Some(storage_type))) => (provider, storage_type),
        (Err(unknown), _) => return Err(unknown),
    };
    Ok(Listed { id, org_id, workspace_id, name, storage_type, provider, created_at, words, row })
}

const BUCKET_FACETS: Rows<'static> = Rows {
    before: "INSERT INTO bucket_facets (bucket_id, org_id, workspace_id, facet, created_at, name_folded, words) ",
    columns: 7,
    after: " ON CONFLICT (bucket_id) DO UPDATE SET workspace_id = excluded.workspace_id, facet = excluded.facet, \
            name_folded = excluded.name_folded, words = excluded.words",
};

/// Keeps other transactions from changing what lists have of these buckets. Must be called before the reports of
/// several nodes on a bucket are read or deleted, so that of two nodes that report at the same time, the second sees
/// what the first stored.
pub(super) async fn lock(write: &mut Write, ids: &[String]) -> Result<()> {
    let list = InList::new(
        "SELECT f.bucket_id FROM bucket_facets f WHERE f.bucket_id IN (",
        concat!(") ORDER BY f.bucket_id", for_update!()),
    );
    write.rows_in_list(&list, ids).await.map(drop)
}

/// Brings the rows of live buckets up to date with what the transaction has written about them. Of a bucket whose type only a
/// newer version knows, the provider and the type stay as they are.
pub(super) async fn refresh(write: &mut Write, ids: &[String], now: Timestamp) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = InList::new(
        "SELECT b.id, b.org_id, b.workspace_id, b.name, b.storage_type, b.bucket, b.endpoint, b.created_at, \
         f.workspace_id, f.facet, f.name_folded, f.words, g.provider, g.storage_type FROM buckets b \
         LEFT JOIN bucket_facets f ON f.bucket_id = b.id LEFT JOIN facets g ON g.number = f.facet \
         WHERE b.deleted_at IS NULL AND b.id IN (",
        ")",
    );
    let buckets = readable(&write.rows_in_list(&list, ids).await?, listed)?;
    let mut reports = reports_of(write, ids).await?;
    let mut by_facet: BTreeMap<Facet, Vec<Listed>> = BTreeMap::new();
    for bucket in buckets {
        let facet = Facet {
            org_id: bucket.org_id,
            provider: bucket.provider.clone(),
            storage_type: bucket.storage_type.clone(),
            reports: reports_text(&reports.remove(&bucket.id).unwrap_or_default()),
        };
        by_facet.entry(facet).or_default().push(bucket);
    }
    // Facets in their order, because this may lock them.
    let mut changed = Vec::new();
    for (facet, buckets) in by_facet {
        let number = facet_number(write, &facet, now).await?;
        for bucket in buckets {
            let row = StoredRow {
                workspace_id: bucket.workspace_id,
                facet: number,
                name_folded: bucket.name.folded(),
                words: bucket.words.to_text(),
            };
            if bucket.row.as_ref() != Some(&row) {
                changed.push((bucket, row));
            }
        }
    }
    changed.sort_by_key(|(bucket, _)| bucket.id);
    for (bucket, _) in &changed {
        let indexed = |workspace, words: Words| Indexed { org_id: bucket.org_id, workspace, words };
        let old = bucket.row.as_ref().map(|row| indexed(row.workspace_id, Words::from_text(&row.words)));
        let new = indexed(bucket.workspace_id, bucket.words.clone());
        search_words::replace(write, SearchKind::Bucket, &bucket.id.to_string(), old.as_ref(), &new).await?;
    }
    write
        .insert_rows(&BUCKET_FACETS, &changed, |values, (bucket, row)| {
            values
                .bind(bucket.id.to_string())
                .bind(bucket.org_id.to_string())
                .bind(row.workspace_id.to_string())
                .bind(row.facet)
                .bind(to_micros(bucket.created_at))
                .bind(row.name_folded.as_str())
                .bind(row.words.as_str())
        })
        .await
        .map(drop)
}

async fn reports_of(write: &mut Write, ids: &[String]) -> Result<HashMap<BucketId, Reports>> {
    let list = InList::new(
        "SELECT w.bucket_id, w.node_id, w.status FROM bucket_words w WHERE w.bucket_id IN (",
        ")",
    );
    let mut reports: HashMap<BucketId, Reports> = HashMap::new();
    for row in write.rows_in_list(&list, ids).await? {
        let mut columns = Columns::of(&row);
        let bucket = columns.parsed()?;
        let node = columns.parsed()?;
        if let Some(status) = last_status(&mut columns)? {
            reports.entry(bucket).or_default().push((node, status));
        }
    }
    Ok(reports)
}

/// The number of a facet, which is stored if it is new.
async fn facet_number(write: &mut Write, facet: &Facet, now: Timestamp) -> Result<i64> {
    if let Some((number, used_at)) = find_facet(write, facet).await? {
        if now.duration_since(used_at) < USE_RECORDED_FOR {
            return Ok(number);
        }
        // Also keeps the facet from being purged before this transaction ends.
        let used = "UPDATE facets SET used_at = $2 WHERE number = $1";
        if write.execute(query(used).bind(number).bind(to_micros(now))).await? > 0 {
            return Ok(number);
        }
    }
    for _ in 0..NUMBERS_TRIED {
        let last = "SELECT number FROM facets WHERE number > 0 ORDER BY number DESC LIMIT 1";
        let last = write.row(query(last)).await?;
        let number = 1 + last.map_or(Ok(0), |row| Columns::of(&row).number())?;
        let insert = "INSERT INTO facets (number, org_id, provider, storage_type, reports, digest, used_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING";
        let insert = query(insert)
            .bind(number)
            .bind(facet.org_id.to_string())
            .bind(facet.provider.as_str())
            .bind(facet.storage_type.as_str())
            .bind(facet.reports.as_str())
            .bind(facet.digest())
            .bind(to_micros(now));
        if write.execute(insert).await? > 0 {
            return Ok(number);
        }
    }
    Err(StoreError::Unavailable("other transactions took every number of a facet".into()))
}

async fn find_facet(write: &mut Write, facet: &Facet) -> Result<Option<(i64, Timestamp)>> {
    let sql = "SELECT number, used_at, provider, storage_type, reports FROM facets \
               WHERE org_id = $1 AND digest = $2";
    let mut found = None;
    for row in write.rows(query(sql).bind(facet.org_id.to_string()).bind(facet.digest())).await? {
        let mut columns = Columns::of(&row);
        let one = (columns.number()?, from_micros(columns.number()?));
        let is_same = columns.text()? == facet.provider
            && columns.text()? == facet.storage_type
            && columns.text()? == facet.reports;
        if is_same && found.is_none_or(|(number, _)| one.0 < number) {
            found = Some(one);
        }
    }
    Ok(found)
}

/// Removes what lists have of a bucket. Must be called before its reports are deleted.
pub(super) async fn forget_bucket(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = "DELETE FROM bucket_facets WHERE bucket_id = $1 RETURNING org_id, workspace_id, words";
    let Some(row) = write.row(query(sql).bind(id.to_string())).await? else { return Ok(()) };
    let mut columns = Columns::of(&row);
    let (org_id, workspace) = (columns.parsed()?, columns.parsed()?);
    let old = Indexed { org_id, workspace, words: Words::from_text(&columns.text()?) };
    search_words::remove(write, SearchKind::Bucket, &id.to_string(), &old).await
}

/// Removes a node from all facets, because its reports are deleted.
pub(super) async fn forget_node(write: &mut Write, node: &str) -> Result<()> {
    let facets = write.rows(query("SELECT f.number, f.reports FROM facets f")).await?;
    for row in facets {
        let mut columns = Columns::of(&row);
        let (number, reports) = (columns.number()?, columns.text()?);
        let others: Vec<&str> = reports.split(' ').filter(|report| !report.starts_with(node)).collect();
        let others = others.join(" ");
        if others != reports {
            let update = "UPDATE facets SET reports = $2 WHERE number = $1";
            write.execute(query(update).bind(number).bind(others)).await?;
        }
    }
    Ok(())
}

/// A facet as it is stored.
pub(super) struct StoredFacet {
    pub(super) number: i64,
    pub(super) provider: Provider,
    pub(super) storage_type: StorageType,
    pub(super) reports: Reports,
}

impl SqlStore {
    /// The organization's facets that a filter selects, in the order of their numbers.
    pub(super) async fn facets_selected(
        &self,
        org_id: OrgId,
        filter: &BucketFilter,
    ) -> Result<Vec<StoredFacet>> {
        let sql = "SELECT number, provider, storage_type, reports FROM facets WHERE org_id = $1";
        let facet = |row: &Row| {
            let mut columns = Columns::of(row);
            let number = columns.number()?;
            // A newer version may recognise more providers.
            let provider = columns.text()?.parse().unwrap_or(Provider::Other);
            let storage_type = columns.parsed()?;
            Ok(StoredFacet { number, provider, storage_type, reports: reports_of_text(&columns.text()?) })
        };
        let mut selected = readable(&self.rows(query(sql).bind(org_id.to_string())).await?, facet)?;
        selected.retain(|facet| filter.selects(facet.provider, facet.storage_type, &facet.reports));
        selected.sort_unstable_by_key(|facet| facet.number);
        Ok(selected)
    }

    /// The status of the buckets of each of the organization's facets, given the connected nodes.
    pub(super) async fn facet_statuses(
        &self,
        org_id: OrgId,
        connected: &[NodeId],
    ) -> Result<Vec<(i64, Status)>> {
        let sql = "SELECT number, reports FROM facets WHERE org_id = $1";
        let rows = self.rows(query(sql).bind(org_id.to_string())).await?;
        let status = |row: &Row| {
            let mut columns = Columns::of(row);
            let (number, reports) = (columns.number()?, reports_of_text(&columns.text()?));
            let seen =
                |(node, status): &(NodeId, ProbedStatus)| as_seen_now(*status, connected.contains(node));
            Ok((number, fold(reports.iter().map(seen))))
        };
        readable(&rows, status)
    }

    /// Implements `ListingStore::purge_facets`.
    pub(super) async fn purge_unused_facets(&self, unused_since: Timestamp) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM facets WHERE used_at < $1 AND NOT EXISTS (SELECT 1 FROM bucket_facets f \
                   WHERE f.org_id = facets.org_id AND f.facet = facets.number)";
        let removed = write.execute(query(sql).bind(to_micros(unused_since))).await?;
        write.commit_if(removed > 0).await?;
        Ok(removed)
    }
}
