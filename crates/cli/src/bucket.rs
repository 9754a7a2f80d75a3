//! `bucketry bucket …`. The arguments are in `bucket_arguments`.

use std::fmt::Display;

use bucketry_api_types::bucket::{AlsoRegistered, BucketCreated, BucketInfo, ReadField};
use bucketry_api_types::bucket_fields::TrialFields;
use bucketry_api_types::history::StoredDiagnosis;
use bucketry_api_types::pinned_to::PinnedTo;
use bucketry_api_types::validation::ValidationState;
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::status::Status;
use serde_json::json;

use crate::bucket_arguments::{BucketCommand, BucketFields, RegistrationFields};
use crate::bucket_fields::{EnteredBucket, new_bucket, storage_type_of, trial};
use crate::checks::checks_text;
use crate::confirmation::Confirmation;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::find_bucket;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table, bytes_text, money};
use crate::validation::{self, Followed};
use crate::workspace_choice::{chosen_workspace, given_workspace};
use crate::{
    bucket_content, bucket_fields, bucket_list, bucket_paste, bucket_pins, bucket_statistics, history,
    inventory, output, usage,
};

const STATUS_COLUMNS: &[Column] = &[
    Column::text("NODE", "node", 0, 16),
    Column::text("REGION", "region", 5, 10),
    Column::new("STATUS", "status", 1),
    Column::new("SINCE", "since", 3),
    Column::number("LATENCY", "latency_ms", 4),
    Column::new("LAST PROBED", "last_probed", 6),
    Column::text("REASON", "reason", 2, 12),
];

/// Runs a command on buckets.
pub(crate) async fn run(remote: &Remote, command: BucketCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        BucketCommand::List(arguments) => bucket_list::list(remote, &client, arguments).await,
        BucketCommand::Add { name, fields, registration } => {
            add(remote, &client, name, *fields, registration).await
        }
        BucketCommand::Show { bucket } => show(remote, &client, &find_bucket(&client, &bucket).await?).await,
        BucketCommand::Update { bucket_ref, name, fields, registration, unpin } => {
            let bucket = find_bucket(&client, &bucket_ref).await?;
            let pins = if unpin { Some(PinnedTo::default()) } else { None };
            update(remote, &client, &bucket, name, *fields, registration, pins).await
        }
        BucketCommand::Rm { bucket, confirmation } => remove(remote, &client, &bucket, confirmation).await,
        BucketCommand::Validate { bucket_ref, fields } => {
            let bucket = find_bucket(&client, &bucket_ref).await?;
            let entered = bucket_fields::read(&fields, Some(bucket.storage_type))?;
            validate(remote, &client, &bucket, &trial(entered.changes)).await
        }
        BucketCommand::Status { bucket } => status(remote, &client, &bucket).await,
        BucketCommand::Events { bucket, selection } => {
            let bucket = find_bucket(&client, &bucket).await?;
            history::bucket_events(remote, &client, &bucket, selection).await
        }
        BucketCommand::Outages { bucket } => {
            history::outages(remote, &client, &find_bucket(&client, &bucket).await?).await
        }
        BucketCommand::Hours { bucket, hours } => {
            history::hours(remote, &client, &find_bucket(&client, &bucket).await?, hours).await
        }
        BucketCommand::Diagnosis { bucket } => {
            history::diagnosis(remote, &client, &find_bucket(&client, &bucket).await?).await
        }
        BucketCommand::Inventory(arguments) => {
            let bucket = find_bucket(&client, &arguments.bucket).await?;
            inventory::run(remote, &client, &bucket, &arguments).await
        }
        BucketCommand::Freshness { command } => {
            let bucket = find_bucket(&client, command.bucket()).await?;
            bucket_content::freshness(remote, &client, &bucket, command).await
        }
        BucketCommand::Clean(arguments) => {
            let bucket = find_bucket(&client, &arguments.bucket).await?;
            bucket_content::clean(remote, &client, &bucket, &arguments).await
        }
        BucketCommand::Stats { bucket, day } => {
            bucket_statistics::stats(remote, &client, bucket.as_deref(), day).await
        }
        BucketCommand::Usage(arguments) => usage::usage(remote, &client, arguments).await,
    }
}

async fn add(
    remote: &Remote,
    client: &ApiClient,
    name: String,
    fields: BucketFields,
    registration: RegistrationFields,
) -> Result<()> {
    // A missing workspace is reported before anybody types a secret.
    let workspace =
        chosen_workspace(remote, client, registration.workspace.as_deref(), "with --workspace NAME").await?;
    let pins = bucket_pins::chosen(client, &registration.pins).await?;
    let EnteredBucket { mut changes, read } = bucket_fields::read(&fields, None)?;
    changes.name = Some(name);
    changes.storage_type = changes.storage_type.or_else(|| Some(storage_type_of(&changes).into()));
    changes.workspace_id = Some(workspace.to_string());
    changes.skip_validation = registration.skip_validation.then_some(true);
    changes.pinned_to = pins;
    let new = new_bucket(changes);
    let is_followed = !remote.json && !registration.skip_validation;
    let followed = if is_followed { validation::follow_registration(client, &new).await? } else { None };
    let has_printed = followed.is_some();
    let stored = if let Some(stored) = followed.and_then(registered) {
        stored
    } else {
        let stored = client.create_bucket(&new, None).await;
        checked(remote, stored, "the bucket was not registered")?
    };
    let read = [read, stored.read].concat();
    let bucket = client.bucket(stored.bucket_id).await?;
    let checks = client.bucket_diagnosis(bucket.id).await?.map(|diagnosis| diagnosis.checks);
    if remote.json {
        return output::json(&json!({
            "bucketId": stored.bucket_id, "read": read, "alsoRegistered": stored.also_registered,
            "provider": bucket.provider, "region": bucket.region, "status": bucket.status, "checks": checks,
        }));
    }
    let region = bucket.region.as_ref().map_or_else(String::new, |region| format!(", region {region}"));
    let validated = if checks.is_some() { "" } else { ", not validated" };
    output::sentence(&format!(
        "registered {}: {} at {}{region}, {}{validated}",
        bucket.name, bucket.bucket, bucket.provider, bucket.status
    ))?;
    if let Some(checks) = checks.as_ref().filter(|_| !has_printed) {
        output::sentence(&checks_text(checks))?;
    }
    show_read(&read)?;
    show_others(&stored.also_registered)
}

/// What the call that waits for the end would have returned.
fn registered(state: ValidationState) -> Option<BucketCreated> {
    let ValidationState { bucket_id, read, also_registered, .. } = state;
    Some(BucketCreated { success: true, bucket_id: bucket_id?, read, also_registered })
}

async fn update(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    name: Option<String>,
    fields: BucketFields,
    registration: RegistrationFields,
    unpinned: Option<PinnedTo>,
) -> Result<()> {
    let workspace = given_workspace(client, registration.workspace.as_deref()).await?;
    let pins = bucket_pins::chosen(client, &registration.pins).await?;
    let EnteredBucket { mut changes, read } = bucket_fields::read(&fields, Some(bucket.storage_type))?;
    changes.name = name;
    changes.workspace_id = workspace.map(|id| id.to_string());
    changes.skip_validation = registration.skip_validation.then_some(true);
    changes.pinned_to = pins.or(unpinned);
    if bucket_fields::is_empty(&changes) {
        return Err(Failure::usage(
            "nothing to change: pass --name, --workspace, --pin-node, --pin-region, --unpin, or a flag for the bucket's \
             location or credential, such as --secret-file",
        ));
    }
    let stored = client.update_bucket(bucket.id, &changes).await;
    let stored = checked(remote, stored, "the bucket was not changed")?;
    let read = [read, stored.read].concat();
    if remote.json {
        return output::json(&json!({
            "bucketId": stored.bucket_id, "name": changes.name.as_deref().unwrap_or(&bucket.name),
            "status": stored.status, "latency_ms": stored.latency_ms, "read": read,
            "alsoRegistered": stored.also_registered,
        }));
    }
    let renamed =
        changes.name.as_deref().map_or_else(String::new, |name| format!(", now named {}", name.trim()));
    output::sentence(&format!("updated {}{renamed}, {}", bucket.name, stored.status))?;
    if let Some(checks) = &stored.checks {
        output::sentence(&checks_text(checks))?;
    }
    show_read(&read)?;
    show_others(&stored.also_registered)
}

async fn validate(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    fields: &TrialFields,
) -> Result<()> {
    if !remote.json && matches!(validation::follow(client, bucket.id, fields).await?, Followed::Passed) {
        return output::sentence("the bucket is reachable and allows everything that was checked");
    }
    let validated = client.validate_bucket(bucket.id, fields).await;
    let validated = checked(remote, validated, "the bucket does not work with these settings")?;
    if remote.json {
        return output::json(&validated);
    }
    output::sentence(&checks_text(&validated.checks))?;
    output::sentence(&validated.message)
}

async fn remove(remote: &Remote, client: &ApiClient, bucket: &str, confirmation: Confirmation) -> Result<()> {
    let bucket = find_bucket(client, bucket).await?;
    let secret = if bucket.has_secret { "Its stored secret is destroyed, which" } else { "This" };
    confirmation.ask(&format!(
        "Remove {} from the registry? {secret} can't be undone. The bucket {} at the provider is not touched.",
        bucket.name, bucket.bucket
    ))?;
    client.delete_bucket(bucket.id).await?;
    let destroyed = if bucket.has_secret { " and destroyed its stored secret" } else { "" };
    let sentence = format!(
        "removed {} from the registry{destroyed}; the bucket {} at the provider is untouched",
        bucket.name, bucket.bucket
    );
    output::done(remote.json, &json!({ "deleted": bucket.id }), &sentence)
}

fn show_others(others: &[AlsoRegistered]) -> Result<()> {
    let line = |other: &AlsoRegistered| format!("this bucket is also registered as {}", other.name);
    others.iter().try_for_each(|other| output::sentence(&line(other)))
}

fn show_read(read: &[ReadField]) -> Result<()> {
    bucket_paste::lines(read).iter().try_for_each(|line| output::sentence(line))
}

async fn show(remote: &Remote, client: &ApiClient, bucket: &BucketInfo<'_>) -> Result<()> {
    let diagnosis = client.bucket_diagnosis(bucket.id).await?;
    if remote.json {
        let mut shown = serde_json::to_value(bucket).unwrap_or_default();
        shown["diagnosis"] = serde_json::to_value(&diagnosis).unwrap_or_default();
        return output::json(&shown);
    }
    let workspace = client.workspace(bucket.workspace_id).await?.workspace.name;
    let secret = if bucket.has_secret { "stored, sealed" } else { "none" };
    let mut rows = vec![
        ("name", bucket.name.to_string()),
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
    ];
    if let Some(reason) = &bucket.status_reason {
        rows.push(("reason", format!("{} {reason}", or_dash(bucket.last_error.as_ref()))));
    }
    rows.extend([
        ("since", or_dash(bucket.offline_since.or(bucket.online_since))),
        ("latency", latency(bucket.latency_ms)),
        ("last probed", or_dash(bucket.last_status_at)),
        ("stored", stored(bucket)),
        ("repositories", repositories(bucket)),
        ("workspace", workspace),
    ]);
    if let Some(pins) = &bucket.pinned_to {
        rows.push(("pinned to", bucket_pins::shown(pins, &client.nodes().await?)));
    }
    rows.extend([
        ("registered", bucket.created_at.to_string()),
        ("changed", bucket.updated_at.to_string()),
        ("validated", diagnosis.as_ref().map_or_else(|| "never".to_owned(), validated)),
    ]);
    output::pairs(&rows)?;
    // What works needs no more than one line.
    match diagnosis.filter(|diagnosis| diagnosis.checks.iter().any(|check| !check.ok)) {
        Some(diagnosis) => output::sentence(&checks_text(&diagnosis.checks)),
        None => Ok(()),
    }
}

/// The last validation in one line.
fn validated(diagnosis: &StoredDiagnosis) -> String {
    let passed = diagnosis.checks.iter().filter(|check| check.ok).count();
    let node = diagnosis.ip.as_deref().unwrap_or("a node that has been removed since");
    let outdated =
        if diagnosis.outdated { "; the bucket's location or secret has changed since" } else { "" };
    format!("{} by {node}: {passed} of {} checks passed{outdated}", diagnosis.at, diagnosis.checks.len())
}

/// How full the bucket was, and what that costs by the operator's price sheet.
fn stored(bucket: &BucketInfo<'_>) -> String {
    let Some(bytes) = bucket.stored_bytes else { return "-".to_owned() };
    let cost = bucket.estimated_storage_cost.as_ref().map_or_else(String::new, |cost| {
        format!(", about {} per month (estimate)", money(cost.per_month, &cost.currency))
    });
    format!("{}{cost}", bytes_text(bytes.0))
}

fn repositories(bucket: &BucketInfo<'_>) -> String {
    let names: Vec<&str> = bucket.repos.iter().map(|repo| &*repo.name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

async fn status(remote: &Remote, client: &ApiClient, bucket: &str) -> Result<()> {
    let bucket = find_bucket(client, bucket).await?;
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

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn latency(milliseconds: Option<u32>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}

/// Prints the checks of a refusal, if it has any. They say what is wrong, so that the failure only says what didn't
/// happen because of it.
fn checked<T>(remote: &Remote, answer: std::result::Result<T, ClientError>, consequence: &str) -> Result<T> {
    answer.map_err(|error| {
        let ClientError::Refused(refusal) = &error else { return error.into() };
        let checks = refusal.checks();
        let printed = if remote.json {
            output::json(&refusal.body)
        } else if checks.is_empty() {
            return error.into();
        } else {
            output::sentence(&checks_text(&checks))
        };
        match printed {
            Err(closed) => closed,
            Ok(()) if checks.is_empty() => error.into(),
            Ok(()) => Failure::failed(format!("{consequence}, because a check failed")),
        }
    })
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
