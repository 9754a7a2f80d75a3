//! Times as people write them: dates, `yesterday`, `2 hours ago`, `30d`. All are in UTC, like what is printed.

use bucketry_model::time::to_wire;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// Whether a length of time without a direction counts from now backwards or forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `30d` is 30 days ago.
    Past,
    /// `30d` is in 30 days.
    Future,
}

/// A time that was entered. A day stays one: where it ends a range, it counts as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnteredTime {
    Day(Date),
    Moment(Timestamp),
}

impl EnteredTime {
    /// Parses an entered time.
    pub(crate) fn parse(text: &str, now: Timestamp, direction: Direction) -> Result<Self, String> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let text = text.trim();
        let near = |days: i64| today.checked_add(days.days()).ok();
        let named = match text.to_ascii_lowercase().as_str() {
            "now" => return Ok(Self::Moment(now)),
            "today" => Some(today),
            "yesterday" => near(-1),
            "tomorrow" => near(1),
            _ if text.len() == 10 => text.parse::<Date>().ok(),
            _ => None,
        };
        if let Some(day) = named {
            return Ok(Self::Day(day));
        }
        let absolute = text.parse::<Timestamp>().ok().or_else(|| in_utc(text));
        absolute
            .or_else(|| relative(text, now, direction))
            .map(Self::Moment)
            .ok_or_else(|| expected(direction))
    }

    /// The time as the API reads it.
    pub(crate) fn to_api(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Moment(at) => to_wire(at),
        }
    }

    /// The moment, which for a day is its beginning.
    pub(crate) fn start(self) -> Option<Timestamp> {
        match self {
            Self::Day(day) => day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp()),
            Self::Moment(at) => Some(at),
        }
    }

    /// The day, or the one that contains the moment.
    pub(crate) fn day(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Moment(at) => at.to_zoned(TimeZone::UTC).date(),
        }
    }
}

/// A date with a time of day, without a time zone.
fn in_utc(text: &str) -> Option<Timestamp> {
    let is_date = text.get(..10).is_some_and(|date| date.parse::<Date>().is_ok());
    let local: DateTime = is_date.then(|| text.parse().ok())??;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// `2 hours ago`, `in 3 days`, or a length in the given direction.
fn relative(text: &str, now: Timestamp, direction: Direction) -> Option<Timestamp> {
    let (text, direction) = match text.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("in ") => (text[3..].trim(), Direction::Future),
        _ if text.to_ascii_lowercase().ends_with(" ago") => (text, Direction::Past),
        _ => (text, direction),
    };
    let length = text.parse::<Span>().ok()?.abs();
    let now = now.to_zoned(TimeZone::UTC);
    let at = match direction {
        Direction::Past => now.checked_sub(length),
        Direction::Future => now.checked_add(length),
    };
    at.ok().map(|at| at.timestamp())
}

fn expected(direction: Direction) -> String {
    let (day, relative) = match direction {
        Direction::Past => ("yesterday", "30d or \"2 hours ago\""),
        Direction::Future => ("tomorrow", "30d or \"in 2 weeks\""),
    };
    format!(
        "must be a date, such as 2026-01-31, a time, such as 2026-01-31T12:00:00Z, {day}, or a length of time, such as \
         {relative}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, direction: Direction) -> Option<String> {
        let now = "2026-03-31T10:20:30Z".parse().unwrap();
        EnteredTime::parse(text, now, direction).ok().map(EnteredTime::to_api)
    }

    #[test]
    fn days_stay_days_and_moments_are_in_utc() {
        for (text, expected) in [
            ("2027-01-01", "2027-01-01"),
            ("today", "2026-03-31"),
            ("Yesterday", "2026-03-30"),
            ("tomorrow", "2026-04-01"),
            ("now", "2026-03-31T10:20:30.000Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000Z"),
            ("2026-03-01 12:00", "2026-03-01T12:00:00.000Z"),
            ("2026-03-01T12:00:05", "2026-03-01T12:00:05.000Z"),
        ] {
            for direction in [Direction::Past, Direction::Future] {
                assert_eq!(parsed(text, direction).as_deref(), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn lengths_of_time_count_from_now() {
        for (text, past, future) in [
            ("30d", "2026-03-01T10:20:30.000Z", "2026-04-30T10:20:30.000Z"),
            ("2 hours ago", "2026-03-31T08:20:30.000Z", "2026-03-31T08:20:30.000Z"),
            ("in 2 weeks", "2026-04-14T10:20:30.000Z", "2026-04-14T10:20:30.000Z"),
            ("1h 30m", "2026-03-31T08:50:30.000Z", "2026-03-31T11:50:30.000Z"),
            ("1 day", "2026-03-30T10:20:30.000Z", "2026-04-01T10:20:30.000Z"),
        ] {
            assert_eq!(parsed(text, Direction::Past).as_deref(), Some(past), "{text}");
            assert_eq!(parsed(text, Direction::Future).as_deref(), Some(future), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in
            ["", "soon", "2026-02-30", "2026-13-01", "30", "30x", "9999999999999d", "\u{1b}[2J", "日本"]
        {
            for direction in [Direction::Past, Direction::Future] {
                assert_eq!(parsed(text, direction), None, "{text}");
            }
        }
        assert!(expected(Direction::Past).contains("2 hours ago"));
        assert!(expected(Direction::Future).contains("tomorrow"));
    }
}
