//! JSON documents with invisible characters in their texts, which tools and chat programs add when they are copied.

use serde_json::Value;

use super::clean::visible;

/// The document without invisible characters, also where they are escaped (`\ufeff`). `None` if the text is not a JSON
/// object, or has none of them.
pub fn without_invisible(text: &str) -> Option<String> {
    let bare = visible(text);
    let mut document: Value = serde_json::from_str(&bare).ok().filter(Value::is_object)?;
    if strip(&mut document) {
        return Some(document.to_string());
    }
    (bare != text).then_some(bare)
}

/// Returns whether anything changed. The depth of a parsed document is limited.
fn strip(value: &mut Value) -> bool {
    match value {
        Value::String(text) => {
            // Line ends at the end of a private key belong to it.
            let end = text.trim_end_matches(['\r', '\n']).len();
            let bare = format!("{}{}", visible(&text[..end]), &text[end..]);
            let changed = bare != *text;
            *text = bare;
            changed
        }
        Value::Array(values) => values.iter_mut().map(strip).filter(|changed| *changed).count() > 0,
        Value::Object(members) => members.values_mut().map(strip).filter(|changed| *changed).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_around_and_inside_a_document_are_removed() {
        for (text, expected) in [
            ("\u{feff}{\"a\":\"b\"}", Some("{\"a\":\"b\"}")),
            ("{\u{a0}\"a\":\u{200b}\"b\"}", Some("{ \"a\":\"b\"}")),
            (r#"{"a":"\ufeffb\u200b"}"#, Some(r#"{"a":"b"}"#)),
            ("{\"a\":\"b\"}", None),
            ("{\"a\":\"k\\n\"}", None),
            ("\u{feff}plain", None),
            ("\u{feff}{\"a\":", None),
        ] {
            assert_eq!(without_invisible(text).as_deref(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[{}\\[\\]\":,\u{feff}a-z\\\\u0-9]{0,64}") {
            let _ = without_invisible(&text);
        }
    }
}
