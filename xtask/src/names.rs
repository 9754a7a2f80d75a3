//! Rules about names: no identifier from the glossary's list of rejected words, and one type of a name in the workspace.

use std::collections::BTreeMap;

/// Names that no item may have, and what to use instead. They say little outside the head that chose them.
const REJECTED: &[(&str, &str)] = &[
    ("Carrier", "RequestContext"),
    ("Place", "what it is: a cursor, a position, an origin, a resolved bucket"),
    ("place", "what it returns: a cursor, a position"),
    ("Way", "ForwardRequest"),
    ("Forwarded", "UpstreamRequest"),
    ("Late", "KeepAliveResponse"),
    ("PendingWrite", "DetachedWrite"),
    ("Abandoned", "DetachedWrites"),
    ("GoesOn", "DetachedGuard"),
    ("goes_on", "a verb: continues, is_in_progress"),
    ("Loan", "SharedBody"),
    ("Passage", "Admission"),
    ("Slots", "ConcurrencyLimit"),
    ("Shelf", "IdlePool"),
    ("Link", "PooledConnection"),
    ("Kept", "what is stored: Idle, StoredSession"),
    ("give_back", "release"),
    ("unheard", "noop_context"),
    ("Patience", "BodyTimeouts"),
    ("KeyFolder", "KeyPrefix"),
    ("Word", "NodeStatus"),
    ("NodeWord", "NodeStatusRow"),
    ("Told", "Message or ErrorFields"),
    ("told", "response"),
    ("Thing", "ResourceKind"),
    ("announce_change", "record_change"),
    ("keep_house", "run_maintenance"),
    ("Figures", "Stats"),
    ("Census", "StatusCounts"),
    ("ListTokens", "PageTokens"),
    ("Moments", "DateOrTime"),
    ("World", "TestContext"),
    ("sign_of_life", "keep_alive_interval"),
];

/// Names that several types share all the same, by the reason.
pub(crate) const SHARED: &[(&str, &[&str])] = &[
    (
        "the same part in modules that are built alike: one per provider, engine or resource",
        &["Column", "Credentials", "ErrorFields", "RowValues", "Scope", "Which"],
    ),
    (
        "in programs that only test or measure, beside the product's own",
        &[
            "Answer",
            "Arguments",
            "Call",
            "Cell",
            "Command",
            "Connection",
            "Deployment",
            "Error",
            "Extent",
            "Fault",
            "Memory",
            "Objects",
            "Origin",
            "Postgres",
            "Process",
            "Report",
            "SeaweedFs",
            "Settings",
            "Tools",
            "Workspace",
        ],
    ),
    (
        "to be told apart when their crates are cut anew",
        &[
            "Address",
            "Change",
            "Changes",
            "Claim",
            "Cloud",
            "Connections",
            "ErrorAnswer",
            "Failure",
            "Held",
            "Limits",
            "Metrics",
            "Name",
            "Options",
            "OrgRole",
            "Outcome",
            "Parameter",
            "Part",
            "Probe",
            "Query",
            "Refusal",
            "Refused",
            "Registration",
            "Role",
            "Seen",
            "Series",
            "Source",
            "Target",
            "Verified",
        ],
    ),
];

/// Words that introduce an item with a name.
const ITEMS: [&str; 6] = ["struct", "enum", "trait", "union", "fn", "mod"];
/// Of those, the ones that define a type.
const TYPES: [&str; 4] = ["struct", "enum", "trait", "union"];

/// An item's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Definition<'a> {
    line: usize,
    keyword: &'a str,
    name: &'a str,
}

/// What is wrong with the names of one Rust file, each with its line.
pub(crate) fn rejected(path: &str, text: &str) -> Vec<String> {
    definitions(text)
        .filter_map(|found| {
            let (_, instead) = REJECTED.iter().find(|(word, _)| *word == found.name)?;
            Some(format!(
                "{path}:{}: `{}` is not a name of this field; use {instead}",
                found.line, found.name
            ))
        })
        .collect()
}

/// The types that are defined, by name, across files. Tests may have fixtures of one name each.
#[derive(Debug, Default)]
pub(crate) struct Types(BTreeMap<String, Vec<String>>);

impl Types {
    /// Takes in the definitions of one Rust file outside of its tests.
    pub(crate) fn add(&mut self, path: &str, text: &str) {
        if path.contains("tests/") || path.contains("/examples/") || path.ends_with("/tests.rs") {
            return;
        }
        let text = text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at]);
        for found in definitions(text).filter(|found| TYPES.contains(&found.keyword)) {
            let at = format!("{path}:{}", found.line);
            self.0.entry(found.name.to_owned()).or_default().push(at);
        }
    }

    /// Names that more than one type has, unless `shared` lists them with a reason; and names in that list that no
    /// longer need to be there.
    pub(crate) fn repeated(&self, shared: &[(&str, &[&str])]) -> Vec<String> {
        let is_shared = |name: &str| shared.iter().any(|(_, names)| names.contains(&name));
        let repeated = self.0.iter().filter(|(name, at)| at.len() > 1 && !is_shared(name));
        let mut found: Vec<String> = repeated
            .map(|(name, at)| format!("{}: several types are named `{name}`: {}", at[0], at[1..].join(", ")))
            .collect();
        let listed = shared.iter().flat_map(|(_, names)| *names);
        let needless = listed.filter(|name| self.0.get(**name).is_none_or(|at| at.len() < 2));
        found.extend(needless.map(|name| format!("`{name}` is no longer shared: remove it from the list")));
        found
    }
}

/// The items that a text defines. Looks at the first words of a line only, so comments and texts are passed over.
fn definitions(text: &str) -> impl Iterator<Item = Definition<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let mut words = line.split_whitespace().filter(|word| !word.starts_with("pub")).peekable();
        while words
            .next_if(|word| ["in", "async", "const", "unsafe", "extern", "default"].contains(word))
            .is_some()
        {}
        let keyword = ITEMS.into_iter().find(|item| words.peek() == Some(item))?;
        words.next();
        let name = words.next()?;
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        // A macro's parameter has no name of its own.
        (end > 0).then(|| Definition { line: index + 1, keyword, name: &name[..end] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_name_is_reported_with_what_to_use() {
        let found = rejected(
            "src/a.rs",
            "//! A.\n\npub(crate) struct Shelf {\n    pub(super) async fn give_back(self) {}\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("src/a.rs:3: `Shelf`") && found[0].contains("IdlePool"));
        assert!(rejected("src/a.rs", "// struct Shelf\nlet shelf = Shelf::new();\n").is_empty());
    }

    #[test]
    fn two_types_of_a_name_are_reported_unless_they_are_listed() {
        let mut types = Types::default();
        types.add("src/a.rs", "pub struct Bucket;\n#[cfg(test)]\nmod tests {\n    struct State;\n}\n");
        types.add("src/b.rs", "enum Bucket {}\nstruct State;\n");
        types.add("tests/it/c.rs", "struct State;\n");
        assert_eq!(types.repeated(&[]).len(), 1);
        assert!(types.repeated(&[("the wire form", &["Bucket"])]).is_empty());
        assert_eq!(types.repeated(&[("the wire form", &["Bucket", "Gone"])]).len(), 1);
    }
}
