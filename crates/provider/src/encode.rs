//! How keys and query values are written in URLs.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3, which is the set that SigV4 asks for.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// Appends a key as a path. Slashes stay, every other byte that could mean something is escaped, once.
pub(crate) fn push_path(out: &mut String, key: &str) {
    out.extend(utf8_percent_encode(key, PATH));
}

/// The parameters of a request, written in the order and the notation that signatures need, so that one text serves
/// the URL and what is signed.
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

    /// The parameters as they are meant, sorted by name.
    pub(crate) fn sorted(&mut self) -> &[(&'static str, String)] {
        self.0.sort();
        &self.0
    }

    /// The canonical query: sorted by name, `name=value`, also where the value is empty.
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

/// A text as one segment of a path: slashes are escaped too.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

/// Reads a key from a list with `encoding-type=url`. Providers write a space as `+` there, and a plus as `%2B`.
/// `None` if it isn't UTF-8.
pub(crate) fn decode_listed(text: &str) -> Option<String> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    decode_percent(&spaced)
}

/// Undoes escaping, and nothing else. `None` if what comes out isn't UTF-8.
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
