//! Compares the output that a page shows with what a command printed. A page shows only part of it: its lines must occur
//! in this order, `…` stands for any text, and times, durations and ids may differ.

/// Prompts, which programs show only at a terminal.
const PROMPTS: [&str; 4] = ["Password:", "Secret (", "Current password", "New password"];

/// Units of figures that differ each time.
const UNITS: [&str; 9] = ["ms", "µs", "s", "min", "h", "B", "KiB", "MiB", "GiB"];

/// Whether the page shows a failure, so that the command must fail.
pub(crate) fn is_failure(shown: &[String]) -> bool {
    shown.iter().any(|line| line.starts_with("error:") || line.contains("An error occurred ("))
}

/// The first line that the page shows and that the command didn't print.
pub(crate) fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a str> {
    let mut printed = printed.lines().map(stable);
    let is_compared = |line: &&String| {
        let line = line.trim();
        !line.is_empty() && line != "…" && !PROMPTS.iter().any(|prompt| line.starts_with(prompt))
    };
    shown
        .iter()
        .filter(is_compared)
        .find(|line| {
            let pattern = stable(line);
            !printed.by_ref().any(|line| is_like(&line, &pattern))
        })
        .map(String::as_str)
}

/// Whether a line is like a pattern, in which `…` stands for any text.
fn is_like(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…').map(str::trim);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let found = if is_last { rest.strip_suffix(part).map(|_| "") } else { after(rest, part) };
        let Some(found) = found else { return false };
        rest = found;
    }
    true
}

fn after<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    text.find(part).map(|at| &text[at + part.len()..])
}

/// The line without what differs each time, and with single spaces.
fn stable(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_unit = |word: Option<&&str>| {
        word.is_some_and(|word| UNITS.contains(&word.trim_end_matches([',', '.', ')'])))
    };
    let stable = words.iter().enumerate().map(|(at, word)| {
        let is_figure = word.starts_with(|c: char| c.is_ascii_digit());
        if is_figure && is_unit(words.get(at + 1)) {
            "N"
        } else if is_time(word) {
            "TIME"
        } else {
            *word
        }
    });
    stable.collect::<Vec<_>>().join(" ")
}

/// A date, a time of day or both.
fn is_time(word: &str) -> bool {
    let has_form = |form: &str| {
        let mut letters = word.chars();
        form.chars().all(|wanted| match (wanted, letters.next()) {
            ('0', Some(letter)) => letter.is_ascii_digit(),
            (wanted, letter) => letter == Some(wanted),
        })
    };
    has_form("0000-00-00") || has_form("00:00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn shown_lines_must_be_printed_in_their_order() {
        let printed = "✓ dns     12 ms  fine\nother\nat 2026-01-31 10:00:00\nid abc-1: 3 of 3\n";
        for shown in [
            "✓ dns 1 ms fine",
            "…\nother\n\nid …: 3 of 3",
            "at 2025-12-01 09:59:00",
            "id…",
            "…3",
            "✓ … fine\nid …",
        ] {
            assert_eq!(missing(&lines(shown), printed), None, "{shown}");
        }
        for (shown, wrong) in [
            ("✓ dns 1 ms finer", "✓ dns 1 ms finer"),
            ("id …\nother", "other"),
            ("id …: 2 of 3", "id …: 2 of 3"),
            ("other\nother", "other"),
            ("…other…x", "…other…x"),
        ] {
            assert_eq!(missing(&lines(shown), printed), Some(wrong), "{shown}");
        }
    }

    #[test]
    fn a_shown_error_is_expected() {
        assert!(is_failure(&lines("…\nerror: no")) && is_failure(&lines("An error occurred (NoSuchKey) …")));
        assert!(!is_failure(&lines("✗ fails\nno error: fine")));
    }
}
