//! Canonicalizes JSON text (RFC 8785) while reading it, without building a tree and with bounded memory. For
//! messages from senders that are not authenticated yet: whatever a message contains, it costs little more than its
//! bytes.

mod compact;
mod leaves;
mod writer;

pub use compact::CompactText;

use serde::de::DeserializeSeed as _;

use writer::{Top, ValueSeed, Writer};

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
