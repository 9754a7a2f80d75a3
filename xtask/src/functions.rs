//! Lengths of functions: a long one is read as a whole, where several with names could be read top-down.

use std::fmt;

use crate::command::{self, Result};
use crate::files;
use crate::lexer::{self, is_name};
use crate::workspace::Workspace;

/// A function with more lines is long.
const LONGEST: usize = 60;
/// Maximum number of long functions in the sources of the product's crates.
const ALLOWED: usize = 20;

/// A function with more than [`LONGEST`] lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LongFunction {
    lines: usize,
    path: String,
    line: usize,
    name: String,
}

impl fmt::Display for LongFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:4} {}:{} {}", self.lines, self.path, self.line, self.name)
    }
}

/// The long functions of one Rust file, its unit tests aside.
pub(crate) fn long(path: &str, text: &str) -> Vec<LongFunction> {
    let code = lexer::code(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name = code[at + 3..].split(|c| !is_name(c)).next().unwrap_or_default();
        if code[..at].ends_with(is_name) || name.is_empty() {
            continue;
        }
        let lines = body_end(&code[at..]).map_or(0, |end| code[at..at + end].lines().count());
        if lines > LONGEST {
            let line = code[..at].matches('\n').count() + 1;
            found.push(LongFunction { lines, path: path.to_owned(), line, name: name.to_owned() });
        }
    }
    found
}

/// Where the body of the function at the beginning ends. `None` for one without a body.
fn body_end(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// What is wrong with the number of long functions in `crates/*/src`.
pub(crate) fn complaint(found: &[LongFunction]) -> Option<String> {
    let product: Vec<_> = found.iter().filter(|function| is_product(&function.path)).collect();
    (product.len() > ALLOWED).then(|| {
        let list: Vec<_> = product.iter().map(ToString::to_string).collect();
        format!(
            "{} functions have more than {LONGEST} lines, and {ALLOWED} may; cut one into named parts:\n{}",
            product.len(),
            list.join("\n")
        )
    })
}

fn is_product(path: &str) -> bool {
    let is_tests = |part: &str| part == "tests" || part == "tests.rs";
    path.starts_with("crates/") && path.contains("/src/") && !path.split('/').any(is_tests)
}

/// `cargo xtask functions`: prints the long functions, and how many there are.
pub(crate) fn print() -> Result {
    let mut found = Vec::new();
    for (path, text) in files::texts(&Workspace::find()?.root)? {
        if files::is_rust(&path) {
            found.extend(long(&path, &text));
        }
    }
    found.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.path.cmp(&b.path)));
    for function in &found {
        command::say(&function.to_string());
    }
    let product = found.iter().filter(|function| is_product(&function.path)).count();
    command::say(&format!(
        "{} functions have more than {LONGEST} lines; {product} of them are in crates/*/src",
        found.len()
    ));
    complaint(&found).map_or(Ok(()), |complaint| Err(complaint.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_counted_from_its_name_to_its_closing_brace() {
        let body = "    go(\"}\", [0; 2]); // }\n".repeat(LONGEST - 1);
        let text = format!(
            "trait T {{\n    fn declared(&self) -> [u8; 2];\n}}\n\nasync fn long(f: fn(u8)) {{\n{body}}}\n"
        );
        let found = long("crates/x/src/a.rs", &text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), "  61 crates/x/src/a.rs:5 long");
        assert!(
            long("a.rs", &text.replacen("    go", "", 1).replacen("(\"}\", [0; 2]); // }\n", "", 1))
                .is_empty()
        );
        assert!(long("a.rs", &format!("#[cfg(test)]\nmod tests {{\n{text}}}")).is_empty());
    }

    #[test]
    fn only_functions_of_the_product_count_against_the_limit() {
        let function =
            |path: &str| LongFunction { lines: 61, path: path.to_owned(), line: 1, name: "f".into() };
        let many = |path: &str| (0..=ALLOWED).map(|_| function(path)).collect::<Vec<_>>();
        for path in ["bench/src/a.rs", "crates/x/tests/it/a.rs", "crates/x/src/a/tests.rs", "e2e/src/a.rs"] {
            assert_eq!(complaint(&many(path)), None, "{path}");
        }
        let product = many("crates/x/src/a.rs");
        assert!(complaint(&product).unwrap().starts_with("21 functions"));
        assert_eq!(complaint(&product[1..]), None);
    }
}
