//! Pages of traffic by minute or day, newest first. A page is read in the order of an index: of the organization, or of
//! the buckets or repositories that are named, merged.

use std::cmp::Reverse;
use std::fmt::Write as _;

use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageCounts};
use sqlx::{AssertSqlSafe, query};

use super::SqliteStore;
use super::columns::Columns;
use super::dialect::Row;
use super::statement::texts;
use crate::Result;
use crate::usage::{SeriesPlace, SeriesPoint, SeriesQuery};

/// The most buckets or repositories that one statement merges; the pages of more statements are merged here.
const MERGED_AT_ONCE: usize = 64;

/// What a part of the page is read by.
#[derive(Clone, Copy)]
enum Anchor {
    Organization,
    Bucket,
    Repository,
}

/// Texts that a statement binds, numbered as it names them.
#[derive(Default)]
struct Parameters(Vec<Parameter>);

enum Parameter {
    Number(i64),
    Text(String),
}

impl Parameters {
    fn number(&mut self, value: i64) -> String {
        self.0.push(Parameter::Number(value));
        format!("${}", self.0.len())
    }

    fn text(&mut self, value: impl ToString) -> String {
        self.0.push(Parameter::Text(value.to_string()));
        format!("${}", self.0.len())
    }

    /// `$7, $8, $9`: filled up to a power of two with the last one, so that few texts of statements exist.
    fn list(&mut self, values: &[String]) -> String {
        let filling = values.len().next_power_of_two() - values.len();
        let all = values.iter().chain(values.last().into_iter().cycle().take(filling));
        all.map(|value| self.text(value)).collect::<Vec<_>>().join(", ")
    }
}

impl SqliteStore {
    pub(super) async fn series(&self, page: &SeriesQuery) -> Result<Vec<SeriesPoint>> {
        if matches!(&page.visible, Visibility::Workspaces(none) if none.is_empty()) {
            return Ok(Vec::new());
        }
        let (anchor, named) = match (page.buckets.as_slice(), page.repositories.as_slice()) {
            ([], []) => return self.part(page, Anchor::Organization, &[]).await,
            ([], repositories) => (Anchor::Repository, texts(repositories)),
            (buckets, _) => (Anchor::Bucket, texts(buckets)),
        };
        let mut found = Vec::new();
        for merged in named.chunks(MERGED_AT_ONCE) {
            found.append(&mut self.part(page, anchor, merged).await?);
        }
        if named.len() > MERGED_AT_ONCE {
            found.sort_by_key(|point| Reverse(order(&point.place)));
            found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn part(&self, page: &SeriesQuery, anchor: Anchor, named: &[String]) -> Result<Vec<SeriesPoint>> {
        let mut parameters = Parameters::default();
        let sql = sql(page, anchor, named, &mut parameters);
        let mut statement = query(AssertSqlSafe(sql));
        for parameter in parameters.0 {
            statement = match parameter {
                Parameter::Number(number) => statement.bind(number),
                Parameter::Text(text) => statement.bind(text),
            };
        }
        let seconds = seconds_of_unit(page.resolution);
        self.rows(statement).await?.iter().map(|row| point(row, seconds)).collect()
    }
}

/// Minutes are stored in seconds, days in days.
fn seconds_of_unit(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Minute => 1,
        Resolution::Day => Resolution::Day.seconds(),
    }
}

/// What the order of a series compares.
fn order(place: &SeriesPlace) -> (i64, String, String, String) {
    let repo = place.repo_id.map(|id| id.to_string()).unwrap_or_default();
    (place.at, place.bucket_id.to_string(), place.node_id.to_string(), repo)
}

fn sql(page: &SeriesQuery, anchor: Anchor, named: &[String], parameters: &mut Parameters) -> String {
    let (table, period) = match page.resolution {
        Resolution::Minute => ("usage_minutes", "minute"),
        Resolution::Day => ("usage_days", "day"),
    };
    let unit = seconds_of_unit(page.resolution);
    // "~" sorts after every id, so the first page begins after the end of time.
    let after =
        page.after.as_ref().map_or((i64::MAX, "~".to_owned(), "~".to_owned(), "~".to_owned()), |place| {
            let (at, bucket, node, repo) = order(place);
            (at.div_euclid(unit), bucket, node, repo)
        });
    let first = parameters.number(page.first.div_euclid(unit));
    // Stated besides the comparison of whole rows: every index can use it.
    let last = parameters.number(page.last.div_euclid(unit).min(after.0));
    let org = parameters.text(page.org_id);
    let place = [
        parameters.number(after.0),
        parameters.text(after.1),
        parameters.text(after.2),
        parameters.text(after.3),
    ]
    .join(", ");
    let filters = filters(page, anchor, parameters);
    let select = format!(
        "SELECT u.{period} AS period, u.bucket_id, u.node_id, u.repo_id, \
         (SELECT n.name FROM nodes n WHERE n.id = u.node_id) AS host, u.requests, u.errors, u.reads, u.writes, \
         u.lists, u.provider_errors, u.upload_bytes, u.download_bytes, u.size_change, u.latency_sum_ms, \
         u.first_byte_sum_ms FROM {table} u WHERE u.org_id = {org} AND u.{period} >= {first} \
         AND u.{period} <= {last} AND (u.{period}, u.bucket_id, u.node_id, u.repo_id) < ({place}){filters}"
    );
    let mut sql = String::new();
    match anchor {
        Anchor::Organization => sql.push_str(&select),
        Anchor::Bucket | Anchor::Repository => {
            for (index, id) in named.iter().enumerate() {
                let union = if index == 0 { "" } else { " UNION ALL " };
                let id = parameters.text(id);
                let condition = match anchor {
                    Anchor::Repository => format!("u.repo_id = {id} AND u.repo_id <> ''"),
                    Anchor::Bucket | Anchor::Organization => format!("u.bucket_id = {id}"),
                };
                // Writing to a string can't fail.
                let _ = write!(sql, "{union}{select} AND {condition}");
            }
        }
    }
    let limit = parameters.number(i64::from(page.limit));
    let _ = write!(sql, " ORDER BY period DESC, bucket_id DESC, node_id DESC, repo_id DESC LIMIT {limit}");
    sql
}

fn filters(page: &SeriesQuery, anchor: Anchor, parameters: &mut Parameters) -> String {
    let mut filters = String::new();
    if matches!(anchor, Anchor::Bucket) && !page.repositories.is_empty() {
        let list = parameters.list(&texts(&page.repositories));
        let _ = write!(filters, " AND u.repo_id IN ({list})");
    }
    if !page.hosts.is_empty() {
        let list = parameters.list(&texts(&page.hosts));
        let _ = write!(filters, " AND u.node_id IN (SELECT h.id FROM nodes h WHERE h.name IN ({list}))");
    }
    if let Visibility::Workspaces(workspaces) = &page.visible {
        let list = parameters.list(&texts(workspaces));
        let _ = write!(
            filters,
            " AND EXISTS (SELECT 1 FROM buckets b WHERE b.id = u.bucket_id AND b.workspace_id IN ({list}))"
        );
    }
    filters
}

fn point(row: &Row, seconds_of_unit: i64) -> Result<SeriesPoint> {
    let mut columns = Columns::of(row);
    let at = columns.number()?.saturating_mul(seconds_of_unit);
    let (bucket_id, node_id) = (columns.parsed()?, columns.parsed()?);
    let repo =
        columns.optional_read(|text| if text.is_empty() { Ok(None) } else { text.parse().map(Some) })?;
    Ok(SeriesPoint {
        place: SeriesPlace { at, bucket_id, node_id, repo_id: repo.flatten() },
        host: columns.optional_text()?.unwrap_or_default(),
        counts: UsageCounts {
            requests: columns.number()?,
            errors: columns.number()?,
            reads: columns.number()?,
            writes: columns.number()?,
            lists: columns.number()?,
            provider_errors: columns.number()?,
            upload_bytes: columns.number()?,
            download_bytes: columns.number()?,
            size_change: columns.number()?,
            latency_sum_ms: columns.number()?,
            first_byte_sum_ms: columns.number()?,
        },
    })
}
