//! The canonical form of a request, which is what gets signed ("Task 1: Create a Canonical Request").
//!
//! It is built from the bytes of the path and the query as they were sent. As in S3, only the spelling of escapes
//! is normalised: `%7e` and `~` are equal, so are `(` and `%28`, and in the query `+` and `%20`. Nothing is decoded
//! that could change the meaning: `%2F`, `//`, `/./` and `/../` stay.

use std::ops::Range;

use http::HeaderMap;
use http::header::HeaderName;
use http::request::Parts;

use super::headers::SignatureHeaders;
use super::signed_headers::SignedHeaders;
use bucketry_model::hex;

/// The parameters of a query in canonical form, sorted by name and value.
#[derive(Debug)]
pub(super) struct CanonicalQuery {
    text: Vec<u8>,
    parameters: Vec<(Range<usize>, Range<usize>)>,
}

impl CanonicalQuery {
    pub(super) fn of(raw: &str) -> Self {
        let mut text = Vec::with_capacity(raw.len() + 16);
        let mut parameters = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let start = text.len();
            push_unified(&mut text, name, Within::Query);
            let middle = text.len();
            push_unified(&mut text, value, Within::Query);
            parameters.push((start..middle, middle..text.len()));
        }
        parameters.sort_by(|(name, value), (other_name, other_value)| {
            (&text[name.clone()], &text[value.clone()])
                .cmp(&(&text[other_name.clone()], &text[other_value.clone()]))
        });
        Self { text, parameters }
    }

    /// Names and values, percent-encoded.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.parameters.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }
}

/// The parameter that contains the signature, which therefore isn't signed.
pub(super) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// Builds the canonical request. The error is the name of a signed header that is missing.
pub(super) fn request<'s>(
    parts: &Parts,
    headers: &SignatureHeaders<'_>,
    query: &CanonicalQuery,
    signed: &'s SignedHeaders<'_>,
    content: &str,
) -> Result<Vec<u8>, &'s HeaderName> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    let path = parts.uri.path();
    push_unified(&mut out, if path.is_empty() { "/" } else { path }, Within::Path);
    out.push(b'\n');
    let mut first = true;
    for (name, value) in query.iter().filter(|(name, _)| *name != SIGNATURE_PARAMETER.as_bytes()) {
        if !std::mem::take(&mut first) {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
    out.push(b'\n');
    for name in signed.names() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.push(b':');
        push_values(&mut out, parts, headers, name).ok_or(name)?;
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed.text().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(content.as_bytes());
    Ok(out)
}

/// The host that the request was sent to, as the client wrote it.
pub(super) fn host<'a>(parts: &'a Parts, headers: &SignatureHeaders<'a>) -> Option<&'a [u8]> {
    let header = headers.host.first().map(http::HeaderValue::as_bytes);
    header.or_else(|| parts.uri.authority().map(|authority| authority.as_str().as_bytes()))
}

fn push_values(
    out: &mut Vec<u8>,
    parts: &Parts,
    headers: &SignatureHeaders<'_>,
    name: &HeaderName,
) -> Option<()> {
    let found = match name.as_str() {
        "host" => {
            push_trimmed(out, host(parts, headers)?);
            return Some(());
        }
        "x-amz-content-sha256" => headers.content_sha256.only(),
        "x-amz-date" => headers.amz_date.only(),
        _ => None,
    };
    if let Some(value) = found {
        push_trimmed(out, value.as_bytes());
        return Some(());
    }
    let mut values = parts.headers.get_all(name).iter();
    push_trimmed(out, values.next()?.as_bytes());
    for value in values {
        out.push(b',');
        push_trimmed(out, value.as_bytes());
    }
    Some(())
}

/// Trims the value and replaces each run of spaces and tabs with one space.
fn push_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        out.extend_from_slice(value);
        return;
    }
    let mut after_space = false;
    for byte in value {
        let space = matches!(byte, b' ' | b'\t');
        if !space {
            out.push(*byte);
        } else if !after_space {
            out.push(b' ');
        }
        after_space = space;
    }
}

/// The part of the target that a text comes from. It decides which characters are special.
#[derive(Debug, Clone, Copy)]
enum Within {
    /// A slash is a separator.
    Path,
    /// A plus sign is a space, as in forms.
    Query,
}

/// Percent-encodes every byte except the unreserved ones of RFC 3986 §2.3, in upper case. Existing escapes aren't
/// encoded again.
fn push_unified(out: &mut Vec<u8>, raw: &str, within: Within) {
    let mut rest = raw.as_bytes();
    loop {
        // Most of a path or a query is copied as it is.
        let plain = rest.iter().take_while(|byte| UNRESERVED[usize::from(**byte)]).count();
        let (run, others) = rest.split_at(plain);
        out.extend_from_slice(run);
        let [byte, tail @ ..] = others else { return };
        rest = tail;
        match (*byte, tail, within) {
            (b'%', [high, low, tail @ ..], _) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = tail;
                push_byte(out, value_of(*high) << 4 | value_of(*low));
            }
            (b'/', _, Within::Path) => out.push(b'/'),
            (b'+', _, Within::Query) => push_byte(out, b' '),
            (byte, ..) => push_byte(out, byte),
        }
    }
}

/// The unreserved characters of RFC 3986.
const UNRESERVED: [bool; 256] = {
    let mut unreserved = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        unreserved[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    unreserved
};

fn push_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if UNRESERVED[usize::from(byte)] {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn value_of(hex_digit: u8) -> u8 {
    match hex_digit {
        b'0'..=b'9' => hex_digit - b'0',
        _ => (hex_digit | 0x20) - b'a' + 10,
    }
}

/// The `x-amz-*` headers that aren't signed.
pub(super) fn unsigned_amazon_headers<'a>(
    headers: &'a HeaderMap,
    signed: &SignedHeaders<'_>,
) -> Vec<&'a str> {
    let names = headers.keys().map(HeaderName::as_str);
    names.filter(|name| name.starts_with("x-amz-") && !signed.contains(name)).collect()
}

/// Turns the canonical request into the text that is signed with the key ("Task 2: Create a String to Sign").
pub(super) fn string_to_sign(time: &str, scope: &str, canonical_request: Vec<u8>) -> Vec<u8> {
    let hash = ring::digest::digest(&ring::digest::SHA256, &canonical_request);
    let mut out = canonical_request;
    out.clear();
    for part in ["AWS4-HMAC-SHA256", time, scope] {
        out.extend_from_slice(part.as_bytes());
        out.push(b'\n');
    }
    hex::append(&mut out, hash.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unified(raw: &str) -> String {
        let mut out = Vec::new();
        push_unified(&mut out, raw, Within::Path);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_spelling_of_escapes_is_unified() {
        for (raw, canonical) in [
            ("/b/k", "/b/k"),
            ("/b//k/./../", "/b//k/./../"),
            ("/b/a%2fb%2F", "/b/a%2Fb%2F"),
            ("/b/%7e~(x)%28", "/b/~~%28x%29%28"),
            ("/b/a+b%20c%2B", "/b/a%2Bb%20c%2B"),
            ("/b/é%c3%a9", "/b/%C3%A9%C3%A9"),
            ("/b/%", "/b/%25"),
            ("/b/%4", "/b/%254"),
            ("/b/%zz%%41", "/b/%25zz%25A"),
            ("/b/%252F", "/b/%252F"),
        ] {
            assert_eq!(unified(raw), canonical, "{raw}");
        }
    }

    #[test]
    fn parameters_are_sorted_by_name_and_then_by_value() {
        let query = CanonicalQuery::of("b=2+%2B&a-c=1&&a=x/y&uploads&a=%78&A=");
        let text: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        assert_eq!(text, ["A=", "a=x", "a=x%2Fy", "a-c=1", "b=2%20%2B", "uploads="]);
    }

    #[test]
    fn space_in_values_is_trimmed_and_folded() {
        let mut out = Vec::new();
        push_trimmed(&mut out, b"  a   \"b \t c\"  ");
        assert_eq!(out, b"a \"b c\"");
    }
}
