//! Parses a request into an operation: one value with everything that method, path, query and headers specify.

mod bucket_name;
pub(crate) mod demand;
mod list_buckets;
mod parse;
mod query;
mod table;
mod target;
mod values;

use bucketry_provider::driver::{ByteRange, Capabilities, Conditions, ObjectAttributes, VersionId};
use http::{HeaderMap, HeaderValue};

use crate::failure::Failure;
pub(crate) use crate::front::s3::operation::bucket_name::is_bucket_name;
pub use crate::front::s3::operation::list_buckets::ListBuckets;
pub(crate) use crate::front::s3::operation::list_buckets::REGION;
pub(crate) use crate::front::s3::operation::parse::put_object;
pub use crate::front::s3::operation::parse::{Request, parse};
pub use crate::front::s3::operation::query::Query;
pub use crate::front::s3::operation::table::{Handling, Name, OPERATIONS, Row, Scope};
pub use crate::front::s3::operation::target::{Domains, Target};
pub use crate::front::s3::upload_checksum::{ExpectedObject, UploadChecksum};
pub use crate::front::{Access, Class};
pub use crate::object::range::RangeCondition;
pub use crate::routing::object_key::{KeyText, ObjectKey};
pub use crate::routing::page_token::Marker;
use crate::routing::upload_id::SealedUploadId;

/// The most keys in a page of a list, and in a `DeleteObjects` request.
pub const MAX_KEYS: u16 = 1_000;

/// An operation with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are S3's own, and its documentation explains them")]
pub enum Operation {
    ListBuckets(ListBuckets),
    CreateBucket { name: String },
    DeleteBucket,
    PutBucketAcl,
    PutObjectAcl { key: ObjectKey, version: Option<VersionId> },
    HeadBucket,
    GetBucketLocation,
    GetBucketVersioning,
    ListObjects(List),
    ListObjectsV2(List),
    ListObjectVersions(List),
    ListMultipartUploads(ListMultipartUploads),
    DeleteObjects,
    HeadObject(GetObject),
    GetObject(GetObject),
    GetObjectAttributes(GetObject),
    GetObjectTagging(Tagging),
    PutObjectTagging(Tagging),
    DeleteObjectTagging(Tagging),
    PutObject(PutObject),
    CopyObject(CopyObject),
    DeleteObject(DeleteObject),
    CreateMultipartUpload { key: ObjectKey, attributes: ObjectAttributes, checksum: Option<UploadChecksum> },
    UploadPart(Part),
    UploadPartCopy { part: Part, source: CopySource, range: Option<(u64, u64)> },
    CompleteMultipartUpload(Box<CompleteRequest>),
    AbortMultipartUpload { key: ObjectKey, upload: SealedUploadId },
    ListParts { key: ObjectKey, upload: SealedUploadId, max_parts: u16, after: u32 },
}

/// The parameters of a request that lists objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// Only keys that start with this.
    pub prefix: KeyText,
    /// Folds keys that contain this after the prefix into common prefixes. `None` folds nothing.
    pub delimiter: Option<KeyText>,
    /// The most keys and common prefixes to return, 0 to [`MAX_KEYS`].
    pub max_keys: u16,
    /// Whether names in the response are percent-encoded (`encoding-type=url`).
    pub url_encoded: bool,
    /// Where the page starts: `marker`, `start-after` or `key-marker`.
    pub start_after: Option<Marker>,
    /// The `continuation-token`, in version 2 only. Empty is the beginning.
    pub token: Option<String>,
    /// Whether the response names the owner of each object, in version 2 only.
    pub fetch_owner: bool,
}

/// The parameters of a request that lists multipart uploads in progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// Only uploads to keys that start with this.
    pub prefix: KeyText,
    /// Folds keys that contain this after the prefix into common prefixes. `None` folds nothing.
    pub delimiter: Option<KeyText>,
    /// The most uploads and common prefixes to return, 0 to [`MAX_KEYS`].
    pub max_uploads: u16,
    /// Whether names in the response are percent-encoded (`encoding-type=url`).
    pub url_encoded: bool,
    /// Where the page starts: after a key, or at a token that the gateway issued.
    pub key_marker: Option<Marker>,
    /// Where the page starts among the uploads of that key.
    pub upload_marker: Option<SealedUploadId>,
}

/// The object whose tags are read or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagging {
    /// The object key.
    pub key: ObjectKey,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
}

/// The parameters of a request that reads an object or its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetObject {
    /// The object key.
    pub key: ObjectKey,
    /// The version to read. `None` also means `null`, the only version in a bucket without versioning.
    pub version: Option<VersionId>,
    /// Read only this range.
    pub range: Option<ByteRange>,
    /// Read all of the object, not the range, unless this holds. Rare, therefore on the heap.
    pub range_condition: Option<Box<RangeCondition>>,
    /// Read only if these conditions hold.
    pub conditions: Conditions,
    /// Read only this part of an object that was uploaded in parts.
    pub part_number: Option<u32>,
    /// Response headers that the request overrides with `response-…` parameters.
    pub overrides: Vec<(http::HeaderName, HeaderValue)>,
}

/// The parameters of a request that stores an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObject {
    /// The object key.
    pub key: ObjectKey,
    /// The headers and metadata to store with the object.
    pub attributes: ObjectAttributes,
    /// Store only if these conditions hold.
    pub conditions: Conditions,
}

/// The parameters of a request that copies an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyObject {
    /// The key of the copy.
    pub key: ObjectKey,
    /// The object to copy.
    pub source: CopySource,
    /// The headers and metadata to store with the copy. `None` copies those of the source.
    pub attributes: Option<ObjectAttributes>,
    /// Copy only if these conditions hold for the destination.
    pub conditions: Conditions,
}

/// The source of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket name that the client used.
    pub bucket: String,
    /// The object key.
    pub key: ObjectKey,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
    /// Copy only if these conditions hold for the source.
    pub conditions: Conditions,
}

/// The parameters of a request that deletes an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObject {
    /// The object key.
    pub key: ObjectKey,
    /// Whether to delete the version `null` permanently.
    pub is_null: bool,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
    /// Delete only if these conditions hold.
    pub conditions: Conditions,
}

/// The parameters of a request that completes a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteRequest {
    /// The key of the object.
    pub key: ObjectKey,
    /// The upload id as the client sent it.
    pub upload: SealedUploadId,
    /// Complete only if these conditions hold.
    pub conditions: Conditions,
    /// What the object must be.
    pub expected: ExpectedObject,
}

/// A part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The key of the object that is being uploaded.
    pub key: ObjectKey,
    /// The upload id as the client sent it.
    pub upload: SealedUploadId,
    /// The part number, 1 to 10,000.
    pub number: u32,
}

impl Operation {
    /// Takes the operation out. What stays is meaningless.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::HeadBucket)
    }

    /// Refuses headers that demand what only some providers support, such as encryption with the client's key.
    /// `passthrough` may pass such a header on.
    pub fn check_headers(&self, can: &Capabilities, headers: &HeaderMap) -> Result<(), Failure> {
        demand::check_translated(self.name(), can, headers)
    }

    /// The operation without its parameters.
    pub fn name(&self) -> Name {
        match self {
            Self::ListBuckets(_) => Name::ListBuckets,
            Self::CreateBucket { .. } => Name::CreateBucket,
            Self::DeleteBucket => Name::DeleteBucket,
            Self::PutBucketAcl => Name::PutBucketAcl,
            Self::PutObjectAcl { .. } => Name::PutObjectAcl,
            Self::HeadBucket => Name::HeadBucket,
            Self::GetBucketLocation => Name::GetBucketLocation,
            Self::GetBucketVersioning => Name::GetBucketVersioning,
            Self::ListObjects(_) => Name::ListObjects,
            Self::ListObjectsV2(_) => Name::ListObjectsV2,
            Self::ListObjectVersions(_) => Name::ListObjectVersions,
            Self::ListMultipartUploads(_) => Name::ListMultipartUploads,
            Self::DeleteObjects => Name::DeleteObjects,
            Self::HeadObject(_) => Name::HeadObject,
            Self::GetObject(_) => Name::GetObject,
            Self::GetObjectAttributes(_) => Name::GetObjectAttributes,
            Self::GetObjectTagging(_) => Name::GetObjectTagging,
            Self::PutObjectTagging(_) => Name::PutObjectTagging,
            Self::DeleteObjectTagging(_) => Name::DeleteObjectTagging,
            Self::PutObject(_) => Name::PutObject,
            Self::CopyObject(_) => Name::CopyObject,
            Self::DeleteObject(_) => Name::DeleteObject,
            Self::CreateMultipartUpload { .. } => Name::CreateMultipartUpload,
            Self::UploadPart(_) => Name::UploadPart,
            Self::UploadPartCopy { .. } => Name::UploadPartCopy,
            Self::CompleteMultipartUpload(_) => Name::CompleteMultipartUpload,
            Self::AbortMultipartUpload { .. } => Name::AbortMultipartUpload,
            Self::ListParts { .. } => Name::ListParts,
        }
    }

    /// The access that a key needs for the operation.
    pub fn access(&self) -> Access {
        self.name().access()
    }

    /// The class that the operation is counted in.
    pub fn class(&self) -> Class {
        match self.name() {
            Name::ListBuckets
            | Name::CreateBucket
            | Name::DeleteBucket
            | Name::PutBucketAcl
            | Name::HeadBucket
            | Name::GetBucketLocation
            | Name::GetBucketVersioning => Class::Other,
            Name::DeleteObject | Name::DeleteObjects | Name::AbortMultipartUpload => Class::Delete,
            name => match name.access() {
                Access::Read => Class::Read,
                Access::List => Class::List,
                Access::Write | Access::Admin => Class::Write,
            },
        }
    }

    /// Whether the operation contacts the bucket's provider. The others have the same response for every bucket.
    pub fn asks_provider(&self) -> bool {
        !matches!(
            self.name(),
            Name::ListBuckets
                | Name::CreateBucket
                | Name::DeleteBucket
                | Name::PutBucketAcl
                | Name::GetBucketLocation
                | Name::GetBucketVersioning
        )
    }

    /// Whether the provider may have to move whole objects, which can take minutes.
    pub fn takes_long(&self) -> bool {
        matches!(self.name(), Name::CopyObject | Name::UploadPartCopy | Name::CompleteMultipartUpload)
    }

    /// Whether the request has a body that the gateway reads: content to store, or a document.
    pub fn takes_content(&self) -> bool {
        matches!(
            self.name(),
            Name::PutObject
                | Name::PutObjectTagging
                | Name::PutBucketAcl
                | Name::PutObjectAcl
                | Name::UploadPart
                | Name::DeleteObjects
                | Name::CompleteMultipartUpload
        )
    }
}
