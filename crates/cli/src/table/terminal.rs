//! What the terminal can show.

use std::env;
use std::io::IsTerminal as _;

use unicode_width::UnicodeWidthStr as _;

use super::layout::Style;

/// Lines of a text aren't made narrower than this many cells.
const NARROW: usize = 20;

/// The style for standard output: as wide as the terminal, and in colour unless `NO_COLOR` is set (no-color.org).
pub(super) fn style(is_wide: bool) -> Style {
    if !std::io::stdout().is_terminal() {
        return Style { width: None, has_colour: false, is_wide };
    }
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    Style { width, has_colour: !is_set("NO_COLOR") && !is_dumb, is_wide }
}

/// A sentence in lines that fit the terminal.
pub(super) fn wrapped(sentence: &str) -> String {
    match style(false).width {
        Some(width) => in_lines(sentence, width),
        None => sentence.to_owned(),
    }
}

/// A text that begins to the right of this many cells, in lines that fit the terminal unless it is very narrow.
pub(crate) fn indented(text: &str, indent: usize) -> String {
    let lines = match style(false).width {
        Some(width) if width >= indent + NARROW => in_lines(text, width - indent),
        _ => text.to_owned(),
    };
    lines.replace('\n', &format!("\n{:indent$}", ""))
}

/// Breaks a sentence between words. A word that is wider than a line stays whole.
fn in_lines(sentence: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// The text to print in place of what was printed last: on a terminal it begins at the top of an empty screen.
pub(crate) fn redraw(text: &str) -> String {
    // Erases each line from its end onwards, and then what is below, so that the picture doesn't flicker.
    if std::io::stdout().is_terminal() {
        format!("\x1b[H{}\x1b[K\x1b[J", text.replace('\n', "\x1b[K\n"))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_between_words() {
        assert_eq!(in_lines("Traffic of all time", 12), "Traffic of\nall time");
        assert_eq!(in_lines("Traffic of all time", 80), "Traffic of all time");
        assert_eq!(in_lines("写真写真 a incomprehensible", 10), "写真写真 a\nincomprehensible");
    }
}
