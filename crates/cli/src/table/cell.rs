//! The values of a table: short with units for people, exact for CSV.

use std::fmt::Display;

use bucketry_api_types::moment::Moment;
use bucketry_model::status::Status;
use jiff::Timestamp;

use crate::printable::printable;

/// A colour of text on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(super) shown: String,
    /// The value in CSV, if it is not what is shown. Empty for absent values.
    pub(super) exact: Option<String>,
    pub(super) colour: Option<Colour>,
    /// Whether a CSV needs no protection against formulas, because the value is a number.
    pub(super) is_number: bool,
}

impl Cell {
    /// A text.
    pub(crate) fn text(text: impl Display) -> Self {
        Self { shown: printable(&text.to_string()), exact: None, colour: None, is_number: false }
    }

    /// A dash for an absent value.
    pub(crate) fn absent() -> Self {
        Self { exact: Some(String::new()), ..Self::text("-") }
    }

    /// A text, or a dash.
    pub(crate) fn optional(text: Option<impl Display>) -> Self {
        text.map_or_else(Self::absent, Self::text)
    }

    /// A value that is shown in another form than in CSV.
    pub(crate) fn with_exact(shown: impl Display, exact: impl Display) -> Self {
        Self { exact: Some(exact.to_string()), ..Self::text(shown) }
    }

    fn number(shown: impl Display, exact: impl Display) -> Self {
        Self { is_number: true, ..Self::with_exact(shown, exact) }
    }

    /// A count.
    pub(crate) fn count(count: impl Display) -> Self {
        Self::number(&count, &count)
    }

    /// A number of bytes, in CSV without rounding.
    pub(crate) fn bytes(bytes: i64) -> Self {
        Self::number(bytes_text(bytes), bytes)
    }

    /// Milliseconds, or a dash.
    pub(crate) fn milliseconds(ms: Option<u32>) -> Self {
        ms.map_or_else(Self::absent, |ms| Self::number(format!("{ms} ms"), ms))
    }

    /// A number with a unit, in CSV without it.
    pub(crate) fn with_unit(shown: impl Display, exact: impl Display) -> Self {
        Self::number(shown, exact)
    }

    /// A time in UTC, with seconds, or a dash.
    pub(crate) fn time(at: Option<Moment>) -> Self {
        at.map_or_else(Self::absent, |at| {
            let shown = at.0.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
            Self::with_exact(shown, at)
        })
    }

    /// How long ago a time was, in CSV the time; or a dash.
    pub(crate) fn since(at: Option<Moment>, now: Timestamp) -> Self {
        at.map_or_else(Self::absent, |at| Self::with_exact(length(now.duration_since(at.0).as_secs()), at))
    }

    /// A status, in its colour on a terminal.
    pub(crate) fn status(status: Status) -> Self {
        let colour = match status {
            Status::Online => Colour::Green,
            Status::Offline => Colour::Red,
            Status::Disconnected => Colour::Yellow,
        };
        Self { colour: Some(colour), ..Self::text(status) }
    }
}

/// A number of bytes with three digits and a unit.
pub(crate) fn bytes_text(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut value = bytes as f64;
    // A value that would be rounded to 1024 gets the next unit.
    while value.abs() >= 1_023.5 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    let digits = match value.abs() {
        _ if unit == 0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// An amount of money: to the cent, or with the digits that a small amount needs.
pub(crate) fn money(amount: f64, currency: &str) -> String {
    let digits = if amount == 0.0 || amount.abs() >= 1.0 { 2 } else { 4 };
    format!("{amount:.digits$} {currency}")
}

/// A length of time with its largest unit.
fn length(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_and_three_digits() {
        let all = [0, 1_023, 1_024, 1_535, 10_700, 1_047_552, 1_048_575, -1_048_576, 5_000_000_000_000]
            .map(bytes_text);
        let expected = [
            "0 B",
            "1023 B",
            "1.00 KiB",
            "1.50 KiB",
            "10.4 KiB",
            "1023 KiB",
            "1.00 MiB",
            "-1.00 MiB",
            "4.55 TiB",
        ];
        assert_eq!(all, expected);
        assert!(bytes_text(i64::MAX).ends_with("PiB"));
    }

    #[test]
    fn money_has_cents_and_small_amounts_more_digits() {
        let all = [0.0, 0.00012, 0.5, 12.345, 1_234_567.0].map(|amount| money(amount, "EUR"));
        assert_eq!(all, ["0.00 EUR", "0.0001 EUR", "0.5000 EUR", "12.35 EUR", "1234567.00 EUR"]);
    }

    #[test]
    fn times_say_that_they_are_in_utc() {
        let cell = Cell::time(Some(Moment("2026-03-01T10:00:00.5Z".parse().unwrap())));
        assert_eq!(cell.shown, "2026-03-01 10:00:00Z");
        assert_eq!(cell.exact.as_deref(), Some("2026-03-01T10:00:00.500Z"));
    }

    #[test]
    fn lengths_have_their_largest_unit() {
        let all = [-5, 119, 120, 7_199, 7_200, 172_800, 90_000_000].map(length);
        assert_eq!(all, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d", "1041 d"]);
    }
}
