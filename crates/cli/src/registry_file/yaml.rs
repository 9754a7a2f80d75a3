//! YAML as a tree in which every value knows its line.
//!
//! All scalars are texts: `name: 2024` and `name: no` mean what they say, and what belongs into a field is decided where
//! the field is read. Anchors, aliases and tags are refused, so a file can't be larger than it looks.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::problem::FileProblem;

/// How deep values may be nested.
const MAX_DEPTH: usize = 16;

/// A value of the document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YamlNode {
    /// The line on which the value begins, from 1.
    pub(crate) line: usize,
    pub(crate) value: YamlValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum YamlValue {
    /// Nothing, `~` or `null`.
    Null,
    Text(String),
    List(Vec<YamlNode>),
    Map(Vec<YamlEntry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YamlEntry {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: YamlNode,
}

impl YamlValue {
    /// What the value is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Parses a document. An empty one is `Null`.
pub(crate) fn parse(text: &str) -> Result<YamlNode, FileProblem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = TreeReader { parser: Parser::new_from_str(text) };
    let mut root = YamlNode { line: 1, value: YamlValue::Null };
    let mut documents = 0;
    loop {
        let (event, span) = reader.next_event()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(at(span, "begins a second document: a file has one"));
                }
            }
            event => root = reader.node(event, span, 0)?,
        }
    }
}

struct TreeReader<'t> {
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> TreeReader<'t> {
    fn next_event(&mut self) -> Result<(Event<'t>, Span), FileProblem> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(FileProblem {
                line: error.marker().line(),
                path: String::new(),
                message: format!("is not YAML: {}", error.info()),
            }),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<YamlNode, FileProblem> {
        if depth > MAX_DEPTH {
            return Err(at(span, "is nested too deeply"));
        }
        let line = span.start.line();
        let value = match event {
            Event::Alias(_) => return Err(at(span, "has an alias (*name): write the value itself")),
            Event::Scalar(_, _, anchor, ref tag) if anchor > 0 || tag.is_some() => {
                return Err(at(span, UNSUPPORTED));
            }
            Event::SequenceStart(anchor, ref tag) | Event::MappingStart(anchor, ref tag)
                if anchor > 0 || tag.is_some() =>
            {
                return Err(at(span, UNSUPPORTED));
            }
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => return Err(at(span, "is not a value")),
        };
        Ok(YamlNode { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<YamlValue, FileProblem> {
        let mut nodes = Vec::new();
        loop {
            match self.next_event()? {
                (Event::SequenceEnd, _) => return Ok(YamlValue::List(nodes)),
                (event, span) => nodes.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<YamlValue, FileProblem> {
        let mut entries: Vec<YamlEntry> = Vec::new();
        loop {
            let (event, span) = self.next_event()?;
            let key = match event {
                Event::MappingEnd => return Ok(YamlValue::Map(entries)),
                Event::Scalar(key, _, 0, None) => key.into_owned(),
                _ => return Err(at(span, "has a key that is not a plain text")),
            };
            if entries.iter().any(|entry| entry.key == key) {
                return Err(at(span, &format!("has the key {key:?} a second time")));
            }
            let (event, value_span) = self.next_event()?;
            let value = self.node(event, value_span, depth + 1)?;
            entries.push(YamlEntry { line: span.start.line(), key, value });
            if entries.len() > MAX_KEYS {
                return Err(at(span, "is in a mapping with too many keys"));
            }
        }
    }
}

/// No mapping of a file has more than a dozen keys. Finding repeated ones takes quadratic time.
const MAX_KEYS: usize = 100;
const UNSUPPORTED: &str = "has an anchor (&name) or a tag (!name), which this file can't have";

fn scalar(text: &str, style: ScalarStyle) -> YamlValue {
    let is_null = style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    if is_null { YamlValue::Null } else { YamlValue::Text(text.to_owned()) }
}

fn at(span: Span, message: &str) -> FileProblem {
    FileProblem { line: span.start.line(), path: String::new(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &YamlNode) -> String {
        let inner = match &node.value {
            YamlValue::Null => "~".to_owned(),
            YamlValue::Text(text) => format!("{text:?}"),
            YamlValue::List(nodes) => {
                format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(" "))
            }
            YamlValue::Map(entries) => {
                let entry =
                    |entry: &YamlEntry| format!("{}@{}={}", entry.key, entry.line, shown(&entry.value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
        };
        format!("{}:{inner}", node.line)
    }

    #[test]
    fn values_know_their_lines_and_scalars_are_texts() {
        let text =
            "# comment\nversion: 1\nbuckets:\n- name: 2024\n  region: no\n  key:\n- {name: \"a: b\"}\n";
        assert_eq!(
            shown(&parse(text).unwrap()),
            "2:{version@2=2:\"1\" buckets@3=4:[4:{name@4=4:\"2024\" region@5=5:\"no\" key@6=6:~} 7:{name@7=7:\"a: b\"}]}"
        );
        assert_eq!(parse("").unwrap().value, YamlValue::Null);
        assert_eq!(parse("\u{feff}---\na: 1\n...\n").unwrap().value.kind(), "a mapping");
    }

    #[test]
    fn what_can_not_be_read_is_named_with_its_line() {
        let nested = "[".repeat(40);
        for (text, line, says) in [
            ("a: 1\na: 2\n", 2, "a second time"),
            ("a: &x 1\n", 1, "anchor"),
            ("a: !!str 1\n", 1, "tag"),
            ("b: 1\nc: *x\n", 2, ""),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: 1\n b: 2\n", 2, "is not YAML"),
            ("a: \"unclosed\n", 1, "is not YAML"),
            ("? [a]\n: b\n", 1, "not a plain text"),
            (&nested, 1, ""),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.message.contains(says), "{text:?}: {problem}");
            assert!(problem.line >= line && problem.line <= line + 1, "{text:?}: {problem}");
        }
    }
}
