//! `bucketry bucket list`.

use std::collections::HashMap;

use bucketry_api_types::bucket::BucketInfo;
use bucketry_client::ApiClient;
use bucketry_client::api::bucket::BucketListSelection;
use bucketry_model::id::WorkspaceId;
use bucketry_model::time::{Clock as _, SystemClock};
use jiff::Timestamp;

use crate::failure::Result;
use crate::list_arguments::BucketListArguments;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::{given_workspace, workspace_names};
use crate::{output, watch};

/// Buckets per request.
const PAGE: u32 = 1_000;

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 20),
    Column::new("STATUS", "status", 1),
    Column::text("REASON", "reason", 3, 12),
    Column::new("SINCE", "since", 2),
    Column::text("BUCKET", "bucket", 7, 12),
    Column::new("TYPE", "type", 8),
    Column::new("PROVIDER", "provider", 4),
    Column::text("ENDPOINT", "endpoint", 11, 16),
    Column::text("WORKSPACE", "workspace", 6, 10),
    Column::number("LATENCY", "latency_ms", 5),
    Column::number("SIZE", "stored_bytes", 9),
    Column::new("EXPIRES", "credential_expires", 10),
    Column::only_wide("ID", "id"),
];

/// Prints the selected buckets.
pub(crate) async fn list(remote: &Remote, client: &ApiClient, arguments: BucketListArguments) -> Result<()> {
    let workspace = given_workspace(client, arguments.workspace.as_deref()).await?;
    let selection = BucketListSelection {
        workspace,
        statuses: arguments.status,
        providers: arguments.provider,
        storage_types: arguments.storage_type,
        search: arguments.search,
        sort: arguments.sort.map(Into::into),
    };
    watch::print(arguments.watch, || text(remote, client, &selection)).await
}

async fn text(remote: &Remote, client: &ApiClient, selection: &BucketListSelection) -> Result<String> {
    let buckets = all(client, selection).await?;
    if remote.json {
        return output::json_text(&buckets);
    }
    let names = workspace_names(client).await?;
    let now = SystemClock.now();
    Ok(Table::new(COLUMNS, buckets.iter().map(|bucket| row(bucket, &names, now))).text(remote))
}

fn row(bucket: &BucketInfo<'_>, workspaces: &HashMap<WorkspaceId, String>, now: Timestamp) -> Vec<Cell> {
    let expires = bucket.credential_expires_at;
    vec![
        Cell::text(&bucket.name),
        Cell::status(bucket.status),
        Cell::optional(bucket.last_error.as_deref()),
        Cell::since(bucket.offline_since.or(bucket.online_since), now),
        Cell::text(&bucket.bucket),
        Cell::text(bucket.storage_type),
        Cell::text(&bucket.provider),
        Cell::optional(bucket.endpoint.as_deref()),
        Cell::text(workspaces.get(&bucket.workspace_id).unwrap_or(&bucket.workspace_id.to_string())),
        Cell::milliseconds(bucket.latency_ms),
        bucket.stored_bytes.map_or_else(Cell::absent, |bytes| Cell::bytes(bytes.0)),
        expires.map_or_else(Cell::absent, |at| Cell::with_exact(expiry(at.0, now), at)),
        Cell::text(bucket.id),
    ]
}

/// When a credential expires, relative to now, because users look for what expires soon.
fn expiry(at: Timestamp, now: Timestamp) -> String {
    let hours = at.duration_since(now).as_hours();
    match hours {
        ..0 => "expired".to_owned(),
        0..48 => format!("in {hours} h"),
        _ => format!("in {} days", hours / 24),
    }
}

async fn all(client: &ApiClient, selection: &BucketListSelection) -> Result<Vec<BucketInfo<'static>>> {
    let (mut buckets, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.select_buckets(selection, Some(PAGE), cursor.as_deref()).await?;
        buckets.extend(page.buckets);
        if page.next_cursor.is_none() {
            return Ok(buckets);
        }
        cursor = page.next_cursor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_from_now() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for (at, response) in [
            ("2026-02-27T00:00:00.000Z", "expired"),
            ("2026-03-02T06:00:00.000Z", "in 30 h"),
            ("2026-03-08T06:00:00.000Z", "in 7 days"),
        ] {
            assert_eq!(expiry(at.parse().unwrap(), now), response);
        }
    }
}
