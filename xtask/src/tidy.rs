//! Checks rules about the repository's text that no compiler enforces.

use std::path::Path;

use crate::code_map::{self, CodeMap};
use crate::command::Result;
use crate::cycles::{self, Crates};
use crate::files;
use crate::functions;
use crate::names::{self, Types};

/// Maximum number of lines of a source file: a longer one contains more than one idea.
const LONGEST: usize = 600;

/// Extensions of files that people write as code.
const SOURCE: [&str; 7] = ["rs", "py", "sh", "js", "css", "html", "sql"];

/// Words that no committed text may contain, and what to do instead. They are concatenated so that this file passes
/// its own check.
const FORBIDDEN: [(&str, &str); 4] = [
    (concat!("/wo", "rk/"), "is a path of one machine; write a relative path"),
    (concat!("/ro", "ot/."), "is a path of one machine; write a relative path"),
    (concat!("TO", "DO"), "gets forgotten here; do it, or file an issue"),
    (concat!("FIX", "ME"), "gets forgotten here; do it, or file an issue"),
];

/// Words that no Rust file may contain, and what to do instead.
const FORBIDDEN_IN_RUST: [(&str, &str); 3] = [
    (concat!("#[al", "low("), "remains after its cause is gone; write #[expect(…, reason = \"…\")]"),
    (concat!("to", "do!("), "panics; finish it or leave it out"),
    (concat!("unimple", "mented!("), "panics; finish it or leave it out"),
];

/// Checks every file that is or could be committed.
pub(crate) fn check(root: &Path) -> Result {
    let mut complaints = Vec::new();
    let mut types = Types::default();
    let mut crates = Crates::default();
    let (mut code_map, mut map_page) = (CodeMap::default(), String::new());
    let mut long_functions = Vec::new();
    for (path, text) in files::texts(root)? {
        complaints.extend(faults(&path, &text));
        if files::is_rust(&path) {
            complaints.extend(names::rejected(&path, &text));
            types.add(&path, &text);
            crates.add(&path, &text);
            code_map.add(&path, &text);
            long_functions.extend(functions::long(&path, &text));
        } else if path == code_map::PAGE {
            map_page = text;
        }
    }
    complaints.extend(types.repeated(names::SHARED));
    complaints.extend(crates.complaints(cycles::ALLOWED));
    complaints.extend(functions::complaint(&long_functions));
    complaints.extend(code_map.complaints(&map_page));
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// The faults of one file, each with its path and line.
fn faults(path: &str, text: &str) -> Vec<String> {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut found = Vec::new();
    let lines = text.lines().count();
    if SOURCE.contains(&extension) && lines > LONGEST {
        found.push(format!("{path}: {lines} lines, more than {LONGEST}; split it where the topic changes"));
    }
    if extension == "rs" && !text.starts_with("//!") {
        found.push(format!("{path}:1: no `//!` doc at the top; say what the module is for"));
    }
    let rust = if extension == "rs" { FORBIDDEN_IN_RUST.as_slice() } else { &[] };
    for (number, line) in text.lines().enumerate() {
        for (word, instead) in FORBIDDEN.iter().chain(rust) {
            if line.contains(word) {
                found.push(format!("{path}:{}: `{word}` {instead}", number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_short_module_is_tidy() {
        assert!(faults("src/bucket.rs", "//! Buckets.\n\nfn go() {}\n").is_empty());
    }

    #[test]
    fn a_module_without_a_doc_is_told_its_place() {
        assert_eq!(faults("src/bucket.rs", "fn go() {}\n").len(), 1);
    }

    #[test]
    fn long_source_is_refused_and_long_data_is_not() {
        let long = format!("//! Long.\n{}", "\n".repeat(LONGEST));
        assert_eq!(faults("src/bucket.rs", &long).len(), 1);
        assert!(faults("openapi.json", &long).is_empty());
    }

    #[test]
    fn forbidden_words_are_told_with_their_line() {
        let text = format!("# Title\n{} later\n", FORBIDDEN[2].0);
        let found = faults("docs/api.md", &text);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("docs/api.md:2:"), "{found:?}");
    }

    #[test]
    fn words_forbidden_in_rust_are_fine_elsewhere() {
        let word = FORBIDDEN_IN_RUST[0].0;
        assert!(faults("docs/style.md", word).is_empty());
        assert_eq!(faults("src/bucket.rs", &format!("//! Buckets.\n{word}dead_code)]\n")).len(), 1);
    }
}
