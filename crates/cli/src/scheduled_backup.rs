//! Makes the backups that the control plane schedules.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bucketry_control::Control;
use bucketry_control::backups::{BackupFailed, BackupMaker, BegunBackup};
use bucketry_store::backup::{BackupPace, BackupSource};
use bucketry_store::{postgres, sqlite};
use bucketry_vault::Recipient;
use jiff::Timestamp;

use crate::backup_contents::BackupContents;
use crate::database::Database;
use crate::failure::{Failure, Result};
use crate::settings::Settings;

/// What a scheduled backup is made of.
#[derive(Clone)]
struct BackupPlan {
    database: Database,
    data_dir: PathBuf,
    recipients: Vec<Recipient>,
}

/// Prepares scheduled backups. Returns what makes them, until the future is dropped; `None` without a schedule.
pub(crate) fn schedule(
    control: &Control,
    settings: &Settings,
) -> Result<Option<impl Future<Output = ()> + Send + 'static + use<>>> {
    let Some(schedule) = &settings.control.backups else { return Ok(None) };
    let directory = &schedule.directory;
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        Failure::usage(format!("--backup-dir: can't use {}: {error}", directory.display()))
    })?;
    let plan = BackupPlan {
        database: settings.database.clone(),
        data_dir: settings.data_dir.clone(),
        recipients: settings.backup_recipients.clone(),
    };
    let control = control.clone();
    Ok(Some(async move { control.run_backups(&plan).await }))
}

#[async_trait]
impl BackupMaker for BackupPlan {
    async fn begin(&self) -> std::result::Result<Option<Box<dyn BegunBackup>>, BackupFailed> {
        let opened = match &self.database {
            // Only this process uses the data directory.
            Database::Embedded => sqlite::source(&self.data_dir).await.map(Some),
            Database::Postgres { address, .. } => postgres::source_alone(address).await,
        };
        let opened = opened.map_err(|error| failed(&Failure::because("can't open the registry", &error)))?;
        Ok(opened
            .map(|source| Box::new(ScheduledBackup { plan: self.clone(), source }) as Box<dyn BegunBackup>))
    }
}

/// A backup that only this process makes.
struct ScheduledBackup {
    plan: BackupPlan,
    source: Box<dyn BackupSource>,
}

#[async_trait]
impl BegunBackup for ScheduledBackup {
    async fn write(&mut self, to: &Path, began_at: Timestamp) -> std::result::Result<(), BackupFailed> {
        let BackupPlan { data_dir, recipients, .. } = &self.plan;
        let contents = BackupContents { data_dir, recipients, pace: BackupPace::Gentle };
        contents.write(&mut *self.source, to, began_at).await.map(drop).map_err(|failure| failed(&failure))
    }
}

fn failed(failure: &Failure) -> BackupFailed {
    BackupFailed(failure.message().to_owned())
}
