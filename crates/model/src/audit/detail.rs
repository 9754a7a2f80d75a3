//! A resource as a record describes it: a small JSON object.

use serde_json::{Value, json};

/// The longest stored description, in bytes.
const MAX_DETAIL_BYTES: usize = 4 * 1024;
/// How much of a longer description is stored. Quotes and backslashes double when they are quoted again.
const STORED_BYTES: usize = 1_800;

/// The JSON text of a resource's fields, at most 4 KiB long. A longer one is replaced by an object with
/// `"truncated": true`, its length in `bytes`, and its beginning in `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditDetail(String);

impl AuditDetail {
    /// Describes a resource. The value must not contain secrets.
    pub fn new(value: &Value) -> Self {
        let text = value.to_string();
        if text.len() <= MAX_DETAIL_BYTES {
            return Self(text);
        }
        let start = &text[..text.floor_char_boundary(STORED_BYTES)];
        Self(json!({ "truncated": true, "bytes": text.len(), "start": start }).to_string())
    }

    /// A description as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The JSON text.
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_description_is_cut_and_says_so() {
        for filling in ["a", "\"", "\u{1}", "ä"] {
            let long = json!({ "name": filling.repeat(10_000) });
            let stored = AuditDetail::new(&long);
            assert!(stored.as_text().len() <= MAX_DETAIL_BYTES, "{filling:?}: {}", stored.as_text().len());
            let read: Value = serde_json::from_str(stored.as_text()).unwrap();
            assert_eq!(read["truncated"], true);
            assert_eq!(read["bytes"], long.to_string().len());
            assert!(read["start"].as_str().unwrap().starts_with("{\"name\":"));
        }
    }

    #[test]
    fn a_short_description_is_stored_as_it_is() {
        assert_eq!(AuditDetail::new(&json!({ "name": "a" })).as_text(), r#"{"name":"a"}"#);
    }
}
