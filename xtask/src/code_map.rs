//! Checks that "Where to look" in `ARCHITECTURE.md` names modules, files and items that exist.

use std::collections::BTreeMap;
use std::path::Path;

/// The page with the table of what is where.
pub(crate) const PAGE: &str = "ARCHITECTURE.md";
const SECTION: &str = "## Where to look\n";

/// The text of each source file of the crates, by its path from the root of the repository.
#[derive(Debug, Default)]
pub(crate) struct CodeMap(BTreeMap<String, String>);

impl CodeMap {
    pub(crate) fn add(&mut self, path: &str, text: &str) {
        if path.starts_with("crates/") && path.contains("/src/") {
            self.0.insert(path.to_owned(), text.to_owned());
        }
    }

    /// What the section of the page names and isn't there.
    pub(crate) fn complaints(&self, page: &str) -> Vec<String> {
        let Some((_, section)) = page.split_once(SECTION) else {
            return vec![format!("{PAGE}: lacks the section {SECTION:?}")];
        };
        let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
        let mut complaints = Vec::new();
        // The names since the last other word: "`a`, `b` and `c` in `path`" is about three of them.
        let mut names: Vec<&str> = Vec::new();
        let mut parts = section.split('`');
        let mut before = parts.next().unwrap_or_default();
        while let Some(code) = parts.next() {
            if !matches!(before, ", " | " and " | " in ") {
                names.clear();
            }
            match self.file(code) {
                Named::Nothing => names.push(code),
                Named::Missing(what) => complaints.push(format!("{PAGE}: `{code}`: {what}")),
                Named::File(text) => {
                    if before == " in " {
                        let missing =
                            names.iter().map(|name| last(name)).filter(|name| !has_word(text, name));
                        complaints.extend(missing.map(|name| format!("{PAGE}: `{code}` has no `{name}`")));
                    }
                    names.clear();
                }
            }
            before = parts.next().unwrap_or_default();
        }
        complaints
    }

    /// The file that a path names, with or without an item in it.
    fn file(&self, code: &str) -> Named<'_> {
        let missing = || Named::Missing("there is no such file".to_owned());
        if Path::new(code).extension().is_some_and(|extension| extension == "rs") && code.contains('/') {
            let path = code.strip_prefix("crates/").unwrap_or(code);
            return self.0.get(&format!("crates/{path}")).map_or_else(missing, |text| Named::File(text));
        }
        let mut segments = code.split("::");
        let name = segments.next().unwrap_or_default();
        let root = format!("crates/{}/src", name.replace('_', "-"));
        if !code.contains("::") || !self.0.keys().any(|path| path.starts_with(&format!("{root}/"))) {
            return Named::Nothing;
        }
        let (mut module, mut file) = (root.clone(), self.0.get(&format!("{root}/lib.rs")));
        let mut is_item = false;
        for segment in segments {
            let below = format!("{module}/{segment}");
            let is_folder = self.0.keys().any(|path| path.starts_with(&format!("{below}/")));
            let found = [format!("{below}.rs"), format!("{below}/mod.rs")]
                .into_iter()
                .find_map(|path| self.0.get(&path));
            if !is_item && (found.is_some() || is_folder) {
                (module, file) = (below, found);
                continue;
            }
            is_item = true;
            if !file.is_some_and(|text| has_word(text, segment)) {
                return Named::Missing(format!("{module} has no `{segment}`"));
            }
        }
        file.map_or_else(missing, |text| Named::File(text))
    }
}

/// What a text in backticks names.
enum Named<'a> {
    /// No path.
    Nothing,
    /// The file with this text.
    File(&'a str),
    /// A path to something that doesn't exist.
    Missing(String),
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Whether an identifier occurs as a whole.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(section: &str) -> Vec<String> {
        let mut map = CodeMap::default();
        map.add("crates/api/src/params.rs", "pub(crate) const MAX_LIMIT: u32 = 1;");
        map.add("crates/api-types/src/bucket.rs", "");
        map.add("crates/store/src/sql/page.rs", "fn merged() {}");
        map.add("crates/node/src/spool/mod.rs", "struct Spool;");
        map.complaints(&format!("# A\n\n`api::other`\n\n{SECTION}{section}\n\n## Else\n\n`api::other`"))
    }

    #[test]
    fn what_exists_is_no_fault() {
        let section = "`api::params`, `api_types::bucket`, `store/src/sql/page.rs`, `crates/api/src/params.rs`, \
                       `node::spool::Spool`, `page.rs` beside it, `Caller::may`. `MAX_LIMIT` in `api::params`.";
        assert_eq!(complaints(section), [""; 0]);
    }

    #[test]
    fn what_was_renamed_is_named() {
        let section = "`api::param` and `store/src/sql/pages.rs`. `MOST`, `MAX` and `Page::MAX_LIMIT` in `api::params`.";
        assert_eq!(
            complaints(section),
            [
                "ARCHITECTURE.md: `api::param`: crates/api/src has no `param`",
                "ARCHITECTURE.md: `store/src/sql/pages.rs`: there is no such file",
                "ARCHITECTURE.md: `api::params` has no `MOST`",
                "ARCHITECTURE.md: `api::params` has no `MAX`",
            ]
        );
    }
}
