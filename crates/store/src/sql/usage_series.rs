//! Pages of traffic by minute or day, newest first. A page is read in the order of an index: that of the
//! organization, or that of the series of the given buckets and repositories, merged.

use std::cmp::Reverse;
use std::fmt::Write as _;

use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageCounts};
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Query, Row, part_of_union};
use super::statement::texts;
use crate::Result;
use crate::usage::{SeriesPoint, SeriesPosition, SeriesQuery};

/// The largest number of series that one statement merges. If there are more, the pages of several statements are
/// merged here.
const MERGED_AT_ONCE: usize = 64;

/// The largest number of buckets or repositories whose series one statement looks up.
const NAMED_AT_ONCE: usize = 512;

/// The parameters of a statement, numbered in the order of their use.
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

    /// Returns `$7, $8, $9`, padded to a power of two with the last value so that there are few statement texts.
    fn list<T>(&mut self, values: &[T], push: impl Fn(&mut Self, &T) -> String) -> String {
        let filling = values.len().next_power_of_two() - values.len();
        let all = values.iter().chain(values.last().into_iter().cycle().take(filling));
        all.map(|value| push(self, value)).collect::<Vec<_>>().join(", ")
    }

    fn texts(&mut self, values: &[String]) -> String {
        self.list(values, |all, value| all.text(value))
    }

    fn query(self, sql: String) -> Query<'static> {
        self.0.into_iter().fold(query(AssertSqlSafe(sql)), |query, parameter| match parameter {
            Parameter::Number(number) => query.bind(number),
            Parameter::Text(text) => query.bind(text),
        })
    }
}

impl SqlStore {
    pub(super) async fn series(&self, page: &SeriesQuery) -> Result<Vec<SeriesPoint>> {
        if matches!(&page.visible, Visibility::Workspaces(none) if none.is_empty()) {
            return Ok(Vec::new());
        }
        let (column, named) = match (page.buckets.as_slice(), page.repositories.as_slice()) {
            ([], []) => return Ok(newest(page, self.points_of(page, Of::Organization).await?)),
            ([], repositories) => ("repo_id", texts(repositories)),
            (buckets, _) => ("bucket_id", texts(buckets)),
        };
        let mut series = Vec::new();
        for named in named.chunks(NAMED_AT_ONCE) {
            let mut parameters = Parameters::default();
            let sql = sql_of_series(page, column, named, &mut parameters);
            for row in self.rows(parameters.query(sql)).await? {
                series.push(Columns::of(&row).number()?);
            }
        }
        let mut found = Vec::new();
        for merged in series.chunks(MERGED_AT_ONCE) {
            found.append(&mut self.points_of(page, Of::Series(merged)).await?);
            found = newest(page, found);
        }
        Ok(found)
    }

    /// A page of points. For days, also those that are still being counted, which are read first: a day that ends
    /// in between is then returned twice instead of not at all.
    async fn points_of(&self, page: &SeriesQuery, of: Of<'_>) -> Result<Vec<SeriesPoint>> {
        let latest = match page.resolution {
            Resolution::Minute => Vec::new(),
            Resolution::Day => {
                let mut parameters = Parameters::default();
                let sql = sql_of_latest_days(page, of, &mut parameters);
                self.points(page, parameters.query(sql)).await?
            }
        };
        let mut parameters = Parameters::default();
        let sql = match of {
            Of::Organization => sql_of_organization(page, &mut parameters),
            Of::Series(series) => sql_of_merged(page, series, &mut parameters),
        };
        let mut found = self.points(page, parameters.query(sql)).await?;
        found.extend(latest);
        Ok(found)
    }

    async fn points(&self, page: &SeriesQuery, query: Query<'_>) -> Result<Vec<SeriesPoint>> {
        let seconds = seconds_of_unit(page.resolution);
        self.rows(query).await?.iter().map(|row| point(row, seconds)).collect()
    }
}

/// Whose traffic a statement reads.
#[derive(Clone, Copy)]
enum Of<'a> {
    Organization,
    Series(&'a [i64]),
}

/// The newest points, up to the page's limit. Of duplicates, the first is retained.
fn newest(page: &SeriesQuery, mut found: Vec<SeriesPoint>) -> Vec<SeriesPoint> {
    found.sort_by_key(|point| Reverse(point.position));
    found.dedup_by_key(|point| point.position);
    found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    found
}

/// Minutes are stored as Unix seconds, days as numbers of days.
fn seconds_of_unit(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Minute => 1,
        Resolution::Day => Resolution::Day.seconds(),
    }
}

const ORDER: &str = " ORDER BY period DESC, series DESC LIMIT ";

/// The numbers of the given buckets' or repositories' series that have traffic at or after the page's first period.
fn sql_of_series(page: &SeriesQuery, column: &str, named: &[String], parameters: &mut Parameters) -> String {
    let org = parameters.text(page.org_id);
    let named = parameters.texts(named);
    // The index by repository leaves out traffic through no repository.
    let some = if column == "repo_id" { " AND s.repo_id <> ''" } else { "" };
    let mut sql = format!(
        "SELECT s.number FROM usage_series s WHERE s.org_id = {org} AND s.{column} IN ({named}){some}"
    );
    if column == "bucket_id" && !page.repositories.is_empty() {
        let list = parameters.texts(&texts(&page.repositories));
        let _ = write!(sql, " AND s.repo_id IN ({list})");
    }
    let latest = match page.resolution {
        Resolution::Minute => "minute",
        Resolution::Day => "day",
    };
    let first = parameters.number(page.first.div_euclid(seconds_of_unit(page.resolution)));
    let _ = write!(sql, " AND s.{latest} >= {first}");
    sql.push_str(&filters(page, parameters));
    sql
}

/// A page of several series, each read separately and merged.
fn sql_of_merged(page: &SeriesQuery, series: &[i64], parameters: &mut Parameters) -> String {
    let (select, within) = select(page, parameters);
    let limit = parameters.number(i64::from(page.limit));
    let order = format!("{ORDER}{limit}");
    let parts = series.iter().map(|number| {
        let number = parameters.number(*number);
        let part = format!("{select} WHERE u.series = {number}{within}");
        if series.len() == 1 { part } else { part_of_union(&part, &order) }
    });
    parts.collect::<Vec<_>>().join(" UNION ALL ") + &order
}

fn sql_of_organization(page: &SeriesQuery, parameters: &mut Parameters) -> String {
    let (select, within) = select(page, parameters);
    let org = org_number(page, parameters);
    let filters = filters(page, parameters);
    let limit = parameters.number(i64::from(page.limit));
    format!("{select} WHERE u.org_number = {org}{within}{filters}{ORDER}{limit}")
}

fn sql_of_latest_days(page: &SeriesQuery, of: Of<'_>, parameters: &mut Parameters) -> String {
    let within = within(page, "s.day", "s.number", parameters);
    let select = format!("SELECT s.day AS period, s.number AS series, {} FROM usage_series s", labels("s"));
    match of {
        Of::Organization => {
            let org = org_number(page, parameters);
            let filters = filters(page, parameters);
            let limit = parameters.number(i64::from(page.limit));
            format!("{select} WHERE s.org_number = {org}{within}{filters}{ORDER}{limit}")
        }
        Of::Series(series) => {
            let list = parameters.list(series, |all, number| all.number(*number));
            format!("{select} WHERE s.number IN ({list}){within}")
        }
    }
}

fn org_number(page: &SeriesQuery, parameters: &mut Parameters) -> String {
    let org = parameters.text(page.org_id);
    format!("(SELECT o.number FROM usage_organizations o WHERE o.org_id = {org})")
}

/// The columns of a row, and the condition on its period.
fn select(page: &SeriesQuery, parameters: &mut Parameters) -> (String, String) {
    let (table, period) = match page.resolution {
        Resolution::Minute => ("usage_minutes", "minute"),
        Resolution::Day => ("usage_days", "day"),
    };
    let select = format!(
        "SELECT u.{period} AS period, u.series AS series, {} FROM {table} u \
         JOIN usage_series s ON s.number = u.series",
        labels("u")
    );
    (select, within(page, &format!("u.{period}"), "u.series", parameters))
}

/// The columns that say whose traffic it is, and the counts from the given table.
fn labels(counts: &str) -> String {
    let columns = [
        "requests",
        "errors",
        "reads",
        "writes",
        "lists",
        "provider_errors",
        "upload_bytes",
        "download_bytes",
        "size_change",
        "latency_sum_ms",
        "first_byte_sum_ms",
    ];
    let host = "(SELECT n.name FROM nodes n WHERE n.id = s.node_id) AS host";
    columns.iter().fold(format!("s.bucket_id, s.node_id, s.repo_id, {host}"), |text, column| {
        format!("{text}, {counts}.{column}")
    })
}

/// The condition that a period belongs to the page.
fn within(page: &SeriesQuery, period: &str, series: &str, parameters: &mut Parameters) -> String {
    let unit = seconds_of_unit(page.resolution);
    // The first page begins after the end of time.
    let (after, after_series) =
        page.after.map_or((i64::MAX, i64::MAX), |position| (position.at.div_euclid(unit), position.series));
    let first = parameters.number(page.first.div_euclid(unit));
    // Also stated apart from the row comparison, because every index can use it in this form.
    let last = parameters.number(page.last.div_euclid(unit).min(after));
    let position = [parameters.number(after), parameters.number(after_series)].join(", ");
    format!(" AND {period} >= {first} AND {period} <= {last} AND ({period}, {series}) < ({position})")
}

fn filters(page: &SeriesQuery, parameters: &mut Parameters) -> String {
    let mut filters = String::new();
    if !page.hosts.is_empty() {
        let list = parameters.texts(&texts(&page.hosts));
        let _ = write!(filters, " AND s.node_id IN (SELECT h.id FROM nodes h WHERE h.name IN ({list}))");
    }
    if let Visibility::Workspaces(workspaces) = &page.visible {
        let list = parameters.texts(&texts(workspaces));
        let _ = write!(
            filters,
            " AND EXISTS (SELECT 1 FROM buckets b WHERE b.id = s.bucket_id AND b.workspace_id IN ({list}))"
        );
    }
    filters
}

fn point(row: &Row, seconds_of_unit: i64) -> Result<SeriesPoint> {
    let mut columns = Columns::of(row);
    let at = columns.number()?.saturating_mul(seconds_of_unit);
    let position = SeriesPosition { at, series: columns.number()? };
    Ok(SeriesPoint {
        position,
        bucket_id: columns.parsed()?,
        node_id: columns.parsed()?,
        repo_id: columns.parsed_unless_empty()?,
        host: columns.optional_text()?.unwrap_or_default(),
        counts: counts(&mut columns)?,
    })
}

/// Reads the counts of a row, in the order in which every table of traffic has them.
pub(super) fn counts(columns: &mut Columns<'_>) -> Result<UsageCounts> {
    Ok(UsageCounts {
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
    })
}
