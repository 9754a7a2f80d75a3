//! `bucketry events`, and the commands on the history of a bucket: `events`, `outages`, `hours` and `diagnosis`.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::history::StatusEventInfo;
use bucketry_api_types::moment::Moment;
use bucketry_client::ApiClient;
use bucketry_model::time::{Clock as _, SystemClock, from_micros, to_wire};
use jiff::SignedDuration;

use crate::checks::checks_text;
use crate::credentials::connect;
use crate::failure::Result;
use crate::list_arguments::EventArguments;
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::given_workspace;

const EVENT_COLUMNS: &[Column] = &[
    Column::new("TIME", "time", 1),
    Column::text("BUCKET", "bucket", 0, 16),
    Column::text("NODE", "node", 4, 12),
    Column::new("FROM", "from", 5),
    Column::new("TO", "to", 2),
    Column::text("REASON", "reason", 3, 12),
    Column::only_wide("BUCKET ID", "bucket_id"),
    Column::only_wide("ID", "id"),
];
const HOUR_COLUMNS: &[Column] = &[
    Column::text("NODE", "node", 0, 12),
    Column::new("HOUR", "hour", 1),
    Column::number("ONLINE", "online_percent", 2),
    Column::number("P50", "p50_latency_ms", 5),
    Column::number("P99", "p99_latency_ms", 3),
    Column::number("PROBES", "probes", 6),
    Column::number("FAILED", "failed_probes", 4),
];
const OUTAGE_COLUMNS: &[Column] = &[
    Column::new("START", "start", 0),
    Column::new("END", "end", 2),
    Column::number("LENGTH", "seconds", 1),
    Column::text("REASON", "reason", 3, 12),
];

/// Shows the newest changes of the status of all buckets, or of those in a workspace.
pub(crate) async fn events(
    remote: &Remote,
    workspace: Option<String>,
    selection: EventArguments,
) -> Result<()> {
    let client = connect(remote).await?;
    let workspace = given_workspace(&client, workspace.as_deref()).await?;
    show_events(remote, &client.events(workspace, &selection.into()).await?)
}

/// Shows the newest changes of a bucket's status.
pub(crate) async fn bucket_events(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    selection: EventArguments,
) -> Result<()> {
    show_events(remote, &client.bucket_events(bucket.id, &selection.into()).await?)
}

fn show_events(remote: &Remote, events: &[StatusEventInfo]) -> Result<()> {
    if remote.json {
        return output::json(&events);
    }
    let rows = events.iter().map(|event| {
        vec![
            Cell::time(Some(event.at)),
            Cell::text(&event.bucket_name),
            Cell::text(event.ip.as_deref().unwrap_or("(removed)")),
            event.from.map_or_else(Cell::absent, Cell::status),
            Cell::status(event.to),
            Cell::optional(event.last_error.as_deref()),
            Cell::text(event.bucket_id),
            Cell::text(event.id),
        ]
    });
    Table::new(EVENT_COLUMNS, rows).print(remote)
}

/// Shows the outages of a bucket.
pub(crate) async fn outages(remote: &Remote, client: &ApiClient, bucket: &BucketInfo<'_>) -> Result<()> {
    let found = client.bucket_outages(bucket.id).await?;
    if remote.json {
        return output::json(&found);
    }
    let rows = found.outages.iter().map(|outage| {
        vec![
            Cell::time(Some(outage.start)),
            outage.end.map_or_else(|| Cell::with_exact("ongoing", ""), |end| Cell::time(Some(end))),
            Cell::with_unit(length(outage.seconds), outage.seconds),
            Cell::optional(outage.last_error.as_deref()),
        ]
    });
    Table::new(OUTAGE_COLUMNS, rows).print(remote)?;
    if !found.complete {
        output::line("only the newest 10,000 changes of the status were considered")?;
    }
    Ok(())
}

/// Shows the availability and latency of a bucket in its latest hours, at each node.
pub(crate) async fn hours(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    hours: u8,
) -> Result<()> {
    let start = SystemClock.now() - SignedDuration::from_hours(i64::from(hours) - 1);
    let found = client.node_hours(&[bucket.id], None, (Some(&to_wire(start)), None)).await?;
    if remote.json {
        return output::json(&found);
    }
    let mut rows = Vec::new();
    for node in &found {
        rows.extend(node.hours.iter().map(|hour| {
            vec![
                Cell::text(&node.ip),
                Cell::time(Some(Moment(from_micros(hour.timestamp.saturating_mul(1_000_000))))),
                hour.online
                    .map_or_else(Cell::absent, |online| Cell::with_unit(format!("{online:.2} %"), online)),
                Cell::milliseconds(hour.p50_latency_ms),
                Cell::milliseconds(hour.p99_latency_ms),
                Cell::count(hour.probes),
                Cell::count(hour.failures),
            ]
        }));
    }
    Table::new(HOUR_COLUMNS, rows).print(remote)
}

/// Shows what a node found when it last validated a bucket.
pub(crate) async fn diagnosis(remote: &Remote, client: &ApiClient, bucket: &BucketInfo<'_>) -> Result<()> {
    let diagnosis = client.bucket_diagnosis(bucket.id).await?;
    if remote.json {
        return output::json(&diagnosis);
    }
    let Some(diagnosis) = diagnosis else {
        return output::sentence(&format!(
            "{} has not been validated yet: run `bucketry bucket validate` for it",
            bucket.name
        ));
    };
    output::sentence(&checks_text(&diagnosis.checks))?;
    let node = diagnosis.ip.as_deref().unwrap_or("a node that has been removed since");
    output::sentence(&format!("{} at {}, by {node}", diagnosis.status, diagnosis.at))?;
    if diagnosis.outdated {
        output::line("the bucket's location or secret has changed since: validate it again")?;
    }
    Ok(())
}

/// A length of time with its two largest units, such as `2 h 5 min`.
pub(crate) fn length(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_two_largest_units() {
        let all = [0, 59, 60, 3_599, 3_600, 90_061].map(length);
        assert_eq!(all, ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "1 d 1 h"]);
    }
}
