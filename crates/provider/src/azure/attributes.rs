//! Object attributes and metadata, under Azure's header names.

use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, HeaderName,
};

use crate::driver::{HiddenMetadata, ObjectAttributes, ObjectInfo, Stored};
use crate::error::ProviderError;
use crate::headers::{self, attribute, text};

const METADATA: &str = "x-ms-meta-";

/// The header names of conditions on the source of a copy, in the field order of
/// [`Conditions`](crate::driver::Conditions).
pub(super) const SOURCE_CONDITIONS: [HeaderName; 4] = [
    HeaderName::from_static("x-ms-source-if-match"),
    HeaderName::from_static("x-ms-source-if-none-match"),
    HeaderName::from_static("x-ms-source-if-modified-since"),
    HeaderName::from_static("x-ms-source-if-unmodified-since"),
];

/// Adds attributes and metadata to a request that stores a blob.
pub(super) fn put_attributes(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
) -> Result<(), ProviderError> {
    put_properties(headers, attributes)?;
    put_metadata(headers, attributes)
}

/// Adds the attributes, but no metadata.
pub(super) fn put_properties(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
) -> Result<(), ProviderError> {
    if attributes.expires.is_some() {
        return Err(ProviderError::InvalidRequest("Azure does not store Expires with an object"));
    }
    for (name, as_stored, text) in [
        (CONTENT_TYPE, "x-ms-blob-content-type", &attributes.content_type),
        (CACHE_CONTROL, "x-ms-blob-cache-control", &attributes.cache_control),
        (CONTENT_DISPOSITION, "x-ms-blob-content-disposition", &attributes.content_disposition),
        (CONTENT_ENCODING, "x-ms-blob-content-encoding", &attributes.content_encoding),
        (CONTENT_LANGUAGE, "x-ms-blob-content-language", &attributes.content_language),
    ] {
        if let Some(text) = text {
            headers.insert(HeaderName::from_static(as_stored), attribute(&name, text)?);
        }
    }
    Ok(())
}

/// Adds the metadata only.
pub(super) fn put_metadata(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
) -> Result<(), ProviderError> {
    let named = attributes.metadata.iter().map(|(name, text)| (identifier(name), text.clone()));
    headers::put_metadata(headers, METADATA, &named.collect::<Vec<_>>())
}

/// Adds metadata that only the gateway sees. The names are identifiers already.
pub(super) fn put_hidden(headers: &mut HeaderMap, hidden: &HiddenMetadata) -> Result<(), ProviderError> {
    headers::put_hidden(headers, METADATA, hidden)
}

pub(super) fn info(headers: HeaderMap) -> ObjectInfo {
    let version = version(&headers);
    let mut info = headers::info(headers, METADATA, version);
    info.tag_count = text(&info.headers, "x-ms-tag-count").and_then(|count| count.parse().ok());
    for (name, _) in &mut info.attributes.metadata {
        *name = from_identifier(name);
    }
    info
}

/// The version. Only accounts with versioning return one.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    text(headers, "x-ms-version-id")
}

pub(super) fn stored(headers: &HeaderMap) -> Stored {
    Stored { etag: text(headers, ETAG).map(quoted), version: version(headers) }
}

/// Adds the quotes, which entity tags in lists lack.
pub(super) fn quoted(etag: String) -> String {
    if etag.is_empty() || etag.starts_with('"') { etag } else { format!("\"{etag}\"") }
}

/// Encodes a metadata name. Azure requires C# identifiers: letters, digits and underscores, with no digit first.
/// Every other byte is written as `_` and two hexadecimal digits. So is an underscore that would otherwise be read
/// as such an escape.
fn identifier(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut out = String::with_capacity(name.len() + 4);
    for (at, byte) in bytes.iter().enumerate() {
        let plain = match byte {
            b'_' => hex_pair(&bytes[at + 1..]).is_none(),
            b'0'..=b'9' => at > 0,
            _ => byte.is_ascii_alphabetic(),
        };
        if plain {
            out.push(char::from(*byte));
        } else {
            out.push('_');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Decodes a metadata name. Names that other tools wrote may look like an escape without being one: nothing that the
/// gateway escapes would decode to them.
fn from_identifier(name: &str) -> String {
    decoded(name)
        .filter(|decoded| HeaderName::try_from(decoded.as_str()).is_ok() && identifier(decoded) == name)
        .unwrap_or_else(|| name.to_owned())
}

fn decoded(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = hex_pair(&bytes[at + 1..]).filter(|_| *byte == b'_');
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: u8| HEX.iter().position(|hex| *hex == byte).and_then(|at| u8::try_from(at).ok());
    Some(digit(*bytes.first()?)? << 4 | digit(*bytes.get(1)?)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hidden_metadata_has_names_that_need_no_escape() {
        let hidden =
            HiddenMetadata { checksum: Some("c".into()), parts: Some("1".into()), ..Default::default() };
        for (name, _) in hidden.entries() {
            assert_eq!(identifier(name), name);
        }
        let mut headers = HeaderMap::new();
        put_hidden(&mut headers, &hidden).unwrap();
        put_metadata(
            &mut headers,
            &ObjectAttributes { metadata: vec![("a".into(), "1".into())], ..Default::default() },
        )
        .unwrap();
        let info = info(headers);
        assert_eq!(info.hidden.as_deref(), Some(&hidden));
        assert_eq!(info.attributes.metadata, [("a".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn names_become_identifiers_and_stay_readable_where_they_are() {
        for (name, written) in [
            ("colour", "colour"),
            ("n-1", "n_2d1"),
            ("1st", "_31st"),
            ("my_key", "my_key"),
            ("a_2d", "a_5f2d"),
            ("_", "_"),
            ("a.b", "a_2eb"),
        ] {
            assert_eq!(identifier(name), written);
        }
        for foreign in ["other_ff", "a_20b", "user_61", "_31", "x_0a", "a_5f"] {
            let read = from_identifier(foreign);
            assert!(read == foreign || identifier(&read) == foreign, "{foreign} {read}");
        }
        assert_eq!(from_identifier("other_ff"), "other_ff", "not UTF-8, so not an escape");
        assert_eq!(from_identifier("a_20b"), "a_20b", "no name of a header contains a space");
        assert_eq!(from_identifier("user_61"), "user_61", "a letter needs no escape");
    }

    proptest! {
        #[test]
        fn every_name_reads_back(name in "[a-z0-9!#$%&'*+.^_`|~-]{1,40}") {
            let written = identifier(&name);
            prop_assert_eq!(from_identifier(&written), name);
            prop_assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            prop_assert!(!written.starts_with(|c: char| c.is_ascii_digit()));
        }
    }
}
