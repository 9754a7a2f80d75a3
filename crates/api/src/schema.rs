//! The wire format: how domain values are written, and how the OpenAPI document describes them.
//!
//! The types whose names end in `Schema` exist only for the document, because `model` does not depend on OpenAPI.

#![expect(dead_code, reason = "the schema types are described, never built")]

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A point in time: RFC 3339, UTC, with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000Z")]
pub(crate) struct Moment(pub(crate) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The storage protocol that a bucket's provider speaks. `AZURE` is accepted as `BLOB` and never returned.
#[derive(ToSchema)]
#[schema(as = StorageType, rename_all = "UPPERCASE")]
pub(crate) enum StorageTypeSchema {
    /// AWS S3 and S3-compatible services.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Blob,
}

/// How requests to a repository select a bucket.
#[derive(ToSchema)]
#[schema(as = ModeType, rename_all = "UPPERCASE")]
pub(crate) enum RepositoryModeSchema {
    /// Independent buckets, each addressed by its name at the provider.
    Normal,
    /// One master bucket and its replicas, addressed by the name of any of them or of the repository.
    Mirror,
}

/// A bucket's status: ONLINE if a connected node reaches it, OFFLINE if connected nodes probe it and none reaches
/// it, DISCONNECTED if no connected node reports on it. For one node: its own report, DISCONNECTED if the node is
/// not connected.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "UPPERCASE")]
pub(crate) enum StatusSchema {
    /// The bucket is reached.
    Online,
    /// The bucket is probed, but not reached.
    Offline,
    /// No connected node reports on the bucket.
    Disconnected,
}

/// A role in a workspace, or the access level of a repository's key.
#[derive(ToSchema)]
#[schema(as = AccessType, rename_all = "UPPERCASE")]
pub(crate) enum WorkspaceRoleSchema {
    /// May read lists, status and statistics.
    Read,
    /// May also create, update, validate and delete.
    Write,
    /// May also manage the workspace's members and its name.
    Admin,
}

/// The checks that a validation makes.
#[derive(ToSchema)]
#[schema(as = CheckScope, rename_all = "kebab-case")]
pub(crate) enum CheckScopeSchema {
    /// All checks.
    Full,
    /// All checks but write and delete, for read-only credentials.
    ReadOnly,
}

/// One check of a validation and its outcome.
#[derive(ToSchema)]
#[schema(as = Check)]
pub(crate) struct CheckSchema {
    /// Which check: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read` or `delete`.
    #[schema(example = "bucket")]
    name: String,
    /// Whether the check passed.
    #[schema(example = false)]
    ok: bool,
    /// How long the check took, in milliseconds.
    #[schema(example = 12)]
    latency_ms: u64,
    /// The outcome in one sentence.
    #[schema(example = "The bucket does not exist.")]
    message: String,
    /// Why the check failed, as a stable code. Absent where it passed.
    #[schema(required = false, example = "BUCKET_NOT_FOUND")]
    error_code: Option<String>,
    /// What to change, in the provider's terms.
    #[schema(required = false, example = "Check the bucket's name.")]
    hint: Option<String>,
}

/// The response of a call that returns nothing else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// Always true.
    #[schema(example = true)]
    success: bool,
}

impl Done {
    pub(crate) const YES: Self = Self { success: true };
}

/// The response of a call that returns a sentence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Message {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// What was done.
    #[schema(value_type = String, example = "the user was removed")]
    message: &'static str,
}

impl Message {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self { success: true, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds() {
        let moment = Moment(Timestamp::from_microsecond(1_700_000_000_123_456).unwrap());
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2023-11-14T22:13:20.123Z\"");
    }
}
