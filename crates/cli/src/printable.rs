//! Texts from elsewhere, such as names and messages of providers, without characters that control a terminal.

use std::fmt::Write as _;

use bucketry_api_types::csv::is_escaped;

/// The text with control characters, line ends and invisible marks that reorder text escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => printable.push_str("\\n"),
            '\r' => printable.push_str("\\r"),
            '\t' => printable.push_str("\\t"),
            // Writing to a string can't fail.
            hidden if is_escaped(hidden) => _ = write!(printable, "{}", hidden.escape_unicode()),
            other => printable.push(other),
        }
    }
    printable
}

/// The same for a text of several lines, whose line ends stay.
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_does_not_control_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jü/\u{9b}m"), "a\\u{1b}[2Jü/\\u{9b}m");
        assert_eq!(printable("two\nlines\r\n\tend"), "two\\nlines\\r\\n\\tend");
        assert_eq!(printable_lines("two\nlines\r\u{1b}"), "two\nlines\\r\\u{1b}");
        assert_eq!(printable("exe\u{202e}gpj"), "exe\\u{202e}gpj");
    }
}
