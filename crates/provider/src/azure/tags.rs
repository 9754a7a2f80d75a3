//! Blob index tags: Get Blob Tags, Set Blob Tags. Accounts with a hierarchical namespace don't support them.

use std::fmt::Write as _;

use async_trait::async_trait;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use quick_xml::escape::escape;

use crate::azure::AzureDriver;
use crate::azure::request::Call;
use crate::connection::ResponseTimeout;
use crate::driver::{Tag, Tags, encode_tags};
use crate::encode::Query;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::headers::value;
use crate::payload::Payload;
use crate::xml::{self, UnexpectedXml};

/// The limit on a document: ten tags with names of 128 and values of 256 characters, escaped, with the surrounding
/// XML.
const MAX_TAGS_BYTES: usize = 64 * 1024;

#[async_trait]
impl Tags for AzureDriver {
    async fn get_tags(&self, key: &str) -> Result<Vec<Tag>, ProviderError> {
        let query = Query::new(&[("comp", "tags")]);
        let answer = self.send(Call { query, ..Call::blob(Method::GET, key)? }).await?;
        let (head, body) = answer.into_parts();
        let document = self.connections.document(body, MAX_TAGS_BYTES, ResponseTimeout::Usual).await?;
        read(&document).map_err(|UnexpectedXml| ProviderError::NotAnObjectStore { status: Some(head.status) })
    }

    async fn put_tags(&self, key: &str, tags: &[Tag]) -> Result<(), ProviderError> {
        check(tags)?;
        let query = Query::new(&[("comp", "tags")]);
        let payload = Some(Payload::bytes(write(tags)));
        let mut call = Call { query, payload, ..Call::blob(Method::PUT, key)? };
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
        self.send(call).await.map(drop)
    }
}

/// Adds the tags to a request that stores a blob. Without tags, the request needs no permission for them.
pub(super) fn put_tags(headers: &mut HeaderMap, tags: &[Tag]) -> Result<(), ProviderError> {
    if !tags.is_empty() {
        check(tags)?;
        headers.insert(HeaderName::from_static("x-ms-tags"), value(&encode_tags(tags))?);
    }
    Ok(())
}

/// Refuses tags that the service doesn't accept.
fn check(tags: &[Tag]) -> Result<(), ProviderError> {
    if tags.iter().all(|tag| is_allowed(&tag.key) && is_allowed(&tag.value)) {
        return Ok(());
    }
    let code = Some("InvalidTag".into());
    Err(ErrorAnswer::new(StatusCode::BAD_REQUEST, ErrorKind::Invalid, code, &HeaderMap::new()).into())
}

/// Whether the service accepts these characters in names and values of tags.
fn is_allowed(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b" +-./:=_".contains(&b))
}

fn read(document: &[u8]) -> Result<Vec<Tag>, UnexpectedXml> {
    let mut tags = Vec::new();
    let mut tag = Tag::default();
    xml::read(document, "Tags", |element| {
        match (element.parent(), element.name) {
            ("Tag", "Key") => element.text.clone_into(&mut tag.key),
            ("Tag", "Value") => element.text.clone_into(&mut tag.value),
            ("TagSet", "Tag") => tags.push(std::mem::take(&mut tag)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(tags)
}

fn write(tags: &[Tag]) -> String {
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><Tags><TagSet>");
    for Tag { key, value } in tags {
        // Writing to a string can't fail.
        let _ = write!(
            document,
            "<Tag><Key>{}</Key><Value>{}</Value></Tag>",
            escape(key.as_str()),
            escape(value.as_str())
        );
    }
    document.push_str("</TagSet></Tags>");
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_along_with_a_blob_are_checked_and_encoded() {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let mut headers = HeaderMap::new();
        put_tags(&mut headers, &[]).unwrap();
        assert!(headers.is_empty(), "without tags, the credential needs no permission for them");
        put_tags(&mut headers, &[tag("a", "1 + 2"), tag("b/c", "")]).unwrap();
        assert_eq!(headers["x-ms-tags"], "a=1%20%2B%202&b%2Fc=");
        for wrong in [tag("ü", ""), tag("a", "1&2"), tag("a\n", "")] {
            let error = put_tags(&mut headers, &[wrong]).unwrap_err();
            assert_eq!(error.answer().unwrap().code.as_deref(), Some("InvalidTag"));
        }
    }

    #[test]
    fn tags_that_were_written_are_read() {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        for tags in [vec![], vec![tag("a", ""), tag("b<&>", "\"1\" + 2")]] {
            assert_eq!(read(write(&tags).as_bytes()), Ok(tags));
        }
        assert!(read(b"<Error/>").is_err());
    }
}
