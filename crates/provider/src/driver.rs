//! What every provider's driver can do, in words that belong to no provider.
//!
//! Keys pass byte for byte: nothing here trims, joins, normalises or decodes them. Bodies are streamed. Errors keep
//! the provider's status and code. Dropping the future of any method gives the request up: its connection is
//! closed, and if it changes something, whether it did is unknown.

mod client_text;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bucketry_model::endpoint::Host;
use http::HeaderMap;
use jiff::Timestamp;

use crate::body::{Payload, ProviderBody};
pub use crate::driver::client_text::{
    InvalidText, PageToken, UploadId, VersionId, check_opaque, climbs, resolves_to_nothing,
};
use crate::error::ProviderError;
use crate::s3::S3Driver;

/// An open bucket. Light: a node holds one for each bucket that it serves.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync {
    /// What the provider offers. Callers ask before they rely on it.
    fn capabilities(&self) -> &'static Capabilities;

    /// Where requests go to, and what permissions are called there.
    fn site(&self) -> Site;

    /// Asks whether the bucket is there (the cheapest request that the provider has). The answer to a refusal may
    /// lack the reason; [`crate::probe::probe`] knows how to learn it.
    async fn head_bucket(&self) -> Result<(), ProviderError>;

    /// One page of the list of keys, in the order of their UTF-8 bytes.
    async fn list(&self, request: &ListRequest) -> Result<ListPage, ProviderError>;

    /// What is known of an object, without its content.
    async fn head(&self, key: &str, conditions: &Conditions) -> Result<ObjectInfo, ProviderError>;

    /// An object, or a range of it, as a stream.
    async fn get(&self, key: &str, request: &GetRequest) -> Result<ObjectRead, ProviderError>;

    /// Stores an object whole, or not at all.
    async fn put(&self, key: &str, payload: Payload, request: &PutRequest) -> Result<Stored, ProviderError>;

    /// Deletes an object, or one version of it. Deleting what isn't there succeeds.
    async fn delete(&self, key: &str, version: Option<&VersionId>) -> Result<Deleted, ProviderError>;

    /// Copies an object within the bucket without moving its content through this process.
    async fn copy(&self, source: &str, key: &str, request: &CopyRequest) -> Result<Stored, ProviderError>;

    /// Begins a multipart upload. Until it is completed or aborted its parts take up room at the provider.
    async fn create_multipart(
        &self,
        key: &str,
        attributes: &ObjectAttributes,
    ) -> Result<UploadId, ProviderError>;

    /// Stores one part (1 to [`MultipartLimits::max_parts`]); a part that was there is replaced.
    async fn upload_part(
        &self,
        key: &str,
        upload: &UploadId,
        number: u32,
        payload: Payload,
    ) -> Result<Part, ProviderError>;

    /// One page of the parts that are stored, those after number `after`.
    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError>;

    /// Makes an object of the parts, which must come in rising order.
    async fn complete_multipart(
        &self,
        key: &str,
        upload: &UploadId,
        parts: &[Part],
        conditions: &Conditions,
    ) -> Result<Stored, ProviderError>;

    /// Takes the parts away.
    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError>;

    /// One page of the uploads that were begun and neither completed nor aborted, where
    /// [`Capabilities::list_uploads`] says so.
    async fn list_uploads(&self, request: &UploadsRequest) -> Result<UploadsPage, ProviderError>;

    /// The tags of an object, where [`Capabilities::tags`] says so.
    async fn get_tags(&self, _key: &str) -> Result<Vec<Tag>, ProviderError> {
        Err(ProviderError::InvalidRequest("the provider keeps no tags"))
    }

    /// Replaces all tags of an object, where [`Capabilities::tags`] says so.
    async fn put_tags(&self, _key: &str, _tags: &[Tag]) -> Result<(), ProviderError> {
        Err(ProviderError::InvalidRequest("the provider keeps no tags"))
    }

    /// The driver itself, where the provider speaks S3: requests of that protocol can be forwarded as they came, as
    /// far as [`Capabilities::protocol`] says.
    fn forwarder(&self) -> Option<&S3Driver> {
        None
    }
}

/// A driver as it is handed around.
pub type SharedDriver = Arc<dyn Driver>;

/// What a provider offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Lists can start after a key that is given by name.
    pub list_start_after: bool,
    /// GET and HEAD know `If-Match`, `If-None-Match` and the two conditions on time.
    pub conditional_get: bool,
    /// PUT and completing know `If-None-Match: *`.
    pub put_if_absent: bool,
    /// PUT and completing know `If-Match`.
    pub put_if_match: bool,
    /// Objects can be copied within the provider.
    pub copy: bool,
    /// Uploads that go on can be listed.
    pub list_uploads: bool,
    /// Tags of objects are read and replaced by [`Driver::get_tags`] and [`Driver::put_tags`]. Where the whole
    /// [`protocol`](Capabilities::protocol) is spoken, requests for them are forwarded instead.
    pub tags: bool,
    /// Checksums in headers (`x-amz-checksum-…`) are verified, kept and told.
    pub checksums: bool,
    /// How much of S3's own protocol the provider takes as it is.
    pub protocol: S3Protocol,
    /// The longest key in bytes.
    pub max_key_bytes: usize,
    /// The largest object of one PUT, in bytes.
    pub max_put_bytes: u64,
    /// The bounds of multipart uploads.
    pub multipart: MultipartLimits,
}

/// How much of S3's own protocol a provider takes as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Protocol {
    /// Nothing: it speaks another one.
    None,
    /// Reading, and what the methods of [`Driver`] need. What goes beyond would be refused, or left out silently.
    Basic,
    /// Versions, tags, encryption, storage classes.
    Whole,
}

/// The bounds of multipart uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultipartLimits {
    /// The smallest part, except the last, in bytes.
    pub min_part_bytes: u64,
    /// The largest part in bytes.
    pub max_part_bytes: u64,
    /// The highest part number.
    pub max_parts: u32,
}

/// Where a driver's requests go to, and what its provider calls things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whether connections are encrypted.
    pub tls: bool,
    /// The host that is connected to.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Whether the account is part of the host's name, so that a host that doesn't exist is an account that doesn't.
    pub names_account: bool,
    /// The provider's names of the permissions.
    pub permissions: &'static Permissions,
}

/// A provider's names of the permissions that the operations need, for hints.
#[derive(Debug, PartialEq, Eq)]
pub struct Permissions {
    /// To ask for the bucket and to list it.
    pub list: &'static str,
    /// To store objects.
    pub write: &'static str,
    /// To read objects.
    pub read: &'static str,
    /// To delete objects.
    pub delete: &'static str,
    /// To read and change tags of objects.
    pub tags: &'static str,
    /// What to do about everything else.
    pub hints: &'static Hints,
}

/// What to change, in a provider's own words.
#[derive(Debug, PartialEq, Eq)]
pub struct Hints {
    /// The provider doesn't know who asks.
    pub key_unknown: &'static str,
    /// The secret is wrong.
    pub secret_wrong: &'static str,
    /// The credential has expired.
    pub token_expired: &'static str,
    /// There is no such account.
    pub account_not_found: &'static str,
    /// There is no such bucket.
    pub bucket_not_found: &'static str,
    /// What the provider's own error codes ask for, before all the above.
    pub of_code: &'static [(&'static str, &'static str)],
}

/// Which keys to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys that hold this after the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// Only keys after this one.
    pub start_after: Option<String>,
    /// Where the page before ended.
    pub token: Option<PageToken>,
    /// The most keys and prefixes of the page; the provider may answer fewer.
    pub max_keys: Option<u16>,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// The common prefixes, where a delimiter was given.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<PageToken>,
}

/// An object in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, in quotes.
    pub etag: Option<String>,
    /// When it was stored.
    pub last_modified: Option<Timestamp>,
    /// The provider's storage class.
    pub storage_class: Option<String>,
}

/// Conditions that must hold, or else the request fails with
/// [`PreconditionFailed`](crate::error::ErrorKind::PreconditionFailed) or
/// [`NotModified`](crate::error::ErrorKind::NotModified).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The entity tag must be one of these.
    pub if_match: Option<String>,
    /// The entity tag must be none of these; `*` means that there must be no object.
    pub if_none_match: Option<String>,
    /// It must have changed since.
    pub if_modified_since: Option<Timestamp>,
    /// It must not have changed since.
    pub if_unmodified_since: Option<Timestamp>,
}

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first to the last of these, both included.
    Closed(u64, u64),
    /// From this to the end.
    From(u64),
    /// This many at the end.
    Last(u64),
}

/// How an object is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetRequest {
    /// Only this range.
    pub range: Option<ByteRange>,
    /// Only if these hold.
    pub conditions: Conditions,
}

/// What is kept with an object and comes back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectAttributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as text.
    pub expires: Option<String>,
    /// The user's own names (lower case, characters of HTTP tokens) and values (visible ASCII).
    pub metadata: Vec<(String, String)>,
}

/// How an object is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutRequest {
    /// What is kept with it.
    pub attributes: ObjectAttributes,
    /// Only if these hold.
    pub conditions: Conditions,
}

/// How an object is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyRequest {
    /// Replaces what is kept with the source; `None` copies it.
    pub attributes: Option<ObjectAttributes>,
    /// Conditions on the source.
    pub source_conditions: Conditions,
}

/// What is known of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The size of the whole object in bytes, also where a range was read.
    pub size: Option<u64>,
    /// The entity tag, in quotes.
    pub etag: Option<String>,
    /// When it was stored.
    pub last_modified: Option<Timestamp>,
    /// The version, in buckets that keep versions.
    pub version: Option<String>,
    /// What was stored with it.
    pub attributes: ObjectAttributes,
    /// The header of the provider's answer as it came.
    pub headers: HeaderMap,
}

/// An object that is being read.
#[derive(Debug)]
pub struct ObjectRead {
    /// What is known of it.
    pub info: ObjectInfo,
    /// The first and last byte of the range that follows, where it isn't the whole object.
    pub range: Option<(u64, u64)>,
    /// The content, streamed.
    pub body: ProviderBody,
}

/// What a provider answers when an object is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The entity tag, in quotes.
    pub etag: Option<String>,
    /// The version, in buckets that keep versions.
    pub version: Option<String>,
}

/// What a provider answers when an object is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The version that was deleted, or that marks the deletion.
    pub version: Option<String>,
}

/// A tag of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Which uploads that go on to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsRequest {
    /// Only those of keys that begin with this.
    pub prefix: String,
    /// Keys that hold this after the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// Only those after this one.
    pub after: UploadsMarker,
    /// The most uploads and prefixes of the page; the provider may answer fewer.
    pub max_uploads: u16,
}

/// Where a page of uploads ended. Providers know it by the key, by the upload, or by both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsMarker {
    /// The key.
    pub key: Option<String>,
    /// The upload.
    pub upload: Option<UploadId>,
}

/// A page of the uploads that go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// The uploads.
    pub uploads: Vec<ListedUpload>,
    /// The common prefixes, where a delimiter was given.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<UploadsMarker>,
}

/// An upload that goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedUpload {
    /// The key of the object that it becomes.
    pub key: String,
    /// Its name, as the provider gave it: [`UploadId::new`] says whether it is one that can be used.
    pub upload: String,
    /// When it was begun.
    pub initiated: Option<Timestamp>,
    /// The provider's storage class.
    pub storage_class: Option<String>,
}

/// A stored part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its entity tag, in quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A page of the stored parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsPage {
    /// The parts, in rising order.
    pub parts: Vec<Part>,
    /// The number to list after for the next page; `None` on the last one.
    pub next: Option<u32>,
}
