//! Formats of times, and the clock as a parameter.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A source of the current time. Rules take a `Timestamp`; background tasks have a clock.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock of the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that tests set by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Creates a clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_microsecond()))
    }

    /// Moves the clock forward, or back with a negative duration.
    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// How far in the future a stored time may be, because another clock or a later correction can differ.
pub const ACCEPTED_SKEW: SignedDuration = SignedDuration::from_secs(300);

/// Whether a stored time is further in the future than clocks may differ, because a clock was wrong when it was
/// stored.
///
/// **Rule:** such a time never wins over the present, and counts as absent. Nothing is deleted because of it,
/// because the present time may be the wrong one.
pub fn is_ahead(stored: Timestamp, now: Timestamp) -> bool {
    stored.duration_since(now) > ACCEPTED_SKEW
}

/// The format of times in the API: RFC 3339 in UTC with milliseconds and `Z`.
pub fn to_wire(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Microseconds since 1970, as the store keeps times.
pub fn to_micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time at `micros` microseconds since 1970, clamped to the representable range.
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A day in UTC. Statistics are stored by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// The text is neither an RFC 3339 date-time nor `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day: expected an RFC 3339 date-time (2026-01-31T00:00:00.000Z) or YYYY-MM-DD")]
pub struct NotADay;

/// `2026-01-31`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Day {
    /// The day that contains `time`.
    pub fn of(time: Timestamp) -> Self {
        Self(time.to_zoned(TimeZone::UTC).date())
    }

    /// Parses an RFC 3339 date-time with an offset, or `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, NotADay> {
        if text.len() > 64 {
            return Err(NotADay);
        }
        if text.len() == 10 {
            return text.parse::<Date>().map(Self).map_err(|_| NotADay);
        }
        text.parse::<Timestamp>().map(Self::of).map_err(|_| NotADay)
    }

    /// Parses day, month and year in digits, such as `31012026`. They are read from the right, because clients that
    /// send a number leave out the leading zero of a day.
    pub fn from_digits(text: &str) -> Option<Self> {
        if !matches!(text.len(), 7 | 8) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u32 = text.parse().ok()?;
        let year = i16::try_from(number % 10_000).ok()?;
        let month = i8::try_from(number / 10_000 % 100).ok()?;
        let day = i8::try_from(number / 1_000_000).ok()?;
        Date::new(year, month, day).ok().map(Self)
    }

    /// Day, month and year as the digits of a number; the inverse of [`Self::from_digits`].
    pub fn to_digits(self) -> u32 {
        let part = |number: i8| u32::from(number.unsigned_abs());
        let year = u32::from(self.0.year().unsigned_abs());
        part(self.0.day()) * 1_000_000 + part(self.0.month()) * 10_000 + year
    }

    /// The first moment of the day.
    pub fn start(self) -> Timestamp {
        // The first representable day begins before the first representable time.
        let clamped = if self.0.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        self.0.to_zoned(TimeZone::UTC).map_or(clamped, |zoned| zoned.timestamp())
    }

    /// The first moment after the day.
    pub fn end(self) -> Timestamp {
        self.0.tomorrow().map_or(Timestamp::MAX, |next| Self(next).start())
    }

    /// Days since 1970-01-01, as the store keeps days.
    pub fn number(self) -> i64 {
        self.start().as_second().div_euclid(86_400)
    }

    /// The day at `number` days since 1970-01-01, clamped to the representable range.
    pub fn from_number(number: i64) -> Self {
        Self::of(from_micros(number.saturating_mul(86_400_000_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_and_z() {
        let time = Timestamp::from_microsecond(1_700_000_000_123_456).unwrap();
        assert_eq!(to_wire(time), "2023-11-14T22:13:20.123Z");
        assert_eq!(to_wire(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_day_is_the_utc_day_that_holds_the_moment() {
        let expected = Day::parse("2026-03-01").unwrap();
        for text in ["2026-03-01T00:00:00.000Z", "2026-03-01T23:59:59.999Z", "2026-02-28T23:30:00-02:00"] {
            assert_eq!(Day::parse(text), Ok(expected), "{text}");
        }
        assert_eq!(Day::from_number(expected.number()), expected);
        assert_eq!(expected.end(), Day::parse("2026-03-02").unwrap().start());
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "yesterday", "2026-02-30", "2026-03-01T10:00:00", "01.03.2026", "-000001-01-01"] {
            assert_eq!(Day::parse(text), Err(NotADay), "{text}");
        }
    }

    #[test]
    fn a_date_in_digits_is_read_from_the_right() {
        for (text, date) in [
            ("31012026", "2026-01-31"),
            ("01012025", "2025-01-01"),
            ("1012025", "2025-01-01"),
            ("29022028", "2028-02-29"),
        ] {
            let day = Day::parse(date).unwrap();
            assert_eq!(Day::from_digits(text), Some(day), "{text}");
            assert_eq!(day.to_digits().to_string(), text.trim_start_matches('0'));
        }
        for wrong in [
            "",
            "112025",
            "32012026",
            "30022026",
            "31132026",
            "00012026",
            "2026-01-31",
            "+1012025",
            "101202500",
        ] {
            assert_eq!(Day::from_digits(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_and_the_first_day_of_time_do_not_overflow() {
        for day in [Day::of(Timestamp::MAX), Day::of(Timestamp::MIN)] {
            assert!(day.start() <= day.end());
            let _ = day.number();
        }
    }
}
