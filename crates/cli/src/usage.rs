//! `bucketry bucket usage`: traffic of buckets by day, hour or minute, with its estimated cost where prices are set.

use std::cmp::Reverse;

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::moment::Moment;
use bucketry_client::ApiClient;
use bucketry_client::api::traffic::TrafficSelection;
use bucketry_model::id::BucketId;
use bucketry_model::time::from_micros;
use bucketry_model::usage::Resolution;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bucket_arguments::{Period, UsageArguments};
use crate::bucket_names::BucketNames;
use crate::failure::Result;
use crate::named::{find_bucket, find_repository};
use crate::output;
use crate::remote::{OutputFormat, Remote};
use crate::table::{Cell, Column, Table, bytes_text, money};
use crate::traffic::{TrafficByPeriod, TrafficSums, read_traffic};
use crate::workspace_choice::given_workspace;

const COLUMNS: &[Column] = &[
    Column::new("TIME", "time", 1),
    Column::text("BUCKET", "bucket", 0, 12),
    Column::number("REQUESTS", "requests", 2),
    Column::number("READS", "reads", 8),
    Column::number("WRITES", "writes", 9),
    Column::number("LISTS", "lists", 10),
    Column::number("ERRORS", "errors", 6),
    Column::number("BYTES UP", "bytes_up", 5),
    Column::number("BYTES DOWN", "bytes_down", 3),
    Column::number("SIZE CHANGE", "size_change_bytes", 7),
    Column::only_wide("BUCKET ID", "bucket_id"),
];
/// The same with costs, which are more important than some of the counts.
const PRICED_COLUMNS: &[Column] = &[
    COLUMNS[0],
    COLUMNS[1],
    COLUMNS[2],
    COLUMNS[3],
    COLUMNS[4],
    COLUMNS[5],
    COLUMNS[6],
    COLUMNS[7],
    COLUMNS[8],
    COLUMNS[9],
    Column::number("EST. REQUESTS", "estimated_request_cost", 12),
    Column::number("EST. EGRESS", "estimated_egress_cost", 11),
    Column::number("EST. COST", "estimated_cost", 4),
    Column::only_wide("CURRENCY", "currency"),
    COLUMNS[10],
];

/// Prints the selected traffic.
pub(crate) async fn usage(remote: &Remote, client: &ApiClient, arguments: UsageArguments) -> Result<()> {
    let mut buckets = Vec::new();
    for name in &arguments.buckets {
        buckets.push(find_bucket(client, name).await?);
    }
    let repository = match &arguments.repo {
        Some(name) => Some(find_repository(client, name).await?),
        None => None,
    };
    let selection = TrafficSelection {
        from: arguments.from.clone(),
        until: arguments.to.clone(),
        workspace: given_workspace(client, arguments.workspace.as_deref()).await?,
        buckets: buckets.iter().map(|bucket| bucket.id).collect(),
        repositories: repository.iter().map(|repository| repository.id).collect(),
    };
    let (resolution, seconds) = match arguments.by {
        Period::Day => (Resolution::Day, 86_400),
        // The registry counts a bucket's traffic by minute and by day.
        Period::Hour => (Resolution::Minute, 3_600),
        Period::Minute => (Resolution::Minute, 60),
    };
    let period = |at: i64| at.div_euclid(seconds) * seconds;
    let rows = read_traffic(client, resolution, &selection, period).await?;
    let names = match buckets.as_slice() {
        [only] => BucketNames::of(only),
        _ => BucketNames::read(client, rows.keys().map(|(_, id)| *id)).await?,
    };
    if remote.json {
        return output::json(&rows.iter().map(|row| in_json(row, &names)).collect::<Vec<_>>());
    }
    let is_priced = rows.values().any(|sums| sums.cost.is_some());
    let columns = if is_priced { PRICED_COLUMNS } else { COLUMNS };
    let cells = rows.iter().map(|row| cells(row, &names, arguments.by, is_priced));
    Table::new(columns, cells).titled(title(&arguments, is_priced)).print(remote)?;
    if remote.output == Some(OutputFormat::Csv) {
        return Ok(());
    }
    summary(&rows, &buckets)
}

fn title(arguments: &UsageArguments, is_priced: bool) -> String {
    let (unit, usual) = match arguments.by {
        Period::Day => ("day", "30 days ago"),
        Period::Hour => ("hour", "24 hours ago"),
        Period::Minute => ("minute", "24 hours ago"),
    };
    let from = arguments.from.as_deref().map_or_else(|| usual.to_owned(), short);
    let to = arguments.to.as_deref().map_or_else(|| "now".to_owned(), short);
    let note = if is_priced { ". Costs are estimates, based on the server's price sheet." } else { "" };
    format!("Traffic by {unit} in UTC, from {from} to {to}{note}")
}

/// A time without the digits that nobody reads. Days stay as they are.
fn short(time: &str) -> String {
    let moment = time.parse::<Timestamp>();
    moment.map_or_else(|_| time.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

type PeriodRow<'r> = (&'r (Reverse<i64>, BucketId), &'r TrafficSums);

fn cells(
    ((Reverse(at), id), sums): PeriodRow<'_>,
    names: &BucketNames,
    by: Period,
    is_priced: bool,
) -> Vec<Cell> {
    let moment = moment(*at);
    let time = match by {
        Period::Day => Cell::with_exact(moment.0.strftime("%Y-%m-%d"), moment),
        Period::Hour | Period::Minute => Cell::with_exact(moment.0.strftime("%Y-%m-%d %H:%M"), moment),
    };
    let mut cells = vec![
        time,
        Cell::text(names.name(*id)),
        Cell::count(sums.requests),
        Cell::count(sums.reads),
        Cell::count(sums.writes),
        Cell::count(sums.lists),
        Cell::count(sums.errors),
        Cell::bytes(sums.upload_bytes),
        Cell::bytes(sums.download_bytes),
        Cell::bytes(sums.size_change),
    ];
    if is_priced {
        let cost = sums.cost.as_ref();
        let currency = cost.map_or("", |cost| &*cost.currency);
        let priced = |amount: Option<f64>| {
            amount.map_or_else(Cell::absent, |amount| Cell::with_unit(money(amount, currency), amount))
        };
        cells.push(priced(cost.and_then(|cost| cost.requests)));
        cells.push(priced(cost.and_then(|cost| cost.egress)));
        cells.push(priced(cost.map(|cost| cost.total)));
        cells.push(Cell::text(currency));
    }
    cells.push(Cell::text(id));
    cells
}

fn in_json(((Reverse(at), id), sums): PeriodRow<'_>, names: &BucketNames) -> Value {
    let mut row = json!({
        "timestamp": at, "time": moment(*at), "bucketId": id, "bucket": names.name(*id),
        "requests": sums.requests, "reads": sums.reads, "writes": sums.writes, "lists": sums.lists,
        "errors": sums.errors, "uploadBytes": sums.upload_bytes, "downloadBytes": sums.download_bytes,
        "sizeChange": sums.size_change,
    });
    if let Some(cost) = &sums.cost {
        row["estimatedCost"] = serde_json::to_value(cost).unwrap_or_default();
    }
    row
}

/// The sum of all rows, and what the stored bytes of the named buckets cost.
fn summary(rows: &TrafficByPeriod, buckets: &[BucketInfo<'_>]) -> Result<()> {
    let mut total = TrafficSums::default();
    for sums in rows.values() {
        total.add(sums.clone());
    }
    let cost = total
        .cost
        .as_ref()
        .map_or_else(String::new, |cost| format!(", about {} (estimate)", money(cost.total, &cost.currency)));
    output::line(&format!(
        "total: requests {}, up {}, down {}{cost}",
        total.requests,
        bytes_text(total.upload_bytes),
        bytes_text(total.download_bytes)
    ))?;
    for bucket in buckets {
        if let (Some(bytes), Some(cost)) = (bucket.stored_bytes, &bucket.estimated_storage_cost) {
            output::sentence(&format!(
                "storage of {}: {} at its last inventory, about {} per month (estimate)",
                bucket.name,
                bytes_text(bytes.0),
                money(cost.per_month, &cost.currency)
            ))?;
        }
    }
    Ok(())
}

fn moment(seconds: i64) -> Moment {
    Moment(from_micros(seconds.saturating_mul(1_000_000)))
}
