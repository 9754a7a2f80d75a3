//! Tags of objects.

use crate::encode::{decode_percent, push_value};

/// A tag of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// The name of the tag; S3 calls it the key.
    pub key: String,
    /// The value of the tag. May be empty.
    pub value: String,
}

/// Writes tags as the parameters of a URL: `colour=light%20blue&size=`.
pub fn encode_tags(tags: &[Tag]) -> String {
    let mut text = String::new();
    for Tag { key, value } in tags {
        if !text.is_empty() {
            text.push('&');
        }
        push_value(&mut text, key);
        text.push('=');
        push_value(&mut text, value);
    }
    text
}

/// Reads what [`encode_tags`] writes. `None` if an escape sequence is not UTF-8. A `+` is a space, and a tag without
/// `=` has an empty value.
pub fn decode_tags(text: &str) -> Option<Vec<Tag>> {
    let decode = |text: &str| decode_percent(&text.replace('+', " "));
    let tag = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some(Tag { key: decode(key)?, value: decode(value)? })
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(tag).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_of_clients_are_read() {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        assert_eq!(
            decode_tags("a=1&b+c=%2B&d&e=x=y"),
            Some(vec![tag("a", "1"), tag("b c", "+"), tag("d", ""), tag("e", "x=y")])
        );
        assert_eq!(decode_tags(""), Some(vec![]));
        assert_eq!(decode_tags("a=%ff"), None);
    }

    proptest! {
        #[test]
        fn any_tags_read_back(pairs in proptest::collection::vec(("\\PC{1,12}", "\\PC{0,12}"), 0..4)) {
            let tags: Vec<Tag> = pairs.into_iter().map(|(key, value)| Tag { key, value }).collect();
            let text = encode_tags(&tags);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decode_tags(&text), Some(tags));
        }
    }
}
