//! What the terminal can show.

use std::env;
use std::io::IsTerminal as _;

use super::layout::Style;

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

/// The text to print in place of what was printed last: on a terminal it begins at the top of an empty screen.
pub(crate) fn redraw(text: &str) -> String {
    // Erases each line from its end onwards, and then what is below, so that the picture doesn't flicker.
    if std::io::stdout().is_terminal() {
        format!("\x1b[H{}\x1b[K\x1b[J", text.replace('\n', "\x1b[K\n"))
    } else {
        text.to_owned()
    }
}
