//! What the modules of a crate import from each other.

use std::collections::BTreeMap;

use super::paths;
use crate::lexer;

/// A module's path within its crate: empty for the root.
pub(super) type ModulePath = Vec<String>;

/// How often an import may lead to another import before it is given up.
const LONGEST_CHAIN: usize = 8;

/// The modules of one crate, each with its paths to others.
#[derive(Debug, Default)]
pub(super) struct Modules(BTreeMap<ModulePath, Module>);

/// A module's part that matters here.
#[derive(Debug, Default)]
struct Module {
    /// Where each absolute path is.
    paths: Vec<(ModulePath, String)>,
    /// The names that `use` brings into the module, and the path of each.
    names: BTreeMap<String, ModulePath>,
}

impl Modules {
    /// Adds a file: its path in the repository, its path below `src` without the extension, and its text.
    pub(super) fn add(&mut self, path: &str, module: &str, text: &str) {
        let mut at: ModulePath = module.split('/').map(str::to_owned).collect();
        let roots = ["lib", "main"];
        if at.last().is_some_and(|last| last == "mod") || (at.len() == 1 && roots.contains(&at[0].as_str())) {
            at.pop();
        }
        let code = lexer::code(text);
        let entry = self.0.entry(at.clone()).or_default();
        for written in paths::of(&code) {
            let Some(absolute) = absolute(&at, &written.segments) else { continue };
            if written.is_use
                && let Some(name) = written.name()
            {
                entry.names.insert(name.to_owned(), absolute.clone());
            }
            let line = code[..written.at].matches('\n').count() + 1;
            entry.paths.push((absolute, format!("{path}:{line}")));
        }
    }

    /// Every import from a module of a module that is neither around nor inside it: both, and where it is.
    pub(super) fn imports(&self) -> impl Iterator<Item = (&ModulePath, ModulePath, &str)> {
        self.0.iter().flat_map(move |(from, module)| {
            module.paths.iter().filter_map(move |(path, at)| {
                let to = self.resolve(path, LONGEST_CHAIN);
                (!from.starts_with(&to) && !to.starts_with(from)).then_some((from, to, at.as_str()))
            })
        })
    }

    /// The module that defines what the path names, as far as `use` tells.
    fn resolve(&self, path: &[String], chain: usize) -> ModulePath {
        let known = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length])).unwrap_or(0);
        let (module, rest) = path.split_at(known);
        let exported = rest.first().and_then(|name| self.0.get(module)?.names.get(name));
        match exported {
            // A module that imports a name of its own child or of itself would lead here again.
            Some(target) if chain > 0 && target != path => {
                self.resolve(&[target.as_slice(), &rest[1..]].concat(), chain - 1)
            }
            _ => module.to_vec(),
        }
    }
}

/// A written path from the crate's root. One that begins with another crate's name becomes one of the module itself,
/// which is no import.
fn absolute(at: &[String], segments: &[String]) -> Option<ModulePath> {
    let (first, rest) = segments.split_first()?;
    Some(match first.as_str() {
        "crate" => rest.to_vec(),
        "self" => [at, rest].concat(),
        "super" => {
            let ups = segments.iter().take_while(|segment| *segment == "super").count();
            [&at[..at.len().saturating_sub(ups)], &segments[ups..]].concat()
        }
        _ => [at, segments].concat(),
    })
}
