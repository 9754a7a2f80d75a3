//! Multipart uploads, implemented with the blocks of a block blob: Put Block, Put Block List, Get Block List.
//!
//! Azure has no uploads. A blob has one set of uncommitted blocks, which is discarded when the blob is written in
//! any way, or after a week. An upload is therefore a random name in the ids of its blocks. Its attributes are in its
//! id, and in the ids of blocks that are stored when it begins, so that it can be listed; see `upload_blocks` and
//! `upload_list`. As a consequence:
//! - If several uploads to a key are in progress, the first one to be completed wins, and the blocks of the others
//!   are discarded.
//! - A completed upload is recognised by the ids of the blob's committed blocks. Completing it again therefore has
//!   the same result, until the object is replaced.
//! - The service refuses empty blocks. A block of one byte that is never committed represents an empty part.
//! - Aborting discards the blocks only if nothing else depends on the key: no blob exists and no other upload is in
//!   progress. Otherwise they remain until the next write to the key, or for a week, and a further block marks the
//!   upload as aborted. That write discards the mark, too. A client that then sends all parts again can complete the
//!   upload: it can't be told from one whose blocks another write discarded.
//! - Whether an upload was completed or aborted is in the list of blocks. If it can't be read when the upload begins, the
//!   upload's id says so, and the only check is that the service commits nothing but blocks that it has.

use std::fmt::Write as _;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::azure::AzureDriver;
use crate::azure::attributes::{put_attributes, put_hidden, stored};
use crate::azure::request::Call;
use crate::azure::tags::put_tags;
use crate::azure::upload_blocks::{Block, Blocks, Upload, parts_in};
use crate::connection::ResponseTimeout;
use crate::driver::{
    Conditions, Multipart, NewUpload, ObjectInfo, ObjectPart, Objects, Part, PartsPage, Stored,
    UploadCompletion, UploadId,
};
use crate::encode::Query;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::headers::{OBJECT_CONDITIONS, put_conditions, value};
use crate::payload::Payload;
use crate::xml::{self, UnexpectedXml};

/// The limit on a list of 50,000 blocks of about 150 bytes each, with a margin.
const MAX_BLOCK_LIST_BYTES: usize = 16 * 1024 * 1024;
/// How many blocks of attributes are stored concurrently. Few uploads have more than one.
const AT_ONCE: usize = 8;

fn read(id: &UploadId) -> Result<Upload, ProviderError> {
    Upload::read(id).ok_or_else(unknown_upload)
}

/// The ids of the blocks to commit. Blocks have no entity tags, so the ids of the blocks serve as such. Empty parts
/// are left out.
fn block_ids(upload: &Upload, parts: &[Part]) -> Result<Vec<String>, ProviderError> {
    let mut ids = Vec::with_capacity(parts.len());
    for part in parts {
        let id = upload.part_id(part.number);
        if part.etag == etag_of(&id) {
            ids.push(id);
        } else if part.etag != etag_of(&upload.empty_id(part.number)) {
            return Err(invalid_part());
        }
    }
    Ok(ids)
}

/// The entity tag for a block. Its id is base64, which may contain slashes; an entity tag with an empty segment between
/// slashes could be taken for a path, so clients could not send it back.
fn etag_of(id: &str) -> String {
    format!("\"{}\"", id.replace('/', "_"))
}

/// Adds what is stored with the object to the request that creates it.
fn put_object(headers: &mut HeaderMap, object: &NewUpload) -> Result<(), ProviderError> {
    put_attributes(headers, &object.attributes)?;
    put_tags(headers, &object.tags)
}

fn invalid_part() -> ProviderError {
    let code = Some("InvalidPart".into());
    ErrorAnswer::new(StatusCode::BAD_REQUEST, ErrorKind::Invalid, code, &HeaderMap::new()).into()
}

fn unknown_upload() -> ProviderError {
    ErrorAnswer::new(StatusCode::NOT_FOUND, ErrorKind::UploadNotFound, None, &HeaderMap::new()).into()
}

#[async_trait]
impl Multipart for AzureDriver {
    /// Begins an upload by storing its attributes. If the future is dropped, the upload doesn't exist.
    async fn create_multipart(&self, key: &str, object: &NewUpload) -> Result<UploadId, ProviderError> {
        // What the service would refuse on completion is refused now.
        put_object(&mut HeaderMap::new(), object)?;
        let mut upload = Upload::new(self.connections.clock().now(), object);
        upload.id()?;
        let ids = stream::iter(upload.attribute_ids());
        let putting = ids.map(|block| async move { self.put_block(key, &block, Payload::bytes("\0")).await });
        putting.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let blocks = self.readable_blocks(key).await?;
        if !blocks.is_some_and(|blocks| upload.is_in_progress(&blocks)) {
            upload.mark_unlisted();
        }
        upload.id()
    }

    async fn upload_part(
        &self,
        key: &str,
        upload: &UploadId,
        number: u32,
        payload: Payload,
    ) -> Result<Part, ProviderError> {
        let upload = read(upload)?;
        self.check_takes_parts(key, &upload).await?;
        let size = payload.length();
        let (id, payload) = if size == 0 {
            (upload.empty_id(number), Payload::bytes("\0"))
        } else {
            (upload.part_id(number), payload)
        };
        self.put_block(key, &id, payload).await?;
        Ok(Part { number, etag: etag_of(&id), size })
    }

    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError> {
        let upload = read(upload)?;
        let blocks = self.blocks(key).await?;
        if !upload.is_in_progress(&blocks) {
            return Err(unknown_upload());
        }
        let part = |block: Block| {
            let (number, is_empty) = upload.part_of(&block.id).filter(|(number, _)| *number > after)?;
            let size = if is_empty { 0 } else { block.size };
            Some(Part { number, etag: etag_of(&block.id), size })
        };
        let mut parts: Vec<Part> = blocks.uncommitted.into_iter().filter_map(part).collect();
        // A part that was sent both empty and not is listed with its content.
        parts.sort_by_key(|part| (part.number, part.size == 0));
        parts.dedup_by_key(|part| part.number);
        Ok(PartsPage { parts, next: None })
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload: &UploadId,
        completion: &UploadCompletion<'_>,
    ) -> Result<Stored, ProviderError> {
        let UploadCompletion { parts, conditions, hidden } = completion;
        let upload = read(upload)?;
        let ids = block_ids(&upload, parts)?;
        let mut headers = HeaderMap::new();
        put_object(&mut headers, &upload.object().ok_or_else(unknown_upload)?)?;
        put_hidden(&mut headers, hidden)?;
        put_conditions(&mut headers, OBJECT_CONDITIONS, conditions)?;
        self.check_exists_if_matched(key, conditions).await?;
        if let Some(blocks) = self.blocks_of(key, &upload).await? {
            if upload.is_aborted(&blocks) {
                return Err(unknown_upload());
            }
            // The service would accept an empty list at any time, also for an upload that is completed already.
            if ids.is_empty() && !upload.owns_any(&blocks.uncommitted) {
                return self.completed_empty(key).await;
            }
        }
        self.upload_checks.forget(upload.name());
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

    /// The blob consists of the blocks of its parts.
    async fn object_parts(&self, key: &str, _info: &ObjectInfo) -> Result<Vec<ObjectPart>, ProviderError> {
        Ok(parts_in(&self.blocks(key).await?.committed))
    }

    /// See the module's documentation. If the future is dropped in the middle, an empty blob may remain.
    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError> {
        let upload = read(upload)?;
        self.upload_checks.forget(upload.name());
        let blocks = self.blocks(key).await?;
        if !upload.is_in_progress(&blocks) {
            return Ok(());
        }
        if !blocks.committed.is_empty() || !upload.owns_all(&blocks.uncommitted) {
            return self.put_block(key, &upload.aborted_id(), Payload::bytes("\0")).await;
        }
        // Only writing the blob discards its blocks, so an empty blob is written and deleted.
        let absent = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let written = match self.put_block_list(key, &[], absent).await {
            Ok(written) => written,
            Err(error) if error.kind() == Some(ErrorKind::PreconditionFailed) => {
                return self.put_block(key, &upload.aborted_id(), Payload::bytes("\0")).await;
            }
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
    /// Refuses a part of an upload that was completed or aborted: its block would be stored for a week and never become
    /// part of an object.
    async fn check_takes_parts(&self, key: &str, upload: &Upload) -> Result<(), ProviderError> {
        let now = self.connections.clock().now();
        if self.upload_checks.is_recent(upload.name(), now) {
            return Ok(());
        }
        let Some(blocks) = self.blocks_of(key, upload).await? else { return Ok(()) };
        if !upload.takes_parts(&blocks) {
            return Err(unknown_upload());
        }
        self.upload_checks.remember(upload.name(), now, blocks.uncommitted.len());
        Ok(())
    }

    /// The blocks of the blob. `None` if they don't show whether the upload is in progress.
    async fn blocks_of(&self, key: &str, upload: &Upload) -> Result<Option<Blocks>, ProviderError> {
        if upload.is_unlisted() { Ok(None) } else { self.readable_blocks(key).await }
    }

    /// The blocks of the blob. `None` if the credential may not list them; some may write, but not read.
    async fn readable_blocks(&self, key: &str) -> Result<Option<Blocks>, ProviderError> {
        match self.blocks(key).await {
            Ok(blocks) => Ok(Some(blocks)),
            Err(error) if error.kind() == Some(ErrorKind::AccessDenied) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds out why the service can't complete an upload. A response to an earlier completion may have been lost;
    /// then the blob consists of exactly these blocks, and the result is the same again.
    async fn completed_before(
        &self,
        key: &str,
        upload: &Upload,
        ids: &[String],
        error: ProviderError,
    ) -> Result<Stored, ProviderError> {
        let Some(Blocks { committed, uncommitted, .. }) = self.readable_blocks(key).await? else {
            return Err(error);
        };
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

    async fn put_block(&self, key: &str, id: &str, payload: Payload) -> Result<(), ProviderError> {
        let query = Query::new(&[("comp", "block"), ("blockid", id)]);
        self.send(Call { query, payload: Some(payload), ..Call::blob(Method::PUT, key)? }).await.map(drop)
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

    pub(super) async fn blocks(&self, key: &str) -> Result<Blocks, ProviderError> {
        let query = Query::new(&[("comp", "blocklist"), ("blocklisttype", "all")]);
        let answer = match self.send(Call { query, ..Call::blob(Method::GET, key)? }).await {
            Ok(answer) => answer,
            // Without a blob and uncommitted blocks there is no list.
            Err(error) if error.kind() == Some(ErrorKind::ObjectNotFound) => return Ok(Blocks::default()),
            Err(error) => return Err(error),
        };
        let (head, body) = answer.into_parts();
        let document = self.connections.document(body, MAX_BLOCK_LIST_BYTES, ResponseTimeout::Usual).await?;
        let mut blocks = Blocks { exist: true, ..Blocks::default() };
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::driver::check_opaque;

    #[test]
    fn clients_can_return_the_entity_tag_of_every_part() {
        for number in 1..=2_000 {
            let upload = Upload::new(Timestamp::UNIX_EPOCH, &NewUpload::default());
            let etag = etag_of(&upload.part_id(number));
            assert_eq!(check_opaque(&etag, 1_024), Ok(()), "{etag}");
            let part = Part { number, etag, size: 1 };
            assert_eq!(block_ids(&upload, &[part]).unwrap(), [upload.part_id(number)]);
        }
    }
}
