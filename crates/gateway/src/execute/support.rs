//! Declares how far each operation is supported for each provider. `docs/s3-compatibility.md` is generated from it.

use bucketry_provider::driver::{Capabilities, S3Protocol};

use crate::operation::Name;

/// How far an operation is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Supported without restrictions worth noting.
    Whole,
    /// Supported, with this note.
    Noted(&'static str),
    /// Not supported, for this reason.
    Refused(&'static str),
}

use Support::{Noted, Refused, Whole};

/// How far a provider with these capabilities supports an operation.
pub fn support(name: Name, can: &Capabilities) -> Support {
    let is_whole = can.protocol == S3Protocol::Whole;
    match name {
        Name::ListBuckets => Noted("the repository's buckets; when they were made is not told"),
        Name::CreateBucket => Noted("makes none: `BucketAlreadyOwnedByYou` for a bucket of the repository"),
        Name::GetBucketLocation => Noted("always the default region; any region is taken in signatures"),
        Name::GetBucketVersioning => Noted("always without versions"),
        Name::ListObjects | Name::ListObjectsV2 if !can.list_start_after => Noted(
            "beginning after a key reads pages from the beginning; tokens and markers of answers do not",
        ),
        Name::ListObjectVersions => Noted("every object has the one version `null`"),
        Name::ListMultipartUploads if !can.list_uploads => Refused(
            "The provider does not tell which uploads go on: it knows blocks without a blob, and not whose they are. \
             Keep the upload ids; what is not completed it throws away after a week.",
        ),
        Name::GetObjectTagging | Name::PutObjectTagging | Name::DeleteObjectTagging
            if !is_whole && !can.tags =>
        {
            Refused("The provider keeps no tags of objects; use metadata (x-amz-meta-…) here.")
        }
        Name::HeadObject | Name::GetObject if is_whole => {
            Noted("ranges, conditions, `response-…`, `versionId`, `partNumber`, checksums, customer keys")
        }
        Name::HeadObject | Name::GetObject if can.conditional_get => {
            Noted("ranges, conditions, `response-…`; no `versionId`, no `partNumber`")
        }
        Name::HeadObject | Name::GetObject => {
            Noted("ranges, `response-…`; no conditions, no `versionId`, no `partNumber`")
        }
        Name::GetObjectAttributes if is_whole => Noted("the provider's own; tag and size where it has none"),
        Name::GetObjectAttributes => Noted("tag and size; no checksums, no parts"),
        Name::DeleteObject | Name::DeleteObjects => Noted("no conditions, no `versionId` other than `null`"),
        Name::PutObject if is_whole => match (can.put_if_absent, can.put_if_match) {
            (true, true) => {
                Noted("`If-None-Match: *`, `If-Match`; tags, checksums, encryption, storage classes")
            }
            _ => Noted("no conditions; tags, checksums, encryption, storage classes"),
        },
        Name::CreateMultipartUpload if is_whole => Noted("tags, encryption, storage classes"),
        Name::PutObject | Name::CompleteMultipartUpload => match (can.put_if_absent, can.put_if_match) {
            (true, true) => Noted("`If-None-Match: *`, `If-Match`"),
            (true, false) => Noted("`If-None-Match: *`; no `If-Match`"),
            (false, true) => Noted("`If-Match`; no `If-None-Match`"),
            (false, false) => Noted("no conditions"),
        },
        Name::CopyObject if is_whole => Noted(
            "within an account by the provider, with tags, versions, encryption, storage classes; else streamed; \
             conditions on the source only",
        ),
        Name::CopyObject if can.copy => {
            Noted("within a bucket by the provider, else streamed; conditions on the source only")
        }
        Name::CopyObject => Noted("streamed; conditions on the source only"),
        Name::UploadPartCopy if is_whole => Noted("within an account by the provider, else streamed"),
        Name::UploadPartCopy => Noted("streamed"),
        Name::ListParts if !is_whole => Noted("without the times of the parts"),
        Name::HeadBucket
        | Name::ListMultipartUploads
        | Name::GetObjectTagging
        | Name::PutObjectTagging
        | Name::DeleteObjectTagging
        | Name::ListParts
        | Name::ListObjects
        | Name::ListObjectsV2
        | Name::CreateMultipartUpload
        | Name::UploadPart
        | Name::AbortMultipartUpload => Whole,
    }
}
