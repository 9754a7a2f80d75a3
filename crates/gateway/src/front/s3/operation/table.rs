//! All operations of S3, how a request selects them, and how the gateway handles them.
//!
//! A request is looked up by its method, its scope, and the query parameters and headers that select a
//! sub-resource. A parameter that the row doesn't list is answered with `NotImplemented`, so a request for a
//! sub-resource never reaches the bucket or the object itself.

use std::sync::LazyLock;

use http::Method;

use crate::front::Access;

/// What an operation applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The endpoint, such as for `ListBuckets`.
    Service,
    /// A bucket, without a key.
    Bucket,
    /// An object in a bucket.
    Object,
}

/// The operations that the gateway supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are S3's own, and its documentation explains them")]
pub enum Name {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    GetBucketLocation,
    GetBucketVersioning,
    ListObjects,
    ListObjectsV2,
    ListObjectVersions,
    ListMultipartUploads,
    DeleteObjects,
    DeleteBucket,
    PutBucketAcl,
    PutObjectAcl,
    HeadObject,
    GetObject,
    GetObjectAttributes,
    GetObjectTagging,
    PutObjectTagging,
    DeleteObjectTagging,
    PutObject,
    PostObject,
    CopyObject,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
}

/// How the gateway handles an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Executes it for keys with this access.
    Done(Name, Access),
    /// Answers `NotImplemented` with this reason.
    Refused(&'static str),
}

/// An operation and how a request selects it.
#[derive(Debug)]
pub struct Row {
    /// The name in S3's documentation.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// What the operation applies to.
    pub scope: Scope,
    /// Query parameters that select the operation. All must be present, and have the given value if there is one.
    pub requires: &'static [(&'static str, Option<&'static str>)],
    /// A header that selects the operation.
    pub header: Option<&'static str>,
    /// Other query parameters that the operation supports.
    pub optional: &'static [&'static str],
    /// How the gateway handles the operation.
    pub handling: Handling,
}

const fn row(
    name: &'static str,
    method: Method,
    scope: Scope,
    requires: &'static [(&'static str, Option<&'static str>)],
    handling: Handling,
) -> Row {
    Row { name, method, scope, requires, header: None, optional: &[], handling }
}

const fn done(
    name: &'static str,
    method: Method,
    scope: Scope,
    requires: &'static [(&'static str, Option<&'static str>)],
    optional: &'static [&'static str],
    handling: Handling,
) -> Row {
    Row { name, method, scope, requires, header: None, optional, handling }
}

const fn by_copy_source(
    name: &'static str,
    requires: &'static [(&'static str, Option<&'static str>)],
    handling: Handling,
) -> Row {
    Row {
        name,
        method: Method::PUT,
        scope: Scope::Object,
        requires,
        header: Some("x-amz-copy-source"),
        optional: &[],
        handling,
    }
}

const NOT_HERE: &str =
    "Buckets are registered, changed and deleted through Bucketry's API, not through the gateway.";
const NO_SETTINGS: &str = "The gateway neither shows nor changes bucket settings; use the provider's tools.";
const NO_ACL: &str = "Access is decided by the repository's keys (READ, WRITE, ADMIN); the gateway has no ACLs and \
                      no policies.";
const NO_TAGS: &str = "The gateway supports tags of objects, not of buckets.";
const NO_LOCKS: &str = "Object Lock is set at the provider; the gateway neither shows nor changes it.";
const NO_ARCHIVE: &str = "Restore archived objects at the provider.";
const NO_QUERIES: &str =
    "The gateway doesn't process object content; read the object and process it yourself.";
const NO_TORRENTS: &str = "The gateway doesn't support torrents.";
const NO_RENAME: &str = "Copy the object and delete the original.";

use Access::{List, Read, Write};
use Handling::{Done, Refused};
use Scope::{Bucket, Object, Service};

/// All operations. Requests choose the most specific row that fits.
pub static OPERATIONS: &[Row] = &[
    done(
        "ListBuckets",
        Method::GET,
        Service,
        &[],
        &["prefix", "max-buckets", "continuation-token", "bucket-region"],
        Done(Name::ListBuckets, List),
    ),
    row("ListDirectoryBuckets", Method::GET, Service, &[("max-directory-buckets", None)], Refused(NOT_HERE)),
    row("WriteGetObjectResponse", Method::POST, Service, &[], Refused(NO_QUERIES)),
    row("CreateBucket", Method::PUT, Bucket, &[], Done(Name::CreateBucket, List)),
    row("DeleteBucket", Method::DELETE, Bucket, &[], Done(Name::DeleteBucket, Write)),
    row("HeadBucket", Method::HEAD, Bucket, &[], Done(Name::HeadBucket, List)),
    row("GetBucketLocation", Method::GET, Bucket, &[("location", None)], Done(Name::GetBucketLocation, List)),
    row(
        "GetBucketVersioning",
        Method::GET,
        Bucket,
        &[("versioning", None)],
        Done(Name::GetBucketVersioning, List),
    ),
    done(
        "ListObjects",
        Method::GET,
        Bucket,
        &[],
        &["prefix", "delimiter", "marker", "max-keys", "encoding-type"],
        Done(Name::ListObjects, List),
    ),
    done(
        "ListObjectsV2",
        Method::GET,
        Bucket,
        &[("list-type", Some("2"))],
        &[
            "prefix",
            "delimiter",
            "start-after",
            "continuation-token",
            "max-keys",
            "encoding-type",
            "fetch-owner",
        ],
        Done(Name::ListObjectsV2, List),
    ),
    done(
        "ListObjectVersions",
        Method::GET,
        Bucket,
        &[("versions", None)],
        &["prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type"],
        Done(Name::ListObjectVersions, List),
    ),
    done(
        "ListMultipartUploads",
        Method::GET,
        Bucket,
        &[("uploads", None)],
        &["prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"],
        Done(Name::ListMultipartUploads, List),
    ),
    row("DeleteObjects", Method::POST, Bucket, &[("delete", None)], Done(Name::DeleteObjects, Write)),
    row("PostObject", Method::POST, Bucket, &[], Done(Name::PostObject, Write)),
    row("CreateSession", Method::GET, Bucket, &[("session", None)], Refused(NO_SETTINGS)),
    row("GetBucketAcl", Method::GET, Bucket, &[("acl", None)], Refused(NO_ACL)),
    row("PutBucketAcl", Method::PUT, Bucket, &[("acl", None)], Done(Name::PutBucketAcl, Write)),
    row("GetBucketPolicy", Method::GET, Bucket, &[("policy", None)], Refused(NO_ACL)),
    row("PutBucketPolicy", Method::PUT, Bucket, &[("policy", None)], Refused(NO_ACL)),
    row("DeleteBucketPolicy", Method::DELETE, Bucket, &[("policy", None)], Refused(NO_ACL)),
    row("GetBucketPolicyStatus", Method::GET, Bucket, &[("policyStatus", None)], Refused(NO_ACL)),
    row("GetPublicAccessBlock", Method::GET, Bucket, &[("publicAccessBlock", None)], Refused(NO_ACL)),
    row("PutPublicAccessBlock", Method::PUT, Bucket, &[("publicAccessBlock", None)], Refused(NO_ACL)),
    row("DeletePublicAccessBlock", Method::DELETE, Bucket, &[("publicAccessBlock", None)], Refused(NO_ACL)),
    row("GetBucketOwnershipControls", Method::GET, Bucket, &[("ownershipControls", None)], Refused(NO_ACL)),
    row("PutBucketOwnershipControls", Method::PUT, Bucket, &[("ownershipControls", None)], Refused(NO_ACL)),
    row(
        "DeleteBucketOwnershipControls",
        Method::DELETE,
        Bucket,
        &[("ownershipControls", None)],
        Refused(NO_ACL),
    ),
    row("GetBucketLifecycleConfiguration", Method::GET, Bucket, &[("lifecycle", None)], Refused(NO_SETTINGS)),
    row("PutBucketLifecycleConfiguration", Method::PUT, Bucket, &[("lifecycle", None)], Refused(NO_SETTINGS)),
    row("DeleteBucketLifecycle", Method::DELETE, Bucket, &[("lifecycle", None)], Refused(NO_SETTINGS)),
    row("GetBucketCors", Method::GET, Bucket, &[("cors", None)], Refused(NO_SETTINGS)),
    row("PutBucketCors", Method::PUT, Bucket, &[("cors", None)], Refused(NO_SETTINGS)),
    row("DeleteBucketCors", Method::DELETE, Bucket, &[("cors", None)], Refused(NO_SETTINGS)),
    row("GetBucketTagging", Method::GET, Bucket, &[("tagging", None)], Refused(NO_TAGS)),
    row("PutBucketTagging", Method::PUT, Bucket, &[("tagging", None)], Refused(NO_TAGS)),
    row("DeleteBucketTagging", Method::DELETE, Bucket, &[("tagging", None)], Refused(NO_TAGS)),
    row("GetBucketWebsite", Method::GET, Bucket, &[("website", None)], Refused(NO_SETTINGS)),
    row("PutBucketWebsite", Method::PUT, Bucket, &[("website", None)], Refused(NO_SETTINGS)),
    row("DeleteBucketWebsite", Method::DELETE, Bucket, &[("website", None)], Refused(NO_SETTINGS)),
    row("GetBucketReplication", Method::GET, Bucket, &[("replication", None)], Refused(NO_SETTINGS)),
    row("PutBucketReplication", Method::PUT, Bucket, &[("replication", None)], Refused(NO_SETTINGS)),
    row("DeleteBucketReplication", Method::DELETE, Bucket, &[("replication", None)], Refused(NO_SETTINGS)),
    row("GetBucketEncryption", Method::GET, Bucket, &[("encryption", None)], Refused(NO_SETTINGS)),
    row("PutBucketEncryption", Method::PUT, Bucket, &[("encryption", None)], Refused(NO_SETTINGS)),
    row("DeleteBucketEncryption", Method::DELETE, Bucket, &[("encryption", None)], Refused(NO_SETTINGS)),
    row("GetBucketLogging", Method::GET, Bucket, &[("logging", None)], Refused(NO_SETTINGS)),
    row("PutBucketLogging", Method::PUT, Bucket, &[("logging", None)], Refused(NO_SETTINGS)),
    row(
        "GetBucketNotificationConfiguration",
        Method::GET,
        Bucket,
        &[("notification", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "PutBucketNotificationConfiguration",
        Method::PUT,
        Bucket,
        &[("notification", None)],
        Refused(NO_SETTINGS),
    ),
    row("GetObjectLockConfiguration", Method::GET, Bucket, &[("object-lock", None)], Refused(NO_LOCKS)),
    row("PutObjectLockConfiguration", Method::PUT, Bucket, &[("object-lock", None)], Refused(NO_LOCKS)),
    row("PutBucketVersioning", Method::PUT, Bucket, &[("versioning", None)], Refused(NO_SETTINGS)),
    row("GetBucketRequestPayment", Method::GET, Bucket, &[("requestPayment", None)], Refused(NO_SETTINGS)),
    row("PutBucketRequestPayment", Method::PUT, Bucket, &[("requestPayment", None)], Refused(NO_SETTINGS)),
    row(
        "GetBucketAccelerateConfiguration",
        Method::GET,
        Bucket,
        &[("accelerate", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "PutBucketAccelerateConfiguration",
        Method::PUT,
        Bucket,
        &[("accelerate", None)],
        Refused(NO_SETTINGS),
    ),
    row("GetBucketAbac", Method::GET, Bucket, &[("abac", None)], Refused(NO_SETTINGS)),
    row("PutBucketAbac", Method::PUT, Bucket, &[("abac", None)], Refused(NO_SETTINGS)),
    row("GetBucketAnalyticsConfiguration", Method::GET, Bucket, &[("analytics", None)], Refused(NO_SETTINGS)),
    row("PutBucketAnalyticsConfiguration", Method::PUT, Bucket, &[("analytics", None)], Refused(NO_SETTINGS)),
    row(
        "DeleteBucketAnalyticsConfiguration",
        Method::DELETE,
        Bucket,
        &[("analytics", None)],
        Refused(NO_SETTINGS),
    ),
    row("GetBucketInventoryConfiguration", Method::GET, Bucket, &[("inventory", None)], Refused(NO_SETTINGS)),
    row("PutBucketInventoryConfiguration", Method::PUT, Bucket, &[("inventory", None)], Refused(NO_SETTINGS)),
    row(
        "DeleteBucketInventoryConfiguration",
        Method::DELETE,
        Bucket,
        &[("inventory", None)],
        Refused(NO_SETTINGS),
    ),
    row("GetBucketMetricsConfiguration", Method::GET, Bucket, &[("metrics", None)], Refused(NO_SETTINGS)),
    row("PutBucketMetricsConfiguration", Method::PUT, Bucket, &[("metrics", None)], Refused(NO_SETTINGS)),
    row(
        "DeleteBucketMetricsConfiguration",
        Method::DELETE,
        Bucket,
        &[("metrics", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "GetBucketIntelligentTieringConfiguration",
        Method::GET,
        Bucket,
        &[("intelligent-tiering", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "PutBucketIntelligentTieringConfiguration",
        Method::PUT,
        Bucket,
        &[("intelligent-tiering", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "DeleteBucketIntelligentTieringConfiguration",
        Method::DELETE,
        Bucket,
        &[("intelligent-tiering", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "CreateBucketMetadataConfiguration",
        Method::POST,
        Bucket,
        &[("metadataConfiguration", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "GetBucketMetadataConfiguration",
        Method::GET,
        Bucket,
        &[("metadataConfiguration", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "DeleteBucketMetadataConfiguration",
        Method::DELETE,
        Bucket,
        &[("metadataConfiguration", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "CreateBucketMetadataTableConfiguration",
        Method::POST,
        Bucket,
        &[("metadataTable", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "GetBucketMetadataTableConfiguration",
        Method::GET,
        Bucket,
        &[("metadataTable", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "DeleteBucketMetadataTableConfiguration",
        Method::DELETE,
        Bucket,
        &[("metadataTable", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "UpdateBucketMetadataInventoryTableConfiguration",
        Method::PUT,
        Bucket,
        &[("metadataInventoryTable", None)],
        Refused(NO_SETTINGS),
    ),
    row(
        "UpdateBucketMetadataJournalTableConfiguration",
        Method::PUT,
        Bucket,
        &[("metadataJournalTable", None)],
        Refused(NO_SETTINGS),
    ),
    done("HeadObject", Method::HEAD, Object, &[], READING, Done(Name::HeadObject, Read)),
    done("GetObject", Method::GET, Object, &[], READING, Done(Name::GetObject, Read)),
    done(
        "GetObjectAttributes",
        Method::GET,
        Object,
        &[("attributes", None)],
        &["versionId"],
        Done(Name::GetObjectAttributes, Read),
    ),
    row("PutObject", Method::PUT, Object, &[], Done(Name::PutObject, Write)),
    by_copy_source("CopyObject", &[], Done(Name::CopyObject, Write)),
    done("DeleteObject", Method::DELETE, Object, &[], &["versionId"], Done(Name::DeleteObject, Write)),
    row(
        "CreateMultipartUpload",
        Method::POST,
        Object,
        &[("uploads", None)],
        Done(Name::CreateMultipartUpload, Write),
    ),
    row(
        "UploadPart",
        Method::PUT,
        Object,
        &[("partNumber", None), ("uploadId", None)],
        Done(Name::UploadPart, Write),
    ),
    by_copy_source(
        "UploadPartCopy",
        &[("partNumber", None), ("uploadId", None)],
        Done(Name::UploadPartCopy, Write),
    ),
    row(
        "CompleteMultipartUpload",
        Method::POST,
        Object,
        &[("uploadId", None)],
        Done(Name::CompleteMultipartUpload, Write),
    ),
    row(
        "AbortMultipartUpload",
        Method::DELETE,
        Object,
        &[("uploadId", None)],
        Done(Name::AbortMultipartUpload, Write),
    ),
    done(
        "ListParts",
        Method::GET,
        Object,
        &[("uploadId", None)],
        &["max-parts", "part-number-marker"],
        Done(Name::ListParts, List),
    ),
    row("GetObjectAcl", Method::GET, Object, &[("acl", None)], Refused(NO_ACL)),
    done(
        "PutObjectAcl",
        Method::PUT,
        Object,
        &[("acl", None)],
        &["versionId"],
        Done(Name::PutObjectAcl, Write),
    ),
    done(
        "GetObjectTagging",
        Method::GET,
        Object,
        &[("tagging", None)],
        &["versionId"],
        Done(Name::GetObjectTagging, Read),
    ),
    done(
        "PutObjectTagging",
        Method::PUT,
        Object,
        &[("tagging", None)],
        &["versionId"],
        Done(Name::PutObjectTagging, Write),
    ),
    done(
        "DeleteObjectTagging",
        Method::DELETE,
        Object,
        &[("tagging", None)],
        &["versionId"],
        Done(Name::DeleteObjectTagging, Write),
    ),
    row("GetObjectLegalHold", Method::GET, Object, &[("legal-hold", None)], Refused(NO_LOCKS)),
    row("PutObjectLegalHold", Method::PUT, Object, &[("legal-hold", None)], Refused(NO_LOCKS)),
    row("GetObjectRetention", Method::GET, Object, &[("retention", None)], Refused(NO_LOCKS)),
    row("PutObjectRetention", Method::PUT, Object, &[("retention", None)], Refused(NO_LOCKS)),
    row("GetObjectTorrent", Method::GET, Object, &[("torrent", None)], Refused(NO_TORRENTS)),
    row("RestoreObject", Method::POST, Object, &[("restore", None)], Refused(NO_ARCHIVE)),
    row(
        "SelectObjectContent",
        Method::POST,
        Object,
        &[("select", None), ("select-type", None)],
        Refused(NO_QUERIES),
    ),
    row("RenameObject", Method::PUT, Object, &[("renameObject", None)], Refused(NO_RENAME)),
    row("UpdateObjectEncryption", Method::PUT, Object, &[("encryption", None)], Refused(NO_SETTINGS)),
];

const READING: &[&str] = &[
    "versionId",
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];

/// The methods of all operations.
const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
/// The number of lists in [`LISTED`].
const LISTS: usize = 3 * METHODS.len() * 2;

/// The rows by scope, method and whether the query has parameters, so that a request is compared with few of them.
static LISTED: LazyLock<[Vec<&'static Row>; LISTS]> = LazyLock::new(|| {
    let mut lists = [const { Vec::new() }; LISTS];
    for row in OPERATIONS {
        for has_parameters in [false, true] {
            // A request without parameters can't select a row that requires one.
            if (has_parameters || row.requires.is_empty())
                && let Some(list) = list(row.scope, &row.method, has_parameters)
            {
                lists[list].push(row);
            }
        }
    }
    lists
});

fn list(scope: Scope, method: &Method, has_parameters: bool) -> Option<usize> {
    let method = METHODS.iter().position(|known| known == method)?;
    Some((scope as usize * METHODS.len() + method) * 2 + usize::from(has_parameters))
}

/// The operations that a request with this scope and method may select.
pub(super) fn rows(scope: Scope, method: &Method, has_parameters: bool) -> &'static [&'static Row] {
    list(scope, method, has_parameters).map_or(&[], |list| &LISTED[list])
}

/// The access that each operation needs, indexed by [`Name`].
const ACCESS: [Access; Name::ListParts as usize + 1] = {
    let mut access = [Access::Admin; Name::ListParts as usize + 1];
    let mut at = 0;
    while at < OPERATIONS.len() {
        if let Done(name, needed) = OPERATIONS[at].handling {
            access[name as usize] = needed;
        }
        at += 1;
    }
    access
};

impl Name {
    /// The access that a key needs for the operation.
    pub fn access(self) -> Access {
        ACCESS[self as usize]
    }
}
