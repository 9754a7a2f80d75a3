//! Text beyond visible ASCII in headers that are stored with objects.
//!
//! The gateway's clients can't store such text, but other tools can: they send UTF-8, or Latin-1 as HTTP/1.0 meant
//! it. Requests to providers and responses to clients contain only visible ASCII, so the text is encoded as S3 does
//! (RFC 2047), and names of files as browsers expect it (RFC 8187).

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The most bytes of text in an encoded word, which may have 75 characters (RFC 2047 §2).
const WORD_BYTES: usize = 45;

/// Reads a header value: as UTF-8 if it is that, else as Latin-1.
pub(crate) fn decode(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8(value.as_bytes().to_vec())
            .unwrap_or_else(|_| value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// Whether a header can contain the text as it is: visible ASCII and spaces.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Encodes text as words of Base64 (RFC 2047) if a header can't contain it as it is.
pub fn encoded_words(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut words = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD_BYTES));
        let space = if words.is_empty() { "" } else { " " };
        // Writing to a string can't fail.
        let _ = write!(words, "{space}=?UTF-8?B?{}?=", STANDARD.encode(word));
        rest = after;
    }
    Cow::Owned(words)
}

/// Encodes the parameters of a `Content-Disposition` that a header can't contain as they are (RFC 8187): the file
/// name `"café.txt"` becomes `filename*=UTF-8''caf%C3%A9.txt`. A value of another form becomes encoded words.
pub fn disposition(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let fields = fields(text);
    let has = |wanted: &str| fields.iter().any(|field| name_of(field).eq_ignore_ascii_case(wanted));
    let mut encoded = Vec::with_capacity(fields.len());
    for field in &fields {
        let name = name_of(field);
        match field.split_once('=') {
            _ if is_plain(field) => encoded.push(field.trim().to_owned()),
            // The encoded form is there already, and takes precedence.
            Some(_) if has(&format!("{name}*")) => {}
            Some((_, value)) if is_plain(name) && !name.ends_with('*') => {
                encoded.push(format!("{name}*=UTF-8''{}", percent_encoded(&unquoted(value.trim()))));
            }
            _ => return encoded_words(text),
        }
    }
    Cow::Owned(encoded.join("; "))
}

/// Splits a header at its semicolons, except those within quotes.
fn fields(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == ';' && !quoted,
        }
        false
    })
    .collect()
}

fn name_of(field: &str) -> &str {
    field.split('=').next().unwrap_or_default().trim()
}

/// The content of a quoted string (RFC 9110 §5.6.4). Other text stays as it is.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut escaped = false;
    inner
        .chars()
        .filter(|c| {
            escaped = *c == '\\' && !escaped;
            !escaped
        })
        .collect()
}

/// Encodes all but the characters of RFC 8187's `attr-char`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded_words(text: &str) -> String {
        let word = |word: &str| {
            let word = word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?=")).unwrap();
            String::from_utf8(STANDARD.decode(word).unwrap()).unwrap()
        };
        text.split(' ').map(word).collect()
    }

    #[test]
    fn utf_8_and_latin_1_are_read() {
        let of = |bytes: &[u8]| decode(&HeaderValue::from_bytes(bytes).unwrap());
        assert_eq!(of("Straße".as_bytes()), "Straße");
        assert_eq!(of(b"Stra\xdfe"), "Straße");
        assert_eq!(of(b"plain"), "plain");
    }

    #[test]
    fn text_that_a_header_can_contain_stays_as_it_is() {
        for text in ["", "a  b", "=?UTF-8?B?U3RyYcOfZQ==?="] {
            assert_eq!(encoded_words(text), text);
            assert_eq!(disposition(text), text);
        }
        assert_eq!(encoded_words("Straße"), "=?UTF-8?B?U3RyYcOfZQ==?=");
        assert_eq!(encoded_words("a\tb"), "=?UTF-8?B?YQli?=");
    }

    #[test]
    fn file_names_are_encoded_for_browsers() {
        for (text, expected) in [
            ("attachment; filename=\"café.txt\"", "attachment; filename*=UTF-8''caf%C3%A9.txt"),
            ("inline;filename=ü", "inline; filename*=UTF-8''%C3%BC"),
            (
                "attachment; filename=\"a; \\\"ü\\\".txt\"; x=1",
                "attachment; filename*=UTF-8''a%3B%20%22%C3%BC%22.txt; x=1",
            ),
            ("attachment; filename=\"ü\"; filename*=UTF-8''%C3%BC", "attachment; filename*=UTF-8''%C3%BC"),
            ("für alle", "=?UTF-8?B?ZsO8ciBhbGxl?="),
            ("attachment; größe=1", "=?UTF-8?B?YXR0YWNobWVudDsgZ3LDtsOfZT0x?="),
        ] {
            assert_eq!(disposition(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_fits_a_header_and_reads_back(text in "\\PC{0,120}") {
            let encoded = encoded_words(&text);
            prop_assert!(is_plain(&encoded) && is_plain(&disposition(&text)));
            prop_assert!(encoded == text || encoded.split(' ').all(|word| word.len() <= 75));
            if encoded != text {
                prop_assert_eq!(decoded_words(&encoded), text);
            }
        }
    }
}
