//! Checks that links between pages lead to files and headings that exist.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// The links of a page that lead nowhere, each with its line. `root` is the repository.
pub(crate) fn broken(
    root: &Path,
    page: &str,
    text: &str,
    pages: &mut HashMap<PathBuf, Vec<String>>,
) -> Vec<String> {
    let folder = Path::new(page).parent().unwrap_or(Path::new("")).to_owned();
    let mut broken = Vec::new();
    for (line, target) in links(text) {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { PathBuf::from(page) } else { resolved(&folder.join(file)) };
        let at = root.join(&path);
        if !at.exists() {
            broken.push(format!("{page}:{line}: there is no {}", path.display()));
        } else if !anchor.is_empty() && at.extension().is_some_and(|extension| extension == "md") {
            let known = pages
                .entry(path.clone())
                .or_insert_with(|| anchors(&std::fs::read_to_string(&at).unwrap_or_default()));
            if !known.iter().any(|one| one == anchor) {
                broken.push(format!("{page}:{line}: {} has no heading #{anchor}", path.display()));
            }
        }
    }
    broken
}

/// The targets of links to other files and to headings, with their lines. Blocks of code contain none.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let is_elsewhere = |target: &&str| {
            target.contains("://") || target.starts_with("mailto:") || target.starts_with('/')
        };
        found.extend(
            targets.filter(|target| !in_code && !is_elsewhere(target)).map(|target| (at + 1, target)),
        );
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let Some(title) = line.strip_prefix('#').filter(|_| !in_code) else { continue };
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let earlier = anchors.iter().filter(|one| **one == anchor).count();
        anchors.push(if earlier == 0 { anchor } else { format!("{anchor}-{earlier}") });
    }
    anchors
}

/// The path without `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_links_are_found_outside_of_code() {
        let text = "# A lost `vault.key`\n## What is S3?\nA [page](x.md).\n```sh\n# no heading [a](b.md)\n```\n## Disk\n### Disk\n";
        assert_eq!(anchors(text), ["a-lost-vaultkey", "what-is-s3", "disk", "disk-1"]);
        assert_eq!(links(text), [(3, "x.md")]);
        assert_eq!(links("[a](https://x.y) and [b](c.md#d), [e](#f)"), [(1, "c.md#d"), (1, "#f")]);
        assert_eq!(resolved(Path::new("docs/../bench/README.md")), Path::new("bench/README.md"));
    }
}
