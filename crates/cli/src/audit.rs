//! `bucketry audit`.

use bucketry_api_types::audit::{AuditResult, AuditRow};
use bucketry_client::api::ApiClient;
use bucketry_client::api::audit::AuditSelection;
use bucketry_model::id::BucketId;

use crate::arguments::{AuditOptions, ExportFile};
use crate::credentials::connect;
use crate::failure::Result;
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::user::find_user;
use crate::workspace_choice::given_workspace;

const COLUMNS: &[Column] = &[
    Column::new("TIME", "time", 1),
    Column::text("WHO", "who", 0, 12),
    Column::text("ADDRESS", "address", 6, 15),
    Column::new("ACTION", "action", 2),
    Column::new("KIND", "kind", 5),
    Column::text("NAME", "name", 4, 12),
    // Without it, a refused call looks like a change.
    Column::text("RESULT", "result", 3, 8),
    Column::only_wide("TARGET ID", "target_id"),
    Column::only_wide("ID", "id"),
];

/// Shows or exports records.
pub(crate) async fn run(remote: &Remote, options: AuditOptions) -> Result<()> {
    let client = connect(remote).await?;
    let workspace_id = given_workspace(&client, options.workspace.as_deref()).await?;
    let user_id = match &options.user {
        Some(user) => Some(find_user(&client, user).await?.to_string()),
        None => None,
    };
    let selection = AuditSelection {
        kind: options.kind,
        action: options.action,
        user_id,
        target_id: options.target,
        workspace_id: workspace_id.map(|id| id.to_string()),
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
    Table::new(COLUMNS, records.iter().map(row)).print(remote)
}

fn row(record: &AuditRow<'_>) -> Vec<Cell> {
    let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
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
    // What has no name, such as a session, has an id, which `-o wide` shows.
    let other_than_id = |id: &String| id.parse::<BucketId>().is_err();
    let name = filled(record.target_name.as_deref())
        .or_else(|| filled(record.target_id.as_deref()).filter(other_than_id));
    vec![
        Cell::time(Some(record.timestamp)),
        Cell::text(who),
        Cell::optional(filled(record.address.as_deref())),
        Cell::text(&record.action),
        Cell::text(&record.kind),
        Cell::optional(name),
        Cell::text(result),
        Cell::optional(record.target_id.as_deref()),
        Cell::text(record.id),
    ]
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
        output::bytes(&page)?;
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
