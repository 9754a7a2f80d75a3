//! Multipart uploads, with the XML API. The JSON API has no uploads whose parts can be sent in parallel and in any
//! order.
//!
//! The service supports no conditions in these requests. A check before the completion could miss a write in between,
//! so conditions are refused.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

use crate::connection::ResponseTimeout;
use crate::driver::{
    Conditions, HiddenMetadata, Multipart, NewUpload, Objects, Part, PartsPage, Stored, UploadCompletion,
    UploadId, UploadLists, UploadsPage, UploadsRequest,
};
use crate::encode::Query;
use crate::error::{ErrorKind, ProviderError};
use crate::gcs::GcsDriver;
use crate::gcs::attributes::{etag_of_headers, generation_of_headers, put_attributes};
use crate::gcs::error::{self, About};
use crate::gcs::request::Call;
use crate::gcs::tag_text::text_of;
use crate::payload::Payload;
use crate::s3::{MAX_UPLOADS_BYTES, parse_uploads, parts_document, uploads_query};
use crate::xml::{self, UnexpectedXml};

/// The limit on a page of 1,000 parts with the surrounding XML.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[async_trait]
impl Multipart for GcsDriver {
    async fn create_multipart(&self, key: &str, object: &NewUpload) -> Result<UploadId, ProviderError> {
        let mut call = self.upload_call(Method::POST, key, &[("uploads", "")])?;
        call.about = About::Object;
        let hidden = HiddenMetadata { tags: text_of(&object.tags)?, ..HiddenMetadata::default() };
        put_attributes(&mut call.headers, &object.attributes, &hidden)?;
        call.payload = Some(Payload::bytes(""));
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
        let query = [("partNumber", number.to_string()), ("uploadId", upload.as_str().to_owned())];
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut call = self.upload_call(Method::PUT, key, &query)?;
        call.payload = Some(payload);
        let answer = self.send(call).await?;
        let etag =
            etag_of_headers(answer.headers()).ok_or(ProviderError::NotAnObjectStore { status: None })?;
        Ok(Part { number, etag, size })
    }

    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError> {
        let mut call = self.upload_call(Method::GET, key, &[("uploadId", upload.as_str())])?;
        if after > 0 {
            call.query.push("part-number-marker", &after.to_string());
        }
        let mut page = PartsPage::default();
        let mut part = Part { number: 0, etag: String::new(), size: 0 };
        let mut truncated = false;
        self.read_answer(call, "ListPartsResult", |element| {
            let number = || element.text.trim().parse().map_err(|_| UnexpectedXml);
            match (element.parent(), element.name) {
                ("Part", "PartNumber") => {
                    part.number = u32::try_from(number()?).map_err(|_| UnexpectedXml)?;
                }
                ("Part", "ETag") => element.text.clone_into(&mut part.etag),
                ("Part", "Size") => part.size = number()?,
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
        let UploadCompletion { parts, conditions, hidden } = completion;
        if *conditions != Conditions::default() {
            return Err(ProviderError::InvalidRequest("Google supports no conditions on multipart uploads"));
        }
        let document = parts_document(parts);
        match self.complete(key, upload, document.clone()).await {
            Ok(stored) => {
                let stored = self.with_hidden(key, stored, hidden).await;
                self.completed_uploads.remember(upload, &document, &stored);
                Ok(stored)
            }
            Err(error) if error.kind() == Some(ErrorKind::UploadNotFound) => {
                self.completed_before(key, upload, &document).await.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError> {
        let call = self.upload_call(Method::DELETE, key, &[("uploadId", upload.as_str())])?;
        self.send(call).await.map(drop)
    }
}

#[async_trait]
impl UploadLists for GcsDriver {
    async fn list_uploads(&self, request: &UploadsRequest) -> Result<UploadsPage, ProviderError> {
        let path = format!("/{}", self.bucket);
        let call = Call { query: uploads_query(request), ..Call::new(Method::GET, path, About::Bucket) };
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_UPLOADS_BYTES, ResponseTimeout::Usual).await?;
        parse_uploads(&document).map_err(|UnexpectedXml| {
            error::read_late(&head.headers, &document, About::Bucket)
                .unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) })
        })
    }
}

impl GcsDriver {
    async fn complete(&self, key: &str, upload: &UploadId, parts: Bytes) -> Result<Stored, ProviderError> {
        let mut call = self.upload_call(Method::POST, key, &[("uploadId", upload.as_str())])?;
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        call.payload = Some(Payload::bytes(parts));
        call.response_timeout = ResponseTimeout::Slow;
        let mut etag = None;
        let answered = self
            .read_answer(call, "CompleteMultipartUploadResult", |element| {
                if element.name == "ETag" {
                    etag = Some(element.text.to_owned());
                }
                Ok(())
            })
            .await?;
        if let version @ Some(_) = generation_of_headers(&answered) {
            return Ok(Stored { etag, version });
        }
        // The response may begin before the service knows the generation.
        match self.head(key, &Conditions::default()).await {
            Ok(info) => Ok(Stored { etag: info.etag.or(etag), version: info.version }),
            Err(_) => Ok(Stored { etag, version: None }),
        }
    }

    /// Adds metadata that only the gateway sees. The service accepts metadata only when the upload begins, and when the
    /// object exists. The entity tag of an object that was made of parts changes with its metadata. If the credential
    /// may not change the object, it lacks this metadata.
    async fn with_hidden(&self, key: &str, stored: Stored, hidden: &HiddenMetadata) -> Stored {
        if hidden.is_empty() {
            return stored;
        }
        let entries = hidden.entries().map(|(name, text)| (name, Some(text)));
        self.patch_metadata(key, stored.version.as_deref(), entries).await.unwrap_or(stored)
    }

    /// The result of an earlier completion of the upload with the same parts, if the object is still the one that it
    /// stored.
    async fn completed_before(&self, key: &str, upload: &UploadId, parts: &[u8]) -> Option<Stored> {
        let stored = self.completed_uploads.recall(upload, parts)?;
        let now = self.head(key, &Conditions::default()).await.ok()?;
        (stored.version.is_some() && now.version == stored.version).then_some(stored)
    }

    fn upload_call(
        &self,
        method: Method,
        key: &str,
        query: &[(&'static str, &str)],
    ) -> Result<Call, ProviderError> {
        Ok(Call { query: Query::new(query), about: About::Upload, ..self.xml_object(method, key)? })
    }

    async fn read_answer(
        &self,
        call: Call,
        root: &str,
        visit: impl FnMut(xml::Element<'_>) -> Result<(), UnexpectedXml>,
    ) -> Result<HeaderMap, ProviderError> {
        let (about, response_timeout) = (call.about, call.response_timeout);
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_ANSWER_BYTES, response_timeout).await?;
        match xml::read(&document, root, visit) {
            Ok(()) => Ok(head.headers),
            Err(UnexpectedXml) => match error::read_late(&head.headers, &document, about) {
                Some(late) => Err(late),
                None => Err(ProviderError::NotAnObjectStore { status: Some(head.status) }),
            },
        }
    }
}
