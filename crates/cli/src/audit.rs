//! `bucketry audit`.

use std::io::Write as _;

use bucketry_api_types::audit::{AuditResult, AuditRow};
use bucketry_client::api::ApiClient;
use bucketry_client::api::audit::AuditSelection;

use crate::arguments::{AuditOptions, ExportFile, Remote};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::workspace::find_workspace;

/// Shows or exports records.
pub(crate) async fn run(remote: &Remote, options: AuditOptions) -> Result<()> {
    let client = connect(remote).await?;
    let workspace_id = match options.workspace {
        Some(workspace) => Some(find_workspace(&client, &workspace).await?.to_string()),
        None => None,
    };
    let selection = AuditSelection {
        kind: options.kind,
        action: options.action,
        user_id: options.user.map(|id| id.to_string()),
        target_id: options.target,
        workspace_id,
        result: options.result,
        since: options.since,
        until: options.until,
    };
    if let Some(format) = options.export {
        return export(&client, &selection, format).await;
    }
    let records = client.audit(&selection, options.limit).await?;
    if remote.json {
        return output::json(&records);
    }
    let header = ["TIME", "WHO", "ADDRESS", "ACTION", "KIND", "NAME", "RESULT"];
    output::table(&header, records.iter().map(row).collect())
}

fn row(record: &AuditRow<'_>) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let who = record
        .actor
        .as_deref()
        .map_or_else(|| format!("{:?}", record.actor_type).to_lowercase(), str::to_owned);
    let result = match record.result {
        AuditResult::Done => "done".to_owned(),
        AuditResult::Refused => {
            let times =
                if record.repeats > 1 { format!(" ({} times)", record.repeats) } else { String::new() };
            format!("refused: {}{times}", record.error_code.as_deref().unwrap_or_default())
        }
    };
    // A failed login has any text as its e-mail address, which must not control the terminal.
    let printable =
        |text: String| text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    [
        record.timestamp.to_string(),
        who,
        or_dash(record.address.as_deref()),
        record.action.to_string(),
        record.kind.to_string(),
        or_dash(
            record.target_name.as_deref().filter(|name| !name.is_empty()).or(record.target_id.as_deref()),
        ),
        result,
    ]
    .map(printable)
    .into()
}

/// Writes all records, page by page.
async fn export(client: &ApiClient, selection: &AuditSelection, format: ExportFile) -> Result<()> {
    let format = match format {
        ExportFile::Jsonl => "jsonl",
        ExportFile::Csv => "csv",
    };
    let mut cursor: Option<String> = None;
    loop {
        let (page, next) = client.audit_export(selection, format, cursor.as_deref()).await?;
        let mut out = std::io::stdout().lock();
        out.write_all(&page)
            .and_then(|()| out.flush())
            .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))?;
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
