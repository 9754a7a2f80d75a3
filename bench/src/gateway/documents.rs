//! The XML responses of the storage: lists of buckets and objects, and multipart uploads.

use std::fmt::Write as _;

use super::writes::Object;
use super::{AZURE_BUCKET, S3_BUCKET};

const BEGIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
/// The modification time of everything.
const MODIFIED: &str = "2026-01-01T00:00:00.000Z";

/// `ListBuckets`.
pub(super) fn buckets() -> String {
    let mut response = format!(
        "{BEGIN}<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>o</ID><DisplayName>o</DisplayName></Owner><Buckets>"
    );
    for name in [S3_BUCKET, AZURE_BUCKET] {
        // Writing to a String can't fail.
        _ = write!(response, "<Bucket><Name>{name}</Name><CreationDate>{MODIFIED}</CreationDate></Bucket>");
    }
    response + "</Buckets></ListAllMyBucketsResult>"
}

/// `ListObjectsV2`, all on one page. No name has a slash, so a delimiter would change nothing.
pub(super) fn objects(found: &[(&str, Object)]) -> String {
    let mut response = format!(
        "{BEGIN}<ListBucketResult {NAMESPACE}><Name>{S3_BUCKET}</Name><IsTruncated>false</IsTruncated>\
         <KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys>",
        found.len()
    );
    for (name, Object { size, etag, .. }) in found {
        _ = write!(
            response,
            "<Contents><Key>{name}</Key><LastModified>{MODIFIED}</LastModified><ETag>{etag}</ETag>\
             <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        );
    }
    response + "</ListBucketResult>"
}

/// `CreateMultipartUpload`.
pub(super) fn upload(id: &str) -> String {
    format!(
        "{BEGIN}<InitiateMultipartUploadResult {NAMESPACE}><Bucket>{S3_BUCKET}</Bucket><Key>k</Key>\
         <UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
    )
}

/// `CompleteMultipartUpload`.
pub(super) fn completed(etag: &str) -> String {
    format!(
        "{BEGIN}<CompleteMultipartUploadResult {NAMESPACE}><Bucket>{S3_BUCKET}</Bucket><Key>k</Key>\
         <ETag>{etag}</ETag></CompleteMultipartUploadResult>"
    )
}
