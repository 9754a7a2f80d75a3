//! The rules of the control plane that an operator can change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::price_sheet::PriceSheet;
use bucketry_model::probe_share::PROBING_NODES;
use jiff::SignedDuration;

use crate::backups::BackupSchedule;

/// Days after which a session ends, unless a setting overrides it.
pub const SESSION_DAYS: u16 = 90;
/// Days to retain traffic by minute, unless a setting overrides it.
pub const USAGE_MINUTES_DAYS: u16 = 32;

/// Days to retain traffic by hour, unless a setting overrides it.
pub const USAGE_HOURS_DAYS: u16 = 90;

/// Days to retain changes of the status of buckets, unless a setting overrides it.
pub const EVENTS_DAYS: u16 = 90;

/// Days to retain audit records, unless a setting overrides it.
pub const AUDIT_DAYS: u16 = 400;

/// Results of inventories to retain per bucket, unless a setting overrides it.
pub const INVENTORY_RESULTS: u16 = 10;

/// Days to retain notifications that were sent or given up, unless a setting overrides it.
pub const NOTIFICATIONS_DAYS: u16 = 30;

/// Seconds that a notification waits for further conditions, unless a setting overrides it.
pub const NOTIFICATION_WINDOW: u16 = 30;

/// MiB of free space on the disk of the data directory that are always enough, unless a setting says otherwise.
pub const DISK_MIN_FREE: u32 = 10 * 1_024;

/// Seconds that a problem has to last until it is a finding, unless a setting overrides it.
pub const FINDING_DELAY: u16 = 30;

/// Per cent of a bucket's requests that may fail at its provider before that is a finding, unless a setting overrides it.
pub const ERROR_RATE: u8 = 5;

/// Live nodes that an organization may have, unless a setting overrides it.
pub const NODE_QUOTA: u64 = 100;

/// The control plane's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Maximum number of live buckets in a new organization; `None` means unlimited.
    pub bucket_quota: Option<u64>,
    /// Maximum number of live repositories in a new organization; `None` means unlimited.
    pub repo_quota: Option<u64>,
    /// Maximum number of live nodes of each organization, not counting the deployment's; `None` means unlimited.
    pub node_quota: Option<u64>,
    /// How many of the deployment's nodes probe each bucket, and how many of its organization's.
    pub probing_nodes: u16,
    /// Name of the organization that the first start creates.
    pub first_organization: String,
    /// Whether anyone may register an organization.
    pub open_registration: bool,
    /// Lifetime of an access token.
    pub access_token_lifetime: SignedDuration,
    /// Lifetime of a refresh token.
    pub refresh_token_lifetime: SignedDuration,
    /// Maximum lifetime of a session, even if it is refreshed.
    pub session_lifetime: SignedDuration,
    /// Maximum lifetime of new personal API tokens; `None` means unlimited. Existing tokens are not affected.
    pub api_token_lifetime: Option<SignedDuration>,
    /// Time limit for all checks of a validation.
    pub validation_deadline: Duration,
    /// Extra time for a node to fetch the job and report the result.
    pub validation_round_trip: Duration,
    /// Maximum number of validations in progress per organization.
    pub validations_at_once: usize,
    /// Days to retain daily uptime records.
    pub keep_days: i64,
    /// Days to retain audit records.
    pub keep_audit_for_days: i64,
    /// Days to retain traffic by minute. Traffic by day is retained permanently.
    pub keep_minutes_for_days: i64,
    /// Days to retain traffic by hour and workspace.
    pub keep_hours_for_days: i64,
    /// Days to retain changes of the status of buckets.
    pub keep_events_for_days: i64,
    /// Number of results of inventories to retain per bucket.
    pub keep_inventories: u32,
    /// Days to retain notifications that were sent or given up.
    pub keep_notifications_for_days: i64,
    /// How long the first condition of a notification waits for others, and the end of one for its return.
    pub notification_window: SignedDuration,
    /// How long a test of a channel waits for its result.
    pub channel_test_wait: Duration,
    /// The prices from which costs are estimated; `None` without any.
    pub prices: Option<Arc<PriceSheet>>,
    /// How long a condition that may be a flap has to last until it is shown as a finding.
    pub finding_delay: SignedDuration,
    /// How long a bucket may be without traffic; `None` if that isn't looked for.
    pub unused_after: Option<SignedDuration>,
    /// Whether nodes find out whether keys open more than their buckets.
    pub check_keys: bool,
    /// From how many per cent of a bucket's requests on it is a finding that they fail; `None` if it never is.
    pub error_rate: Option<u8>,
    /// How old the last backup may become; `None` if that isn't checked.
    pub backup_max_age: Option<SignedDuration>,
    /// When backups are made; `None` if they aren't scheduled.
    pub backups: Option<BackupSchedule>,
    /// Whether other control planes may use the same database.
    pub shares_database: bool,
    /// The data directory, whose disk is watched; `None` if it isn't.
    pub data_directory: Option<PathBuf>,
    /// Bytes of free space on that disk that are always enough.
    pub disk_min_free: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bucket_quota: None,
            repo_quota: None,
            node_quota: Some(NODE_QUOTA),
            probing_nodes: PROBING_NODES,
            first_organization: "default".to_owned(),
            open_registration: false,
            access_token_lifetime: SignedDuration::from_hours(1),
            refresh_token_lifetime: SignedDuration::from_hours(30 * 24),
            session_lifetime: SignedDuration::from_hours(i64::from(SESSION_DAYS) * 24),
            api_token_lifetime: None,
            validation_deadline: Duration::from_secs(10),
            validation_round_trip: Duration::from_secs(4),
            validations_at_once: 8,
            keep_days: 730,
            keep_audit_for_days: AUDIT_DAYS.into(),
            keep_minutes_for_days: USAGE_MINUTES_DAYS.into(),
            keep_hours_for_days: USAGE_HOURS_DAYS.into(),
            keep_events_for_days: EVENTS_DAYS.into(),
            keep_inventories: INVENTORY_RESULTS.into(),
            keep_notifications_for_days: NOTIFICATIONS_DAYS.into(),
            notification_window: SignedDuration::from_secs(i64::from(NOTIFICATION_WINDOW)),
            channel_test_wait: Duration::from_secs(10),
            prices: None,
            finding_delay: SignedDuration::from_secs(i64::from(FINDING_DELAY)),
            unused_after: None,
            check_keys: true,
            error_rate: Some(ERROR_RATE),
            backup_max_age: None,
            backups: None,
            shares_database: false,
            data_directory: None,
            disk_min_free: u64::from(DISK_MIN_FREE) << 20,
        }
    }
}
