//! Canonicalizes JSON text (RFC 8785) while reading it, without building a tree and with bounded memory. For
//! messages from senders that are not authenticated yet: whatever a message contains, it costs little more than its
//! bytes.

use std::cmp::Ordering;
use std::ops::Range;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

use crate::canonical_json::{write_number, write_string};

/// Upper limits for a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the canonical text.
    pub bytes: usize,
    /// Number of values: objects, arrays and their contents.
    pub values: usize,
    /// Number of members of one object.
    pub members: usize,
    /// Nesting depth of objects and arrays.
    pub depth: usize,
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The text is not JSON, or not an object.
    #[error("it is not a JSON object: line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// An object has two members with the same name. RFC 8785 requires unique names, because parsers disagree about
    /// which one counts.
    #[error("an object has two members with the same name")]
    DuplicateMember,
    /// More than [`Limits::bytes`].
    #[error("it is longer than {0} bytes in canonical form")]
    TooLong(usize),
    /// More than [`Limits::values`].
    #[error("it has more than {0} values")]
    TooManyValues(usize),
    /// More than [`Limits::members`].
    #[error("an object has more than {0} members")]
    TooManyMembers(usize),
    /// More than [`Limits::depth`].
    #[error("objects and arrays are nested deeper than {0} levels")]
    TooDeep(usize),
}

/// An object in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalObject<const N: usize> {
    /// Canonical text, without the omitted member.
    pub text: String,
    /// Canonical texts of the requested members; `None` for members that are absent or longer than
    /// [`LONGEST_MEMBER`].
    pub members: [Option<String>; N],
}

/// The longest member that [`read_object`] returns separately, in bytes of its canonical text.
pub const LONGEST_MEMBER: usize = 4_096;

/// Reads an object. `omitted` is left out of the canonical text. The members in `wanted` are also returned
/// separately.
pub fn read_object<const N: usize>(
    text: &[u8],
    limits: &Limits,
    omitted: &str,
    wanted: [&str; N],
) -> Result<CanonicalObject<N>, Refused> {
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Refused::Malformed { line: 1, column: 1 });
    }
    let mut members = [const { None }; N];
    let top = Top { omitted, wanted: &wanted, found: &mut members };
    let mut writer = Writer::new(limits, Some(top), true);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = ValueSeed { writer: &mut writer, depth: 0 }.deserialize(&mut deserializer);
    let read = read.and_then(|()| deserializer.end());
    match (writer.refused.take(), read) {
        (Some(refused), _) => Err(refused),
        (None, Err(error)) => Err(Refused::Malformed { line: error.line(), column: error.column() }),
        (None, Ok(())) => {
            let text = writer.out;
            Ok(CanonicalObject { text, members })
        }
    }
}

/// Any JSON value as compact text of at most `MOST` bytes. A string is taken without its quotes. Serialized as a
/// string, which deserializes to the same text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CompactText<const MOST: usize>(pub String);

impl<'de, const MOST: usize> Deserialize<'de> for CompactText<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The byte limit bounds everything else, except the depth.
        let limits = Limits { bytes: MOST, values: MOST, members: MOST, depth: 32 };
        // The error should name the field, not a position within it.
        let mut writer = Writer::new(&limits, None, false);
        let read = ValueSeed { writer: &mut writer, depth: 0 }.deserialize(deserializer);
        match writer.refused {
            Some(Refused::DuplicateMember) => Err(D::Error::custom("has two members with the same name")),
            Some(_) => Err(D::Error::custom(format_args!(
                "must be at most {MOST} bytes of JSON, nested at most 32 levels deep"
            ))),
            None => {
                read?;
                Ok(Self(serde_json::from_str::<String>(&writer.out).unwrap_or(writer.out)))
            }
        }
    }
}

/// How the members of the outermost object are treated.
struct Top<'a> {
    omitted: &'a str,
    wanted: &'a [&'a str],
    found: &'a mut [Option<String>],
}

/// A member of an object that is being written.
struct JsonMember {
    /// Range of the name in `Writer::names`.
    name: Range<usize>,
    /// Range of the text in `Writer::out`, including the comma after it.
    text: Range<usize>,
}

struct Writer<'a> {
    limits: &'a Limits,
    top: Option<Top<'a>>,
    out: String,
    values: usize,
    /// The members of the open objects.
    members: Vec<JsonMember>,
    names: String,
    refused: Option<Refused>,
    ends_at_once: bool,
}

impl<'a> Writer<'a> {
    fn new(limits: &'a Limits, top: Option<Top<'a>>, ends_at_once: bool) -> Self {
        Self {
            limits,
            top,
            out: String::new(),
            values: 0,
            members: Vec::new(),
            names: String::new(),
            refused: None,
            ends_at_once,
        }
    }

    /// Records why the text is refused. If reading doesn't end at once, the rest is read and discarded.
    fn refuse<E: serde::de::Error>(&mut self, refused: Refused) -> Result<(), E> {
        self.refused = Some(refused);
        if self.ends_at_once { Err(E::custom("refused")) } else { Ok(()) }
    }

    fn check_length<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.out.len() + self.names.len() > self.limits.bytes.saturating_mul(2)
            || self.out.len() > self.limits.bytes
        {
            return self.refuse(Refused::TooLong(self.limits.bytes));
        }
        Ok(())
    }

    fn begin_value<E: serde::de::Error>(&mut self, depth: usize) -> Result<(), E> {
        self.values += 1;
        if self.values > self.limits.values {
            return self.refuse(Refused::TooManyValues(self.limits.values));
        }
        if depth > self.limits.depth {
            return self.refuse(Refused::TooDeep(self.limits.depth));
        }
        Ok(())
    }

    /// Stores a member of the outermost object, if it was requested.
    fn hand_out(&mut self, name: &Range<usize>, value: Range<usize>) {
        let Some(top) = &mut self.top else { return };
        let name = &self.names[name.clone()];
        let text = &self.out[value];
        if let Some(n) = top.wanted.iter().position(|wanted| *wanted == name)
            && text.len() <= LONGEST_MEMBER
        {
            top.found[n] = Some(text.to_owned());
        }
    }

    fn is_omitted(&self, name: &Range<usize>) -> bool {
        self.top.as_ref().is_some_and(|top| top.omitted == &self.names[name.clone()])
    }

    /// Sorts the members of an object that began at `begin`.
    fn sort_members<E: serde::de::Error>(&mut self, begin: usize, first: usize) -> Result<(), E> {
        let names = &self.names;
        let order = |a: &JsonMember, b: &JsonMember| compare(&names[a.name.clone()], &names[b.name.clone()]);
        let members = &mut self.members[first..];
        let is_sorted = members.windows(2).all(|pair| order(&pair[0], &pair[1]) == Ordering::Less);
        if is_sorted {
            return Ok(());
        }
        members.sort_unstable_by(order);
        if members.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
            return self.refuse(Refused::DuplicateMember);
        }
        let mut sorted = String::with_capacity(self.out.len() - begin);
        for member in members {
            sorted.push_str(&self.out[member.text.clone()]);
        }
        self.out.truncate(begin);
        self.out.push_str(&sorted);
        Ok(())
    }
}

/// Compares by UTF-16 code units (RFC 8785 §3.2.3).
fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() {
        // In both encodings, non-ASCII characters sort after ASCII ones.
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

/// Writes one value.
struct ValueSeed<'w, 'a> {
    writer: &'w mut Writer<'a>,
    depth: usize,
}

impl ValueSeed<'_, '_> {
    fn write<E: serde::de::Error>(self, write: impl FnOnce(&mut String)) -> Result<(), E> {
        self.writer.begin_value(self.depth)?;
        if self.writer.refused.is_some() {
            return Ok(());
        }
        write(&mut self.writer.out);
        self.writer.check_length()
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.write(|out| out.push_str("null"))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.write(|out| out.push_str(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.write(|out| write_number(out, &value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.write(|out| write_number(out, &value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        // JSON has no infinite numbers and no NaN.
        let number = Number::from_f64(value).unwrap_or_else(|| 0.into());
        self.write(|out| write_number(out, &number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.write(|out| write_string(out, value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { writer, depth } = self;
        writer.begin_value(depth + 1)?;
        writer.out.push('[');
        let begin = writer.out.len();
        loop {
            if writer.refused.is_some() {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            let item = ValueSeed { writer: &mut *writer, depth: depth + 1 };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
            writer.out.push(',');
        }
        end(&mut writer.out, begin, ']');
        writer.check_length()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { writer, depth } = self;
        writer.begin_value(depth + 1)?;
        writer.out.push('{');
        let (begin, first, names) = (writer.out.len(), writer.members.len(), writer.names.len());
        loop {
            if writer.refused.is_some() {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            let Some(name) = map.next_key_seed(NameSeed(&mut writer.names))? else { break };
            if writer.members.len() - first >= writer.limits.members {
                writer.refuse(Refused::TooManyMembers(writer.limits.members))?;
            }
            let start = writer.out.len();
            write_string(&mut writer.out, &writer.names[name.clone()]);
            writer.check_length()?;
            writer.out.push(':');
            let value = writer.out.len();
            map.next_value_seed(ValueSeed { writer: &mut *writer, depth: depth + 1 })?;
            let end = writer.out.len();
            writer.out.push(',');
            let mut text = start..writer.out.len();
            if depth == 0 {
                writer.hand_out(&name, value..end);
                if writer.is_omitted(&name) {
                    // The name is retained, so that a second member with it is detected.
                    writer.out.truncate(start);
                    text = start..start;
                }
            }
            writer.members.push(JsonMember { name, text });
        }
        writer.sort_members(begin, first)?;
        writer.members.truncate(first);
        writer.names.truncate(names);
        end(&mut writer.out, begin, '}');
        writer.check_length()
    }
}

/// Removes the comma after the last item, and closes the value.
fn end(out: &mut String, begin: usize, bracket: char) {
    if out.len() > begin {
        out.pop();
    }
    out.push(bracket);
}

/// Stores a member's name.
struct NameSeed<'w>(&'w mut String);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Range<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Range<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Range<usize>, E> {
        let start = self.0.len();
        self.0.push_str(name);
        Ok(start..self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LIMITS: Limits = Limits { bytes: 4_096, values: 300, members: 20, depth: 8 };

    /// What the crate that writes values makes of one.
    fn to_text(value: &Value) -> String {
        serde_json_canonicalizer::to_string(value).unwrap()
    }

    fn canonical(text: &str) -> Result<String, Refused> {
        read_object(text.as_bytes(), &LIMITS, "signature", []).map(|read| read.text)
    }

    #[test]
    fn a_text_becomes_what_its_tree_becomes() {
        let text = r#"{ "numbers" : [333333333.33333329,1E30,4.50,2e-3,-0.0,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false], "signature": {"a": [1]},
            "\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":{},"\u00f6":[] }"#;
        let mut tree: Value = serde_json::from_str(text).unwrap();
        tree.as_object_mut().unwrap().remove("signature");
        assert_eq!(canonical(text).unwrap(), to_text(&tree));
        assert_eq!(canonical("{}").unwrap(), "{}");
        assert_eq!(canonical(r#"{"signature":"x"}"#).unwrap(), "{}");
    }

    #[test]
    fn members_are_handed_out_from_the_outermost_object_only() {
        let text = br#"{"a":{"ip":"inner"},"signature":"s\"g","ip":"outer","long":"text"}"#;
        let read = read_object(text, &LIMITS, "signature", ["ip", "signature", "absent"]).unwrap();
        assert_eq!(read.members, [Some("\"outer\"".to_owned()), Some(r#""s\"g""#.to_owned()), None]);
        assert!(!read.text.contains("signature"));
    }

    #[test]
    fn whatever_is_more_than_allowed_is_refused_with_what_it_is() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(canonical(&nested(7)).is_ok());
        assert_eq!(canonical(&nested(8)), Err(Refused::TooDeep(8)));
        assert_eq!(canonical(&nested(100_000)), Err(Refused::TooDeep(8)));
        let many = format!("{{\"a\":[{}0]}}", "0,".repeat(300));
        assert_eq!(canonical(&many), Err(Refused::TooManyValues(300)));
        let members = (0..21).map(|n| format!("\"{n}\":0,")).collect::<Vec<_>>().concat();
        assert_eq!(canonical(&format!("{{{members}\"x\":0}}")), Err(Refused::TooManyMembers(20)));
        assert_eq!(canonical(&format!("{{\"a\":\"{}\"}}", "x".repeat(5_000))), Err(Refused::TooLong(4_096)));
        assert_eq!(canonical(&format!("{{\"{}\":0}}", "x".repeat(5_000))), Err(Refused::TooLong(4_096)));
        // Short numbers with a long printed form.
        assert_eq!(canonical(&format!("{{\"a\":[{}0]}}", "1e20,".repeat(299))), Err(Refused::TooLong(4_096)));
        for twice in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"signature":1,"signature":2}"#,
            r#"{"x":{"a":1,"a":1}}"#,
        ] {
            assert_eq!(canonical(twice), Err(Refused::DuplicateMember), "{twice}");
        }
        for wrong in
            ["", " ", "[]", "1", "{", "{\"a\"}", "{\"a\":1}x", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "{1:2}"]
        {
            assert!(matches!(canonical(wrong), Err(Refused::Malformed { .. })), "{wrong}");
        }
    }

    #[test]
    fn any_json_is_a_compact_text_of_bounded_length() {
        let read = |text: &str| serde_json::from_str::<CompactText<32>>(text).map(|text| text.0);
        assert_eq!(read("\"Ada's \\\"phone\\\"\"").unwrap(), "Ada's \"phone\"");
        assert_eq!(read(r#"{ "os": "Linux", "app": [1] }"#).unwrap(), r#"{"app":[1],"os":"Linux"}"#);
        assert_eq!(read("null").unwrap(), "null");
        let nested = format!("{{\"a\":[1,{}],\"b\":{{\"c\":1}}}}", "[".repeat(100) + &"]".repeat(100));
        assert!(read(&nested).unwrap_err().to_string().contains("at most 32 bytes"));
        for long in [
            format!("\"{}\"", "x".repeat(33)),
            "[".repeat(40) + &"]".repeat(40),
            format!("[{}0]", "0,".repeat(40)),
        ] {
            assert!(read(&long).unwrap_err().to_string().contains("at most 32 bytes"), "{long}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            // Many of these are as near to one shortest text as to another.
            any::<i64>().prop_map(|n| Value::from((n >> 9) as f64 / 4.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_becomes_anything_but_what_its_tree_becomes(value in any_json(), reversed in any::<bool>()) {
            let object = json!({ "value": value, "a": 1 });
            let text = if reversed {
                format!("{{ \"value\" :{} ,\n\"a\":1}}", serde_json::to_string_pretty(&value).unwrap())
            } else {
                object.to_string()
            };
            let limits = Limits { bytes: 1 << 20, values: 10_000, members: 1_000, depth: 100 };
            let read = read_object(text.as_bytes(), &limits, "signature", []).unwrap();
            prop_assert_eq!(read.text, to_text(&object));
        }
    }
}
