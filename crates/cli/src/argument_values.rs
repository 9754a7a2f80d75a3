//! Parsers of argument values: what can be wrong about a value without asking the server ends with exit status 2,
//! before anything is sent.

use bucketry_model::inventory::{DailyWindow, InvalidSchedule, InventorySchedule};
use bucketry_model::time::Day;
use jiff::Timestamp;

/// A number of hours (`24h` or `24`) or days (`7d`) between two walks.
pub(crate) fn interval_hours(text: &str) -> Result<i64, String> {
    let (number, hours) = match text.strip_suffix('d') {
        Some(days) => (days, 24),
        None => (text.strip_suffix('h').unwrap_or(text), 1),
    };
    let most = InventorySchedule::MOST_HOURS;
    let expected =
        || format!("must be a number of hours or days, such as 24h or 7d, from 1h to {}d", most / 24);
    let number: u16 = number.parse().map_err(|_| expected())?;
    let hours = i64::from(number) * hours;
    if (1..=i64::from(most)).contains(&hours) { Ok(hours) } else { Err(expected()) }
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

/// A day, or a time in the day.
pub(crate) fn day(text: &str) -> Result<String, &'static str> {
    Day::parse(text).map(|_| text.to_owned()).map_err(|_| "must be a day, such as 2026-01-31")
}

/// A date, or a time in RFC 3339 format.
pub(crate) fn date_or_time(text: &str) -> Result<String, &'static str> {
    let expected =
        "must be a date, such as 2026-01-31, or a time in RFC 3339 format, such as 2026-01-31T00:00:00Z";
    Day::parse(text).map(|_| text.to_owned()).map_err(|_| expected)
}

/// A time in RFC 3339 format.
pub(crate) fn time(text: &str) -> Result<String, &'static str> {
    let expected = "must be a time in RFC 3339 format, such as 2030-01-31T00:00:00Z";
    text.parse::<Timestamp>().map(|_| text.to_owned()).map_err(|_| expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_hours_or_days_in_the_range_that_the_server_accepts() {
        let hours = ["24h", "24", "7d", "1h", "366d", "8784h"].map(interval_hours);
        assert_eq!(hours, [24, 24, 168, 1, 8_784, 8_784].map(Ok));
        for wrong in ["", "h", "1m", "-1h", "1.5h", "0h", "0d", "367d", "8785h", "99999d"] {
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
    fn times_days_and_windows_are_passed_on_as_the_server_reads_them() {
        assert_eq!(window("01:00-05:00"), Ok("01:00-05:00".to_owned()));
        assert!(window("5-6").is_err() && window("01:00-01:00").is_err());
        assert!(day("2026-01-31").is_ok() && day("tomorrow").is_err());
        assert!(date_or_time("2026-01-31T10:00:00Z").is_ok() && date_or_time("2026-02-30").is_err());
        assert!(time("2030-01-31T00:00:00Z").is_ok() && time("2030-01-31").is_err());
    }
}
