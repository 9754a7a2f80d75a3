//! Declares how far each operation is supported for each provider. `docs/s3-compatibility.md` is generated from it.

use bucketry_provider::driver::{Capabilities, S3Protocol};

use crate::front::s3::operation::Name;

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
        Name::ListBuckets => Noted(
            "the repository's buckets, each with the region `us-east-1` and the time at which it was registered",
        ),
        Name::CreateBucket => Noted(
            "creates nothing. Returns 200 with `Location` for a bucket of the repository, `InvalidBucketName` for a name \
             that S3 doesn't allow, otherwise `NotImplemented`",
        ),
        Name::DeleteBucket => Noted(
            "deletes nothing. Returns `NotImplemented` for a bucket of the repository, otherwise `NoSuchBucket`",
        ),
        Name::PutBucketAcl | Name::PutObjectAcl => {
            Noted("accepts only the ACL `private`, as a header or a document, and changes nothing")
        }
        Name::GetBucketLocation => {
            Noted("always `us-east-1` (an empty document); signatures may name any region")
        }
        Name::GetBucketVersioning => Noted("always reports that versioning is off"),
        Name::ListObjects if !can.list_start_after => Noted(
            "with a `marker`, the gateway reads the provider's list from its first page, unless the marker is from a \
             recent response",
        ),
        Name::ListObjectsV2 if !can.list_start_after => Noted(
            "with `start-after`, the gateway reads the provider's list from its first page; continuation tokens don't \
             cause this",
        ),
        Name::ListObjectVersions => Noted("lists only current objects, each as version `null`"),
        Name::GetObjectTagging | Name::PutObjectTagging | Name::DeleteObjectTagging
            if !is_whole && !can.tags =>
        {
            Refused("The provider doesn't support object tags. Use metadata (x-amz-meta-…) instead.")
        }
        Name::HeadObject | Name::GetObject if is_whole => {
            Noted("ranges, conditions, `response-…`, `versionId`, `partNumber`, checksums, SSE-C")
        }
        Name::HeadObject | Name::GetObject if can.hidden_metadata => {
            Noted("ranges, conditions, `response-…`, `partNumber`, checksums; no `versionId`")
        }
        Name::HeadObject | Name::GetObject if can.conditional_get => {
            Noted("ranges, conditions, `response-…`; no `versionId`, no `partNumber`")
        }
        Name::HeadObject | Name::GetObject => {
            Noted("ranges, `response-…`; no conditions, no `versionId`, no `partNumber`")
        }
        Name::GetObjectAttributes if is_whole => Noted(
            "the attributes that the provider returns; only `ETag` and size if the provider doesn't support or allow \
             the call",
        ),
        Name::GetObjectAttributes if can.hidden_metadata => {
            Noted("`ETag`, size, and the checksums and parts that are stored")
        }
        Name::GetObjectAttributes => Noted("`ETag` and size; no checksums, no parts"),
        Name::DeleteObject | Name::DeleteObjects => Noted("no conditions, no `versionId` other than `null`"),
        Name::PutObject if is_whole => match (can.put_if_absent, can.put_if_match) {
            (true, true) => {
                Noted("`If-None-Match: *`, `If-Match`; tags, checksums, encryption, storage classes")
            }
            _ => Noted("no conditions; tags, checksums, encryption, storage classes"),
        },
        Name::PostObject if is_whole => {
            Noted("forms for browsers; tags, checksums, encryption, storage classes")
        }
        Name::PostObject if can.tags => Noted("forms for browsers; tags, checksums"),
        Name::PostObject => Noted("forms for browsers"),
        Name::CreateMultipartUpload if is_whole => Noted("tags, encryption, storage classes"),
        Name::CreateMultipartUpload if can.tags => Noted("tags"),
        Name::CompleteMultipartUpload if !can.conditional_completion => Noted("no conditions"),
        Name::PutObject if can.tags && can.put_if_absent && can.put_if_match => {
            Noted("`If-None-Match: *`, `If-Match`; tags, checksums")
        }
        Name::PutObject | Name::CompleteMultipartUpload => match (can.put_if_absent, can.put_if_match) {
            (true, true) => Noted("`If-None-Match: *`, `If-Match`"),
            (true, false) => Noted("`If-None-Match: *`; no `If-Match`"),
            (false, true) => Noted("`If-Match`; no `If-None-Match`"),
            (false, false) => Noted("no conditions"),
        },
        Name::CopyObject if is_whole => Noted(
            "within an account, copied by the provider, with tags, versions, encryption, storage classes; otherwise \
             streamed. Conditions on the source only",
        ),
        Name::CopyObject if can.copy && can.tags => Noted(
            "within a bucket, copied by the provider; otherwise streamed. With tags; conditions on the source only",
        ),
        Name::CopyObject if can.copy => Noted(
            "within a bucket, copied by the provider; otherwise streamed. Conditions on the source only",
        ),
        Name::CopyObject => Noted("streamed. Conditions on the source only"),
        Name::UploadPartCopy if is_whole => {
            Noted("within an account, copied by the provider; otherwise streamed")
        }
        Name::UploadPartCopy => Noted("streamed"),
        Name::ListParts if !is_whole => Noted("without the `LastModified` of the parts"),
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
