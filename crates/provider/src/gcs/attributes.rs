//! Translates objects of the JSON API and headers of the XML API so that both give the same result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::hex;
use http::HeaderMap;
use http::header::ETAG;
use serde_json::{Map, Value, json};

use crate::driver::{HiddenMetadata, ListedObject, ObjectAttributes, ObjectInfo, Stored};
use crate::error::ProviderError;
use crate::gcs::tag_text::tags_of;
use crate::headers::{self, attribute, check_attribute, text};

const METADATA: &str = "x-goog-meta-";
/// The type of an object that is stored without one.
pub(super) const DEFAULT_TYPE: &str = "application/octet-stream";

/// An object's attributes and hidden metadata as a resource of the JSON API.
pub(super) fn resource(
    attributes: &ObjectAttributes,
    hidden: &HiddenMetadata,
) -> Result<Map<String, Value>, ProviderError> {
    if attributes.expires.is_some() {
        return Err(ProviderError::InvalidRequest("Google does not store Expires with an object"));
    }
    let mut resource = Map::new();
    for (name, text) in [
        ("contentType", &attributes.content_type),
        ("cacheControl", &attributes.cache_control),
        ("contentDisposition", &attributes.content_disposition),
        ("contentEncoding", &attributes.content_encoding),
        ("contentLanguage", &attributes.content_language),
    ] {
        if let Some(text) = text {
            check_attribute(text)?;
            resource.insert(name.to_owned(), json!(text));
        }
    }
    headers::put_metadata(&mut HeaderMap::new(), METADATA, &attributes.metadata)?;
    let of_client = attributes.metadata.iter().map(|(name, text)| (name.clone(), json!(text)));
    let hidden = hidden.entries().map(|(name, text)| (name.to_owned(), json!(text)));
    let metadata: Map<_, _> = of_client.chain(hidden).collect();
    if !metadata.is_empty() {
        resource.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Ok(resource)
}

/// The attributes of a copy as a resource of the JSON API. A resource without fields could mean that the copy gets the
/// attributes of the source, so those that it doesn't get are named.
pub(super) fn replacing_resource(
    attributes: &ObjectAttributes,
    hidden: &HiddenMetadata,
) -> Result<Map<String, Value>, ProviderError> {
    let mut replacing = resource(attributes, hidden)?;
    replacing.entry("contentType").or_insert_with(|| json!(DEFAULT_TYPE));
    for name in ["cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "metadata"] {
        replacing.entry(name).or_insert(Value::Null);
    }
    Ok(replacing)
}

/// An object's attributes and hidden metadata as headers of the XML API.
pub(super) fn put_attributes(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
    hidden: &HiddenMetadata,
) -> Result<(), ProviderError> {
    use http::header::{
        CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    };
    if attributes.expires.is_some() {
        return Err(ProviderError::InvalidRequest("Google does not store Expires with an object"));
    }
    for (name, text) in [
        (CONTENT_TYPE, &attributes.content_type),
        (CACHE_CONTROL, &attributes.cache_control),
        (CONTENT_DISPOSITION, &attributes.content_disposition),
        (CONTENT_ENCODING, &attributes.content_encoding),
        (CONTENT_LANGUAGE, &attributes.content_language),
    ] {
        if let Some(text) = text {
            let text = attribute(&name, text)?;
            headers.insert(name, text);
        }
    }
    headers::put_metadata(headers, METADATA, &attributes.metadata)?;
    headers::put_hidden(headers, METADATA, hidden)
}

/// An object's metadata in a response of the XML API.
pub(super) fn info(headers: HeaderMap) -> ObjectInfo {
    let (etag, version) = (etag_of_headers(&headers), generation_of_headers(&headers));
    let mut info = headers::info(headers, METADATA, version);
    info.etag = etag;
    info.tag_count =
        info.hidden.as_deref().map(|hidden| u32::try_from(tags_of(hidden).len()).unwrap_or_default());
    info
}

pub(super) fn generation_of_headers(headers: &HeaderMap) -> Option<String> {
    text(headers, "x-goog-generation")
}

/// The entity tag is the MD5 of the content if there is one, as in the XML API. This also applies to servers whose
/// header differs from their lists. Objects made of parts have no MD5.
pub(super) fn etag_of_headers(headers: &HeaderMap) -> Option<String> {
    let hashes = headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
    let md5 = hashes.flat_map(|text| text.split(',')).find_map(|hash| hash.trim().strip_prefix("md5="));
    md5.and_then(etag_of_md5).or_else(|| text(headers, ETAG))
}

fn etag_of_md5(base64: &str) -> Option<String> {
    let md5 = STANDARD.decode(base64).ok().filter(|md5| md5.len() == 16)?;
    Some(format!("\"{}\"", hex::encode(&md5)))
}

/// The entity tag of a resource, in the form of the XML API.
fn etag_of_resource(object: &Value) -> Option<String> {
    let md5 = object["md5Hash"].as_str().and_then(etag_of_md5);
    md5.or_else(|| Some(format!("\"-{}\"", object["etag"].as_str()?)))
}

pub(super) fn stored(object: &Value) -> Stored {
    Stored { etag: etag_of_resource(object), version: object["generation"].as_str().map(str::to_owned) }
}

/// An object in a list. `None` if it has no name or no size.
pub(super) fn listed(object: &Value) -> Option<ListedObject> {
    Some(ListedObject {
        key: object["name"].as_str()?.to_owned(),
        size: object["size"].as_str()?.parse().ok()?,
        etag: etag_of_resource(object),
        last_modified: object["updated"].as_str().and_then(|time| time.parse().ok()),
        storage_class: object["storageClass"].as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_resources_tell_the_same_entity_tag() {
        let hash = "XUFAKrxLKna5cZ2REBfFkg==";
        let expected = Some("\"5d41402abc4b2a76b9719d911017c592\"".to_owned());
        let of = |value: &str| {
            etag_of_headers(&HeaderMap::from_iter([("x-goog-hash".parse().unwrap(), value.parse().unwrap())]))
        };
        assert_eq!(of(&format!("crc32c=mnG7TA==,md5={hash}")), expected);
        assert_eq!(etag_of_resource(&json!({ "md5Hash": hash, "etag": "CJ" })), expected);
        assert_eq!(of("crc32c=mnG7TA=="), None);
        assert_eq!(etag_of_resource(&json!({ "etag": "CJ=" })), Some("\"-CJ=\"".to_owned()));
    }

    #[test]
    fn a_copy_with_other_attributes_names_all_of_them() {
        let replacing = Value::Object(
            replacing_resource(&ObjectAttributes::default(), &HiddenMetadata::default()).unwrap(),
        );
        let expected = json!({
            "contentType": "application/octet-stream", "cacheControl": null, "contentDisposition": null,
            "contentEncoding": null, "contentLanguage": null, "metadata": null,
        });
        assert_eq!(replacing, expected);
        let given = ObjectAttributes {
            cache_control: Some("no-store".into()),
            metadata: vec![("a".into(), "ü".into())],
            ..Default::default()
        };
        let replacing = replacing_resource(&given, &HiddenMetadata::default()).unwrap();
        assert_eq!(
            (&replacing["cacheControl"], &replacing["metadata"]),
            (&json!("no-store"), &json!({"a": "ü"}))
        );
    }

    #[test]
    fn what_no_header_could_bring_back_is_refused() {
        let of = |attributes| resource(&attributes, &HiddenMetadata::default()).is_err();
        assert!(of(ObjectAttributes { expires: Some("x".into()), ..Default::default() }));
        assert!(of(ObjectAttributes { content_type: Some("a\nb".into()), ..Default::default() }));
        assert!(of(ObjectAttributes { metadata: vec![("a b".into(), "x".into())], ..Default::default() }));
        assert!(!of(ObjectAttributes::default()));
    }
}
