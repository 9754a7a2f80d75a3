//! Multipart uploads, implemented with the blocks of a block blob: Put Block, Put Block List, Get Block List.
//!
//! Azure has no uploads. A blob has one set of uncommitted blocks, which is discarded when the blob is written in
//! any way, or after a week. An upload is therefore a random name in the ids of its blocks, and its attributes are
//! in the upload's id until it is completed. As a consequence:
//! - If several uploads to a key are in progress, the first one to be completed wins, and the blocks of the others
//!   are discarded.
//! - Aborting discards the blocks only if nothing else depends on the key: no blob exists and no other upload is in
//!   progress. Otherwise they remain until the next write to the key, or for a week.

use std::fmt::Write as _;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use uuid::Uuid;

use crate::azure::AzureDriver;
use crate::azure::attributes::{put_attributes, stored};
use crate::azure::request::Call;
use crate::connection::ResponseTimeout;
use crate::driver::{Conditions, Multipart, ObjectAttributes, Part, PartsPage, Stored, UploadId};
use crate::encode::Query;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::headers::{OBJECT_CONDITIONS, put_conditions, value};
use crate::payload::Payload;
use crate::xml::{self, UnexpectedXml};

/// The limit on a list of 50,000 blocks of about 120 bytes each, with a margin.
const MAX_BLOCK_LIST_BYTES: usize = 16 * 1024 * 1024;

/// An upload: its random name of 32 hexadecimal digits, which is part of its blocks' ids, and its attributes.
struct Upload<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl<'a> Upload<'a> {
    fn read(id: &'a UploadId) -> Result<Self, ProviderError> {
        let (name, attributes) = id.as_str().split_once('.').unwrap_or((id.as_str(), ""));
        let fits = name.len() == 32 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self { name, attributes }) } else { Err(unknown_upload()) }
    }

    /// The id of a block. All block ids of a blob must have the same length.
    fn block_id(&self, number: u32) -> String {
        STANDARD.encode(format!("{}-{number:05}", self.name))
    }

    /// The part number of a block. `None` if the block belongs to something else.
    fn number(&self, block_id: &str) -> Option<u32> {
        let text = String::from_utf8(STANDARD.decode(block_id).ok()?).ok()?;
        text.strip_prefix(self.name)?.strip_prefix('-')?.parse().ok()
    }

    /// Blocks have no entity tags. The id of a part's block serves as one.
    fn etag(&self, number: u32) -> String {
        format!("\"{}\"", self.block_id(number))
    }
}

fn unknown_upload() -> ProviderError {
    ErrorAnswer::new(StatusCode::NOT_FOUND, ErrorKind::UploadNotFound, None, &HeaderMap::new()).into()
}

struct Block {
    id: String,
    size: u64,
}

#[async_trait]
impl Multipart for AzureDriver {
    /// Begins an upload without sending anything.
    async fn create_multipart(
        &self,
        key: &str,
        attributes: &ObjectAttributes,
    ) -> Result<UploadId, ProviderError> {
        Call::blob(Method::PUT, key)?;
        // Attributes that the service would refuse on completion are refused now.
        put_attributes(&mut HeaderMap::new(), attributes)?;
        let name = Uuid::new_v4().simple();
        UploadId::new(format!("{name}.{}", write_attributes(attributes)))
            .map_err(|_| ProviderError::InvalidRequest("the upload's headers and metadata are too long"))
    }

    async fn upload_part(
        &self,
        key: &str,
        upload: &UploadId,
        number: u32,
        payload: Payload,
    ) -> Result<Part, ProviderError> {
        let upload = Upload::read(upload)?;
        let size = payload.length();
        let query = Query::new(&[("comp", "block"), ("blockid", &upload.block_id(number))]);
        self.send(Call { query, payload: Some(payload), ..Call::blob(Method::PUT, key)? }).await?;
        Ok(Part { number, etag: upload.etag(number), size })
    }

    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError> {
        let upload = Upload::read(upload)?;
        let part = |block: Block| {
            let number = upload.number(&block.id).filter(|number| *number > after)?;
            Some(Part { number, etag: upload.etag(number), size: block.size })
        };
        let mut parts: Vec<Part> = self.uncommitted(key).await?.into_iter().filter_map(part).collect();
        parts.sort_by_key(|part| part.number);
        Ok(PartsPage { parts, next: None })
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload: &UploadId,
        parts: &[Part],
        conditions: &Conditions,
    ) -> Result<Stored, ProviderError> {
        let upload = Upload::read(upload)?;
        if parts.iter().any(|part| part.etag.trim_matches('"') != upload.block_id(part.number)) {
            return Err(ProviderError::InvalidRequest("a part's entity tag is not from this upload"));
        }
        let mut headers = HeaderMap::new();
        put_attributes(&mut headers, &read_attributes(upload.attributes).ok_or_else(unknown_upload)?)?;
        put_conditions(&mut headers, OBJECT_CONDITIONS, conditions)?;
        self.put_block_list(key, parts.iter().map(|part| upload.block_id(part.number)), headers).await
    }

    /// See the module's documentation. If the future is dropped in the middle, an empty blob may remain.
    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError> {
        let upload = Upload::read(upload)?;
        let blocks = self.uncommitted(key).await?;
        if blocks.is_empty() || blocks.iter().any(|block| upload.number(&block.id).is_none()) {
            return Ok(());
        }
        // Only writing the blob discards its blocks, so an empty blob is written and deleted.
        let absent = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let written = match self.put_block_list(key, std::iter::empty(), absent).await {
            Ok(written) => written,
            Err(error) if error.kind() == Some(ErrorKind::PreconditionFailed) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut call = Call::blob(Method::DELETE, key)?;
        if let Some(etag) = &written.etag {
            call.headers.insert(IF_MATCH, value(etag)?);
        }
        match self.send(call).await {
            Ok(_) => Ok(()),
            // The blob has been written or deleted since by another request.
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::PreconditionFailed | ErrorKind::ObjectNotFound)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl AzureDriver {
    async fn put_block_list(
        &self,
        key: &str,
        ids: impl Iterator<Item = String>,
        headers: HeaderMap,
    ) -> Result<Stored, ProviderError> {
        let mut document = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for id in ids {
            // Writing to a string can't fail. Base64 needs no escaping in XML.
            let _ = write!(document, "<Uncommitted>{id}</Uncommitted>");
        }
        document.push_str("</BlockList>");
        let query = Query::new(&[("comp", "blocklist")]);
        let payload = Some(Payload::bytes(document));
        let response_timeout = ResponseTimeout::Slow;
        let call = Call { query, headers, payload, response_timeout, ..Call::blob(Method::PUT, key)? };
        let answer = self.send(call).await?;
        Ok(stored(answer.headers()))
    }

    async fn uncommitted(&self, key: &str) -> Result<Vec<Block>, ProviderError> {
        let query = Query::new(&[("comp", "blocklist"), ("blocklisttype", "uncommitted")]);
        let answer = match self.send(Call { query, ..Call::blob(Method::GET, key)? }).await {
            Ok(answer) => answer,
            // Without uncommitted blocks there is no list: before the first block, and after the last upload.
            Err(error) if error.kind() == Some(ErrorKind::ObjectNotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let (head, body) = answer.into_parts();
        let document = self.connections.document(body, MAX_BLOCK_LIST_BYTES, ResponseTimeout::Usual).await?;
        let mut blocks = Vec::new();
        let mut block = Block { id: String::new(), size: 0 };
        let read = xml::read(&document, "BlockList", |element| {
            match (element.parent(), element.name) {
                ("Block", "Name") => element.text.clone_into(&mut block.id),
                ("Block", "Size") => block.size = element.text.trim().parse().map_err(|_| UnexpectedXml)?,
                ("UncommittedBlocks", "Block") => {
                    blocks.push(Block { id: std::mem::take(&mut block.id), size: block.size });
                }
                _ => {}
            }
            Ok(())
        });
        match read {
            Ok(()) => Ok(blocks),
            Err(UnexpectedXml) => Err(ProviderError::NotAnObjectStore { status: Some(head.status) }),
        }
    }
}

fn write_attributes(attributes: &ObjectAttributes) -> String {
    let fields = [
        &attributes.content_type,
        &attributes.cache_control,
        &attributes.content_disposition,
        &attributes.content_encoding,
        &attributes.content_language,
    ];
    URL_SAFE_NO_PAD.encode(serde_json::json!([fields, attributes.metadata]).to_string())
}

fn read_attributes(text: &str) -> Option<ObjectAttributes> {
    type Fields = [Option<String>; 5];
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (fields, metadata): (Fields, Vec<(String, String)>) = serde_json::from_slice(&bytes).ok()?;
    let [content_type, cache_control, content_disposition, content_encoding, content_language] = fields;
    Some(ObjectAttributes {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires: None,
        metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload() -> UploadId {
        UploadId::new(format!("{}.x", "0a".repeat(16))).unwrap()
    }

    #[test]
    fn attributes_travel_in_the_id() {
        let attributes = ObjectAttributes {
            content_type: Some("text/plain".into()),
            metadata: vec![("a".into(), "b c".into())],
            ..Default::default()
        };
        assert_eq!(read_attributes(&write_attributes(&attributes)), Some(attributes));
        assert_eq!(read_attributes("garbage"), None);
    }

    #[test]
    fn blocks_belong_to_their_upload_and_have_ids_of_one_length() {
        let id = upload();
        let upload = Upload::read(&id).unwrap();
        assert_eq!(upload.number(&upload.block_id(17)), Some(17));
        assert_eq!(upload.block_id(1).len(), upload.block_id(10_000).len());
        for other in
            ["", "!", &STANDARD.encode("block-00001"), &STANDARD.encode(format!("{}-00001", "0b".repeat(16)))]
        {
            assert_eq!(upload.number(other), None);
        }
    }

    #[test]
    fn an_id_of_another_kind_is_an_unknown_upload() {
        for wrong in ["abc", "x/y", &"z".repeat(32)] {
            let error = Upload::read(&UploadId::new(wrong).unwrap()).err().unwrap();
            assert_eq!(error.kind(), Some(ErrorKind::UploadNotFound), "{wrong}");
        }
    }
}
