//! What an operator can decide about the control plane's rules.

use std::time::Duration;

use jiff::SignedDuration;

/// The control plane's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many live buckets a new organization may have; no number means any.
    pub bucket_quota: Option<u64>,
    /// How many live repositories a new organization may have; no number means any.
    pub repo_quota: Option<u64>,
    /// Whether anybody may register an organization.
    pub open_registration: bool,
    /// How long an access token lives.
    pub access_token_lifetime: SignedDuration,
    /// How long a refresh token lives.
    pub refresh_token_lifetime: SignedDuration,
    /// How long a session lives at most, however often it is refreshed.
    pub session_lifetime: SignedDuration,
    /// How long a personal API token may live; none means without end. Those that were made before stay as they are.
    pub api_token_lifetime: Option<SignedDuration>,
    /// How long a validation may take in all.
    pub validation_deadline: Duration,
    /// What a node may take beyond that to fetch the job and to report.
    pub validation_round_trip: Duration,
    /// How many validations one organization may have under way at once.
    pub validations_at_once: usize,
    /// How many days of daily records are kept.
    pub keep_days: i64,
    /// How many days the traffic by minute is kept. Traffic by day is kept for good.
    pub keep_minutes_for_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bucket_quota: None,
            repo_quota: None,
            open_registration: false,
            access_token_lifetime: SignedDuration::from_hours(1),
            refresh_token_lifetime: SignedDuration::from_hours(30 * 24),
            session_lifetime: SignedDuration::from_hours(90 * 24),
            api_token_lifetime: None,
            validation_deadline: Duration::from_secs(10),
            validation_round_trip: Duration::from_secs(4),
            validations_at_once: 8,
            keep_days: 730,
            keep_minutes_for_days: 32,
        }
    }
}
