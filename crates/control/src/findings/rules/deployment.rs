//! What the operators of a deployment take care of: the disk, and backups.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::time::to_wire;
use jiff::SignedDuration;

use crate::findings::observations::{DeploymentState, DiskSpace, Observations};

const GIB: u64 = 1 << 30;
/// With less free space than this, or than 5 % of the disk, a disk is a finding.
const FEW_BYTES: u64 = GIB;
/// With less free space than this, writes will soon fail.
const LAST_BYTES: u64 = GIB / 4;

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let Some(state) = &seen.deployment else { return Vec::new() };
    state.disk.iter().filter_map(disk).chain(backup(seen, state)).collect()
}

pub(super) fn deployment(
    code: FindingCode,
    severity: Severity,
    name: &str,
    title: &str,
    sentence: String,
) -> Finding {
    Finding {
        key: FindingKey { code, subject: SubjectKind::Deployment, id: name.to_owned() },
        severity,
        name: name.to_owned(),
        workspace_id: None,
        title: title.to_owned(),
        sentence,
        command: None,
        since: None,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}

fn disk(disk: &DiskSpace) -> Option<Finding> {
    let DiskSpace { directory, free_bytes, all_bytes, enough_bytes } = disk;
    let is_small_share = free_bytes.saturating_mul(20) < *all_bytes;
    let severity = match *free_bytes {
        free if free >= *enough_bytes => return None,
        free if free < LAST_BYTES => Severity::Critical,
        free if free < FEW_BYTES || is_small_share => Severity::Warning,
        _ => return None,
    };
    let (free, all) = (free_bytes / (1 << 20), all_bytes / (1 << 20));
    let sentence = format!(
        "{free} MiB of {all} MiB are free on the disk of {directory}. When it is full, changes are refused, and counted \
         traffic stays in memory, where it is lost if the process ends. Free some space, or use a larger disk."
    );
    Some(deployment(FindingCode::DiskFull, severity, "data directory", "Disk is nearly full", sentence))
}

fn backup(seen: &Observations, state: &DeploymentState) -> Option<Finding> {
    let max_age = state.backup_max_age?;
    let since = state.last_backup.unwrap_or(state.created_at).checked_add(max_age).ok()?;
    if since > seen.now {
        return None;
    }
    let last = match state.last_backup {
        Some(last) => format!("The last backup began at {}", to_wire(last)),
        None => "No backup was ever made".to_owned(),
    };
    let sentence = match state.backup_interval {
        Some(interval) => {
            let failure = state.backup_failure.as_ref();
            let failure = failure.map_or_else(
                || "The server's log says why the scheduled ones weren't made.".to_owned(),
                |failure| format!("The last attempt failed: {failure}."),
            );
            format!("{last}; --backup-interval is {} h. {failure}", interval.as_hours())
        }
        None => format!(
            "{last}; --backup-max-age is {} days. If another program makes backups, run `bucketry backup --record` after \
             each.",
            max_age.as_hours() / 24
        ),
    };
    let found = deployment(FindingCode::BackupOld, Severity::Warning, "registry", "Backup is old", sentence);
    Some(Finding { since: Some(since), command: Some("backup FILE --data-dir DIR".to_owned()), ..found })
}
