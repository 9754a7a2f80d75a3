//! Reads the state of the deployment: the disk of the data directory, the last backup, and the certificates in use.

use std::path::Path;

use bucketry_model::id::OrgId;
use jiff::{SignedDuration, Timestamp};

use super::observations::{DeploymentState, DiskSpace};
use crate::backups::BackupSchedule;
use crate::{Control, Error, Result};

impl Control {
    /// The state of the deployment for its first organization, whose owners are its operators. `None` for others.
    pub(super) async fn deployment_state(&self, org_id: OrgId) -> Result<Option<DeploymentState>> {
        let store = &self.inner.store;
        let first = store.organizations(1).await?.into_iter().next();
        let Some(first) = first.filter(|first| first.id == org_id) else { return Ok(None) };
        let settings = &self.inner.settings;
        let disk = match settings.data_directory.clone() {
            None => None,
            // A file system on the network may take its time.
            Some(directory) => {
                let enough = settings.disk_min_free;
                tokio::task::spawn_blocking(move || disk_space(&directory, enough))
                    .await
                    .map_err(Error::internal)?
            }
        };
        Ok(Some(DeploymentState {
            disk,
            backup_max_age: self.backup_max_age(),
            last_backup: self.checked_backup().await?,
            backup_interval: settings.backups.as_ref().map(|schedule| schedule.interval),
            backup_failure: self.inner.backup_failure.get(),
            created_at: first.created_at,
            certificates: self.inner.server_certificates.all(),
        }))
    }

    /// When the last backup began, if its age is checked.
    pub(super) async fn checked_backup(&self) -> Result<Option<Timestamp>> {
        match self.backup_max_age() {
            None => Ok(None),
            Some(_) => Ok(self.inner.store.last_backup().await?),
        }
    }

    /// How old a backup may become, if that is checked.
    fn backup_max_age(&self) -> Option<SignedDuration> {
        let settings = &self.inner.settings;
        settings.backup_max_age.or(settings.backups.as_ref().map(BackupSchedule::too_old))
    }
}

/// The space on the disk of a directory. `None` if the system doesn't say.
fn disk_space(directory: &Path, enough_bytes: u64) -> Option<DiskSpace> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(DiskSpace {
        directory: directory.display().to_string(),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        all_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        enough_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_space_and_a_missing_directory_has_none() {
        let here = disk_space(Path::new("."), 0).unwrap();
        assert!(here.all_bytes > 0 && here.free_bytes <= here.all_bytes);
        assert!(disk_space(Path::new("/no/such/directory"), 0).is_none());
    }
}
