//! `bucketry bucket stats`: traffic of all time or of one day, and the availability of a bucket on a day.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::bucket_status::NodeDay;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::BucketTraffic;
use bucketry_client::ApiClient;
use bucketry_client::api::traffic::TrafficSelection;
use bucketry_model::time::{Clock as _, SystemClock, to_wire};
use bucketry_model::usage::Resolution;
use serde_json::json;

use crate::bucket_names::BucketNames;
use crate::failure::Result;
use crate::named::find_bucket;
use crate::output;
use crate::remote::{OutputFormat, Remote};
use crate::table::{Cell, Column, Table};
use crate::traffic::read_traffic;

const TOTALS_COLUMNS: &[Column] = &[
    Column::text("BUCKET", "bucket", 0, 20),
    Column::number("REQUESTS", "requests", 1),
    Column::number("BYTES UP", "bytes_up", 2),
    Column::number("BYTES DOWN", "bytes_down", 3),
    Column::number("SIZE CHANGE", "size_change_bytes", 4),
    Column::only_wide("BUCKET ID", "bucket_id"),
];
const DAY_COLUMNS: &[Column] = &[
    Column::text("NODE", "node", 0, 16),
    Column::number("UPTIME", "uptime_percent", 1),
    Column::number("MEAN", "mean_latency_ms", 2),
    Column::number("P50", "p50_latency_ms", 5),
    Column::number("P99", "p99_latency_ms", 3),
    Column::number("PROBES", "probes", 6),
    Column::number("FAILED", "failed_probes", 4),
];

/// Shows the traffic of a bucket or of all, of a day or of all time; of one bucket also its availability on the day or
/// today.
pub(crate) async fn stats(
    remote: &Remote,
    client: &ApiClient,
    bucket: Option<&str>,
    day: Option<String>,
) -> Result<()> {
    let bucket = match bucket {
        Some(bucket) => Some(find_bucket(client, bucket).await?),
        None => None,
    };
    let totals = match &day {
        Some(day) => traffic_of_day(client, bucket.as_ref(), day).await?,
        None => client.usage_totals(bucket.as_ref().map(|bucket| bucket.id).as_slice()).await?,
    };
    let today: String = to_wire(SystemClock.now()).chars().take(10).collect();
    let availability_day = day.clone().unwrap_or(today);
    let nodes = match &bucket {
        Some(bucket) => client.bucket_day(bucket.id, &availability_day).await?,
        None => Vec::new(),
    };
    if remote.json {
        let mut shown = json!({ "totals": totals, "nodes": nodes });
        if let Some(day) = &day {
            shown["day"] = json!(day);
        }
        return output::json(&shown);
    }
    let period = day.as_ref().map_or_else(|| "of all time".to_owned(), |day| format!("on {day} (UTC)"));
    show_totals(remote, client, bucket.as_ref(), &totals, &period).await?;
    // A CSV is one table.
    match &bucket {
        Some(bucket) if remote.output != Some(OutputFormat::Csv) => {
            output::line("")?;
            show_availability(remote, bucket, &nodes, &availability_day)
        }
        _ => Ok(()),
    }
}

async fn show_totals(
    remote: &Remote,
    client: &ApiClient,
    bucket: Option<&BucketInfo<'_>>,
    totals: &[BucketTraffic],
    period: &str,
) -> Result<()> {
    let names = match bucket {
        Some(bucket) => BucketNames::of(bucket),
        None => BucketNames::read(client, totals.iter().map(|totals| totals.bucket_id)).await?,
    };
    let rows = totals.iter().map(|totals| {
        vec![
            Cell::text(names.name(totals.bucket_id)),
            Cell::count(totals.total_count),
            Cell::bytes(totals.total_upload_bytes.0),
            Cell::bytes(totals.total_download_bytes.0),
            Cell::bytes(totals.total_size_change.0),
            Cell::text(totals.bucket_id),
        ]
    });
    Table::new(TOTALS_COLUMNS, rows).titled(format!("Traffic {period}")).print(remote)
}

fn show_availability(remote: &Remote, bucket: &BucketInfo<'_>, nodes: &[NodeDay], day: &str) -> Result<()> {
    let rows = nodes.iter().map(|node| {
        vec![
            Cell::text(&node.ip),
            Cell::with_unit(format!("{:.2} %", node.perc_uptime), node.perc_uptime),
            Cell::with_unit(format!("{:.1} ms", node.avg_latency_ms), node.avg_latency_ms),
            Cell::milliseconds(node.p50_latency_ms),
            Cell::milliseconds(node.p99_latency_ms),
            Cell::count(node.probes),
            Cell::count(node.failures),
        ]
    });
    let table = Table::new(DAY_COLUMNS, rows);
    table.titled(format!("Availability of {} on {day} (UTC)", bucket.name)).print(remote)
}

/// The traffic of a day by bucket, in the form of the totals of all time. A bucket that was named is listed even without
/// traffic.
async fn traffic_of_day(
    client: &ApiClient,
    bucket: Option<&BucketInfo<'_>>,
    day: &str,
) -> Result<Vec<BucketTraffic>> {
    let selection = TrafficSelection {
        from: Some(day.to_owned()),
        until: Some(day.to_owned()),
        buckets: bucket.iter().map(|bucket| bucket.id).collect(),
        ..TrafficSelection::default()
    };
    let sums = read_traffic(client, Resolution::Day, &selection, |_| 0).await?;
    let mut totals: Vec<BucketTraffic> = sums
        .into_iter()
        .map(|((_, id), sums)| BucketTraffic {
            bucket_id: id,
            total_count: Count(sums.requests),
            total_upload_bytes: Count(sums.upload_bytes),
            total_download_bytes: Count(sums.download_bytes),
            total_size_change: Count(sums.size_change),
        })
        .collect();
    if let (Some(bucket), []) = (bucket, totals.as_slice()) {
        let none = Count(0);
        totals.push(BucketTraffic {
            bucket_id: bucket.id,
            total_count: none,
            total_upload_bytes: none,
            total_download_bytes: none,
            total_size_change: none,
        });
    }
    Ok(totals)
}
