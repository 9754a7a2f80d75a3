//! The interface that every provider's driver implements, in provider-neutral terms.
//!
//! Keys are passed through byte for byte: nothing here trims, joins, normalises or decodes them. Bodies are
//! streamed. Errors retain the provider's status and code. Dropping the future of any method cancels the request
//! and closes its connection. If the request changes something, whether the change took effect is unknown.

mod client_text;
mod hidden_metadata;
mod object_parts;
mod passthrough;
mod tags;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bucketry_model::endpoint::Host;
use http::HeaderMap;
use jiff::Timestamp;

use crate::body::ProviderBody;
pub use crate::driver::client_text::{
    InvalidText, PageToken, UploadId, VersionId, check_opaque, climbs, resolves_to_nothing,
};
pub use crate::driver::hidden_metadata::HiddenMetadata;
pub use crate::driver::object_parts::{ObjectPart, decode_parts, encode_parts};
pub use crate::driver::passthrough::{Parameter, S3Passthrough, UpstreamRequest};
pub use crate::driver::tags::{Tag, decode_tags, encode_tags};
use crate::error::ProviderError;
use crate::payload::Payload;

/// An open bucket. Drivers are lightweight: a node has one per bucket that it serves.
#[async_trait]
pub trait Driver: Objects + Lists + Multipart + UploadLists + Tags + fmt::Debug {
    /// What the provider supports. Callers check this before they rely on a feature.
    fn capabilities(&self) -> &'static Capabilities;

    /// Where requests go, and the provider's names for permissions.
    fn site(&self) -> Site;

    /// Checks whether the bucket exists, with the provider's cheapest request. The error may lack a reason, which
    /// [`crate::probe::probe`] finds out.
    async fn head_bucket(&self) -> Result<(), ProviderError>;

    /// How many other buckets the credential lists at the provider, at most
    /// [`MOST_OTHER_BUCKETS`](bucketry_model::node_protocol::MOST_OTHER_BUCKETS). One request, which changes nothing. `None` if there is no credential, or no account to ask about.
    async fn other_buckets(&self) -> Result<Option<u64>, ProviderError> {
        Ok(None)
    }

    /// The driver itself if the provider speaks S3. Requests of that protocol can then be forwarded unchanged,
    /// within the limits of [`Capabilities::protocol`].
    fn forwarder(&self) -> Option<&dyn S3Passthrough> {
        None
    }
}

/// Objects, one at a time.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Returns an object's metadata without its content.
    async fn head(&self, key: &str, conditions: &Conditions) -> Result<ObjectInfo, ProviderError>;

    /// Streams an object or a range of it.
    async fn get(&self, key: &str, request: &GetRequest) -> Result<ObjectRead, ProviderError>;

    /// Stores an object atomically: the whole object or nothing.
    async fn put(&self, key: &str, payload: Payload, request: &PutRequest) -> Result<Stored, ProviderError>;

    /// Deletes an object, or one version of it. Deleting a missing object succeeds.
    async fn delete(&self, key: &str, version: Option<&VersionId>) -> Result<Deleted, ProviderError>;

    /// Copies an object within the bucket without moving its content through this process.
    async fn copy(&self, source: &str, key: &str, request: &CopyRequest) -> Result<Stored, ProviderError>;
}

/// Lists of objects.
#[async_trait]
pub trait Lists: Send + Sync {
    /// Lists one page of objects, in the order of the UTF-8 bytes of their keys.
    async fn list(&self, request: &ListRequest) -> Result<ListPage, ProviderError>;
}

/// Multipart uploads.
#[async_trait]
pub trait Multipart: Send + Sync {
    /// Begins a multipart upload. Its parts use storage at the provider until it is completed or aborted.
    async fn create_multipart(&self, key: &str, object: &NewUpload) -> Result<UploadId, ProviderError>;

    /// Stores one part. Numbers run from 1 to [`MultipartLimits::max_parts`]. An existing part with the number is
    /// replaced.
    async fn upload_part(
        &self,
        key: &str,
        upload: &UploadId,
        number: u32,
        payload: Payload,
    ) -> Result<Part, ProviderError>;

    /// Lists one page of the stored parts whose numbers are greater than `after`.
    async fn list_parts(&self, key: &str, upload: &UploadId, after: u32) -> Result<PartsPage, ProviderError>;

    /// Completes an upload: creates an object from its parts.
    async fn complete_multipart(
        &self,
        key: &str,
        upload: &UploadId,
        completion: &UploadCompletion<'_>,
    ) -> Result<Stored, ProviderError>;

    /// Returns the parts of an object that was uploaded in parts, in ascending order. `info` is what is known about
    /// the object. Empty if it was stored otherwise, or if the parts are unknown.
    async fn object_parts(&self, _key: &str, info: &ObjectInfo) -> Result<Vec<ObjectPart>, ProviderError> {
        let parts = info.hidden.as_deref().and_then(|hidden| hidden.parts.as_deref());
        Ok(parts.and_then(decode_parts).unwrap_or_default())
    }

    /// Aborts an upload and deletes its parts.
    async fn abort_multipart(&self, key: &str, upload: &UploadId) -> Result<(), ProviderError>;
}

/// Lists of multipart uploads.
#[async_trait]
pub trait UploadLists: Send + Sync {
    /// Lists one page of in-progress multipart uploads.
    async fn list_uploads(&self, request: &UploadsRequest) -> Result<UploadsPage, ProviderError>;
}

/// Tags of objects. Providers without them have nothing to implement.
#[async_trait]
pub trait Tags: Send + Sync {
    /// Returns the tags of an object. Requires [`Capabilities::tags`].
    async fn get_tags(&self, _key: &str) -> Result<Vec<Tag>, ProviderError> {
        Err(ProviderError::InvalidRequest("the provider does not support tags"))
    }

    /// Replaces all tags of an object. Requires [`Capabilities::tags`].
    async fn put_tags(&self, _key: &str, _tags: &[Tag]) -> Result<(), ProviderError> {
        Err(ProviderError::InvalidRequest("the provider does not support tags"))
    }
}

/// A driver with shared ownership.
pub type SharedDriver = Arc<dyn Driver>;

/// What a provider supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Lists can start after a given key.
    pub list_start_after: bool,
    /// GET and HEAD support `If-Match`, `If-None-Match`, `If-Modified-Since` and `If-Unmodified-Since`.
    pub conditional_get: bool,
    /// PUT supports `If-None-Match: *`.
    pub put_if_absent: bool,
    /// PUT supports `If-Match`.
    pub put_if_match: bool,
    /// Completing an upload supports the same conditions as PUT.
    pub conditional_completion: bool,
    /// `Expires` is stored with an object.
    pub expires: bool,
    /// Objects can be copied within the provider.
    pub copy: bool,
    /// Objects have tags, which [`Tags`] reads and changes, and which can be stored along with an object. If the
    /// whole [`protocol`](Capabilities::protocol) is supported, requests with tags are forwarded instead.
    pub tags: bool,
    /// Every object has a version, also in buckets that retain no earlier ones.
    pub version_of_every_object: bool,
    /// [`HiddenMetadata`] is stored with an object.
    pub hidden_metadata: bool,
    /// [`Multipart::object_parts`] needs no [`HiddenMetadata::parts`].
    pub object_parts: bool,
    /// Checksums in headers (`x-amz-checksum-…`) are verified, stored and returned.
    pub checksums: bool,
    /// How much of the S3 protocol the provider supports.
    pub protocol: S3Protocol,
    /// The maximum length of a key in bytes.
    pub max_key_bytes: usize,
    /// The maximum size of an object in one PUT, in bytes.
    pub max_put_bytes: u64,
    /// The limits of multipart uploads.
    pub multipart: MultipartLimits,
}

/// How much of the S3 protocol a provider supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Protocol {
    /// None: it speaks a different protocol.
    None,
    /// Reads, and what the methods of [`Driver`] need. Anything more would be refused or silently ignored.
    Basic,
    /// Versions, tags, encryption, storage classes.
    Whole,
}

/// The limits of multipart uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultipartLimits {
    /// The minimum size of a part in bytes. The last part may be smaller.
    pub min_part_bytes: u64,
    /// The maximum size of a part in bytes.
    pub max_part_bytes: u64,
    /// The highest part number.
    pub max_parts: u32,
}

/// Where a driver's requests go, and the provider's names for permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whether connections use TLS.
    pub tls: bool,
    /// The host to connect to.
    pub host: Host,
    /// The TCP port to connect to.
    pub port: u16,
    /// Whether the host name contains the account. If so, a host that doesn't exist means a missing account.
    pub names_account: bool,
    /// Whether the host is AWS's because no endpoint says otherwise.
    pub assumes_aws: bool,
    /// The bucket's name.
    pub bucket: Box<str>,
    /// The provider's names for permissions, and hints.
    pub permissions: &'static Permissions,
}

/// A provider's names for the permissions that operations need, used in hints ("Grant NAME to the key.").
#[derive(Debug, PartialEq, Eq)]
pub struct Permissions {
    /// To look up the bucket and to list it.
    pub list: &'static str,
    /// To store objects.
    pub write: &'static str,
    /// To read objects.
    pub read: &'static str,
    /// To delete objects.
    pub delete: &'static str,
    /// To list multipart uploads.
    pub uploads: &'static str,
    /// To read and change tags of objects.
    pub tags: &'static str,
    /// What to do about failures other than missing permissions.
    pub hints: &'static Hints,
}

#[cfg(test)]
impl Permissions {
    /// Those of a provider without names and hints.
    pub(crate) const UNNAMED: Self = Self {
        list: "",
        write: "",
        read: "",
        delete: "",
        uploads: "",
        tags: "tags",
        hints: &Hints {
            key_unknown: "",
            secret_wrong: "",
            token_expired: "",
            account_not_found: "",
            bucket_not_found: "",
            of_code: &[],
        },
    };
}

/// What the user should change, in the provider's own terms.
#[derive(Debug, PartialEq, Eq)]
pub struct Hints {
    /// The access key or account is unknown.
    pub key_unknown: &'static str,
    /// The secret is wrong.
    pub secret_wrong: &'static str,
    /// The credential has expired.
    pub token_expired: &'static str,
    /// The account doesn't exist.
    pub account_not_found: &'static str,
    /// The bucket doesn't exist.
    pub bucket_not_found: &'static str,
    /// Pairs of the provider's own error code and the hint for it. They take precedence over the hints above.
    pub of_code: &'static [(&'static str, &'static str)],
}

/// Which keys to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys that contain this after the prefix are grouped under one common prefix.
    pub delimiter: Option<String>,
    /// Only keys after this one.
    pub start_after: Option<String>,
    /// Continues the list after the previous page: [`ListPage::next`].
    pub token: Option<PageToken>,
    /// The maximum number of keys and prefixes in the page. The provider may return fewer.
    pub max_keys: Option<u16>,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects, in the order of their keys.
    pub objects: Vec<ListedObject>,
    /// The common prefixes, if a delimiter was given.
    pub prefixes: Vec<String>,
    /// The token of the next page. `None` on the last page.
    pub next: Option<PageToken>,
}

/// An object in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key, including the listed prefix.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The entity tag, including its quotes.
    pub etag: Option<String>,
    /// When the object was stored.
    pub last_modified: Option<Timestamp>,
    /// The provider's storage class.
    pub storage_class: Option<String>,
}

/// Conditions on an object. If one isn't met, the request fails with
/// [`PreconditionFailed`](crate::error::ErrorKind::PreconditionFailed) or
/// [`NotModified`](crate::error::ErrorKind::NotModified).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The entity tag must be one of these.
    pub if_match: Option<String>,
    /// The entity tag must be none of these. `*` means that the object must not exist.
    pub if_none_match: Option<String>,
    /// The object must have changed after this time.
    pub if_modified_since: Option<Timestamp>,
    /// The object must not have changed after this time.
    pub if_unmodified_since: Option<Timestamp>,
}

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first to the last of these offsets, both included.
    Closed(u64, u64),
    /// From this offset to the end.
    From(u64),
    /// The last bytes, this many.
    Last(u64),
}

/// The value of a `Range` header (RFC 9110 §14.1.2).
impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(first, last) => write!(f, "bytes={first}-{last}"),
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Last(count) => write!(f, "bytes=-{count}"),
        }
    }
}

/// The options for reading an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetRequest {
    /// The range to read. `None` reads the whole object.
    pub range: Option<ByteRange>,
    /// The conditions that must be met.
    pub conditions: Conditions,
}

/// Headers and metadata that are stored with an object and returned with it.
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
    /// `Expires`, unparsed.
    pub expires: Option<String>,
    /// User metadata: names (lower case, characters of HTTP tokens) and values. Clients send visible ASCII; like all
    /// attributes, those of other tools may contain any characters.
    pub metadata: Vec<(String, String)>,
}

/// The options for storing an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutRequest {
    /// Headers and metadata to store with the object.
    pub attributes: ObjectAttributes,
    /// The object's tags. Requires [`Capabilities::tags`].
    pub tags: Vec<Tag>,
    /// What only the gateway sees. Requires [`Capabilities::hidden_metadata`].
    pub hidden: HiddenMetadata,
    /// The conditions that must be met.
    pub conditions: Conditions,
}

/// An object that is created by a multipart upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUpload {
    /// Headers and metadata to store with the object.
    pub attributes: ObjectAttributes,
    /// The object's tags. Requires [`Capabilities::tags`].
    pub tags: Vec<Tag>,
}

/// How a multipart upload is completed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadCompletion<'a> {
    /// The parts of the object, in ascending order.
    pub parts: &'a [Part],
    /// The conditions that must be met.
    pub conditions: Conditions,
    /// What only the gateway sees. Requires [`Capabilities::hidden_metadata`].
    pub hidden: HiddenMetadata,
}

/// The options for copying an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyRequest {
    /// Replaces the attributes of the source. `None` copies them.
    pub attributes: Option<ObjectAttributes>,
    /// Replaces the tags of the source. `None` copies them. Requires [`Capabilities::tags`].
    pub tags: Option<Vec<Tag>>,
    /// Conditions on the source.
    pub source_conditions: Conditions,
}

/// An object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The size of the whole object in bytes, even if only a range was read.
    pub size: Option<u64>,
    /// The entity tag, including its quotes.
    pub etag: Option<String>,
    /// When the object was stored.
    pub last_modified: Option<Timestamp>,
    /// The version, in versioned buckets.
    pub version: Option<String>,
    /// Headers and metadata that were stored with the object.
    pub attributes: ObjectAttributes,
    /// How many tags the object has, if the provider returns it.
    pub tag_count: Option<u32>,
    /// What only the gateway sees. Few objects have any, therefore on the heap.
    pub hidden: Option<Box<HiddenMetadata>>,
    /// All headers of the provider's response, unchanged.
    pub headers: HeaderMap,
}

/// An object that is being read.
#[derive(Debug)]
pub struct ObjectRead {
    /// The object's metadata.
    pub info: ObjectInfo,
    /// The offsets of the first and last byte of the range. `None` if the body is the whole object.
    pub range: Option<(u64, u64)>,
    /// The content, streamed.
    pub body: ProviderBody,
}

/// What a provider returns when an object is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The entity tag, including its quotes.
    pub etag: Option<String>,
    /// The version, in versioned buckets.
    pub version: Option<String>,
}

/// What a provider returns when an object is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The version that was deleted, or the version of the delete marker.
    pub version: Option<String>,
}

/// Which in-progress multipart uploads to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsRequest {
    /// Only uploads of keys that begin with this.
    pub prefix: String,
    /// Keys that contain this after the prefix are grouped under one common prefix.
    pub delimiter: Option<String>,
    /// Only uploads after this position.
    pub after: UploadsMarker,
    /// The maximum number of uploads and prefixes in the page. The provider may return fewer.
    pub max_uploads: u16,
}

/// The position where a page of uploads ended. A provider identifies it by key, by upload, or by both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsMarker {
    /// The key of the last upload.
    pub key: Option<String>,
    /// The id of the last upload.
    pub upload: Option<UploadId>,
}

/// A page of in-progress multipart uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// The uploads.
    pub uploads: Vec<ListedUpload>,
    /// The common prefixes, if a delimiter was given.
    pub prefixes: Vec<String>,
    /// The position after which the next page begins. `None` on the last page.
    pub next: Option<UploadsMarker>,
}

/// An in-progress multipart upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedUpload {
    /// The key of the object that the upload creates.
    pub key: String,
    /// The upload's id as the provider sent it. Check it with [`UploadId::new`] before use.
    pub upload: String,
    /// When the upload began.
    pub initiated: Option<Timestamp>,
    /// The provider's storage class.
    pub storage_class: Option<String>,
}

/// A stored part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The number of the part, from 1.
    pub number: u32,
    /// The entity tag, including its quotes.
    pub etag: String,
    /// The size in bytes.
    pub size: u64,
}

/// A page of the stored parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsPage {
    /// The parts, in ascending order of their numbers.
    pub parts: Vec<Part>,
    /// The part number after which the next page begins. `None` on the last page.
    pub next: Option<u32>,
}
