//! `bucketry events`, and the commands on the history of a bucket: `events`, `outages`, `hours` and `diagnosis`.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::history::StatusEventInfo;
use bucketry_client::ApiClient;
use bucketry_model::time::{Clock as _, SystemClock, from_micros, to_wire};
use jiff::SignedDuration;

use crate::arguments::Remote;
use crate::checks::checks_text;
use crate::credentials::connect;
use crate::failure::Result;
use crate::output;
use crate::workspace::find_workspace;

/// Shows the newest changes of the status of all buckets, or of those in a workspace.
pub(crate) async fn events(remote: &Remote, workspace: Option<String>, limit: u32) -> Result<()> {
    let client = connect(remote).await?;
    let workspace = match workspace {
        Some(workspace) => Some(find_workspace(&client, &workspace).await?),
        None => None,
    };
    show_events(remote, &client.events(workspace, limit).await?)
}

/// Shows the newest changes of a bucket's status.
pub(crate) async fn bucket_events(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    limit: u32,
) -> Result<()> {
    show_events(remote, &client.bucket_events(bucket.id, limit).await?)
}

fn show_events(remote: &Remote, events: &[StatusEventInfo]) -> Result<()> {
    if remote.json {
        return output::json(&events);
    }
    let rows = events.iter().map(|event| {
        let from = event.from.map_or_else(|| "-".to_owned(), |from| from.to_string());
        vec![
            event.at.to_string(),
            event.bucket_name.clone(),
            event.ip.clone().unwrap_or_else(|| "(removed)".to_owned()),
            from,
            event.to.to_string(),
            event.last_error.as_deref().unwrap_or("-").to_owned(),
        ]
    });
    output::table(&["TIME", "BUCKET", "NODE", "FROM", "TO", "REASON"], rows.collect())
}

/// Shows the outages of a bucket.
pub(crate) async fn outages(remote: &Remote, client: &ApiClient, bucket: &BucketInfo<'_>) -> Result<()> {
    let found = client.bucket_outages(bucket.id).await?;
    if remote.json {
        return output::json(&found);
    }
    let rows = found.outages.iter().map(|outage| {
        vec![
            outage.start.to_string(),
            outage.end.map_or_else(|| "ongoing".to_owned(), |end| end.to_string()),
            length(outage.seconds),
            outage.last_error.as_deref().unwrap_or("-").to_owned(),
        ]
    });
    output::table(&["START", "END", "LENGTH", "REASON"], rows.collect())?;
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
    let milliseconds = |latency: Option<u32>| latency.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    let mut rows = Vec::new();
    for node in &found {
        rows.extend(node.hours.iter().map(|hour| {
            vec![
                node.ip.clone(),
                to_wire(from_micros(hour.timestamp.saturating_mul(1_000_000))),
                hour.online.map_or_else(|| "-".to_owned(), |online| format!("{online:.2} %")),
                milliseconds(hour.p50_latency_ms),
                milliseconds(hour.p99_latency_ms),
                hour.probes.to_string(),
                hour.failures.to_string(),
            ]
        }));
    }
    output::table(&["NODE", "HOUR", "ONLINE", "P50", "P99", "PROBES", "FAILED"], rows)
}

/// Shows what a node found when it last validated a bucket.
pub(crate) async fn diagnosis(remote: &Remote, client: &ApiClient, bucket: &BucketInfo<'_>) -> Result<()> {
    let diagnosis = client.bucket_diagnosis(bucket.id).await?;
    if remote.json {
        return output::json(&diagnosis);
    }
    let Some(diagnosis) = diagnosis else {
        return output::line(&format!(
            "{} has not been validated yet: run `bucketry bucket validate` for it",
            bucket.name
        ));
    };
    output::line(&checks_text(&diagnosis.checks))?;
    let node = diagnosis.ip.as_deref().unwrap_or("a node that was removed since");
    output::line(&format!("{} at {}, by {node}", diagnosis.status, diagnosis.at))?;
    if diagnosis.outdated {
        output::line("the bucket's location or secret has changed since: validate it again")?;
    }
    Ok(())
}

/// A length of time with its two largest units, such as `2 h 5 min`.
fn length(seconds: i64) -> String {
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
