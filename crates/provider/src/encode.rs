//! Encodes keys and query values for URLs.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All characters except the unreserved ones of RFC 3986 §2.3. SigV4 requires this set.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// Appends a key as a path. Slashes remain; every other reserved byte is escaped once.
pub(crate) fn push_path(out: &mut String, key: &str) {
    out.extend(utf8_percent_encode(key, PATH));
}

/// The query parameters of a request, in the order and encoding that signatures require. The same text is used in
/// the URL and for the signature.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(crate) fn new(parameters: &[(&'static str, &str)]) -> Self {
        let mut query = Self::default();
        for (name, value) in parameters {
            query.push(name, value);
        }
        query
    }

    pub(crate) fn push(&mut self, name: &'static str, value: &str) {
        self.0.push((name, value.to_owned()));
    }

    /// The unencoded parameters, sorted by name.
    pub(crate) fn sorted(&mut self) -> &[(&'static str, String)] {
        self.0.sort();
        &self.0
    }

    /// The canonical query: sorted by name, and `name=` for an empty value.
    pub(crate) fn into_text(mut self) -> String {
        let mut text = String::new();
        for (name, value) in self.sorted() {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, VALUE));
        }
        text
    }
}

/// Appends a text as the name or value of a query parameter.
pub(crate) fn push_value(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, VALUE));
}

/// Encodes a text as one path segment. Slashes are escaped too.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

/// Decodes a key from a list with `encoding-type=url`, where providers write a space as `+` and a plus as `%2B`.
/// `None` if the result isn't UTF-8.
pub(crate) fn decode_listed(text: &str) -> Option<String> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    decode_percent(&spaced)
}

/// Percent-decodes a text. `None` if the result isn't UTF-8.
pub(crate) fn decode_percent(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(key: &str) -> String {
        let mut out = String::new();
        push_path(&mut out, key);
        out
    }

    #[test]
    fn keys_are_escaped_once_and_their_slashes_stay() {
        for (key, encoded) in [
            ("dir/", "dir/"),
            ("a//b", "a//b"),
            ("/lead", "/lead"),
            ("a/../b", "a/../b"),
            ("a b+c", "a%20b%2Bc"),
            ("%2e%2e/x", "%252e%252e/x"),
            ("~_.'()*!", "~_.%27%28%29%2A%21"),
            ("ü🚀", "%C3%BC%F0%9F%9A%80"),
            ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
            ("\u{1}\n\\", "%01%0A%5C"),
        ] {
            assert_eq!(path(key), encoded);
        }
    }

    #[test]
    fn queries_are_sorted_and_written_out() {
        let query = Query::new(&[("prefix", "a/b c"), ("list-type", "2"), ("uploads", "")]);
        assert_eq!(query.into_text(), "list-type=2&prefix=a%2Fb%20c&uploads=");
    }

    proptest! {
        #[test]
        fn an_escaped_key_reads_back(key in "\\PC{0,64}") {
            prop_assert_eq!(decode_listed(&path(&key)), Some(key.clone()));
            let sent = format!("/{}", path(&key));
            prop_assert!(http::uri::PathAndQuery::try_from(sent).is_ok());
        }
    }
}
