//! `ListObjectsV2`.

use async_trait::async_trait;
use http::Method;

use crate::connection::ResponseTimeout;
use crate::driver::{ListPage, ListRequest, ListedObject, Lists, PageToken};
use crate::encode::{Query, decode_listed};
use crate::error::ProviderError;
use crate::s3::request::Call;
use crate::s3::{S3Driver, error};
use crate::xml::{self, UnexpectedXml};

/// The limit on a page: 1,000 keys of 1,024 bytes, each escaped to three times its length, with the surrounding
/// XML.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

#[async_trait]
impl Lists for S3Driver {
    async fn list(&self, request: &ListRequest) -> Result<ListPage, ProviderError> {
        // `encoding-type=url` allows keys that XML can't represent, such as those with control characters.
        let mut query = Query::new(&[("list-type", "2"), ("encoding-type", "url")]);
        if !request.prefix.is_empty() {
            query.push("prefix", &request.prefix);
        }
        for (name, value) in [
            ("delimiter", request.delimiter.as_deref()),
            ("start-after", request.start_after.as_deref()),
            ("continuation-token", request.token.as_ref().map(PageToken::as_str)),
        ] {
            if let Some(value) = value {
                query.push(name, value);
            }
        }
        if let Some(max_keys) = request.max_keys {
            query.push("max-keys", &max_keys.to_string());
        }
        let answer = self.send(Call { query, ..Call::new(Method::GET, None) }).await?;
        let (head, body) = answer.into_parts();
        let document = self.connections.document(body, MAX_PAGE_BYTES, ResponseTimeout::Usual).await?;
        parse(&document).map_err(|UnexpectedXml| {
            error::read_late(&head.headers, &document)
                .unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) })
        })
    }
}

fn parse(document: &[u8]) -> Result<ListPage, UnexpectedXml> {
    let mut page = ListPage::default();
    let mut object = ListedObject::default();
    let mut url_encoded = false;
    let mut truncated = false;
    let mut token = None;
    xml::read(document, "ListBucketResult", |element| {
        let text = element.text;
        match (element.path.len(), element.parent(), element.name) {
            (1, _, "EncodingType") => url_encoded = text == "url",
            (1, _, "IsTruncated") => truncated = text == "true",
            (1, _, "NextContinuationToken") => token = Some(text.to_owned()),
            (1, _, "Contents") => page.objects.push(std::mem::take(&mut object)),
            (2, "Contents", "Key") => text.clone_into(&mut object.key),
            (2, "Contents", "Size") => object.size = text.trim().parse().map_err(|_| UnexpectedXml)?,
            (2, "Contents", "ETag") => object.etag = Some(text.to_owned()),
            (2, "Contents", "LastModified") => object.last_modified = text.parse().ok(),
            (2, "Contents", "StorageClass") => object.storage_class = Some(text.to_owned()),
            (2, "CommonPrefixes", "Prefix") => page.prefixes.push(text.to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    if url_encoded {
        let keys = page.objects.iter_mut().map(|object| &mut object.key);
        for key in keys.chain(&mut page.prefixes) {
            *key = decode_listed(key).ok_or(UnexpectedXml)?;
        }
    }
    // Some servers send a token even on the last page.
    let token = token.filter(|_| truncated);
    page.next = token.map(PageToken::new).transpose().map_err(|_| UnexpectedXml)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whatever_the_order_of_its_elements() {
        let document = br#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <CommonPrefixes><Prefix>a%20b/</Prefix></CommonPrefixes>
            <Contents><Key>%F0%9F%9A%80%2B+x</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified>
              <ETag>&quot;abc&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>
            <Prefix>ignored</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>
            <CommonPrefixes><Prefix>z/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>
          </ListBucketResult>"#;
        let page = parse(document).unwrap();
        assert_eq!(page.prefixes, ["a b/", "z/"]);
        assert_eq!(page.next, PageToken::new("t+/=").ok());
        let object = &page.objects[0];
        assert_eq!((object.key.as_str(), object.size), ("🚀+ x", 5));
        assert_eq!(object.etag.as_deref(), Some("\"abc\""));
        assert_eq!(object.last_modified, "2024-05-01T10:00:00Z".parse().ok());
    }

    #[test]
    fn keys_of_a_server_that_does_not_escape_stay_as_they_are() {
        let document = b"<ListBucketResult><Contents><Key>100%25+1 </Key><Size>0</Size></Contents><NextContinuationToken>x</NextContinuationToken><IsTruncated>false</IsTruncated></ListBucketResult>";
        let page = parse(document).unwrap();
        assert_eq!((page.objects[0].key.as_str(), page.next), ("100%25+1 ", None));
    }

    #[test]
    fn other_documents_are_no_pages() {
        for document in ["", "<html/>", "<ListBucketResult>", "{}"] {
            assert_eq!(parse(document.as_bytes()), Err(UnexpectedXml), "{document}");
        }
    }
}
