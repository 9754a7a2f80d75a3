//! Import cycles between modules of one crate: modules that import each other can be read and changed only together.
//!
//! Only siblings are compared: the modules of a crate, and those of a folder. A folder counts as one module among its
//! siblings. Imports between a module and those inside it are no cycle: a folder's `mod.rs` both holds what its parts
//! share and puts the parts together.

mod allowed;
mod graph;
mod imports;
mod paths;

use std::collections::BTreeMap;

use crate::command::{self, Result};
use crate::files;
use crate::workspace::Workspace;

use graph::Graph;
use imports::Modules;

pub(crate) use allowed::{ALLOWED, Allowed};

/// The modules of every crate of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Crates(BTreeMap<String, Modules>);

impl Crates {
    /// Adds one Rust file. Tests are left out: they may import anything.
    pub(crate) fn add(&mut self, path: &str, text: &str) {
        let Some((of, file)) = path.split_once("/src/") else { return };
        let Some(module) = file.strip_suffix(".rs") else { return };
        if module.split('/').any(|part| part == "tests") {
            return;
        }
        self.0.entry(of.to_owned()).or_default().add(path, module, text);
    }

    /// The cycles that `allowed` doesn't explain, and entries in it that no longer close one.
    pub(crate) fn complaints(&self, allowed: &[Allowed]) -> Vec<String> {
        let mut found = Vec::new();
        for (of, modules) in &self.0 {
            let mut graph = Graph::of(modules);
            let entries: Vec<_> =
                allowed.iter().filter(|entry| entry.of == of).flat_map(|entry| entry.edges).collect();
            for (from, to) in &entries {
                if !graph.is_in_cycle(from, to) {
                    found.push(format!("{of}: `{from}` → `{to}` closes no cycle: remove it from the list"));
                }
            }
            for (from, to) in &entries {
                graph.remove(from, to);
            }
            found.extend(
                graph.cycles().iter().map(|cycle| format!("{of}: modules import each other:\n{cycle}")),
            );
        }
        let unknown = allowed.iter().filter(|entry| !self.0.contains_key(entry.of));
        found.extend(unknown.map(|entry| format!("{}: no such crate: remove it from the list", entry.of)));
        found
    }

    /// How many cycles each crate has, allowed ones included.
    fn counts(&self) -> impl Iterator<Item = (&str, Vec<graph::Cycle>)> {
        self.0.iter().map(|(of, modules)| (of.as_str(), Graph::of(modules).cycles()))
    }
}

/// `cargo xtask cycles`: prints the number of cycles per crate, or those of one crate. Fails like the check.
pub(crate) fn print(only: Option<&str>) -> Result {
    let mut crates = Crates::default();
    for (path, text) in files::texts(&Workspace::find()?.root)? {
        crates.add(&path, &text);
    }
    for (of, cycles) in crates.counts() {
        match only {
            None => command::say(&format!("{:4} {of}", cycles.len())),
            Some(name) if of == name || of.strip_prefix("crates/") == Some(name) => {
                for cycle in cycles {
                    command::say(&cycle.to_string());
                }
            }
            Some(_) => {}
        }
    }
    let complaints = crates.complaints(ALLOWED);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(files: &[(&str, &str)]) -> Crates {
        let mut crates = Crates::default();
        for (path, text) in files {
            crates.add(path, text);
        }
        crates
    }

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        crates(files).complaints(&[])
    }

    #[test]
    fn two_modules_that_import_each_other_are_reported_with_the_lines() {
        let found = complaints(&[
            ("crates/x/src/a.rs", "//! A.\nuse crate::b::B;\n"),
            ("crates/x/src/b.rs", "//! B.\n\nfn go() {\n    super::a::go();\n}\n"),
            ("crates/x/src/c.rs", "use crate::{a, b::B};\n"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/x: "));
        assert!(found[0].contains("a → b: crates/x/src/a.rs:2"), "{found:?}");
        assert!(found[0].contains("b → a: crates/x/src/b.rs:4"), "{found:?}");
    }

    #[test]
    fn a_longer_cycle_is_one_cycle() {
        let found = complaints(&[
            ("x/src/a.rs", "use crate::b::B;"),
            ("x/src/b.rs", "use crate::{c::{self, C}, Root};"),
            ("x/src/c.rs", "use crate::a::A;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_folder_is_one_module_and_its_parts_are_siblings() {
        let outside = [
            ("x/src/a/mod.rs", "mod p;"),
            ("x/src/a/p.rs", "use crate::b::B;"),
            ("x/src/b.rs", "use crate::a::A;"),
        ];
        assert_eq!(complaints(&outside).len(), 1);
        let inside = [
            ("x/src/a.rs", ""),
            ("x/src/a/p.rs", "use super::q::Q;"),
            ("x/src/a/q.rs", "use crate::a::p::P;"),
        ];
        let found = complaints(&inside);
        assert!(found.len() == 1 && found[0].contains("a::p → a::q"), "{found:?}");
    }

    #[test]
    fn a_parent_and_its_parts_are_no_cycle() {
        let files = [
            ("x/src/lib.rs", "mod a;\npub struct Root;\npub use a::p::P;"),
            ("x/src/a/mod.rs", "mod p;\nuse p::P;\nuse crate::Root;\n"),
            ("x/src/a/p.rs", "use super::Shared;\nuse crate::a::Shared;\nuse crate::Root;\n"),
        ];
        assert!(complaints(&files).is_empty());
    }

    #[test]
    fn a_name_that_the_root_exports_counts_as_an_import_of_its_module() {
        let files = [
            ("x/src/lib.rs", "mod error;\nmod ids;\npub use error::{Error, Result as Outcome};"),
            ("x/src/error.rs", "use crate::ids::Id;"),
            ("x/src/ids.rs", "use crate::{Outcome, Root};"),
        ];
        assert_eq!(complaints(&files).len(), 1);
    }

    #[test]
    fn tests_comments_and_visibilities_import_nothing() {
        let files = [
            ("x/src/a.rs", "use crate::b::B;"),
            (
                "x/src/b.rs",
                "//! See [`crate::a`].\npub(in crate::a) struct B(&'static str);\nconst T: &str = \"crate::a::A\";\n\
                 #[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
            ),
            ("x/src/b/tests.rs", "use crate::a::A;"),
        ];
        assert!(complaints(&files).is_empty());
    }

    #[test]
    fn an_allowed_cycle_is_silent_until_it_is_gone() {
        let allowed = [Allowed { of: "x", reason: "one walk", edges: &[("b", "a")] }];
        let cycle = [("x/src/a.rs", "use crate::b::B;"), ("x/src/b.rs", "use crate::a::A;")];
        assert!(crates(&cycle).complaints(&allowed).is_empty());
        let found = crates(&cycle[..1]).complaints(&allowed);
        assert!(found.len() == 1 && found[0].contains("closes no cycle"), "{found:?}");
        assert_eq!(crates(&[]).complaints(&allowed).len(), 1);
    }
}
