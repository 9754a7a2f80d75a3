//! Parsers of argument values: what can be wrong about a value without asking the server ends with exit status 2,
//! before anything is sent.

use bucketry_model::inventory::{DailyWindow, InvalidSchedule, InventorySchedule};
use bucketry_model::time::{Clock as _, SystemClock, to_wire};
use jiff::{Span, SpanTotal, Unit};

use crate::entered_time::{Direction, EnteredTime};

/// The time between two walks: `24h`, `7d`, `2 days`, or a number of hours.
pub(crate) fn interval_hours(text: &str) -> Result<i64, String> {
    let most = i64::from(InventorySchedule::MOST_HOURS);
    let expected =
        || format!("must be a number of hours or days, such as 24h or 7d, from 1h to {}d", most / 24);
    let bare = text.parse::<u16>().ok().map(i64::from);
    let hours = bare.or_else(|| whole_hours(text)).ok_or_else(expected)?;
    if (1..=most).contains(&hours) { Ok(hours) } else { Err(expected()) }
}

/// The hours of a length of time that consists of whole ones.
fn whole_hours(text: &str) -> Option<i64> {
    let span = text.parse::<Span>().ok()?;
    let minutes = span.total(SpanTotal::from(Unit::Minute).days_are_24_hours()).ok()?;
    let hours = minutes / 60.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number is whole, and far from the ends of the type"
    )]
    let whole = (hours.fract() == 0.0 && hours.abs() < 1e9).then_some(hours as i64);
    whole
}

/// A rate that walks may have.
pub(crate) fn requests_per_second(text: &str) -> Result<i64, InvalidSchedule> {
    let number: u16 = text.parse().map_err(|_| InvalidSchedule::RequestsPerSecond)?;
    InventorySchedule::new(1, number, None).map(|schedule| schedule.requests_per_second.into())
}

/// A daily window, such as `01:00-05:00`.
pub(crate) fn window(text: &str) -> Result<String, String> {
    text.parse::<DailyWindow>().map(|window| window.to_string()).map_err(|error| error.to_string())
}

/// A day that isn't in the future.
pub(crate) fn day(text: &str) -> Result<String, String> {
    let now = SystemClock.now();
    let expected = || "must be a day until today, such as 2026-01-31, today, yesterday or 3d".to_owned();
    let entered = EnteredTime::parse(text, now, Direction::Past).map_err(|_| expected())?;
    let is_past = entered.start().is_some_and(|start| start <= now);
    if is_past { Ok(entered.day().to_string()) } else { Err(expected()) }
}

/// A time in the past, or a day.
pub(crate) fn past(text: &str) -> Result<String, String> {
    EnteredTime::parse(text, SystemClock.now(), Direction::Past).map(EnteredTime::to_api)
}

/// A time in the future; for a day, its beginning.
pub(crate) fn future(text: &str) -> Result<String, String> {
    let entered = EnteredTime::parse(text, SystemClock.now(), Direction::Future)?;
    entered.start().map(to_wire).ok_or_else(|| "must be before the year 10000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_hours_or_days_in_the_range_that_the_server_accepts() {
        let hours = ["24h", "24", "7d", "1h", "366d", "8784h", "2 days", "1 week"].map(interval_hours);
        assert_eq!(hours, [24, 24, 168, 1, 8_784, 8_784, 48, 168].map(Ok));
        for wrong in ["", "h", "1m", "-1h", "1.5h", "30m", "1 month", "0h", "0d", "367d", "8785h", "99999d"] {
            let message = interval_hours(wrong).unwrap_err();
            assert!(message.ends_with("from 1h to 366d"), "{wrong}: {message}");
        }
    }

    #[test]
    fn a_rate_is_a_number_in_the_range_that_the_server_accepts() {
        assert_eq!(["1", "100"].map(requests_per_second), [Ok(1), Ok(100)]);
        for wrong in ["0", "101", "-1", "5/s", "", "99999999999"] {
            assert_eq!(requests_per_second(wrong), Err(InvalidSchedule::RequestsPerSecond), "{wrong}");
        }
    }

    #[test]
    fn times_days_and_windows_become_what_the_server_reads() {
        assert_eq!(window("01:00-05:00"), Ok("01:00-05:00".to_owned()));
        assert!(window("5-6").is_err() && window("01:00-01:00").is_err());
        assert_eq!(day("2026-01-31"), Ok("2026-01-31".to_owned()));
        assert!(day("yesterday").is_ok() && day("tomorrow").is_err() && day("9999-12-31").is_err());
        assert_eq!(past("2026-01-31"), Ok("2026-01-31".to_owned()));
        assert!(past("2026-01-31T10:00:00Z").is_ok() && past("2026-02-30").is_err());
        assert_eq!(future("2030-01-31"), Ok("2030-01-31T00:00:00.000Z".to_owned()));
        assert!(future("90d").is_ok() && future("soon").is_err());
    }
}
