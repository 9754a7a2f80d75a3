//! Parts of the sentences and commands of findings.

use jiff::SignedDuration;

/// How many names a sentence lists.
const NAMED: usize = 3;
/// Counts stop here, so that they cost the same however many there are.
pub(super) const COUNTED: u32 = 100_000;

/// A number of things, such as `1 bucket` or `12,345 buckets`.
pub(super) fn count(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ if number >= u64::from(COUNTED) => format!("{} or more {thing}s", grouped(COUNTED.into())),
        _ => format!("{} {thing}s", grouped(number)),
    }
}

/// A number with its digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in its largest whole unit, such as `26 h` or `2 days`.
pub(super) fn age(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    match (minutes % 1_440, minutes % 60) {
        (0, _) if minutes == 1_440 => "1 day".to_owned(),
        (0, _) => format!("{} days", minutes / 1_440),
        (_, 0) => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

/// A number of bytes, rounded down to a binary unit.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut number = bytes;
    while unit + 1 < UNITS.len() && (number >= 10_240 || (number >= 1_024 && number.is_multiple_of(1_024))) {
        number /= 1_024;
        unit += 1;
    }
    format!("{} {}", grouped(number), UNITS.get(unit).copied().unwrap_or_default())
}

/// The first names of a list: `a`, `a and b`, `a, b and c`, `a, b, c and 4 others`.
pub(super) fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let others = all.len().saturating_sub(NAMED);
    let mut named: Vec<String> = all.take(NAMED).map(str::to_owned).collect();
    match others {
        0 => {}
        1 => named.push("1 other".to_owned()),
        _ => named.push(format!("{} others", grouped(others as u64))),
    }
    match named.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// A name as an argument of a command, quoted for a shell if it has to be.
pub(super) fn argument(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let quoted = format!("'{}'", name.replace('\'', r"'\''"));
    if name.starts_with('-') { format!("-- {quoted}") } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(
            [1, 2, 12_345].map(|number| count(number, "bucket")),
            ["1 bucket", "2 buckets", "12,345 buckets"]
        );
        assert_eq!(count(100_000, "bucket"), "100,000 or more buckets");
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn ages_and_sizes_have_the_unit_that_people_use() {
        let minutes = |number| age(SignedDuration::from_mins(number));
        assert_eq!([90, 120, 1_440, 1_560, 2_880].map(minutes), ["90 min", "2 h", "1 day", "26 h", "2 days"]);
        let sizes = [0, 1_023, 1_024, 5_000, 5 << 20, 123_456_789, u64::MAX].map(size);
        let expected =
            ["0 bytes", "1,023 bytes", "1 KiB", "5,000 bytes", "5 MiB", "117 MiB", "16,777,215 TiB"];
        assert_eq!(sizes, expected);
    }

    #[test]
    fn a_list_of_names_is_short() {
        let list = |all: &[&str]| names(all.iter().copied());
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d"]), "a, b, c and 1 other");
        assert_eq!(list(&["a"; 1_003]), "a, a, a and 1,000 others");
    }

    #[test]
    fn a_command_can_be_pasted_whatever_the_name() {
        assert_eq!(argument("photos-2026"), "photos-2026");
        assert_eq!(argument("Holiday photos"), "'Holiday photos'");
        assert_eq!(argument("it's; rm -rf $HOME"), r"'it'\''s; rm -rf $HOME'");
        assert_eq!(argument("--all"), "-- '--all'");
    }
}
