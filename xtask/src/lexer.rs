//! The parts of a Rust file that can import something.

/// The code with comments, texts and visibilities replaced by blanks, so that lines and columns stay. It ends where the
/// unit tests begin.
pub(crate) fn code(text: &str) -> String {
    let text = text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at]);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest, out.chars().next_back());
        if skipped == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    out
}

/// The length of the comment, text or visibility at the beginning, or 0.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let after_name = before.is_some_and(is_name);
    let end_of =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return end_of("*/", 2);
    }
    if rest.starts_with('"') {
        return text_length(rest);
    }
    if rest.starts_with("pub(") && !after_name {
        return end_of(")", 4);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    let raw = rest.strip_prefix('r').unwrap_or_default();
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if !after_name && raw[hashes..].starts_with('"') {
        return end_of(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
    }
    0
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character, or 0 for a lifetime.
fn character_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1)
        }
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Whether names consist of such characters.
pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left_and_lines_stay() {
        let text = "a // b\n/* c\n */ d \"e \\\" f\" g r#\"h \" i\"# 'j' '\\'' 'k &'l m pub(in n) o\n#[cfg(test)]\nmod t {}";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let code = code(text);
        assert_eq!(words(&code), ["a", "d", "g", "'k", "&'l", "m", "o"]);
        assert_eq!(code.lines().count(), 3);
    }
}
