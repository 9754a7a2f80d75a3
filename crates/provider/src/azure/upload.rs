//! Multipart uploads, implemented with the blocks of a block blob: Put Block, Put Block List, Get Block List.
//!
//! Azure has no uploads. A blob has one set of uncommitted blocks, which is discarded when the blob is written in
//! any way, or after a week. An upload is therefore a random name in the ids of its blocks, and its attributes are
//! in the upload's id until it is completed. As a consequence:
//! - If several uploads to a key are in progress, the first one to be completed wins, and the blocks of the others
//!   are discarded.
//! - A completed upload is recognised by the ids of the blob's committed blocks. Completing it again therefore has
//!   the same result, until the object is replaced.
//! - The service refuses empty blocks. A block of one byte that is never committed represents an empty part.
//! - Aborting discards the blocks only if nothing else depends on the key: no blob exists and no other upload is in
//!   progress. Otherwise they remain until the next write to the key, or for a week.

use std::fmt::Write as _;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use uuid::{NoContext, Uuid};

use crate::azure::AzureDriver;
use crate::azure::attributes::{put_attributes, stored};
use crate::azure::request::Call;
use crate::connection::ResponseTimeout;
use crate::driver::{Conditions, Multipart, ObjectAttributes, Objects, Part, PartsPage, Stored, UploadId};
use crate::encode::Query;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::headers::{OBJECT_CONDITIONS, put_conditions, value};
use crate::payload::Payload;
use crate::xml::{self, UnexpectedXml};

/// The limit on a list of 50,000 blocks of about 120 bytes each, with a margin.
const MAX_BLOCK_LIST_BYTES: usize = 16 * 1024 * 1024;
/// The service refuses requests whose time differs from its own by more than this.
const MAX_SKEW_SECONDS: i64 = 15 * 60;

/// An upload: its random name of 32 hexadecimal digits, which is part of its blocks' ids, and its attributes.
///
/// The name is a UUID of version 7, so it contains the time at which the upload began.
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

    /// The id of the block that represents an empty part. It is never part of the blob.
    fn empty_id(&self, number: u32) -> String {
        STANDARD.encode(format!("{}+{number:05}", self.name))
    }

    /// The part number of a block, and whether the part is empty. `None` if the block belongs to something else.
    fn part_of(&self, block_id: &str) -> Option<(u32, bool)> {
        let text = String::from_utf8(STANDARD.decode(block_id).ok()?).ok()?;
        let rest = text.strip_prefix(self.name)?;
        let is_empty = rest.starts_with('+');
        Some((rest.strip_prefix(['-', '+'])?.parse().ok()?, is_empty))
    }

    fn owns_any(&self, blocks: &[Block]) -> bool {
        blocks.iter().any(|block| self.part_of(&block.id).is_some())
    }

    /// The ids of the blocks to commit. Blocks have no entity tags, so the ids of the blocks serve as such. Empty
    /// parts are left out.
    fn block_ids(&self, parts: &[Part]) -> Result<Vec<String>, ProviderError> {
        let mut ids = Vec::with_capacity(parts.len());
        for part in parts {
            let etag = part.etag.trim_matches('"');
            if etag == self.block_id(part.number) {
                ids.push(etag.to_owned());
            } else if etag != self.empty_id(part.number) {
                return Err(invalid_part());
            }
        }
        Ok(ids)
    }

    /// Whether the upload began so long after this time that even wrong clocks can't explain it.
    fn began_after(&self, time: Timestamp) -> bool {
        let began = Uuid::parse_str(self.name).ok().and_then(|name| name.get_timestamp());
        let began = began.and_then(|began| i64::try_from(began.to_unix().0).ok());
        began.is_some_and(|began| began.saturating_sub(time.as_second()) > MAX_SKEW_SECONDS)
    }
}

fn quoted(id: &str) -> String {
    format!("\"{id}\"")
}

fn invalid_part() -> ProviderError {
    let code = Some("InvalidPart".into());
    ErrorAnswer::new(StatusCode::BAD_REQUEST, ErrorKind::Invalid, code, &HeaderMap::new()).into()
}

fn unknown_upload() -> ProviderError {
    ErrorAnswer::new(StatusCode::NOT_FOUND, ErrorKind::UploadNotFound, None, &HeaderMap::new()).into()
}

struct Block {
    id: String,
    size: u64,
}

/// The blocks of a blob. Without a blob and blocks, there are none.
#[derive(Default)]
struct Blocks {
    committed: Vec<Block>,
    uncommitted: Vec<Block>,
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
        let now = self.connections.clock().now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let name = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds)).simple();
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
        self.check_not_completed(key, &upload).await?;
        let size = payload.length();
        let (id, payload) = if size == 0 {
            (upload.empty_id(number), Payload::bytes("\0"))
        } else {
            (upload.block_id(number), payload)
        };
        let query = Query::new(&[("comp", "block"), ("blockid", &id)]);
        self.send(Call { query, payload: Some(payload), ..Call::blob(Method::PUT, key)? }).await?;
        Ok(Part { number, etag: quoted(&id), size })
    }

    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError> {
        let upload = Upload::read(upload)?;
        let Blocks { committed, uncommitted } = self.blocks(key).await?;
        if upload.owns_any(&committed) {
            return Err(unknown_upload());
        }
        let part = |block: Block| {
            let (number, is_empty) = upload.part_of(&block.id).filter(|(number, _)| *number > after)?;
            let size = if is_empty { 0 } else { block.size };
            Some(Part { number, etag: quoted(&block.id), size })
        };
        let mut parts: Vec<Part> = uncommitted.into_iter().filter_map(part).collect();
        // A part that was sent both empty and not is listed with its content.
        parts.sort_by_key(|part| (part.number, part.size == 0));
        parts.dedup_by_key(|part| part.number);
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
        let ids = upload.block_ids(parts)?;
        let mut headers = HeaderMap::new();
        put_attributes(&mut headers, &read_attributes(upload.attributes).ok_or_else(unknown_upload)?)?;
        put_conditions(&mut headers, OBJECT_CONDITIONS, conditions)?;
        self.check_exists_if_matched(key, conditions).await?;
        // The service would accept an empty list at any time, also for an upload that is completed already.
        if ids.is_empty() && !upload.owns_any(&self.blocks(key).await?.uncommitted) {
            return self.completed_empty(key).await;
        }
        match self.put_block_list(key, &ids, headers).await {
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::UploadNotFound | ErrorKind::PreconditionFailed)
                ) =>
            {
                self.completed_before(key, &upload, &ids, error).await
            }
            outcome => outcome,
        }
    }

    /// See the module's documentation. If the future is dropped in the middle, an empty blob may remain.
    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError> {
        let upload = Upload::read(upload)?;
        let blocks = self.blocks(key).await?.uncommitted;
        if blocks.is_empty() || blocks.iter().any(|block| upload.part_of(&block.id).is_none()) {
            return Ok(());
        }
        // Only writing the blob discards its blocks, so an empty blob is written and deleted.
        let absent = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let written = match self.put_block_list(key, &[], absent).await {
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
    /// Refuses a part of an upload that is completed: its block would be stored for a week and never become part of
    /// an object. Most blobs are older than the upload, or don't exist yet, so their blocks need not be listed.
    async fn check_not_completed(&self, key: &str, upload: &Upload<'_>) -> Result<(), ProviderError> {
        match self.head(key, &Conditions::default()).await {
            Ok(info) if info.last_modified.is_some_and(|time| upload.began_after(time)) => Ok(()),
            Ok(_) if upload.owns_any(&self.blocks(key).await?.committed) => Err(unknown_upload()),
            // If the credential may not read, completed uploads can't be recognised.
            _ => Ok(()),
        }
    }

    /// Finds out why the service can't complete an upload. A response to an earlier completion may have been lost;
    /// then the blob consists of exactly these blocks, and the result is the same again.
    async fn completed_before(
        &self,
        key: &str,
        upload: &Upload<'_>,
        ids: &[String],
        error: ProviderError,
    ) -> Result<Stored, ProviderError> {
        let Blocks { committed, uncommitted } = self.blocks(key).await?;
        if !ids.is_empty() && committed.iter().map(|block| &block.id).eq(ids) {
            let info = self.head(key, &Conditions::default()).await?;
            return Ok(Stored { etag: info.etag, version: info.version });
        }
        if error.kind() == Some(ErrorKind::PreconditionFailed) {
            return Err(error);
        }
        let in_progress = !upload.owns_any(&committed) && upload.owns_any(&uncommitted);
        Err(if in_progress { invalid_part() } else { unknown_upload() })
    }

    /// Completes an upload of nothing but empty parts that is not in progress any more: the result is the same again
    /// if the object is empty.
    async fn completed_empty(&self, key: &str) -> Result<Stored, ProviderError> {
        match self.head(key, &Conditions::default()).await {
            Ok(info) if info.size == Some(0) => Ok(Stored { etag: info.etag, version: info.version }),
            Ok(_) => Err(unknown_upload()),
            Err(error) if matches!(error.kind(), Some(ErrorKind::ObjectNotFound | ErrorKind::NotFound)) => {
                Err(unknown_upload())
            }
            Err(error) => Err(error),
        }
    }

    async fn put_block_list(
        &self,
        key: &str,
        ids: &[String],
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

    async fn blocks(&self, key: &str) -> Result<Blocks, ProviderError> {
        let query = Query::new(&[("comp", "blocklist"), ("blocklisttype", "all")]);
        let answer = match self.send(Call { query, ..Call::blob(Method::GET, key)? }).await {
            Ok(answer) => answer,
            // Without a blob and uncommitted blocks there is no list.
            Err(error) if error.kind() == Some(ErrorKind::ObjectNotFound) => return Ok(Blocks::default()),
            Err(error) => return Err(error),
        };
        let (head, body) = answer.into_parts();
        let document = self.connections.document(body, MAX_BLOCK_LIST_BYTES, ResponseTimeout::Usual).await?;
        let mut blocks = Blocks::default();
        let mut block = Block { id: String::new(), size: 0 };
        let read = xml::read(&document, "BlockList", |element| {
            match (element.parent(), element.name) {
                ("Block", "Name") => element.text.clone_into(&mut block.id),
                ("Block", "Size") => block.size = element.text.trim().parse().map_err(|_| UnexpectedXml)?,
                ("UncommittedBlocks" | "CommittedBlocks", "Block") => {
                    let read = Block { id: std::mem::take(&mut block.id), size: block.size };
                    let is_committed = element.parent() == "CommittedBlocks";
                    (if is_committed { &mut blocks.committed } else { &mut blocks.uncommitted }).push(read);
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
        assert_eq!(upload.part_of(&upload.block_id(17)), Some((17, false)));
        assert_eq!(upload.part_of(&upload.empty_id(17)), Some((17, true)));
        assert_eq!(upload.block_id(1).len(), upload.block_id(10_000).len());
        assert_eq!(upload.block_id(1).len(), upload.empty_id(1).len());
        for other in
            ["", "!", &STANDARD.encode("block-00001"), &STANDARD.encode(format!("{}-00001", "0b".repeat(16)))]
        {
            assert_eq!(upload.part_of(other), None);
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
