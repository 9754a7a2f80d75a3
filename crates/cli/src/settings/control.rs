//! The settings of the control plane.

use jiff::SignedDuration;

use super::declared::ControlValues;
use super::kinds::Switch;

impl ControlValues {
    pub(super) fn settings(self) -> bucketry_control::Settings {
        bucketry_control::Settings {
            bucket_quota: limit(self.bucket_quota),
            repo_quota: limit(self.repo_quota),
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
            ..bucketry_control::Settings::default()
        }
    }
}

/// The limit that a number sets: zero means none.
fn limit<T: Default + PartialEq>(number: T) -> Option<T> {
    (number != T::default()).then_some(number)
}

fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}
