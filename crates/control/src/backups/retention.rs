//! Which backups of a directory are removed. Their names say when they began.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::BackupSchedule;

const PREFIX: &str = "bucketry-";
const SUFFIX: &str = ".backup";
/// In UTC.
const FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// An incomplete backup that began longer ago isn't being made any more.
const LONGEST: SignedDuration = SignedDuration::from_hours(48);

/// The name of the file of a backup that begins at this time.
pub(super) fn file_name(began_at: Timestamp) -> String {
    format!("{PREFIX}{}{SUFFIX}", began_at.strftime(FORMAT))
}

/// When the backup of this name began. `None` for files that no schedule has made.
fn began_at(name: &str) -> Option<Timestamp> {
    let time = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let at = DateTime::strptime(FORMAT, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (file_name(at) == name).then_some(at)
}

/// Whether a file is the rest of a backup that a process was making when it was killed.
fn is_leftover(name: &str, now: Timestamp) -> bool {
    let Some((backup, process)) = name.strip_suffix(".partial").and_then(|name| name.rsplit_once('.')) else {
        return false;
    };
    let is_dead = |at: Timestamp| now.duration_since(at) > LONGEST;
    process.bytes().all(|byte| byte.is_ascii_digit()) && began_at(backup).is_some_and(is_dead)
}

/// The names of the files to remove. Files of other names are left alone.
pub(super) fn expired(names: &[String], schedule: &BackupSchedule, now: Timestamp) -> Vec<String> {
    let mut backups: Vec<(Timestamp, &String)> =
        names.iter().filter_map(|name| Some((began_at(name)?, name))).collect();
    backups.sort_unstable();
    let is_old = |at: Timestamp| schedule.keep_for.is_none_or(|age| now.duration_since(at) > age);
    let older = backups.iter().rev().skip(schedule.keep.max(1));
    let older = older.filter(|(at, _)| is_old(*at)).map(|(_, name)| *name);
    older.chain(names.iter().filter(|name| is_leftover(name, now))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap()
    }

    fn schedule(keep: usize, days: Option<i64>) -> BackupSchedule {
        let keep_for = days.map(|days| SignedDuration::from_hours(24 * days));
        BackupSchedule {
            directory: "backups".into(),
            interval: SignedDuration::from_hours(24),
            keep,
            keep_for,
        }
    }

    #[test]
    fn the_newest_backups_stay_and_of_the_others_those_that_are_young_enough() {
        let names: Vec<String> = (0..10).rev().map(|day| file_name(at(day))).collect();
        let removed = |keep, days| {
            let mut removed = expired(&names, &schedule(keep, days), at(9));
            removed.sort();
            removed
        };
        let first = |count| (0..count).map(|day| file_name(at(day))).collect::<Vec<_>>();
        assert_eq!(removed(3, None), first(7));
        assert_eq!(removed(3, Some(5)), first(4), "at most 5 days old");
        assert_eq!(removed(8, Some(5)), first(2), "the newest 8, however old");
        assert_eq!(removed(20, Some(1)), first(0));
        assert_eq!(removed(0, None), first(9), "the newest is never removed");
    }

    #[test]
    fn what_a_killed_process_has_left_is_removed_when_nobody_can_be_writing_it() {
        let names: Vec<String> = (0..4).map(|day| format!("{}.123.partial", file_name(at(day)))).collect();
        assert_eq!(expired(&names, &schedule(1, None), at(3)), names[..1]);
    }

    #[test]
    fn files_that_no_schedule_has_made_are_left_alone() {
        let name = file_name(at(0));
        assert_eq!(began_at(&name), Some(at(0)), "{name}");
        let others = [
            "bucketry.db".to_owned(),
            format!("{name}.one.partial"),
            "mine.1.partial".to_owned(),
            format!("my-{name}"),
            "bucketry-20231114T221320Z.backup.old".to_owned(),
            "bucketry-2023-11-14.backup".to_owned(),
            "bucketry-20231314T221320Z.backup".to_owned(),
            "bucketry- 231114T221320Z.backup".to_owned(),
        ];
        let names = [&others[..], &[name, file_name(at(1))]].concat();
        assert_eq!(expired(&names, &schedule(1, None), at(9)), [file_name(at(0))]);
    }
}
