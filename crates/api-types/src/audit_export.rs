//! Records of the audit as JSON lines and as CSV, for exports of the API and of the dashboard.

use bucketry_model::audit::{AuditDetail, AuditRecord};

use crate::audit::AuditRow;
use crate::csv::write_line;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFormat {
    /// One JSON object per line.
    JsonLines,
    /// RFC 4180, with a header line.
    Csv,
}

impl AuditFormat {
    /// The media type of an export.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// Writes records, in CSV with the header before the first ones.
    pub fn write(self, records: &[AuditRecord], is_first: bool) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        if self == Self::Csv && is_first {
            text.push_str(HEADER);
        }
        for record in records {
            match self {
                Self::JsonLines => {
                    text.push_str(&serde_json::to_string(&AuditRow::of(record))?);
                    text.push('\n');
                }
                Self::Csv => write(record, &mut text),
            }
        }
        Ok(text)
    }
}

/// The first line of CSV.
const HEADER: &str = "id,timestamp,actorType,userId,actor,tokenId,address,requestId,kind,action,\
     targetId,targetName,workspaceId,result,status,errorCode,repeats,before,after\r\n";

/// Adds a record as a line.
fn write(record: &AuditRecord, line: &mut String) {
    let row = AuditRow::of(record);
    let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
    let or_empty = |value: Option<String>| value.unwrap_or_default();
    let detail = |detail: Option<&AuditDetail>| detail.map_or(String::new(), |one| one.as_text().to_owned());
    let cells = [
        row.id.to_string(),
        row.timestamp.to_string(),
        format!("{:?}", row.actor_type).to_uppercase(),
        or_empty(row.user_id.map(|id| id.to_string())),
        text(&row.actor),
        or_empty(row.token_id.map(|id| id.to_string())),
        or_empty(row.address.clone()),
        text(&row.request_id),
        row.kind.to_string(),
        row.action.to_string(),
        text(&row.target_id),
        text(&row.target_name),
        or_empty(row.workspace_id.map(|id| id.to_string())),
        format!("{:?}", row.result).to_lowercase(),
        or_empty(row.status.map(|status| status.to_string())),
        text(&row.error_code),
        row.repeats.to_string(),
        detail(record.entry.before.as_ref()),
        detail(record.entry.after.as_ref()),
    ];
    write_line(cells.iter().map(String::as_str), line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};

    #[test]
    fn a_line_has_as_many_cells_as_the_header() {
        let entry = AuditEntry::new(
            jiff::Timestamp::UNIX_EPOCH,
            AuditActor::Unknown("=cmd()".to_owned()),
            AuditKind::Session,
            AuditAction::SignedIn,
        );
        let mut line = String::new();
        write(&AuditRecord { id: 7, entry: entry.refused(401, "INVALID_PASSWORD") }, &mut line);
        assert_eq!(line.matches("\",\"").count(), HEADER.matches(',').count(), "{line}");
        assert!(
            line.starts_with("\"7\",\"1970-01-01T00:00:00.000Z\",\"UNKNOWN\",\"\",\"'=cmd()\""),
            "{line}"
        );
        assert!(line.contains("\"refused\",\"401\",\"INVALID_PASSWORD\",\"1\"") && line.ends_with("\r\n"));
    }
}
