//! Object attributes, conditions and response fields, under S3's header names.

use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, EXPIRES,
    HeaderName,
};

use crate::driver::{Conditions, ObjectAttributes, ObjectInfo, Stored};
use crate::error::ProviderError;
use crate::headers::{self, OBJECT_CONDITIONS, attribute, text};

const METADATA: &str = "x-amz-meta-";
const VERSION: &str = "x-amz-version-id";

/// The subject of a condition: the object of the request, or the source of a copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum ConditionsOn {
    Object,
    CopySource,
}

impl ConditionsOn {
    /// The header names of the conditions, in the field order of [`Conditions`].
    fn names(self) -> [HeaderName; 4] {
        match self {
            Self::Object => OBJECT_CONDITIONS,
            Self::CopySource => [
                HeaderName::from_static("x-amz-copy-source-if-match"),
                HeaderName::from_static("x-amz-copy-source-if-none-match"),
                HeaderName::from_static("x-amz-copy-source-if-modified-since"),
                HeaderName::from_static("x-amz-copy-source-if-unmodified-since"),
            ],
        }
    }
}

pub(super) fn put_conditions(
    headers: &mut HeaderMap,
    on: ConditionsOn,
    conditions: &Conditions,
) -> Result<(), ProviderError> {
    headers::put_conditions(headers, on.names(), conditions)
}

pub(super) fn put_attributes(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
) -> Result<(), ProviderError> {
    for (name, text) in [
        (CONTENT_TYPE, &attributes.content_type),
        (CACHE_CONTROL, &attributes.cache_control),
        (CONTENT_DISPOSITION, &attributes.content_disposition),
        (CONTENT_ENCODING, &attributes.content_encoding),
        (CONTENT_LANGUAGE, &attributes.content_language),
        (EXPIRES, &attributes.expires),
    ] {
        if let Some(text) = text {
            let text = attribute(&name, text)?;
            headers.insert(name, text);
        }
    }
    headers::put_metadata(headers, METADATA, &attributes.metadata)
}

pub(super) fn info(headers: HeaderMap) -> ObjectInfo {
    let version = version(&headers);
    let tag_count = text(&headers, "x-amz-tagging-count").and_then(|count| count.parse().ok());
    ObjectInfo { tag_count, ..headers::info(headers, METADATA, version) }
}

/// The version in a response. Unversioned buckets send none, or `null`.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    text(headers, VERSION).filter(|version| version != "null")
}

pub(super) fn stored(headers: &HeaderMap) -> Stored {
    Stored { etag: text(headers, ETAG), version: version(headers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_without_versions_has_none() {
        let of =
            |text: &str| version(&HeaderMap::from_iter([(VERSION.parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(of("null"), None);
        assert_eq!(of("3/L4kqtJlcpXroDTDmJ"), Some("3/L4kqtJlcpXroDTDmJ".to_owned()));
    }
}
