//! Jobs for nodes, and their results.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key_checks::{CheckedKey, KeyChecks};
use crate::bucket::BucketLocation;
use crate::diagnosis::{Check, CheckName, CheckScope, Diagnosis};
use crate::id::{BucketId, ChannelId, JobId, OrgId, RepoId, RepoKeyId};
use crate::secret::SealedSecret;

/// A job for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Repeated in the result.
    pub id: JobId,
    /// What to do.
    pub task: Task,
}

/// A task that a node can be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Task {
    /// Check a bucket and report what is wrong with it.
    Validate(Validation),
    /// Open these secrets and seal them to these recipients.
    Reseal {
        /// Secrets to open.
        secrets: Vec<BoundSecret>,
        /// Public keys to seal the secrets to.
        recipients: Vec<String>,
    },
    /// Create a new identity and register it as the one in use. Older ones are kept for opening secrets.
    NewIdentity,
    /// Delete every identity except the one in use.
    RetireIdentities,
    /// Find out how old the newest object under a prefix is.
    FindNewest(NewestSearch),
    /// Find multipart uploads that nobody completed, and abort them.
    CleanUploads(UploadCleaning),
    /// Find out whether the keys of buckets open more than their buckets.
    CheckKeys(KeyChecks),
    /// A task of a newer version, which this one doesn't know. It is never sent.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// A search for the newest object under a prefix of a bucket that the node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct NewestSearch {
    pub bucket_id: BucketId,
    /// Only keys that begin with this count.
    pub prefix: String,
    /// Smaller objects don't count.
    pub min_bytes: u64,
    /// The search may end at the first object that isn't older than this.
    pub fresh_since: Timestamp,
    /// Time limit in milliseconds.
    pub deadline_ms: u64,
}

/// The multipart uploads of a bucket that the node serves, to be aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct UploadCleaning {
    pub bucket_id: BucketId,
    /// Only uploads that began before this.
    pub begun_before: Timestamp,
    /// Only report what would be aborted.
    pub dry_run: bool,
    /// Time limit in milliseconds.
    pub deadline_ms: u64,
}

/// A bucket to check, which may not be stored yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct Validation {
    /// Organization, to which the secret is bound.
    pub org_id: OrgId,
    /// Bucket, to which the secret is bound.
    pub bucket_id: BucketId,
    pub location: BucketLocation,
    /// Secret that opens the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SealedSecret>,
    /// Which checks to make.
    pub scope: CheckScope,
    /// Time limit for all checks together, in milliseconds.
    pub deadline_ms: u64,
}

/// The record that a sealed secret belongs to. The order is that of a rotation: buckets, then keys, then
/// repositories, then notification channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SecretOwner {
    /// A bucket. The secret opens it at its provider.
    #[serde(rename = "bucketId")]
    Bucket(BucketId),
    /// An access key of a repository. Clients sign with the secret.
    #[serde(rename = "keyId")]
    RepositoryKey(RepoKeyId),
    /// A repository. The secret seals its upload ids and continuation tokens.
    #[serde(rename = "repoId")]
    Repository(RepoId),
    /// A notification channel. The process that sends opens it.
    #[serde(rename = "channelId")]
    Channel(ChannelId),
}

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(id) => write!(f, "bucket {id}"),
            Self::RepositoryKey(id) => write!(f, "repository key {id}"),
            Self::Repository(id) => write!(f, "repository {id}"),
            Self::Channel(id) => write!(f, "notification channel {id}"),
        }
    }
}

/// A sealed secret, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundSecret {
    /// Organization, to which the secret is bound.
    pub org_id: OrgId,
    /// Record that the secret belongs to; `bucketId`, `keyId`, `repoId` or `channelId` on the wire.
    #[serde(flatten)]
    pub owner: SecretOwner,
    /// Sealed text.
    pub secret: SealedSecret,
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The finished job.
    pub job_id: JobId,
    /// What came of the job.
    pub outcome: Outcome,
}

/// How often a node may report the progress of validations, per second.
pub const PROGRESS_PER_SECOND: u32 = 5;

/// The checks of a validation that hasn't ended. A later one replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobProgress {
    /// The job in progress.
    pub job_id: JobId,
    /// All checks that have ended, in the order in which they ran.
    pub checks: Vec<Check>,
    /// The check in progress. `None` between two checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<CheckName>,
}

/// Multipart uploads that began before some time and are still in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadsFound {
    /// How many there are.
    pub count: u64,
    /// When the oldest began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// The bytes of their parts. `None` if there are too many to ask for the parts of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether all uploads of the bucket were looked at.
    pub complete: bool,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Outcome {
    /// Outcome of [`Task::Validate`].
    Validated {
        /// The checks that the node made.
        diagnosis: Diagnosis,
        /// When the validation ended, by the node's clock, which also dates its probes. Older nodes don't send it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Outcome of [`Task::Reseal`], with the secrets that could be opened and are sealed again.
    Resealed {
        /// Sealed secrets.
        secrets: Vec<BoundSecret>,
    },
    /// Outcome of [`Task::FindNewest`].
    FoundNewest {
        /// When the newest object was stored. `None` if there is none that counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<Timestamp>,
    },
    /// Outcome of [`Task::CleanUploads`].
    CleanedUploads {
        /// What was found.
        found: UploadsFound,
        /// How many of them were aborted.
        aborted: u64,
        /// Why one couldn't be aborted, in one sentence without secrets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// Outcome of [`Task::CheckKeys`].
    CheckedKeys {
        /// What was found. Buckets are left out that the node doesn't serve, or whose provider doesn't say.
        keys: Vec<CheckedKey>,
    },
    /// Outcome of [`Task::NewIdentity`] and [`Task::RetireIdentities`].
    Done,
    /// The job failed.
    Failed {
        /// The reason, in one sentence without secrets.
        reason: String,
        /// The check of a diagnosis that fails for the same reason. Only where the reason is the bucket's provider or
        /// what was entered for the bucket, and not the node. Older nodes don't send it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<Box<Check>>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::StorageType;
    use serde_json::json;

    #[test]
    fn a_validation_is_written_as_older_nodes_read_it() {
        let now = Timestamp::UNIX_EPOCH;
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".into(),
            key: Some("AKID".into()),
            endpoint: None,
            region: None,
        };
        let validation = Validation {
            org_id: OrgId::new(now, [1; 10]),
            bucket_id: BucketId::new(now, [2; 10]),
            location: location.clone(),
            secret: Some(SealedSecret::from_text("sealed")),
            scope: CheckScope::Full,
            deadline_ms: 5_000,
        };
        let task = Task::Validate(validation.clone());
        let value = serde_json::to_value(&task).unwrap();
        let written = json!({
            "kind": "validate", "orgId": validation.org_id, "bucketId": validation.bucket_id, "location": location,
            "secret": "sealed", "scope": "full", "deadlineMs": 5_000,
        });
        assert_eq!(value, written);
        assert_eq!(serde_json::from_value::<Task>(value).unwrap(), task);
        let without = Task::Validate(Validation { secret: None, ..validation });
        let value = serde_json::to_value(&without).unwrap();
        assert!(value.get("secret").is_none());
        assert_eq!(serde_json::from_value::<Task>(value).unwrap(), without);
    }

    #[test]
    fn a_task_reads_back_from_its_json() {
        let now = Timestamp::UNIX_EPOCH;
        let secret = |owner| BoundSecret {
            org_id: OrgId::new(now, [1; 10]),
            owner,
            secret: SealedSecret::from_text("sealed"),
        };
        let secrets = vec![
            secret(SecretOwner::Bucket(BucketId::new(now, [2; 10]))),
            secret(SecretOwner::RepositoryKey(RepoKeyId::new(now, [3; 10]))),
            secret(SecretOwner::Repository(RepoId::new(now, [4; 10]))),
            secret(SecretOwner::Channel(ChannelId::new(now, [5; 10]))),
        ];
        let task = Task::Reseal { secrets, recipients: vec!["age1x".into()] };
        let value = serde_json::to_value(&task).unwrap();
        assert_eq!(value["secrets"][0]["bucketId"], BucketId::new(now, [2; 10]).to_string());
        assert_eq!(value["secrets"][1]["keyId"], RepoKeyId::new(now, [3; 10]).to_string());
        assert_eq!(value["secrets"][3]["channelId"], ChannelId::new(now, [5; 10]).to_string());
        assert_eq!(serde_json::from_value::<Task>(value).unwrap(), task);
    }

    #[test]
    fn tasks_on_objects_and_uploads_are_written_with_camel_case_names() {
        let now = Timestamp::UNIX_EPOCH;
        let bucket_id = BucketId::new(now, [2; 10]);
        let cleaning = UploadCleaning { bucket_id, begun_before: now, dry_run: true, deadline_ms: 5 };
        let value = serde_json::to_value(Task::CleanUploads(cleaning)).unwrap();
        let written = json!({
            "kind": "cleanUploads", "bucketId": bucket_id, "begunBefore": "1970-01-01T00:00:00Z", "dryRun": true,
            "deadlineMs": 5,
        });
        assert_eq!(value, written);
        let failed = json!({ "kind": "failed", "reason": "No." });
        let outcome = Outcome::Failed { reason: "No.".to_owned(), check: None };
        assert_eq!(serde_json::to_value(&outcome).unwrap(), failed);
        assert_eq!(serde_json::from_value::<Outcome>(failed).unwrap(), outcome, "older nodes send no check");
        let outcome = Outcome::FoundNewest { newest: None };
        assert_eq!(serde_json::to_value(outcome).unwrap(), json!({ "kind": "foundNewest" }));
    }
}
