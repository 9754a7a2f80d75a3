//! What the ids of blocks say about uploads. They are all that the service returns of uncommitted blocks.
//!
//! An id has 64 bytes before it is encoded, because all block ids of a blob must have the same length:
//! - 16 bytes: the upload's name, a UUID of version 7, which contains the time at which the upload began;
//! - 1 byte: what the block is;
//! - 5 digits: the number of the part, or the position of a piece of the upload's attributes;
//! - 42 bytes: the piece of the attributes, padded with spaces. The content of these blocks is never read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::{NoContext, Uuid};

use crate::driver::{NewUpload, ObjectAttributes, ObjectPart, Tag, UploadId};
use crate::error::ProviderError;

/// How many bytes of an upload's attributes fit into the id of a block.
const PIECE_BYTES: usize = 42;
/// How the ids of uploads end that the service didn't list. Base64 contains no dots.
const UNLISTED: &str = ".u";

const PART: u8 = b'-';
const EMPTY_PART: u8 = b'+';
const ATTRIBUTES: u8 = b'a';
const LAST_ATTRIBUTES: u8 = b'z';
const ABORTED: u8 = b'x';

/// An upload: its name and its attributes, both of which are in the id that the gateway gives to clients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Upload {
    name: Uuid,
    /// JSON.
    attributes: Vec<u8>,
    /// Whether the service didn't list the upload when it began.
    is_unlisted: bool,
}

/// A block of a blob.
pub(super) struct Block {
    pub(super) id: String,
    pub(super) size: u64,
}

/// The blocks of a blob.
#[derive(Default)]
pub(super) struct Blocks {
    /// Whether there is a blob, or at least an uncommitted block. A blob may have no blocks.
    pub(super) exist: bool,
    pub(super) committed: Vec<Block>,
    pub(super) uncommitted: Vec<Block>,
}

/// A decoded id.
struct BlockId {
    upload: Uuid,
    kind: u8,
    number: u32,
    piece: Vec<u8>,
}

impl BlockId {
    /// `None` if the block belongs to something else than an upload.
    fn read(id: &str) -> Option<Self> {
        let bytes = STANDARD.decode(id).ok()?;
        let (upload, rest) = bytes.split_first_chunk::<16>()?;
        let (kind, rest) = rest.split_first()?;
        let (number, piece) = rest.split_first_chunk::<5>()?;
        if piece.len() != PIECE_BYTES || !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some(Self { upload: Uuid::from_bytes(*upload), kind: *kind, number, piece: piece.to_owned() })
    }
}

impl Upload {
    /// An upload that begins now.
    pub(super) fn new(now: Timestamp, object: &NewUpload) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let name = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds));
        Self { name, attributes: write_object(object), is_unlisted: false }
    }

    /// Reads an id. `None` if it isn't one of these uploads.
    pub(super) fn read(id: &UploadId) -> Option<Self> {
        let (name, attributes) = id.as_str().split_once('.')?;
        let is_name = name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let name = Uuid::parse_str(name).ok().filter(|_| is_name)?;
        let unmarked = attributes.strip_suffix(UNLISTED);
        let attributes = URL_SAFE_NO_PAD.decode(unmarked.unwrap_or(attributes)).ok()?;
        Some(Self { name, attributes, is_unlisted: unmarked.is_some() })
    }

    /// The id that contains the name and the attributes.
    pub(super) fn id(&self) -> Result<UploadId, ProviderError> {
        let attributes = URL_SAFE_NO_PAD.encode(&self.attributes);
        let mark = if self.is_unlisted { UNLISTED } else { "" };
        UploadId::new(format!("{}.{attributes}{mark}", self.name.simple())).map_err(|_| {
            ProviderError::InvalidRequest("the headers, the metadata and the tags of the upload are too long")
        })
    }

    /// The name. Names are in the order in which the uploads began.
    pub(super) fn name(&self) -> Uuid {
        self.name
    }

    /// Marks the upload as one that the service doesn't list.
    pub(super) fn mark_unlisted(&mut self) {
        self.is_unlisted = true;
    }

    /// Whether lists of blocks can't show that the upload is in progress.
    pub(super) fn is_unlisted(&self) -> bool {
        self.is_unlisted
    }

    /// The attributes and tags of the object. `None` if they are malformed.
    pub(super) fn object(&self) -> Option<NewUpload> {
        read_object(&self.attributes)
    }

    /// When the upload began.
    pub(super) fn began(&self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.name.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
    }

    fn encode(&self, kind: u8, number: u32, piece: &[u8]) -> String {
        let mut id = self.name.as_bytes().to_vec();
        id.push(kind);
        id.extend_from_slice(format!("{number:05}").as_bytes());
        id.extend_from_slice(piece);
        id.resize(16 + 1 + 5 + PIECE_BYTES, b' ');
        STANDARD.encode(id)
    }

    /// The id of the block of a part.
    pub(super) fn part_id(&self, number: u32) -> String {
        self.encode(PART, number, b"")
    }

    /// The id of the block that represents an empty part. It is never part of the blob.
    pub(super) fn empty_id(&self, number: u32) -> String {
        self.encode(EMPTY_PART, number, b"")
    }

    /// The id of the block that marks the upload as aborted, where its blocks can't be discarded.
    pub(super) fn aborted_id(&self) -> String {
        self.encode(ABORTED, 0, b"")
    }

    /// The ids of the blocks that show that the upload exists, and with which attributes.
    pub(super) fn attribute_ids(&self) -> Vec<String> {
        let pieces = self.attributes.chunks(PIECE_BYTES);
        let count = pieces.len();
        let kind = |index| if index + 1 == count { LAST_ATTRIBUTES } else { ATTRIBUTES };
        (0..).zip(pieces).map(|(number, piece)| self.encode(kind(number as usize), number, piece)).collect()
    }

    /// The part number of a block, and whether the part is empty. `None` if the block is no part of this upload.
    pub(super) fn part_of(&self, block_id: &str) -> Option<(u32, bool)> {
        let id = BlockId::read(block_id).filter(|id| id.upload == self.name)?;
        matches!(id.kind, PART | EMPTY_PART).then_some((id.number, id.kind == EMPTY_PART))
    }

    fn owns(&self, block: &Block) -> bool {
        BlockId::read(&block.id).is_some_and(|id| id.upload == self.name)
    }

    /// Whether any of the blocks belongs to the upload.
    pub(super) fn owns_any(&self, blocks: &[Block]) -> bool {
        blocks.iter().any(|block| self.owns(block))
    }

    /// Whether all of the blocks belong to the upload.
    pub(super) fn owns_all(&self, blocks: &[Block]) -> bool {
        blocks.iter().all(|block| self.owns(block))
    }

    /// Whether the upload was marked as aborted.
    pub(super) fn is_aborted(&self, blocks: &Blocks) -> bool {
        let aborted = self.aborted_id();
        blocks.uncommitted.iter().any(|block| block.id == aborted)
    }

    /// Whether the upload is in progress: it exists, and was neither completed nor aborted.
    pub(super) fn is_in_progress(&self, blocks: &Blocks) -> bool {
        self.owns_any(&blocks.uncommitted) && !self.owns_any(&blocks.committed) && !self.is_aborted(blocks)
    }

    /// Whether parts may be added. They may even if a write to the key has discarded all blocks of the upload: at S3, such
    /// a write doesn't affect uploads. Without a blob, nothing was written, so the upload was aborted or has expired.
    pub(super) fn takes_parts(&self, blocks: &Blocks) -> bool {
        blocks.exist && !self.owns_any(&blocks.committed) && !self.is_aborted(blocks)
    }
}

/// The uploads to a blob that are in progress, in the order in which they began.
pub(super) fn uploads_in(blocks: &Blocks) -> Vec<Upload> {
    let mut pieces: BTreeMap<Uuid, BTreeMap<u32, (u8, Vec<u8>)>> = BTreeMap::new();
    for id in blocks.uncommitted.iter().filter_map(|block| BlockId::read(&block.id)) {
        if matches!(id.kind, ATTRIBUTES | LAST_ATTRIBUTES) {
            pieces.entry(id.upload).or_default().insert(id.number, (id.kind, id.piece));
        }
    }
    let upload = |(name, pieces): (Uuid, BTreeMap<u32, (u8, Vec<u8>)>)| {
        let (last, (kind, _)) = pieces.last_key_value()?;
        // An upload that lacks pieces was never begun completely, so no client has its id.
        let is_whole = *kind == LAST_ATTRIBUTES && usize::try_from(*last).ok()? + 1 == pieces.len();
        let padded: Vec<u8> = pieces.into_values().flat_map(|(_, piece)| piece).collect();
        let attributes = padded.trim_ascii_end().to_owned();
        is_whole.then_some(Upload { name, attributes, is_unlisted: false })
    };
    pieces.into_iter().filter_map(upload).filter(|upload| upload.is_in_progress(blocks)).collect()
}

/// The parts of an object. None if its blocks are not those of an upload.
pub(super) fn parts_in(committed: &[Block]) -> Vec<ObjectPart> {
    let part = |block: &Block| {
        let id = BlockId::read(&block.id).filter(|id| id.kind == PART)?;
        Some(ObjectPart { number: id.number, size: block.size })
    };
    committed.iter().map(part).collect::<Option<_>>().unwrap_or_default()
}

fn write_object(NewUpload { attributes, tags }: &NewUpload) -> Vec<u8> {
    let fields = [
        &attributes.content_type,
        &attributes.cache_control,
        &attributes.content_disposition,
        &attributes.content_encoding,
        &attributes.content_language,
    ];
    let count = fields.iter().rposition(|field| field.is_some()).map_or(0, |last| last + 1);
    let mut list = vec![json!(fields[..count]), json!(attributes.metadata)];
    if !tags.is_empty() {
        list.push(tags.iter().map(|tag| json!([tag.key, tag.value])).collect());
    }
    Value::Array(list).to_string().into_bytes()
}

fn read_object(json: &[u8]) -> Option<NewUpload> {
    let mut list = serde_json::from_slice::<Vec<Value>>(json).ok()?.into_iter();
    let fields: Vec<Option<String>> = serde_json::from_value(list.next()?).ok()?;
    let metadata: Vec<(String, String)> = serde_json::from_value(list.next()?).ok()?;
    let tags: Vec<(String, String)> = match list.next() {
        Some(tags) => serde_json::from_value(tags).ok()?,
        None => Vec::new(),
    };
    let mut fields = fields.into_iter();
    let mut next = || fields.next().flatten();
    let attributes = ObjectAttributes {
        content_type: next(),
        cache_control: next(),
        content_disposition: next(),
        content_encoding: next(),
        content_language: next(),
        expires: None,
        metadata,
    };
    Some(NewUpload { attributes, tags: tags.into_iter().map(|(key, value)| Tag { key, value }).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(object: &NewUpload) -> Upload {
        Upload::new("2026-05-01T10:00:00Z".parse().unwrap(), object)
    }

    fn block(id: String) -> Block {
        Block { id, size: 1 }
    }

    fn object() -> NewUpload {
        let attributes = ObjectAttributes {
            content_type: Some("text/plain".into()),
            content_language: Some("de  ".into()),
            metadata: vec![("a".into(), "b c".repeat(60))],
            ..Default::default()
        };
        NewUpload { attributes, tags: vec![Tag { key: "t".into(), value: "1".into() }] }
    }

    #[test]
    fn the_id_contains_name_and_attributes() {
        for object in [NewUpload::default(), object(), NewUpload { tags: vec![], ..object() }] {
            let upload = upload(&object);
            let read = Upload::read(&upload.id().unwrap()).unwrap();
            assert_eq!(read, upload);
            assert_eq!(read.object(), Some(object));
            assert_eq!(read.began(), "2026-05-01T10:00:00Z".parse().ok());
            let mut unlisted = upload.clone();
            unlisted.mark_unlisted();
            assert_eq!(Upload::read(&unlisted.id().unwrap()), Some(unlisted));
            assert!(!read.is_unlisted());
        }
        for wrong in ["abc", "x/y", &"z".repeat(32), &"0a".repeat(16), &format!("{}.!", "0A".repeat(16))] {
            assert_eq!(Upload::read(&UploadId::new(wrong).unwrap()), None, "{wrong}");
        }
    }

    #[test]
    fn blocks_belong_to_their_upload_and_have_ids_of_one_length() {
        let (upload, other) = (upload(&object()), upload(&object()));
        assert_eq!(upload.part_of(&upload.part_id(17)), Some((17, false)));
        assert_eq!(upload.part_of(&upload.empty_id(10_000)), Some((10_000, true)));
        let mut ids = upload.attribute_ids();
        assert!(ids.len() > 1);
        for id in &ids {
            assert_eq!(upload.part_of(id), None);
        }
        ids.extend([upload.part_id(1), upload.empty_id(10_000), upload.aborted_id()]);
        assert!(ids.iter().all(|id| id.len() == 88), "64 bytes, the most that the service accepts");
        let blocks: Vec<_> = ids.into_iter().map(block).collect();
        assert!(upload.owns_all(&blocks) && !other.owns_any(&blocks));
        for foreign in ["", "!", &STANDARD.encode("block-00001"), &STANDARD.encode([b'0'; 64])] {
            assert_eq!(upload.part_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn parts_are_accepted_until_the_upload_is_completed_or_aborted() {
        let (one, other) = (upload(&object()), upload(&object()));
        let mut blocks = Blocks::default();
        assert!(!one.takes_parts(&blocks), "its blocks were discarded, and nothing was written");
        blocks.exist = true;
        assert!(one.takes_parts(&blocks), "a write to the key discarded its blocks");
        blocks.uncommitted.push(block(other.aborted_id()));
        blocks.committed.push(block(other.part_id(1)));
        assert!(one.takes_parts(&blocks) && !other.takes_parts(&blocks));
        blocks.uncommitted.push(block(one.aborted_id()));
        assert!(!one.takes_parts(&blocks));
        blocks.uncommitted.clear();
        blocks.committed = vec![block(one.part_id(1))];
        assert!(!one.takes_parts(&blocks));
    }

    #[test]
    fn the_blocks_of_an_object_are_its_parts() {
        let upload = upload(&NewUpload::default());
        let mut blocks = vec![block(upload.part_id(2)), block(upload.part_id(7))];
        assert_eq!(parts_in(&blocks), [2, 7].map(|number| ObjectPart { number, size: 1 }));
        blocks.push(block("Zm9yZWlnbg==".into()));
        assert_eq!(parts_in(&blocks), [], "another tool wrote the object");
        assert_eq!(parts_in(&[]), []);
    }

    #[test]
    fn uploads_in_progress_are_found_by_their_blocks() {
        let (one, two) = (upload(&object()), upload(&NewUpload::default()));
        let mut blocks = Blocks::default();
        assert_eq!(uploads_in(&blocks), []);
        for upload in [&one, &two] {
            blocks.uncommitted.extend(upload.attribute_ids().into_iter().map(block));
        }
        blocks.uncommitted.push(block("Zm9yZWlnbg==".into()));
        let mut expected = vec![one.clone(), two.clone()];
        expected.sort();
        assert_eq!(uploads_in(&blocks), expected);
        blocks.uncommitted.push(block(two.aborted_id()));
        assert_eq!(uploads_in(&blocks), std::slice::from_ref(&one), "the other is aborted");
        let first_piece = one.attribute_ids().remove(0);
        blocks.uncommitted.retain(|block| block.id != first_piece);
        assert_eq!(uploads_in(&blocks), [], "it lacks a piece");
        blocks.uncommitted = two.attribute_ids().into_iter().map(block).collect();
        blocks.committed.push(block(two.part_id(1)));
        assert_eq!(uploads_in(&blocks), [], "it is completed");
    }
}
