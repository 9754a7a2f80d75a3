//! `docs/provider-matrix.md`: which credentials and outcomes have a test for each provider, and the table of clients.
//!
//! A test for the matrix is named `provider__credential__outcome`, followed by `__case` where an outcome has several
//! cases. The tables are generated from these names alone, so they list nothing that has no test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::client_table;
use crate::command::{self, Result};
use crate::workspace::Workspace;

const TESTS: &str = "crates/provider/tests";
const PAGE: &str = "docs/provider-matrix.md";
const BEGIN: &str = "<!-- matrix: written by `cargo xtask providers` -->\n";
const END: &str = "<!-- end of the matrix -->";
const BEGIN_CLIENTS: &str =
    "<!-- clients: written by `cargo xtask providers` from the outcomes of the last tests -->\n";
const END_CLIENTS: &str = "<!-- end of the clients -->";

/// One row of a provider's table. Rows sort by credential, then by outcome.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    credential: String,
    outcome: String,
    test: String,
    file: String,
}

type Matrix = BTreeMap<String, Vec<Cell>>;

/// Writes the tables into the page. The table of clients remains as it is unless the last tests ran the clients.
pub(crate) fn write() -> Result {
    let workspace = Workspace::find()?;
    let root = &workspace.root;
    let lacking = || format!("{PAGE} lacks the comments that mark where a table begins and ends");
    let page = fs::read_to_string(root.join(PAGE))?;
    let mut page = replaced(&page, BEGIN, &table(root)?, END).ok_or_else(lacking)?;
    match client_table::table(&workspace.target.join("tmp"))? {
        Some(clients) => {
            page = replaced(&page, BEGIN_CLIENTS, &clients, END_CLIENTS).ok_or_else(lacking)?;
        }
        None => command::complain("the table of clients stays: run `cargo xtask test` first to renew it"),
    }
    fs::write(root.join(PAGE), page)?;
    Ok(())
}

/// Fails if the matrix in the page differs from the tests.
pub(crate) fn check(root: &Path) -> Result {
    let (page, wanted) = (fs::read_to_string(root.join(PAGE))?, table(root)?);
    if replaced(&page, BEGIN, &wanted, END).is_some_and(|renewed| renewed == page) {
        return Ok(());
    }
    Err(format!("the matrix in {PAGE} differs from the tests: run `cargo xtask providers`").into())
}

fn table(root: &Path) -> Result<String> {
    let mut matrix = Matrix::new();
    for entry in fs::read_dir(root.join(TESTS))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "rs") {
            collect(&name, &fs::read_to_string(&path)?, &mut matrix);
        }
    }
    Ok(render(matrix))
}

/// Adds the tests for the matrix among a file's functions.
fn collect(file: &str, text: &str, matrix: &mut Matrix) {
    for line in text.lines() {
        let Some((_, rest)) = line.trim_start().split_once("fn ") else { continue };
        let test: String =
            rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect();
        let mut parts = test.splitn(3, "__");
        if let (Some(provider), Some(credential), Some(outcome)) = (parts.next(), parts.next(), parts.next())
        {
            // A further `__` separates the cases of one outcome.
            let words = |text: &str| text.replace("__", ": ").replace('_', " ");
            matrix.entry(provider.to_owned()).or_default().push(Cell {
                credential: words(credential),
                outcome: words(outcome),
                test: test.clone(),
                file: file.to_owned(),
            });
        }
    }
}

fn render(matrix: Matrix) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    for (provider, mut cells) in matrix {
        cells.sort();
        let count = cells.len();
        let _ = write!(
            text,
            "\n### {provider}: {count} tests\n\n| credential | outcome | test |\n|---|---|---|\n"
        );
        let mut before = String::new();
        for Cell { credential, outcome, test, file } in cells {
            let shown = if credential == before { "" } else { credential.as_str() };
            let _ = writeln!(text, "| {shown} | {outcome} | [`{test}`](../{TESTS}/{file}) |");
            before = credential;
        }
    }
    text.push('\n');
    text
}

/// The page with `table` between the comments that mark its place. None if the page lacks them.
fn replaced(page: &str, begin: &str, table: &str, end: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_three_parts_are_cells_and_others_are_not() {
        let mut matrix = Matrix::new();
        let text = "async fn azure__account_key__wrong_secret() {\n    fn helper() {}\nfn a__b() {}\n\
                    async fn azure__account_key__sound() {\nasync fn s3__role__denied__no_trust() {";
        collect("one.rs", text, &mut matrix);
        let page = replaced(&format!("a\n{BEGIN}old{END}\nb\n"), BEGIN, &render(matrix), END).unwrap();
        let row = "| account key | sound | [`azure__account_key__sound`](../crates/provider/tests/one.rs) |\n\
                   |  | wrong secret | [`azure__account_key__wrong_secret`]";
        assert!(page.contains(row), "{page}");
        assert!(
            page.contains("### s3: 1 tests") && !page.contains("old") && page.ends_with("\nb\n"),
            "{page}"
        );
        assert!(page.contains("| role | denied: no trust | [`s3__role__denied__no_trust`]"), "{page}");
        assert!(replaced("nothing", BEGIN, "x", END).is_none());
    }
}
