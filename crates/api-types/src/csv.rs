//! Lines of CSV (RFC 4180) that are safe to open in a spreadsheet. Every CSV of the product is written here.

use std::fmt::Write as _;

/// What a spreadsheet takes for the beginning of a formula. The wide forms are what East Asian keyboards type.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Adds a line with these cells.
pub fn write_line<'c>(cells: impl IntoIterator<Item = &'c str>, to: &mut String) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            to.push(',');
        }
        write_cell(cell, to);
    }
    to.push_str("\r\n");
}

/// Quotes a cell. A text that a spreadsheet would take for a formula begins with an apostrophe. Characters that end a
/// line, control a terminal or hide what follows are written as `\u{…}`.
pub fn write_cell(text: &str, to: &mut String) {
    to.push('"');
    let is_passed_over = |c: char| c.is_whitespace() || is_escaped(c);
    if text.trim_start_matches(is_passed_over).starts_with(FORMULA_STARTS) {
        to.push('\'');
    }
    for character in text.chars() {
        match character {
            '"' => to.push_str("\"\""),
            // Writing to a string can't fail.
            hidden if is_escaped(hidden) => _ = write!(to, "{}", hidden.escape_unicode()),
            other => to.push(other),
        }
    }
    to.push('"');
}

/// Control characters, line and paragraph separators, and marks without width or that change the direction of text.
pub fn is_escaped(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> String {
        let mut line = String::new();
        write_cell(text, &mut line);
        line
    }

    /// Reads lines as a spreadsheet does.
    fn read(csv: &str) -> Vec<Vec<String>> {
        let (mut lines, mut line, mut cell) = (Vec::new(), Vec::new(), String::new());
        let (mut characters, mut quoted) = (csv.chars().peekable(), false);
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => line.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    line.push(std::mem::take(&mut cell));
                    lines.push(std::mem::take(&mut line));
                }
                other => cell.push(other),
            }
        }
        assert!(!quoted && cell.is_empty() && line.is_empty(), "{csv:?} ends in the middle of a line");
        lines
    }

    #[test]
    fn formulas_quotes_and_line_ends_do_no_harm() {
        assert_eq!(cell("plain, text"), "\"plain, text\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\u{3000}＝1+1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
        assert_eq!(cell("\t=1"), "\"'\\u{9}=1\"");
        assert_eq!(cell("\u{feff}=1"), "\"'\\u{feff}=1\"");
        assert_eq!(cell("a\r\nb\u{7f}"), "\"a\\u{d}\\u{a}b\\u{7f}\"");
        assert_eq!(cell("invoice\u{202e}fdp"), "\"invoice\\u{202e}fdp\"");
        assert_eq!(cell("Zoë’s 写真"), "\"Zoë’s 写真\"");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_one_line_of_as_many_cells_without_a_formula(
            cells in prop::collection::vec("(?s)[=+@, \t\r\n\"'a-c＝\u{feff}\u{2028}-]{0,6}|(?s).{0,8}", 1..5),
        ) {
            let mut csv = String::new();
            write_line(cells.iter().map(String::as_str), &mut csv);
            prop_assert_eq!(csv.matches(char::is_control).collect::<String>(), "\r\n");
            let lines = read(&csv);
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!(lines[0].len(), cells.len());
            for cell in &lines[0] {
                prop_assert!(!cell.trim_start().starts_with(FORMULA_STARTS), "{:?}", cell);
            }
        }
    }
}
