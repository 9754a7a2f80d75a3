//! What `bucketry doctor` shows: the results of its checks, and what the server itself found.

use std::fmt::Write as _;

use bucketry_api_types::finding::{FindingInfo, FindingList};
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::finding::{FindingCode, Severity};
use jiff::Timestamp;
use serde::Serialize;

use crate::history::length;
use crate::printable::printable;
use crate::table::indented;

/// The check that stands for what the server found.
const FINDINGS: &str = "findings";
/// Where messages begin, to the right of their checks.
const INDENT: usize = 17;

/// The result of one check, or something that the server found.
#[derive(Serialize)]
pub(crate) struct DoctorFinding {
    check: &'static str,
    pub(crate) ok: bool,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<FindingInfo>,
}

impl DoctorFinding {
    pub(crate) fn new(check: &'static str, ok: bool, message: impl Into<String>) -> Self {
        Self { check, ok, message: message.into(), finding: None }
    }

    fn found(finding: FindingInfo, now: Timestamp) -> Self {
        let severity = finding.severity;
        Self {
            check: match severity {
                Severity::Info => "INFO",
                Severity::Warning => "WARNING",
                Severity::Critical => "CRITICAL",
            },
            ok: severity == Severity::Info,
            message: describe(&finding, now),
            finding: Some(finding),
        }
    }

    /// Whether it is the result of a check, and not something that the server found.
    pub(crate) fn is_check(&self) -> bool {
        self.finding.is_none()
    }

    /// The text for people. Further lines are indented.
    pub(crate) fn text(&self) -> String {
        let mark = if self.ok { "✓" } else { "✗" };
        let line = |line: &str| {
            // A command can be copied if it isn't broken.
            if line.starts_with("bucketry ") { line.to_owned() } else { indented(line, INDENT) }
        };
        let lines: Vec<String> = self.message.split('\n').map(line).collect();
        format!("{mark} {:<14} {}", self.check, lines.join(&format!("\n{:INDENT$}", "")))
    }
}

/// Returns what the server found, or that it found nothing.
pub(crate) async fn of_server(client: &ApiClient, now: Timestamp) -> Vec<DoctorFinding> {
    match client.findings().await {
        Ok(list) => of_list(list, now),
        // An older server has no findings.
        Err(ClientError::Refused(refusal)) if refusal.status == 404 => Vec::new(),
        Err(error) => vec![DoctorFinding::new(FINDINGS, false, error.to_string())],
    }
}

fn of_list(list: FindingList, now: Timestamp) -> Vec<DoctorFinding> {
    if list.findings.is_empty() && list.more == 0 {
        return vec![DoctorFinding::new(FINDINGS, true, "nothing needs attention")];
    }
    let mut all: Vec<_> = list.findings.into_iter().map(|one| DoctorFinding::found(one, now)).collect();
    if list.more > 0 {
        let message = format!(
            "{} more findings need attention: `bucketry bucket list --status OFFLINE` lists OFFLINE buckets",
            list.more
        );
        all.push(DoctorFinding::new(FINDINGS, false, message));
    }
    all
}

/// Name, title and age in the first line, then the sentence and the command.
fn describe(finding: &FindingInfo, now: Timestamp) -> String {
    let mut text = format!("{}: {}", finding.name, finding.title);
    // What lies ahead doesn't last: its sentence says when it is.
    if let Some(since) = finding.since.filter(|_| finding.code != FindingCode::CredentialExpiring) {
        let seconds = now.duration_since(since.0).as_secs().max(0);
        // Writing to a string can't fail.
        let _ = write!(text, ", for {} (since {since})", length(seconds));
    }
    let mut lines = vec![printable(&text), printable(&finding.message)];
    if let Some(command) = &finding.command {
        lines.push(printable(&format!("bucketry {command}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use bucketry_api_types::moment::Moment;
    use bucketry_model::finding::SubjectKind;

    use super::*;

    fn finding(severity: Severity) -> FindingInfo {
        FindingInfo {
            code: FindingCode::BucketOffline,
            severity,
            subject: SubjectKind::Bucket,
            id: "1".to_owned(),
            name: "Photos".to_owned(),
            workspace_id: None,
            title: "Bucket is OFFLINE".to_owned(),
            message: "The server refused the connection.".to_owned(),
            command: Some("bucket validate Photos".to_owned()),
            since: Some(Moment(Timestamp::UNIX_EPOCH)),
        }
    }

    fn list(findings: Vec<FindingInfo>, more: u64) -> Vec<DoctorFinding> {
        let now = Timestamp::from_second(1_440).unwrap();
        of_list(FindingList { success: true, findings, more }, now)
    }

    #[test]
    fn a_finding_has_its_age_its_reason_and_a_command() {
        let shown = list(vec![finding(Severity::Critical)], 0);
        assert_eq!(
            shown[0].text(),
            "✗ CRITICAL       Photos: Bucket is OFFLINE, for 24 min 0 s (since 1970-01-01T00:00:00.000Z)\n\
             \u{20}                The server refused the connection.\n\
             \u{20}                bucketry bucket validate Photos"
        );
    }

    #[test]
    fn a_credential_that_will_expire_does_not_seem_to_have_lasted() {
        let expiring = FindingInfo {
            code: FindingCode::CredentialExpiring,
            title: "Credential expires soon".to_owned(),
            message: "It expires at 1970-01-03T00:00:00.000Z.".to_owned(),
            ..finding(Severity::Warning)
        };
        let text = list(vec![expiring], 0)[0].text();
        assert!(text.starts_with("✗ WARNING        Photos: Credential expires soon\n"), "{text}");
    }

    #[test]
    fn what_is_only_worth_knowing_is_no_failure() {
        assert!(list(vec![finding(Severity::Info)], 0).iter().all(|one| one.ok));
        assert!(list(vec![], 0)[0].ok);
        assert!(list(vec![finding(Severity::Warning)], 0).iter().all(|one| !one.ok));
        assert!(!list(vec![], 7)[0].ok);
    }

    #[test]
    fn a_name_controls_no_terminal() {
        let hostile = FindingInfo { name: "a\u{1b}[2Jb".to_owned(), ..finding(Severity::Critical) };
        assert!(!list(vec![hostile], 0)[0].text().contains('\u{1b}'));
    }
}
