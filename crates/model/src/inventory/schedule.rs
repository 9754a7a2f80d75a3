//! When walks are due, and how fast they may be.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::window::DailyWindow;

/// How often and how fast buckets are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventorySchedule {
    /// Hours from the start of a walk to the start of the next one.
    pub every_hours: u16,
    /// Requests for pages per second, at most.
    pub requests_per_second: u16,
    /// When walks may run. `None` for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<DailyWindow>,
}

/// A part of a schedule is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// `every_hours`.
    #[error("must be a whole number of hours from 1 (1 hour) to {} (1 year)", InventorySchedule::MOST_HOURS)]
    EveryHours,
    /// `requests_per_second`.
    #[error("must be a whole number from 1 to {}", InventorySchedule::MOST_REQUESTS)]
    RequestsPerSecond,
}

impl InventorySchedule {
    /// The longest time between two walks, in hours: one year.
    pub const MOST_HOURS: u16 = 8_784;
    /// The highest rate, in requests per second.
    pub const MOST_REQUESTS: u16 = 100;
    /// The rate of walks that nobody has set a rate for, in requests per second.
    pub const USUAL_REQUESTS: u16 = 5;

    /// Checks the ranges.
    pub fn new(
        every_hours: u16,
        requests_per_second: u16,
        window: Option<DailyWindow>,
    ) -> Result<Self, InvalidSchedule> {
        if !(1..=Self::MOST_HOURS).contains(&every_hours) {
            return Err(InvalidSchedule::EveryHours);
        }
        if !(1..=Self::MOST_REQUESTS).contains(&requests_per_second) {
            return Err(InvalidSchedule::RequestsPerSecond);
        }
        Ok(Self { every_hours, requests_per_second, window })
    }

    /// When the next walk is due. `last_start` is the start of the last complete walk. One that is further in the
    /// future than the schedule could be comes from a wrong clock and doesn't count.
    pub fn next_due(&self, last_start: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let every = SignedDuration::from_hours(self.every_hours.into());
        let due = match last_start.filter(|start| *start <= now) {
            Some(start) => start.checked_add(every).unwrap_or(Timestamp::MAX).max(now),
            None => now,
        };
        self.window.map_or(due, |window| window.at_or_after(due))
    }
}

/// A bucket's own setting, which replaces that of its organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum InventorySetting {
    /// The bucket is never walked on a schedule.
    Off,
    /// The bucket has a separate schedule.
    Own(InventorySchedule),
}

impl InventorySetting {
    /// The schedule of a bucket with this setting in an organization with that schedule.
    pub fn resolve(own: Option<Self>, organization: Option<InventorySchedule>) -> Option<InventorySchedule> {
        match own {
            None => organization,
            Some(Self::Off) => None,
            Some(Self::Own(schedule)) => Some(schedule),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(every_hours: u16, window: Option<&str>) -> InventorySchedule {
        InventorySchedule {
            every_hours,
            requests_per_second: 5,
            window: window.map(|text| text.parse().unwrap()),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_walk_is_due_after_the_interval_and_in_the_window() {
        let now = at("2026-03-01T12:00:00Z");
        let daily = schedule(24, Some("01:00-05:00"));
        assert_eq!(daily.next_due(None, now), at("2026-03-02T01:00:00Z"));
        let last = Some(at("2026-03-01T01:00:30Z"));
        assert_eq!(daily.next_due(last, now), at("2026-03-02T01:00:30Z"));
        // A walk that took days is due again at once.
        assert_eq!(schedule(24, None).next_due(Some(at("2026-02-20T01:00:00Z")), now), now);
        // A start in the future is the work of a wrong clock.
        assert_eq!(schedule(24, None).next_due(Some(at("2036-03-01T01:00:00Z")), now), now);
    }

    #[test]
    fn settings_are_written_as_they_are_stored() {
        let own = InventorySetting::Own(schedule(24, Some("01:00-05:00")));
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(text, r#"{"mode":"own","everyHours":24,"requestsPerSecond":5,"window":"01:00-05:00"}"#);
        assert_eq!(serde_json::from_str::<InventorySetting>(&text).unwrap(), own);
        assert_eq!(serde_json::to_string(&InventorySetting::Off).unwrap(), r#"{"mode":"off"}"#);
        assert_eq!(InventorySetting::resolve(Some(InventorySetting::Off), Some(schedule(1, None))), None);
        assert_eq!(InventorySetting::resolve(None, Some(schedule(1, None))), Some(schedule(1, None)));
    }

    proptest! {
        #[test]
        fn a_due_time_is_never_past_and_soon_enough(hours in 1_u16..=8_784, last in 0_i64..2_000_000_000, now in 0_i64..2_000_000_000) {
            let (last, now) = (Timestamp::from_second(last).unwrap(), Timestamp::from_second(now).unwrap());
            let due = schedule(hours, Some("23:00-01:00")).next_due(Some(last), now);
            let longest = SignedDuration::from_hours(i64::from(hours) + 24);
            prop_assert!(due >= now && due.duration_since(now) <= longest);
        }
    }
}
