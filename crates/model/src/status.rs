//! Bucket statuses: how a node determines one, how the statuses of several nodes are combined, and when a node
//! counts as silent.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::diagnosis::CheckCode;
use crate::time::is_ahead;

/// After this time without contact, a node counts as disconnected, and so do its statuses.
pub const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// A node's status for a bucket that it probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProbedStatus {
    /// The bucket answered, or only the last probe failed.
    Online,
    /// Two probes in a row failed, or the first one did.
    Offline,
}

/// A bucket's status: ONLINE if a connected node reaches it, OFFLINE if connected nodes probe it and none reaches
/// it, DISCONNECTED if no connected node reports on it. For one node: its own report, DISCONNECTED if the node is
/// not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Status {
    /// At least one connected node reaches the bucket.
    Online,
    /// Connected nodes have reported, but none reaches the bucket.
    Offline,
    /// No connected node has reported on the bucket.
    Disconnected,
}

impl Status {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Offline => "OFFLINE",
            Self::Disconnected => "DISCONNECTED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of ONLINE, OFFLINE, DISCONNECTED")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let all = [Self::Online, Self::Offline, Self::Disconnected];
        all.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text.trim())).ok_or(UnknownStatus)
    }
}

impl From<ProbedStatus> for Status {
    fn from(probed: ProbedStatus) -> Self {
        match probed {
            ProbedStatus::Online => Self::Online,
            ProbedStatus::Offline => Self::Offline,
        }
    }
}

impl ProbedStatus {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        Status::from(self).as_str()
    }
}

/// Whether a node that was last seen at `last_seen` counts as connected. A time in the future doesn't count,
/// because it comes from a wrong clock.
pub fn is_connected(last_seen: Timestamp, now: Timestamp) -> bool {
    now.duration_since(last_seen) < SILENCE && !is_ahead(last_seen, now)
}

/// A node's status for a bucket now: DISCONNECTED if the node has fallen silent.
pub fn as_seen_now(probed: ProbedStatus, connected: bool) -> Status {
    if connected { probed.into() } else { Status::Disconnected }
}

/// Combines the statuses of nodes: ONLINE if any is, otherwise OFFLINE if any is, otherwise DISCONNECTED.
pub fn fold(nodes: impl IntoIterator<Item = Status>) -> Status {
    nodes.into_iter().min().unwrap_or(Status::Disconnected)
}

/// The worst of several statuses: OFFLINE if any is, otherwise DISCONNECTED if any is, otherwise ONLINE. `None` without
/// any.
pub fn worst(statuses: impl IntoIterator<Item = Status>) -> Option<Status> {
    statuses.into_iter().max_by_key(|status| match status {
        Status::Online => 0,
        Status::Disconnected => 1,
        Status::Offline => 2,
    })
}

/// A node's history of a bucket's probes. Two failures in a row make the bucket OFFLINE, one success makes it
/// ONLINE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProbeHistory {
    status: Option<ProbedStatus>,
    failures_in_a_row: u8,
}

impl ProbeHistory {
    /// Records a probe and returns the resulting status.
    ///
    /// The first probe decides alone, because there is no earlier status from which a single failure could deviate.
    pub fn record(&mut self, success: bool) -> ProbedStatus {
        let status = if success {
            self.failures_in_a_row = 0;
            ProbedStatus::Online
        } else {
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            match self.status {
                Some(ProbedStatus::Online) if self.failures_in_a_row < 2 => ProbedStatus::Online,
                _ => ProbedStatus::Offline,
            }
        };
        self.status = Some(status);
        status
    }

    /// The status after the last probe, if there was one.
    pub fn status(&self) -> Option<ProbedStatus> {
        self.status
    }
}

/// Why a probe failed, in Bucketry's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeFailure {
    /// The stable code.
    pub code: CheckCode,
    /// One sentence for people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failures_in_a_row_make_offline_and_one_success_online() {
        use ProbedStatus::{Offline, Online};
        let mut history = ProbeHistory::default();
        let seen: Vec<_> = [true, false, true, false, false, false, true].map(|ok| history.record(ok)).into();
        assert_eq!(seen, [Online, Online, Online, Online, Offline, Offline, Online]);
    }

    #[test]
    fn a_bucket_that_never_answered_is_offline_at_once() {
        assert_eq!(ProbeHistory::default().record(false), ProbedStatus::Offline);
    }

    #[test]
    fn any_online_node_makes_the_bucket_online_and_silence_is_disconnected() {
        use Status::{Disconnected, Offline, Online};
        assert_eq!(fold([Offline, Online, Disconnected]), Online);
        assert_eq!(fold([Disconnected, Offline]), Offline);
        assert_eq!(fold([Disconnected]), Disconnected);
        assert_eq!(fold([]), Disconnected);
        assert_eq!(as_seen_now(ProbedStatus::Online, false), Disconnected);
    }

    #[test]
    fn a_repository_is_as_bad_as_its_worst_bucket() {
        use Status::{Disconnected, Offline, Online};
        assert_eq!(worst([Online, Offline, Disconnected]), Some(Offline));
        assert_eq!(worst([Online, Disconnected]), Some(Disconnected));
        assert_eq!(worst([Online]), Some(Online));
        assert_eq!(worst([]), None);
    }

    #[test]
    fn a_status_is_read_in_any_case() {
        assert_eq!("offline".parse(), Ok(Status::Offline));
        assert_eq!("up".parse::<Status>(), Err(UnknownStatus));
    }

    #[test]
    fn a_node_is_gone_after_sixty_seconds_of_silence() {
        let start = Timestamp::UNIX_EPOCH;
        assert!(is_connected(start, start + SignedDuration::from_millis(59_999)));
        assert!(!is_connected(start, start + SignedDuration::from_secs(60)));
    }

    #[test]
    fn a_node_that_was_heard_of_in_the_future_is_not_connected() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(is_connected(now + SignedDuration::from_secs(300), now), "within the accepted skew");
        assert!(!is_connected(now + SignedDuration::from_secs(301), now));
        assert!(!is_connected(now + SignedDuration::from_hours(48), now));
    }
}
