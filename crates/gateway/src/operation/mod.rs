//! What a request asks for: one value with everything that its method, address, query and headers say.

mod parse;
mod query;
mod table;
mod target;
mod values;

use bucketry_model::repository::KeyAccess;
use bucketry_provider::driver::{ByteRange, Conditions, ObjectAttributes, VersionId};
use http::HeaderValue;

pub use crate::operation::parse::{Request, parse};
pub use crate::operation::query::Query;
pub use crate::operation::table::{Access, Handling, Name, OPERATIONS, Row, Scope};
pub use crate::operation::target::{Domains, KeyText, ObjectKey, Target};
pub(crate) use crate::operation::values::is_beyond;
use crate::upload_id::SealedUploadId;

/// The most keys of a page, and of what deletes several objects at once.
pub const MAX_KEYS: u16 = 1_000;

/// An operation with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are S3's own, and its documentation explains them")]
pub enum Operation {
    ListBuckets { prefix: String },
    CreateBucket,
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
    CreateMultipartUpload { key: ObjectKey, attributes: ObjectAttributes },
    UploadPart(Part),
    UploadPartCopy { part: Part, source: CopySource, range: Option<(u64, u64)> },
    CompleteMultipartUpload { key: ObjectKey, upload: SealedUploadId, conditions: Conditions },
    AbortMultipartUpload { key: ObjectKey, upload: SealedUploadId },
    ListParts { key: ObjectKey, upload: SealedUploadId, max_parts: u16, after: u32 },
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// Only keys that begin with this.
    pub prefix: KeyText,
    /// Keys that hold this after the prefix are folded; `None` folds nothing.
    pub delimiter: Option<KeyText>,
    /// The most keys and prefixes, 0 to [`MAX_KEYS`].
    pub max_keys: u16,
    /// Whether names are escaped in the answer.
    pub url_encoded: bool,
    /// Where the page begins: `marker`, `start-after` or `key-marker`.
    pub start_after: Option<Marker>,
    /// Where the page before ended; only in version 2.
    pub token: Option<String>,
    /// Whether the answer names the owner; only in version 2.
    pub fetch_owner: bool,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// After a key.
    Key(KeyText),
    /// Where an answer said that the page before ended.
    Token(String),
}

impl Marker {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Token(token) => token,
        }
    }
}

/// Which page of the uploads that go on is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// Only those of keys that begin with this.
    pub prefix: KeyText,
    /// Keys that hold this after the prefix are folded; `None` folds nothing.
    pub delimiter: Option<KeyText>,
    /// The most uploads and prefixes, 0 to [`MAX_KEYS`].
    pub max_uploads: u16,
    /// Whether names are escaped in the answer.
    pub url_encoded: bool,
    /// Where the page begins: a key, or what an answer named.
    pub key_marker: Option<Marker>,
    /// Where the page begins among the uploads of that key.
    pub upload_marker: Option<SealedUploadId>,
}

/// Whose tags are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagging {
    /// The object.
    pub key: ObjectKey,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
}

/// How an object is read, or asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetObject {
    /// The object.
    pub key: ObjectKey,
    /// A version; `None` also for `null`, the version of objects in buckets without versions.
    pub version: Option<VersionId>,
    /// Only this range.
    pub range: Option<ByteRange>,
    /// Only if these hold.
    pub conditions: Conditions,
    /// Only this part of an object that was uploaded in parts.
    pub part_number: Option<u32>,
    /// Headers of the answer that the request sets.
    pub overrides: Vec<(http::HeaderName, HeaderValue)>,
}

/// How an object is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObject {
    /// The object.
    pub key: ObjectKey,
    /// What is kept with it.
    pub attributes: ObjectAttributes,
    /// Only if these hold.
    pub conditions: Conditions,
}

/// How an object is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyObject {
    /// The copy.
    pub key: ObjectKey,
    /// What is copied.
    pub source: CopySource,
    /// What is kept with the copy; `None` if that of the source.
    pub attributes: Option<ObjectAttributes>,
    /// Only if these hold of the copy's place.
    pub conditions: Conditions,
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket, by the name that the client gave.
    pub bucket: String,
    /// The object.
    pub key: ObjectKey,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
    /// Only if these hold of the source.
    pub conditions: Conditions,
}

/// What is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObject {
    /// The object.
    pub key: ObjectKey,
    /// A version, as in [`GetObject::version`].
    pub version: Option<VersionId>,
    /// Only if these hold.
    pub conditions: Conditions,
}

/// A part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The object that it becomes a part of.
    pub key: ObjectKey,
    /// The upload.
    pub upload: SealedUploadId,
    /// Its number, 1 to 10,000.
    pub number: u32,
}

/// The class that a request is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads an object or its attributes.
    Read,
    /// Stores, copies or deletes objects or parts.
    Write,
    /// Lists objects or parts.
    List,
    /// Asks for the bucket itself.
    Bucket,
}

impl Operation {
    /// Its name.
    pub fn name(&self) -> Name {
        match self {
            Self::ListBuckets { .. } => Name::ListBuckets,
            Self::CreateBucket => Name::CreateBucket,
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
            Self::CompleteMultipartUpload { .. } => Name::CompleteMultipartUpload,
            Self::AbortMultipartUpload { .. } => Name::AbortMultipartUpload,
            Self::ListParts { .. } => Name::ListParts,
        }
    }

    /// What it needs of a key.
    pub fn access(&self) -> Access {
        self.name().access()
    }

    /// The class that it is counted in.
    pub fn class(&self) -> Class {
        match self.name() {
            Name::ListBuckets
            | Name::CreateBucket
            | Name::HeadBucket
            | Name::GetBucketLocation
            | Name::GetBucketVersioning => Class::Bucket,
            name => match name.access() {
                Access::Read => Class::Read,
                Access::List => Class::List,
                Access::Write | Access::Admin => Class::Write,
            },
        }
    }

    /// Whether its bucket's provider is asked. What all buckets have in common is answered here.
    pub fn asks_provider(&self) -> bool {
        !matches!(
            self.name(),
            Name::ListBuckets | Name::CreateBucket | Name::GetBucketLocation | Name::GetBucketVersioning
        )
    }

    /// Whether the provider may move whole objects for it, which can take minutes.
    pub fn takes_long(&self) -> bool {
        matches!(self.name(), Name::CopyObject | Name::UploadPartCopy | Name::CompleteMultipartUpload)
    }

    /// Whether its request carries content that is stored, or a document.
    pub fn takes_content(&self) -> bool {
        matches!(
            self.name(),
            Name::PutObject
                | Name::PutObjectTagging
                | Name::UploadPart
                | Name::DeleteObjects
                | Name::CompleteMultipartUpload
        )
    }
}

impl Access {
    /// Whether a key may do it.
    pub fn is_granted_by(self, key: KeyAccess) -> bool {
        match self {
            Self::Read | Self::List => true,
            Self::Write => key >= KeyAccess::Write,
            Self::Admin => key >= KeyAccess::Admin,
        }
    }
}
