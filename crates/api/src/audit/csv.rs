//! Records as CSV (RFC 4180), safe to open in a spreadsheet.

use std::fmt::Write as _;

use bucketry_model::audit::{AuditDetail, AuditRecord};

use super::answer::row;

/// The first line.
pub(super) const HEADER: &str = "id,timestamp,actorType,userId,actor,tokenId,address,requestId,kind,action,\
     targetId,targetName,workspaceId,result,status,errorCode,repeats,before,after\r\n";

/// Adds a record as a line.
pub(super) fn write(record: &AuditRecord, line: &mut String) {
    let row = row(record);
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
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        write_cell(cell, line);
    }
    line.push_str("\r\n");
}

/// Quotes a cell. A text that a spreadsheet would take for a formula begins with an apostrophe, and control
/// characters, which include line ends, are written as `\u{…}`.
fn write_cell(text: &str, line: &mut String) {
    line.push('"');
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        line.push('\'');
    }
    for character in text.chars() {
        match character {
            '"' => line.push_str("\"\""),
            // Writing to a string can't fail.
            control if control.is_control() => _ = write!(line, "{}", control.escape_unicode()),
            other => line.push(other),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};

    fn cell(text: &str) -> String {
        let mut line = String::new();
        write_cell(text, &mut line);
        line
    }

    #[test]
    fn formulas_quotes_and_line_ends_do_no_harm() {
        assert_eq!(cell("plain, text"), "\"plain, text\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
        assert_eq!(cell("\t=1"), "\"'\\u{9}=1\"");
        assert_eq!(cell("a\r\nb\u{7f}"), "\"a\\u{d}\\u{a}b\\u{7f}\"");
    }

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
