//! Fields that take any JSON and are stored as text.

use serde::de::{DeserializeSeed as _, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use super::writer::{ValueSeed, Writer};
use super::{Limits, Refused};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
