//! The words of the wire: how the domain's values are written, and how the OpenAPI document describes them.
//!
//! The types whose names end in `Schema` exist for the document only: `model` knows nothing of OpenAPI.

#![expect(dead_code, reason = "the schema types are described, never built")]

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A moment as the API writes it: RFC 3339, UTC, milliseconds, `Z`.
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

/// The storage protocol that a bucket's provider speaks. `AZURE` is read as `BLOB` and never written.
#[derive(ToSchema)]
#[schema(as = StorageType, rename_all = "UPPERCASE")]
pub(crate) enum StorageTypeSchema {
    /// AWS S3 and everything that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Blob,
}

/// How a repository's requests find a bucket.
#[derive(ToSchema)]
#[schema(as = ModeType, rename_all = "UPPERCASE")]
pub(crate) enum RepositoryModeSchema {
    /// Independent buckets, each addressed by its provider's name.
    Normal,
    /// One master bucket and its replicas, addressed by the name of any of them or of the repository.
    Mirror,
}

/// A bucket's or node's status: ONLINE where a connected node reaches it, OFFLINE where connected nodes don't,
/// DISCONNECTED where no connected node looks.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "UPPERCASE")]
pub(crate) enum StatusSchema {
    /// Reached.
    Online,
    /// Not reached.
    Offline,
    /// Nobody looks.
    Disconnected,
}

/// A role in a workspace, or what a repository's key may do.
#[derive(ToSchema)]
#[schema(as = AccessType, rename_all = "UPPERCASE")]
pub(crate) enum WorkspaceRoleSchema {
    /// Lists, status, statistics.
    Read,
    /// Also creates, updates, validates and deletes.
    Write,
    /// Also manages the members and the name.
    Admin,
}

/// Which checks a validation makes.
#[derive(ToSchema)]
#[schema(as = CheckScope, rename_all = "kebab-case")]
pub(crate) enum CheckScopeSchema {
    /// All of them.
    Full,
    /// Without write and delete, for read-only credentials.
    ReadOnly,
}

/// One check of a validation and its outcome.
#[derive(ToSchema)]
#[schema(as = Check)]
pub(crate) struct CheckSchema {
    /// Which check: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read` or `delete`.
    #[schema(example = "bucket")]
    name: String,
    /// Whether it passed.
    #[schema(example = false)]
    ok: bool,
    /// How long it took, in milliseconds.
    #[schema(example = 12)]
    latency_ms: u64,
    /// One sentence.
    #[schema(example = "there is no bucket \"photos\" at this endpoint")]
    message: String,
    /// Why it failed, as a stable code.
    #[schema(required = false, example = "BUCKET_NOT_FOUND")]
    error_code: Option<String>,
    /// What to change, in the provider's own words.
    #[schema(required = false, example = "create the bucket, or correct its name")]
    hint: Option<String>,
}

/// `{ "success": true }`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// Always true.
    #[schema(example = true)]
    success: bool,
}

impl Done {
    pub(crate) const YES: Self = Self { success: true };
}

/// Done, with a sentence.
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
