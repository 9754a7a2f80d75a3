//! The settings of the control plane.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bucketry_control::backups::BackupSchedule;
use bucketry_model::price_sheet::PriceSheet;
use bucketry_vault::Recipient;
use jiff::SignedDuration;

use super::declared::ControlValues;
use super::kinds::Switch;
use super::list;
use crate::failure::{Failure, Result};

/// The largest price sheet.
const MAX_SHEET_BYTES: u64 = 4 << 20;

impl ControlValues {
    /// Whose private keys open the key files in scheduled backups.
    pub(super) fn backup_recipients(&self) -> Result<Vec<Recipient>> {
        let recipients = list(&self.backup_recipients).map(|text| {
            text.parse().map_err(|error| Failure::usage(format!("--backup-recipients: {text:?}: {error}")))
        });
        let recipients: Vec<Recipient> = recipients.collect::<Result<_>>()?;
        if !recipients.is_empty() && self.backup_dir.is_none() {
            return Err(Failure::usage("--backup-recipients has no effect without --backup-dir: set both"));
        }
        Ok(recipients)
    }

    fn backups(&self) -> Option<BackupSchedule> {
        Some(BackupSchedule {
            directory: self.backup_dir.clone()?,
            interval: SignedDuration::from_hours(self.backup_interval.max(1).into()),
            keep: self.backup_keep.max(1).into(),
            keep_for: limit(self.backup_keep_days).map(days),
        })
    }

    pub(super) fn settings(self) -> Result<bucketry_control::Settings> {
        let prices = self.price_sheet.as_deref().map(read_prices).transpose()?;
        Ok(bucketry_control::Settings {
            bucket_quota: limit(self.bucket_quota),
            repo_quota: limit(self.repo_quota),
            node_quota: limit(self.node_quota),
            probing_nodes: self.probing_nodes.max(1),
            open_registration: self.registration == Switch::On,
            session_lifetime: days(self.session_lifetime.max(1)),
            api_token_lifetime: limit(self.token_lifetime).map(days),
            keep_audit_for_days: self.audit_retention.max(1).into(),
            keep_minutes_for_days: self.usage_minutes_retention.max(1).into(),
            keep_hours_for_days: self.usage_hours_retention.max(1).into(),
            keep_events_for_days: self.events_retention.max(1).into(),
            keep_inventories: self.inventory_results.max(1).into(),
            keep_notifications_for_days: self.notifications_retention.max(1).into(),
            notification_window: SignedDuration::from_secs(self.notification_window.into()),
            prices: prices.map(Arc::new),
            unused_after: limit(self.unused_after).map(days),
            check_keys: self.key_checks == Switch::On,
            error_rate: limit(self.error_rate),
            backups: self.backups(),
            backup_max_age: limit(self.backup_max_age).map(days),
            disk_min_free: u64::from(self.disk_min_free) << 20,
            finding_delay: SignedDuration::from_secs(self.finding_delay.into()),
            ..bucketry_control::Settings::default()
        })
    }
}

/// Reads the prices from which costs are estimated. A mistake is reported with its line.
fn read_prices(path: &Path) -> Result<PriceSheet> {
    let wrong = |why: String| Failure::usage(format!("--price-sheet {}: {why}", path.display()));
    let mut text = String::new();
    let limit = MAX_SHEET_BYTES + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|error| wrong(format!("can't read the file: {error}")))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_SHEET_BYTES) {
        return Err(wrong("the file is larger than 4 MiB".to_owned()));
    }
    toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))
}

/// The limit that a number sets: zero means none.
fn limit<T: Default + PartialEq>(number: T) -> Option<T> {
    (number != T::default()).then_some(number)
}

fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PriceSheet> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("prices.toml");
        std::fs::write(&path, text).unwrap();
        read_prices(&path)
    }

    #[test]
    fn a_price_sheet_is_a_table_per_provider_and_bucket() {
        let text = "currency = \"EUR\"\n[provider.aws]\ngib_month = 0.023\negress_gib = 1\n\
                    [bucket.00000000-0000-7000-8000-000000000000]\nreads_per_1000 = 0.1\n";
        assert!(read(text).is_ok(), "{:?}", read(text));
    }

    #[test]
    fn a_mistake_in_a_price_sheet_is_reported_with_its_line_and_field() {
        for (text, line, said) in [
            ("currency = \"EUR\"\n[provider.aws]\ngib_month = -1\n", "line 3", "gib_month"),
            ("currency = \"EUR\"\n[provider.aws]\ngib_mnth = 1\n", "line 3", "gib_mnth"),
            ("currency = \"EUR\"\n[provider.aws]\ngib_month = \"1\"\n", "line 3", "gib_month"),
            ("currency = \"EUR\"\n\n[provider.amazonia]\ngib_month = 1\n", "line 3", "amazonia"),
            ("currency = \"EUR\"\n[bucket.Photos]\ngib_month = 1\n", "line 2", "the id of a bucket"),
            ("currency = \"euro\"\n", "line 1", "currency"),
            ("currency = \"EUR\"\ngib_month\n", "line 2", "gib_month"),
        ] {
            let message = read(text).unwrap_err().message().to_owned();
            assert!(message.contains("--price-sheet"), "{message}");
            assert!(message.contains(line) && message.contains(said), "{line}, {said}: {message}");
        }
        let missing = read_prices(Path::new("/nonexistent/prices.toml")).unwrap_err();
        assert!(missing.message().contains("can't read the file"));
    }
}
