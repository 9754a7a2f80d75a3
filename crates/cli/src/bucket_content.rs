//! `bucketry bucket freshness` and `bucketry bucket clean`.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::freshness::{
    Freshness, FreshnessChanges, FreshnessInfo, UploadCleaningRequest, UploadCleaningResult,
};
use bucketry_client::ApiClient;
use serde_json::json;

use crate::content_arguments::{CleanArguments, FreshnessCommand};
use crate::failure::{Failure, Result};
use crate::history::length;
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};

const RULE_COLUMNS: &[Column] = &[
    Column::text("PREFIX", "prefix", 0, 20),
    Column::new("STATE", "state", 1),
    Column::new("NEWEST", "newest_at", 2),
    Column::number("MAX AGE", "max_age_seconds", 3),
    Column::number("MIN SIZE", "min_bytes", 5),
    Column::new("CHECKED", "checked_at", 4),
    Column::text("PROBLEM", "message", 6, 12),
];

/// Runs a command on freshness rules.
pub(crate) async fn freshness(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    command: FreshnessCommand,
) -> Result<()> {
    match command {
        FreshnessCommand::List { .. } => show_rules(remote, &client.freshness_rules(bucket.id).await?),
        FreshnessCommand::Add(arguments) => {
            let rule = FreshnessChanges {
                prefix: Some(arguments.prefix),
                min_bytes: arguments.min_size,
                max_age_seconds: Some(arguments.max_age),
            };
            let set = client.set_freshness_rule(bucket.id, &rule).await?;
            show_rules(remote, &set)
        }
        FreshnessCommand::Rm { prefix, .. } => {
            client.remove_freshness_rule(bucket.id, &prefix).await?;
            let sentence = format!("removed the rule for {prefix:?} of {}", bucket.name);
            output::done(remote.json, &json!({ "removed": prefix }), &sentence)
        }
    }
}

fn show_rules(remote: &Remote, rules: &[FreshnessInfo]) -> Result<()> {
    if remote.json {
        return output::json(&rules);
    }
    let rows = rules.iter().map(|rule| {
        let state = match rule.state {
            Freshness::Fresh => "FRESH",
            Freshness::Stale => "STALE",
            Freshness::Unknown => "UNKNOWN",
        };
        let prefix = if rule.prefix.is_empty() { "(all keys)" } else { &rule.prefix };
        vec![
            Cell::with_exact(prefix, &rule.prefix),
            Cell::text(state),
            Cell::time(rule.newest_at),
            Cell::with_unit(length(rule.max_age_seconds), rule.max_age_seconds),
            Cell::bytes(rule.min_bytes.0),
            Cell::time(rule.checked_at),
            Cell::optional(rule.message.as_deref()),
        ]
    });
    Table::new(RULE_COLUMNS, rows).print(remote)
}

/// Aborts the uploads of a bucket that nobody completed, or shows them.
pub(crate) async fn clean(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    arguments: &CleanArguments,
) -> Result<()> {
    let request = UploadCleaningRequest {
        older_than_seconds: Some(arguments.uploads_older_than),
        dry_run: Some(arguments.dry_run),
    };
    let cleaned = client.clean_uploads(bucket.id, &request).await?;
    if remote.json {
        output::json(&cleaned)?;
    } else {
        output::line(&in_words(bucket, arguments, &cleaned))?;
    }
    if cleaned.success { Ok(()) } else { Err(Failure::failed(cleaned.message)) }
}

fn in_words(bucket: &BucketInfo<'_>, arguments: &CleanArguments, cleaned: &UploadCleaningResult) -> String {
    if cleaned.found == 0 {
        let age = length(arguments.uploads_older_than);
        return format!("{} has no multipart uploads that are older than {age}", bucket.name);
    }
    let number = if arguments.dry_run { cleaned.found } else { cleaned.aborted };
    let verb = if arguments.dry_run { "would abort" } else { "aborted" };
    let uploads = if number == 1 { "upload" } else { "uploads" };
    let mut text = format!("{verb} {number} multipart {uploads} of {}", bucket.name);
    if let Some(bytes) = cleaned.bytes {
        text.extend([", ", &bytes.0.to_string(), " bytes"]);
    }
    if let Some(oldest) = cleaned.oldest {
        text.extend(["; the oldest began at ", &oldest.to_string()]);
    }
    if !cleaned.complete {
        text.push_str("; there may be more: run the command again");
    }
    text
}
