//! The writer behind `read_object`: members are sorted once their object ends, and every limit is checked before more
//! is written.

use std::cmp::Ordering;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::leaves::{write_number, write_string};
use super::{LONGEST_MEMBER, Limits, Refused};

/// How the members of the outermost object are treated.
pub(super) struct Top<'a> {
    pub(super) omitted: &'a str,
    pub(super) wanted: &'a [&'a str],
    pub(super) found: &'a mut [Option<String>],
}

/// A member of an object that is being written.
struct JsonMember {
    /// Range of the name in `Writer::names`.
    name: Range<usize>,
    /// Range of the text in `Writer::out`, including the comma after it.
    text: Range<usize>,
}

/// Writes the canonical text of one value while it is read.
pub(super) struct Writer<'a> {
    limits: &'a Limits,
    top: Option<Top<'a>>,
    pub(super) out: String,
    values: usize,
    /// The members of the open objects.
    members: Vec<JsonMember>,
    names: String,
    /// Why the text is refused, if it is.
    pub(super) refused: Option<Refused>,
    ends_at_once: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(limits: &'a Limits, top: Option<Top<'a>>, ends_at_once: bool) -> Self {
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
pub(super) struct ValueSeed<'w, 'a> {
    pub(super) writer: &'w mut Writer<'a>,
    pub(super) depth: usize,
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
