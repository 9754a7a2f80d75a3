//! Scheduled backups: when one is due, and which older ones are removed afterwards.
//!
//! How a backup is written is up to the caller ([`BackupMaker`]), because a backup also contains files that this crate
//! doesn't know. Of several servers on one database, one makes the backup; another one takes over if it fails.

mod retention;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::Control;
use retention::{expired, file_name};

/// How often it is checked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long after a failure the next attempt is made.
const TRY_AGAIN: Duration = Duration::from_mins(10);
/// A recorded time that is further in the future is from a wrong clock.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// When backups are made, and which are retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSchedule {
    /// Where backups are written.
    pub directory: PathBuf,
    /// The time between the beginnings of two backups. Backups that somebody makes by other means count.
    pub interval: SignedDuration,
    /// The number of backups that are never removed, the newest ones. At least 1.
    pub keep: usize,
    /// The age up to which further backups are retained.
    pub keep_for: Option<SignedDuration>,
}

impl BackupSchedule {
    /// The age of the last backup from which on something must be wrong.
    pub(crate) fn too_old(&self) -> SignedDuration {
        self.interval.saturating_mul(2).saturating_add(SignedDuration::from_hours(1))
    }
}

/// Why a backup wasn't made, for the log and for operators. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackupFailed(pub String);

/// Makes backups of the deployment.
#[async_trait]
pub trait BackupMaker: Send + Sync + 'static {
    /// Reserves the making of a backup for this process, until the result is dropped. `None` if another process is making
    /// one.
    async fn begin(&self) -> Result<Option<Box<dyn BegunBackup>>, BackupFailed>;
}

/// A backup that only this process makes.
#[async_trait]
pub trait BegunBackup: Send {
    /// Writes the backup to a new file, which is complete or absent.
    async fn write(&mut self, to: &Path, began_at: Timestamp) -> Result<(), BackupFailed>;
}

/// Why the last scheduled backup of this process failed; `None` if it didn't.
#[derive(Default)]
pub(crate) struct LastBackupFailure(Mutex<Option<String>>);

impl LastBackupFailure {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

impl Control {
    /// Makes backups when they are due, until the future is dropped. An incomplete backup is then removed. Returns
    /// immediately if the settings have no schedule.
    pub async fn run_backups(&self, maker: &dyn BackupMaker) {
        let Some(schedule) = self.inner.settings.backups.clone() else { return };
        loop {
            let made = self.back_up_if_due(&schedule, maker).await;
            let pause = match &made {
                Ok(None) => LOOK_EVERY,
                Ok(Some(file)) => {
                    tracing::info!(file = %file.display(), "wrote a backup");
                    LOOK_EVERY
                }
                Err(failure) => {
                    tracing::error!(error = %failure, "the scheduled backup failed and will be retried in 10 minutes");
                    TRY_AGAIN
                }
            };
            // While none is due, the last failure is still the newest.
            match made {
                Ok(Some(_)) => *self.inner.backup_failure.0.lock() = None,
                Ok(None) => {}
                Err(failure) => *self.inner.backup_failure.0.lock() = Some(failure.0),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes a backup if one is due and no other process is making one, and removes those that are no longer retained.
    /// Returns the file.
    pub async fn back_up_if_due(
        &self,
        schedule: &BackupSchedule,
        maker: &dyn BackupMaker,
    ) -> Result<Option<PathBuf>, BackupFailed> {
        if !self.backup_is_due(schedule).await? {
            return Ok(None);
        }
        let Some(mut begun) = maker.begin().await? else { return Ok(None) };
        // Another process may just have ended one.
        if !self.backup_is_due(schedule).await? {
            return Ok(None);
        }
        let began_at = self.inner.environment.now();
        let file = schedule.directory.join(file_name(began_at));
        begun.write(&file, began_at).await?;
        let recorded = self.inner.store.record_backup(began_at).await;
        recorded.map_err(|error| failed(&format!("{} can't be recorded", file.display()), &error))?;
        let schedule = schedule.clone();
        let removed = tokio::task::spawn_blocking(move || remove_expired(&schedule, began_at)).await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "older backups can't be removed"),
            Err(error) => tracing::warn!(%error, "older backups can't be removed"),
        }
        Ok(Some(file))
    }

    async fn backup_is_due(&self, schedule: &BackupSchedule) -> Result<bool, BackupFailed> {
        let last = self.inner.store.last_backup().await;
        let last = last.map_err(|error| failed("the time of the last backup can't be read", &error))?;
        Ok(is_due(last, schedule.interval, self.inner.environment.now()))
    }
}

fn is_due(last: Option<Timestamp>, interval: SignedDuration, now: Timestamp) -> bool {
    last.is_none_or(|last| {
        let age = now.duration_since(last);
        age >= interval || age < -TOLERANCE
    })
}

fn failed(what: &str, error: &dyn std::error::Error) -> BackupFailed {
    let mut text = format!("{what}: {error}");
    if let Some(cause) = error.source() {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    BackupFailed(text)
}

fn remove_expired(schedule: &BackupSchedule, now: Timestamp) -> std::io::Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&schedule.directory)? {
        names.extend(entry?.file_name().into_string());
    }
    for name in expired(&names, schedule, now) {
        std::fs::remove_file(schedule.directory.join(&name))?;
        tracing::info!(file = name, "removed an older backup");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_an_interval_after_the_last_one_began() {
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let hour = SignedDuration::from_hours(1);
        assert!(is_due(None, hour, at(0)));
        assert!(!is_due(Some(at(0)), hour, at(3_599)) && is_due(Some(at(0)), hour, at(3_600)));
        assert!(!is_due(Some(at(60)), hour, at(0)), "clocks of servers differ a little");
        assert!(is_due(Some(at(86_400)), hour, at(0)), "a wrong clock doesn't stop backups");
    }
}
