//! `ListMultipartUploads`. Google's XML API has it in the same form.

use async_trait::async_trait;
use http::Method;

use crate::connection::ResponseTimeout;
use crate::driver::{ListedUpload, UploadId, UploadLists, UploadsMarker, UploadsPage, UploadsRequest};
use crate::encode::{Query, decode_listed};
use crate::error::ProviderError;
use crate::s3::request::Call;
use crate::s3::{S3Driver, error};
use crate::xml::{self, UnexpectedXml};

/// The limit on a page: 1,000 uploads with their ids and keys of 1,024 bytes, each escaped to three times its
/// length.
pub(crate) const MAX_UPLOADS_BYTES: usize = 8 * 1024 * 1024;

#[async_trait]
impl UploadLists for S3Driver {
    async fn list_uploads(&self, request: &UploadsRequest) -> Result<UploadsPage, ProviderError> {
        let call = Call { query: uploads_query(request), ..Call::new(Method::GET, None) };
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_UPLOADS_BYTES, ResponseTimeout::Usual).await?;
        parse_uploads(&document).map_err(|UnexpectedXml| {
            error::read_late(&head.headers, &document)
                .unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) })
        })
    }
}

/// The query for a page. `encoding-type=url` allows keys that XML can't represent.
pub(crate) fn uploads_query(request: &UploadsRequest) -> Query {
    let mut query = Query::new(&[
        ("uploads", ""),
        ("encoding-type", "url"),
        ("max-uploads", &request.max_uploads.to_string()),
    ]);
    if !request.prefix.is_empty() {
        query.push("prefix", &request.prefix);
    }
    for (name, value) in [
        ("delimiter", request.delimiter.as_deref()),
        ("key-marker", request.after.key.as_deref()),
        ("upload-id-marker", request.after.upload.as_ref().map(UploadId::as_str)),
    ] {
        if let Some(value) = value {
            query.push(name, value);
        }
    }
    query
}

/// Parses a page.
pub(crate) fn parse_uploads(document: &[u8]) -> Result<UploadsPage, UnexpectedXml> {
    let mut page = UploadsPage::default();
    let mut upload = ListedUpload::default();
    let mut next = UploadsMarker::default();
    let mut url_encoded = false;
    let mut truncated = false;
    xml::read(document, "ListMultipartUploadsResult", |element| {
        let text = element.text;
        let some = || Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        match (element.path.len(), element.parent(), element.name) {
            (1, _, "EncodingType") => url_encoded = text == "url",
            (1, _, "IsTruncated") => truncated = text == "true",
            (1, _, "NextKeyMarker") => next.key = some(),
            (1, _, "NextUploadIdMarker") => {
                next.upload = some().map(UploadId::new).transpose().map_err(|_| UnexpectedXml)?;
            }
            (1, _, "Upload") => page.uploads.push(std::mem::take(&mut upload)),
            (2, "Upload", "Key") => text.clone_into(&mut upload.key),
            (2, "Upload", "UploadId") => text.clone_into(&mut upload.upload),
            (2, "Upload", "Initiated") => upload.initiated = text.parse().ok(),
            (2, "Upload", "StorageClass") => upload.storage_class = some(),
            (2, "CommonPrefixes", "Prefix") => page.prefixes.push(text.to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    if url_encoded {
        let keys = page.uploads.iter_mut().map(|upload| &mut upload.key);
        for key in keys.chain(&mut page.prefixes).chain(&mut next.key) {
            *key = decode_listed(key).ok_or(UnexpectedXml)?;
        }
    }
    page.next = (truncated && next != UploadsMarker::default()).then_some(next);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_uploads_prefixes_and_where_the_next_one_begins() {
        let document = b"<ListMultipartUploadsResult xmlns='x'><Prefix>ignored</Prefix>\
            <NextKeyMarker>a%20b</NextKeyMarker><NextUploadIdMarker>u+/=</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
            <Upload><Key>a%20b</Key><UploadId>u+/=</UploadId><Owner><ID>secret</ID></Owner>\
            <StorageClass>STANDARD</StorageClass><Initiated>2026-05-01T10:00:00.000Z</Initiated></Upload>\
            <CommonPrefixes><Prefix>z%2B/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>\
            </ListMultipartUploadsResult>";
        let page = parse_uploads(document).unwrap();
        assert_eq!((page.uploads[0].key.as_str(), page.uploads[0].upload.as_str()), ("a b", "u+/="));
        assert_eq!(page.uploads[0].initiated, "2026-05-01T10:00:00Z".parse().ok());
        assert_eq!(page.prefixes, ["z+/"]);
        let next = UploadsMarker { key: Some("a b".into()), upload: UploadId::new("u+/=").ok() };
        assert_eq!(page.next, Some(next));
    }

    #[test]
    fn the_last_page_has_no_next_one_whatever_else_it_says() {
        let of = |inner: &str| {
            parse_uploads(
                format!("<ListMultipartUploadsResult>{inner}</ListMultipartUploadsResult>").as_bytes(),
            )
        };
        assert_eq!(
            of("<NextKeyMarker>k</NextKeyMarker><IsTruncated>false</IsTruncated>").unwrap().next,
            None
        );
        assert_eq!(of("<IsTruncated>true</IsTruncated>").unwrap().next, None);
        assert_eq!(parse_uploads(b"<html/>"), Err(UnexpectedXml));
    }
}
