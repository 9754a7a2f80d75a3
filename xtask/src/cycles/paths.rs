//! Paths in Rust code.

use crate::lexer::is_name;

/// A path as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Where it begins.
    pub(super) at: usize,
    /// Its names; the last is `*` for a glob.
    pub(super) segments: Vec<String>,
    /// Whether it is part of a `use`.
    pub(super) is_use: bool,
    alias: Option<String>,
}

impl Written {
    /// The name that a `use` of it brings in. A glob brings in none.
    pub(super) fn name(&self) -> Option<&str> {
        self.alias.as_deref().or_else(|| self.segments.last().map(String::as_str)).filter(|name| *name != "*")
    }
}

/// The paths of every `use`, and elsewhere those that begin with `crate`, `super` or `self`. The code has no comments
/// and no texts.
pub(super) fn of(code: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let mut reader = Reader { code, at: 0 };
    while reader.at < code.len() {
        let begin = reader.at;
        match reader.name() {
            Some("use") => reader.tree(&[], true, &mut found),
            Some("crate" | "super" | "self") if reader.follows("::") => {
                reader.at = begin;
                reader.tree(&[], false, &mut found);
            }
            Some(_) => {}
            None => reader.at += reader.rest().chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

#[derive(Debug)]
struct Reader<'a> {
    code: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.code[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.code.len() - self.rest().trim_start().len();
    }

    fn follows(&self, text: &str) -> bool {
        self.rest().trim_start().starts_with(text)
    }

    fn take(&mut self, text: &str) -> bool {
        let follows = self.follows(text);
        if follows {
            self.skip_blanks();
            self.at += text.len();
        }
        follows
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        self.at += name.len();
        (!name.is_empty()).then_some(name)
    }

    /// Reads a path, or several in braces, below a prefix.
    fn tree(&mut self, prefix: &[String], is_use: bool, found: &mut Vec<Written>) {
        let mut segments = prefix.to_vec();
        self.skip_blanks();
        let at = self.at;
        loop {
            self.skip_blanks();
            if self.take("{") {
                while !self.take("}") && self.at < self.code.len() {
                    self.tree(&segments, is_use, found);
                    if !self.take(",") && !self.follows("}") {
                        return;
                    }
                }
                return;
            }
            if self.take("*") {
                segments.push("*".to_owned());
                break;
            }
            match self.name() {
                Some("self") if !segments.is_empty() => {}
                Some(name) => segments.push(name.to_owned()),
                None => break,
            }
            if !self.take("::") {
                break;
            }
        }
        let alias = if is_use && self.follows("as ") && self.take("as ") {
            self.name().map(str::to_owned)
        } else {
            None
        };
        if segments.len() > prefix.len() || !prefix.is_empty() {
            found.push(Written { at, segments, is_use, alias });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str) -> Vec<(String, Option<String>)> {
        of(code).iter().map(|path| (path.segments.join("::"), path.name().map(str::to_owned))).collect()
    }

    #[test]
    fn every_part_of_a_use_is_a_path() {
        let found = written("use crate::{a::{self, B as C}, d::*,\n e};\npub use super::f;");
        let names: Vec<_> = found.iter().map(|(path, name)| (path.as_str(), name.as_deref())).collect();
        assert_eq!(
            names,
            [
                ("crate::a", Some("a")),
                ("crate::a::B", Some("C")),
                ("crate::d::*", None),
                ("crate::e", Some("e")),
                ("super::f", Some("f")),
            ]
        );
    }

    #[test]
    fn elsewhere_a_path_ends_where_its_names_end() {
        let found = written("let x = crate::a::b::<T>(self.c, super::super::d(), std::e());");
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["crate::a::b", "super::super::d"]);
    }
}
