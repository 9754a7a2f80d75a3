//! `bucketry bucket …`. The arguments are in `arguments`.

use std::fmt::Display;

use bucketry_api_types::bucket::{AlsoRegistered, BucketInfo, ReadField};
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::WorkspaceId;
use bucketry_model::status::Status;
use bucketry_model::time::{Clock as _, SystemClock, to_wire};

use crate::arguments::{BucketCommand, BucketFields, Remote};
use crate::bucket_fields::{EnteredBucket, new_bucket, storage_type_of, trial};
use crate::checks::checks_text;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::table::{Cell, Column, Table};
use crate::workspace::find_workspace;
use crate::{bucket_fields, bucket_list, bucket_paste, history, inventory, output, refusal};

const STATUS_COLUMNS: &[Column] = &[
    Column::text("NODE", "node", 0, 16),
    Column::text("REGION", "region", 5, 10),
    Column::new("STATUS", "status", 1),
    Column::new("SINCE", "since", 3),
    Column::number("LATENCY", "latency_ms", 4),
    Column::new("LAST PROBED", "last_probed", 6),
    Column::text("REASON", "reason", 2, 12),
];
const TOTALS_COLUMNS: &[Column] = &[
    Column::text("BUCKET", "bucket", 0, 20),
    Column::number("REQUESTS", "requests", 1),
    Column::number("BYTES UP", "bytes_up", 2),
    Column::number("BYTES DOWN", "bytes_down", 3),
    Column::number("SIZE CHANGE", "size_change_bytes", 4),
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

/// The page size when searching for a bucket by name.
const PAGE: u32 = 1_000;

/// Runs a command on buckets.
pub(crate) async fn run(remote: &Remote, command: BucketCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        BucketCommand::List(arguments) => bucket_list::list(remote, &client, arguments).await,
        BucketCommand::Add { name, fields } => add(remote, &client, name, *fields).await,
        BucketCommand::Show { bucket } => show(remote, &find(&client, &bucket).await?),
        BucketCommand::Update { bucket_ref, name, fields } => {
            let bucket = find(&client, &bucket_ref).await?;
            let mut entered = entered(&client, *fields, Some(bucket.storage_type)).await?;
            entered.changes.name = name;
            let stored = checked(remote, client.update_bucket(bucket.id, &entered.changes).await)?;
            let read = [entered.read, stored.read].concat();
            if remote.json {
                return output::json(&serde_json::json!({
                    "bucketId": stored.bucket_id, "status": stored.status, "latency_ms": stored.latency_ms, "read": read,
                    "alsoRegistered": stored.also_registered,
                }));
            }
            output::line(&format!("updated {}, {}", bucket.name, stored.status))?;
            show_read(&read)?;
            show_others(&stored.also_registered)
        }
        BucketCommand::Rm { bucket } => {
            let bucket = find(&client, &bucket).await?;
            client.delete_bucket(bucket.id).await?;
            if remote.json {
                return output::json(&serde_json::json!({ "deleted": bucket.id }));
            }
            output::line(&format!(
                "removed {} from the registry; the bucket {} at the provider is untouched",
                bucket.name, bucket.bucket
            ))
        }
        BucketCommand::Validate { bucket_ref, fields } => {
            let bucket = find(&client, &bucket_ref).await?;
            let entered = entered(&client, *fields, Some(bucket.storage_type)).await?;
            let validation =
                checked(remote, client.validate_bucket(bucket.id, &trial(entered.changes)).await)?;
            if remote.json {
                return output::json(&validation);
            }
            output::line(&checks_text(&validation.checks))?;
            output::line(&validation.message)
        }
        BucketCommand::Status { bucket } => status(remote, &client, &bucket).await,
        BucketCommand::Events { bucket, limit } => {
            history::bucket_events(remote, &client, &find(&client, &bucket).await?, limit).await
        }
        BucketCommand::Outages { bucket } => {
            history::outages(remote, &client, &find(&client, &bucket).await?).await
        }
        BucketCommand::Hours { bucket, hours } => {
            history::hours(remote, &client, &find(&client, &bucket).await?, hours).await
        }
        BucketCommand::Diagnosis { bucket } => {
            history::diagnosis(remote, &client, &find(&client, &bucket).await?).await
        }
        BucketCommand::Inventory(arguments) => {
            let bucket = find(&client, &arguments.bucket).await?;
            inventory::run(remote, &client, &bucket, &arguments).await
        }
        BucketCommand::Stats { bucket, day } => stats(remote, &client, bucket, day).await,
    }
}

async fn add(remote: &Remote, client: &ApiClient, name: String, fields: BucketFields) -> Result<()> {
    let EnteredBucket { mut changes, read } = entered(client, fields, None).await?;
    changes.name = Some(name.clone());
    changes.storage_type = changes.storage_type.or_else(|| Some(storage_type_of(&changes).into()));
    if changes.workspace_id.is_none() {
        changes.workspace_id = Some(only_workspace(client).await?.to_string());
    }
    let stored = checked(remote, client.create_bucket(&new_bucket(changes), None).await)?;
    let read = [read, stored.read].concat();
    if remote.json {
        return output::json(&serde_json::json!({
            "bucketId": stored.bucket_id, "read": read, "alsoRegistered": stored.also_registered,
        }));
    }
    output::line(&format!("registered {name} ({})", stored.bucket_id))?;
    show_read(&read)?;
    show_others(&stored.also_registered)
}

/// The fields from flags, files and a paste. `stored` is the type of the bucket to change.
async fn entered(
    client: &ApiClient,
    fields: BucketFields,
    stored: Option<StorageType>,
) -> Result<EnteredBucket> {
    let workspace_id = match &fields.workspace {
        None => None,
        Some(workspace) => Some(find_workspace(client, workspace).await?.to_string()),
    };
    let mut entered = bucket_fields::read(&fields, stored)?;
    entered.changes.workspace_id = workspace_id;
    Ok(entered)
}

fn show_others(others: &[AlsoRegistered]) -> Result<()> {
    let line = |other: &AlsoRegistered| {
        format!("this bucket is also registered as {} ({})", other.name, other.bucket_id)
    };
    others.iter().try_for_each(|other| output::line(&line(other)))
}

fn show_read(read: &[ReadField]) -> Result<()> {
    bucket_paste::lines(read).iter().try_for_each(|line| output::line(line))
}

fn show(remote: &Remote, bucket: &BucketInfo<'_>) -> Result<()> {
    if remote.json {
        return output::json(bucket);
    }
    let secret = if bucket.has_secret { "stored, sealed" } else { "none" };
    let mut rows = vec![
        ("name", bucket.name.to_string()),
        ("id", bucket.id.to_string()),
        ("bucket", bucket.bucket.to_string()),
        ("type", bucket.storage_type.to_string()),
        ("provider", bucket.provider.to_string()),
        ("endpoint", or_dash(bucket.endpoint.as_deref())),
        ("region", or_dash(bucket.region.as_ref())),
        ("key", or_dash(bucket.key.as_ref())),
        ("secret", secret.to_owned()),
        ("secret set", or_dash(bucket.credential_set_at)),
        ("secret expires", or_dash(bucket.credential_expires_at)),
        ("status", bucket.status.to_string()),
        ("since", or_dash(bucket.offline_since.or(bucket.online_since))),
        ("latency", latency(bucket.latency_ms)),
        ("last probed", or_dash(bucket.last_status_at)),
        ("repositories", repositories(bucket)),
        ("workspace", bucket.workspace_id.to_string()),
        ("registered", bucket.created_at.to_string()),
        ("changed", bucket.updated_at.to_string()),
    ];
    if let Some(reason) = &bucket.status_reason {
        rows.push(("reason", format!("{} {reason}", or_dash(bucket.last_error.as_ref()))));
    }
    output::pairs(&rows)
}

fn repositories(bucket: &BucketInfo<'_>) -> String {
    let names: Vec<&str> = bucket.repos.iter().map(|repo| &*repo.name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

async fn status(remote: &Remote, client: &ApiClient, bucket: &str) -> Result<()> {
    let bucket = find(client, bucket).await?;
    let status = client.bucket_status(bucket.id).await?;
    if remote.json {
        return output::json(&status);
    }
    let rows = status.node_status.iter().map(|node| {
        vec![
            Cell::text(&node.ip),
            Cell::text(&node.region),
            Cell::status(node.status),
            Cell::time(node.offline_since.or(node.online_since)),
            Cell::milliseconds((node.status == Status::Online).then_some(node.latency_ms)),
            Cell::time(Some(node.last_updated)),
            Cell::optional(node.last_error.as_deref()),
        ]
    });
    Table::new(STATUS_COLUMNS, rows).print(remote)
}

async fn stats(
    remote: &Remote,
    client: &ApiClient,
    bucket: Option<String>,
    day: Option<String>,
) -> Result<()> {
    let bucket = match bucket {
        Some(bucket) => Some(find(client, &bucket).await?),
        None => None,
    };
    let ids: Vec<_> = bucket.iter().map(|bucket| bucket.id).collect();
    let totals = client.usage_totals(&ids).await?;
    let day = day.unwrap_or_else(|| to_wire(SystemClock.now()));
    let days = match &bucket {
        Some(bucket) => {
            let days = client.bucket_day(bucket.id, &day).await;
            days.map_err(|error| refusal::failure(error, refusal::DAY))?
        }
        None => Vec::new(),
    };
    if remote.json {
        return output::json(&serde_json::json!({ "totals": totals, "nodes": days }));
    }
    let rows = totals.iter().map(|totals| {
        let id = totals.bucket_id.to_string();
        vec![
            Cell::text(bucket.as_ref().map_or(id, |bucket| bucket.name.to_string())),
            Cell::count(totals.total_count),
            Cell::bytes(totals.total_upload_bytes.0),
            Cell::bytes(totals.total_download_bytes.0),
            Cell::bytes(totals.total_size_change.0),
        ]
    });
    Table::new(TOTALS_COLUMNS, rows).print(remote)?;
    if bucket.is_none() {
        return Ok(());
    }
    let rows = days.iter().map(|node| {
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
    Table::new(DAY_COLUMNS, rows).print(remote)
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn latency(milliseconds: Option<u32>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}

/// Finds a bucket by id or by name, ignoring case.
pub(crate) async fn find(client: &ApiClient, name_or_id: &str) -> Result<BucketInfo<'static>> {
    let matches = |bucket: &BucketInfo<'_>| {
        bucket.id.to_string() == name_or_id || bucket.name.to_lowercase() == name_or_id.trim().to_lowercase()
    };
    let mut cursor = None;
    loop {
        let page = client.buckets(None, Some(PAGE), cursor.as_deref()).await?;
        if let Some(bucket) = page.buckets.into_iter().find(matches) {
            return Ok(bucket);
        }
        if page.next_cursor.is_none() {
            let text = format!(
                "there is no bucket {name_or_id:?} that you have access to; `bucketry bucket list` shows your buckets"
            );
            return Err(Failure::failed(text));
        }
        cursor = page.next_cursor;
    }
}

/// The caller's workspace, if there is only one.
pub(crate) async fn only_workspace(client: &ApiClient) -> Result<WorkspaceId> {
    match client.workspaces().await?.as_slice() {
        [only] => Ok(only.workspace.id),
        [] => Err(Failure::failed("you are not a member of any workspace: ask an administrator to add you")),
        _ => Err(Failure::usage("you are a member of several workspaces: choose one with --workspace NAME")),
    }
}

/// Prints the checks of a refusal, if it has any, before the error.
fn checked<T>(remote: &Remote, answer: std::result::Result<T, ClientError>) -> Result<T> {
    if let Err(ClientError::Refused(refusal)) = &answer {
        let checks = refusal.checks();
        if remote.json {
            output::json(&refusal.body)?;
        } else if !checks.is_empty() {
            output::line(&checks_text(&checks))?;
        }
    }
    answer.map_err(|error| refusal::failure(error, refusal::BUCKET))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::diagnosis::{Check, CheckCode, CheckName};

    #[test]
    fn checks_are_a_list_with_times_and_what_to_change() {
        let check = |name, latency_ms, failure: Option<(CheckCode, &str)>| Check {
            name,
            ok: failure.is_none(),
            latency_ms,
            message: "It was looked at.".to_owned(),
            error_code: failure.map(|(code, _)| code),
            hint: failure.map(|(_, hint)| hint.to_owned()),
        };
        let denied = Some((CheckCode::AccessDeniedList, "Grant s3:ListBucket."));
        let text =
            checks_text(&[check(CheckName::Authenticate, 12, None), check(CheckName::List, 3, denied)]);
        let expected = "\
✓ authenticate     12 ms  It was looked at.
✗ list              3 ms  It was looked at.
                         ACCESS_DENIED_LIST
                         → Grant s3:ListBucket.
1 of 2 checks passed";
        assert_eq!(text, expected);
    }
}
