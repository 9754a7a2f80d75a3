//! A daily time window in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY: i64 = 86_400;

/// A part of every day, in UTC, such as `01:00-05:00`. One whose end is before its start ends on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    from: u16,
    until: u16,
}

/// The text isn't a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time window in UTC such as 01:00-05:00, with different start and end")]
pub struct InvalidWindow;

impl DailyWindow {
    /// How long the window that contains a moment stays open. `None` outside of the window.
    pub fn remaining(self, now: Timestamp) -> Option<SignedDuration> {
        let since_start = seconds_between(seconds_of(self.from), now.as_second());
        let length = seconds_between(seconds_of(self.from), seconds_of(self.until));
        (since_start < length).then(|| SignedDuration::from_secs(length - since_start))
    }

    /// `time`, or if it is outside of the window, the start of the next one.
    pub fn at_or_after(self, time: Timestamp) -> Timestamp {
        if self.remaining(time).is_some() {
            return time;
        }
        let wait = seconds_between(time.as_second(), seconds_of(self.from));
        Timestamp::from_second(time.as_second().saturating_add(wait)).unwrap_or(Timestamp::MAX)
    }
}

fn seconds_of(minute: u16) -> i64 {
    i64::from(minute) * 60
}

/// The time from one moment of a day to the next occurrence of another, in seconds.
fn seconds_between(from: i64, until: i64) -> i64 {
    (until - from).rem_euclid(DAY)
}

impl FromStr for DailyWindow {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let (from, until) = text.split_once('-').ok_or(InvalidWindow)?;
        let window = Self { from: minute(from)?, until: minute(until)? };
        if window.from == window.until { Err(InvalidWindow) } else { Ok(window) }
    }
}

fn minute(text: &str) -> Result<u16, InvalidWindow> {
    let (hours, minutes) = text.split_once(':').ok_or(InvalidWindow)?;
    let number = |text: &str, most: u16| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u16> = if is_number { text.parse().ok() } else { None };
        number.filter(|number| *number <= most).ok_or(InvalidWindow)
    };
    Ok(number(hours, 23)? * 60 + number(minutes, 59)?)
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl Serialize for DailyWindow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DailyWindow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-03-01T{time}Z").parse().unwrap()
    }

    #[test]
    fn a_window_is_open_from_its_start_until_before_its_end() {
        let night: DailyWindow = "01:00-05:00".parse().unwrap();
        let over_midnight: DailyWindow = "22:30-02:00".parse().unwrap();
        for (window, time, minutes) in [
            (night, "00:59:59", None),
            (night, "01:00:00", Some(240)),
            (night, "04:59:00", Some(1)),
            (night, "05:00:00", None),
            (over_midnight, "22:30:00", Some(210)),
            (over_midnight, "01:00:00", Some(60)),
            (over_midnight, "02:00:00", None),
        ] {
            let remaining = window.remaining(at(time)).map(|left| left.as_mins());
            assert_eq!(remaining, minutes, "{window} at {time}");
        }
        assert_eq!(night.at_or_after(at("05:00:00")), at("01:00:00") + SignedDuration::from_hours(24));
        assert_eq!(night.at_or_after(at("02:00:00")), at("02:00:00"));
    }

    #[test]
    fn other_texts_are_no_windows() {
        let wrong =
            ["", "01:00", "01:00-01:00", "24:00-01:00", "1:00-2:00", "01:60-02:00", "+1:00-02:00", "a-b"];
        for text in wrong {
            assert_eq!(text.parse::<DailyWindow>(), Err(InvalidWindow), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_next_opening_is_open_and_within_a_day(from in 0_u16..1_440, until in 0_u16..1_440, now in 0_i64..4_000_000_000) {
            prop_assume!(from != until);
            let window = DailyWindow { from, until };
            let now = Timestamp::from_second(now).unwrap();
            let opening = window.at_or_after(now);
            prop_assert!(window.remaining(opening).is_some());
            prop_assert!(opening >= now && opening.duration_since(now) < SignedDuration::from_hours(24));
            prop_assert_eq!(window.to_string().parse::<DailyWindow>(), Ok(window));
        }
    }
}
