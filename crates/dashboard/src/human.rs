//! Numbers as people read them: three digits and a unit. The exact number belongs beside it, into a title or a table.

use jiff::SignedDuration;

/// Between a number and its unit.
const SPACE: &str = "\u{a0}";
const MINUS: &str = "\u{2212}";
const BYTE_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const COUNT_UNITS: [&str; 5] = ["", "thousand", "million", "billion", "trillion"];

/// A number and its unit, for those who set them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) number: String,
    /// Empty for none.
    pub(crate) unit: &'static str,
}

impl Amount {
    pub(crate) fn text(&self) -> String {
        if self.unit.is_empty() {
            self.number.clone()
        } else {
            format!("{}{SPACE}{}", self.number, self.unit)
        }
    }
}

/// Three significant digits, without needless zeros behind the point.
fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        below if below < 9.995 => 2,
        below if below < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

fn scaled(value: i64, step: f64, units: &'static [&'static str]) -> Amount {
    let (mut value, mut unit) = (value as f64, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    Amount { number: three_digits(value), unit: units[unit] }
}

/// Bytes in binary units. Negative numbers count as zero.
pub(crate) fn byte_amount(bytes: i64) -> Amount {
    scaled(bytes.max(0), 1_024.0, &BYTE_UNITS)
}

/// `3.86 TiB`.
pub(crate) fn bytes(bytes: i64) -> String {
    byte_amount(bytes).text()
}

/// `+312 GiB`, `−2.1 TiB`, `0 B`.
pub(crate) fn signed_byte_amount(bytes: i64) -> Amount {
    let size = scaled(i64::try_from(bytes.unsigned_abs()).unwrap_or(i64::MAX), 1_024.0, &BYTE_UNITS);
    let sign = match bytes {
        0 => "",
        1.. => "+",
        _ => MINUS,
    };
    Amount { number: format!("{sign}{}", size.number), unit: size.unit }
}

/// The same in one text.
pub(crate) fn signed_bytes(bytes: i64) -> String {
    signed_byte_amount(bytes).text()
}

/// `8,412`, and `14.2 million` from ten thousand on.
pub(crate) fn count_amount(count: i64) -> Amount {
    if count.abs() < 10_000 {
        Amount { number: exact(count), unit: "" }
    } else {
        scaled(count.max(0), 1_000.0, &COUNT_UNITS)
    }
}

/// The same in one text.
pub(crate) fn count(number: i64) -> String {
    count_amount(number).text()
}

/// `8,412,077`.
pub(crate) fn exact(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { MINUS } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One thing or several: `1 node`, `3 nodes`.
pub(crate) fn plural(number: u64, one: &str, several: &str) -> String {
    let what = if number == 1 { one } else { several };
    format!("{} {what}", exact(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// `99.98 %`. Only what is complete is 100 %.
pub(crate) fn percent(percent: f64) -> String {
    let shown = if percent >= 100.0 { 100.0 } else { (percent * 100.0).floor() / 100.0 };
    let text = format!("{:.2}", shown.max(0.0));
    let text = if shown >= 100.0 { "100" } else { text.as_str() };
    format!("{text}{SPACE}%")
}

/// A share of failures, rounded up to what can be shown: `0.02 %`, `0 %`.
pub(crate) fn failed_percent(failed: i64, all: i64) -> String {
    if all <= 0 || failed <= 0 {
        return format!("0{SPACE}%");
    }
    let share = failed as f64 * 100.0 / all as f64;
    let share = if share < 0.01 { 0.01 } else { share };
    format!("{}{SPACE}%", three_digits(share))
}

/// `44 ms`, `1.2 s`.
pub(crate) fn latency_amount(milliseconds: f64) -> Amount {
    if milliseconds < 999.5 {
        let decimals = usize::from(milliseconds < 10.0 && milliseconds.fract() > 0.05);
        Amount { number: format!("{milliseconds:.decimals$}"), unit: "ms" }
    } else {
        Amount { number: three_digits(milliseconds / 1_000.0), unit: "s" }
    }
}

/// The same in one text.
pub(crate) fn latency(milliseconds: f64) -> String {
    latency_amount(milliseconds).text()
}

/// `24 minutes`, `3 hours`, `6 days`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let (number, one, several) = match seconds {
        0..60 => (seconds, "second", "seconds"),
        60..3_600 => (seconds / 60, "minute", "minutes"),
        3_600..172_800 => (seconds / 3_600, "hour", "hours"),
        _ => (seconds / 86_400, "day", "days"),
    };
    plural(number, one, several)
}

/// `1 h 31 min`, `45 s`, `2 d 3 h`: two units at most.
pub(crate) fn short_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds % 86_400 / 3_600, "h"),
        (seconds % 3_600 / 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).filter(|(number, _)| *number > 0);
    let shown: Vec<String> = shown.map(|(number, unit)| format!("{number}{SPACE}{unit}")).collect();
    if shown.is_empty() { format!("0{SPACE}s") } else { shown.join(SPACE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace(SPACE, " ")
    }

    #[test]
    fn bytes_have_three_digits() {
        for (number, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "0.98 KiB"),
            (1_536, "1.5 KiB"),
            (1 << 20, "1 MiB"),
            (1_060_000_000_000, "987 GiB"),
            (i64::MAX, "8 EiB"),
            (-5, "0 B"),
        ] {
            assert_eq!(plain(bytes(number)), expected, "{number}");
        }
        assert_eq!(plain(signed_bytes(-2_308_974_418_330)), "−2.1 TiB");
        assert_eq!(plain(signed_bytes(312 << 30)), "+312 GiB");
        assert_eq!(plain(signed_bytes(i64::MIN)), "−8 EiB");
    }

    #[test]
    fn counts_are_exact_while_they_are_short() {
        assert_eq!((exact(8_412_077), exact(-1_000)), ("8,412,077".into(), "−1,000".into()));
        assert_eq!((count(9_999), plain(count(14_200_000))), ("9,999".into(), "14.2 million".into()));
        assert_eq!(
            (plural(1, "node", "nodes"), plural(0, "node", "nodes")),
            ("1 node".into(), "0 nodes".into())
        );
    }

    #[test]
    fn only_what_is_complete_is_a_hundred_percent() {
        for (share, expected) in [(100.0, "100 %"), (99.999, "99.99 %"), (0.0, "0.00 %"), (97.2, "97.20 %")] {
            assert_eq!(plain(percent(share)), expected);
        }
        assert_eq!(plain(failed_percent(1, 10_000_000)), "0.01 %");
        assert_eq!(plain(failed_percent(0, 10)), "0 %");
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let text = |seconds| duration(SignedDuration::from_secs(seconds));
        assert_eq!(
            (text(1), text(60), text(7_200), text(172_800)),
            ("1 second".into(), "1 minute".into(), "2 hours".into(), "2 days".into())
        );
        let short = |seconds| plain(short_duration(SignedDuration::from_secs(seconds)));
        assert_eq!((short(5_460), short(45), short(0)), ("1 h 31 min".into(), "45 s".into(), "0 s".into()));
        assert_eq!((plain(latency(44.4)), plain(latency(1_234.0))), ("44 ms".into(), "1.23 s".into()));
    }
}
