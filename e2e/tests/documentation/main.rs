//! Every command in the README and in `docs/` does what the page says. Each page is tried on a separate deployment, by a
//! reader who runs its blocks of commands from top to bottom; each block begins in a new shell.
//!
//! A command must succeed, unless the page shows that it prints an error. `code_block` describes the comments by which a
//! page excludes a block or prepares something for it, `shown_output` how output is compared, and `placeholders` what
//! names and addresses in pages stand for.

mod code_block;
mod links;
mod page_shell;
mod placeholders;
mod reader;
mod shown_output;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bucketry_e2e::{Error, Result, needs_one_control_plane};
use code_block::{CodeBlock, MARK, PageBlocks};
use reader::PageReader;

/// Why no page is tried with several control planes.
const SEPARATE: &str = "pages are about a single server";

/// Declares a test for each of these pages, so that pages are tried at the same time.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const LISTED: &[&str] = &[$($page),*];

        $(
            #[tokio::test]
            async fn $test() -> Result<()> {
                needs_one_control_plane!(SEPARATE);
                assert_faultless(try_page($page).await?);
                Ok(())
            }
        )*
    };
}

pages! {
    readme: "README.md",
    command_line: "docs/command-line.md",
    configure: "docs/configure.md",
    monitor: "docs/monitor.md",
    notifications: "docs/notifications.md",
    operations: "docs/operations.md",
    secure: "docs/secure.md",
    troubleshoot: "docs/troubleshoot.md",
}

/// Pages whose commands another test runs, because they need more than a reader has, each with that test.
const TRIED_ELSEWHERE: [(&str, &str); 1] = [("docs/import.md", "e2e/tests/import.rs")];

#[tokio::test]
async fn every_page_that_has_no_test_of_its_own() -> Result<()> {
    needs_one_control_plane!(SEPARATE);
    let mut faults = Vec::new();
    for page in pages()? {
        if let Some((_, test)) = TRIED_ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == page) {
            assert!(read(test)?.contains(&page), "{test} doesn't try {page}");
        } else if !LISTED.contains(&page.as_str()) {
            faults.extend(try_page(&page).await?);
        }
    }
    assert_faultless(faults);
    Ok(())
}

/// Tries a page, and returns what is wrong with it.
async fn try_page(page: &str) -> Result<Vec<String>> {
    let blocks = PageBlocks::of(&read(page)?).blocks;
    let tested: Vec<CodeBlock> = blocks.into_iter().filter(|block| block.untested.is_none()).collect();
    if tested.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = PageReader::of(&tested, &root()).await?;
    let mut faults = Vec::new();
    for block in &tested {
        let found = reader.try_block(block).await?;
        faults.extend(found.into_iter().map(|fault| format!("{page}:{fault}")));
    }
    Ok(faults)
}

#[test]
fn every_block_of_commands_is_run_or_marked_and_the_marks_are_counted() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let (mut faults, mut marks) = (Vec::new(), Vec::new());
    for page in pages()? {
        let found = PageBlocks::of(&read(&page)?);
        faults.extend(found.faults.into_iter().map(|fault| format!("{page}:{fault}")));
        let untested = found.blocks.into_iter().filter_map(|block| Some((block.line, block.untested?)));
        marks.extend(untested.map(|(line, reason)| format!("{page}:{line}: {reason}")));
    }
    assert_faultless(faults);
    let stated = format!("At present, {} blocks are marked.", marks.len());
    assert!(
        read("CONTRIBUTING.md")?.contains(&stated),
        "CONTRIBUTING.md must say \"{stated}\", because these blocks have the comment `{MARK}`:\n{}",
        marks.join("\n")
    );
    Ok(())
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let mut anchors = HashMap::new();
    let mut broken = Vec::new();
    let others = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md"];
    for page in pages()?.iter().map(String::as_str).chain(others) {
        broken.extend(links::broken(&root(), page, &read(page)?, &mut anchors));
    }
    assert_faultless(broken);
    Ok(())
}

fn assert_faultless(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The README and the pages in `docs/`, as paths from the repository's root.
fn pages() -> Result<Vec<String>> {
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).map_err(Error::Files)? {
        let name = entry.map_err(Error::Files)?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    Ok(pages)
}

fn read(page: &str) -> Result<String> {
    std::fs::read_to_string(root().join(page)).map_err(Error::Files)
}

fn root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir).to_owned()
}
