//! Multipart uploads: `CreateMultipartUpload`, `UploadPart`, `ListParts`, `CompleteMultipartUpload`,
//! `AbortMultipartUpload`.

use std::fmt::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use quick_xml::escape::escape;

use crate::connection::ResponseTimeout;
use crate::driver::{Multipart, NewUpload, Part, PartsPage, Stored, UploadCompletion, UploadId};
use crate::encode::Query;
use crate::error::ProviderError;
use crate::payload::Payload;
use crate::s3::attributes::{ConditionsOn, put_attributes, put_conditions, stored};
use crate::s3::object::object;
use crate::s3::request::Call;
use crate::s3::{S3Driver, error};
use crate::xml::{self, UnexpectedXml};

/// The limit on a page of 1,000 parts with the surrounding XML.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[async_trait]
impl Multipart for S3Driver {
    async fn create_multipart(&self, key: &str, new: &NewUpload) -> Result<UploadId, ProviderError> {
        let mut headers = HeaderMap::new();
        put_attributes(&mut headers, &new.attributes)?;
        let query = Query::new(&[("uploads", "")]);
        let call = Call { query, headers, payload: Some(Payload::bytes("")), ..object(Method::POST, key)? };
        let mut upload = None;
        self.read_answer(call, "InitiateMultipartUploadResult", |element| {
            if element.name == "UploadId" && !element.text.is_empty() {
                upload = Some(UploadId::new(element.text).map_err(|_| UnexpectedXml)?);
            }
            Ok(())
        })
        .await?;
        upload.ok_or(ProviderError::NotAnObjectStore { status: None })
    }

    async fn upload_part(
        &self,
        key: &str,
        upload: &UploadId,
        number: u32,
        payload: Payload,
    ) -> Result<Part, ProviderError> {
        let size = payload.length();
        let query = Query::new(&[("partNumber", &number.to_string()), ("uploadId", upload.as_str())]);
        let answer = self.send(Call { query, payload: Some(payload), ..object(Method::PUT, key)? }).await?;
        let etag = stored(answer.headers()).etag.ok_or(ProviderError::NotAnObjectStore { status: None })?;
        Ok(Part { number, etag, size })
    }

    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError> {
        let mut query = Query::new(&[("uploadId", upload.as_str())]);
        if after > 0 {
            query.push("part-number-marker", &after.to_string());
        }
        let call = Call { query, ..object(Method::GET, key)? };
        let mut page = PartsPage::default();
        let mut part = Part { number: 0, etag: String::new(), size: 0 };
        let mut truncated = false;
        self.read_answer(call, "ListPartsResult", |element| {
            match (element.parent(), element.name) {
                ("Part", "PartNumber") => {
                    part.number = element.text.trim().parse().map_err(|_| UnexpectedXml)?;
                }
                ("Part", "ETag") => element.text.clone_into(&mut part.etag),
                ("Part", "Size") => part.size = element.text.trim().parse().map_err(|_| UnexpectedXml)?,
                ("ListPartsResult", "Part") => page.parts.push(part.clone()),
                ("ListPartsResult", "IsTruncated") => truncated = element.text == "true",
                _ => {}
            }
            Ok(())
        })
        .await?;
        page.next = page.parts.last().map(|part| part.number).filter(|_| truncated);
        Ok(page)
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload: &UploadId,
        completion: &UploadCompletion<'_>,
    ) -> Result<Stored, ProviderError> {
        let mut headers = HeaderMap::new();
        put_conditions(&mut headers, ConditionsOn::Object, &completion.conditions)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let call = Call {
            query: Query::new(&[("uploadId", upload.as_str())]),
            headers,
            payload: Some(Payload::bytes(parts_document(completion.parts))),
            response_timeout: ResponseTimeout::Slow,
            ..object(Method::POST, key)?
        };
        let mut etag = None;
        let answered = self
            .read_answer(call, "CompleteMultipartUploadResult", |element| {
                if element.name == "ETag" {
                    etag = Some(element.text.to_owned());
                }
                Ok(())
            })
            .await?;
        Ok(Stored { etag, ..stored(&answered) })
    }

    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError> {
        let query = Query::new(&[("uploadId", upload.as_str())]);
        self.send(Call { query, ..object(Method::DELETE, key)? }).await.map(drop)
    }
}

impl S3Driver {
    /// Sends a request whose successful response may still contain an error, and reads the document.
    async fn read_answer(
        &self,
        call: Call<'_>,
        root: &str,
        visit: impl FnMut(xml::Element<'_>) -> Result<(), UnexpectedXml>,
    ) -> Result<HeaderMap, ProviderError> {
        let response_timeout = call.response_timeout;
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_ANSWER_BYTES, response_timeout).await?;
        match xml::read(&document, root, visit) {
            Ok(()) => Ok(head.headers),
            Err(UnexpectedXml) => Err(error::read_late(&head.headers, &document)
                .unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) })),
        }
    }
}

/// The request document that completes an upload.
pub fn parts_document(parts: &[Part]) -> Bytes {
    let mut text =
        String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>",
            part.number,
            escape(part.etag.as_str())
        );
    }
    text.push_str("</CompleteMultipartUpload>");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_escaped_in_the_list_of_parts() {
        let parts = [Part { number: 1, etag: "\"a<b\"".into(), size: 1 }];
        let text = parts_document(&parts);
        assert!(text.ends_with(
            b"<Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;b&quot;</ETag></Part></CompleteMultipartUpload>"
        ));
    }
}
