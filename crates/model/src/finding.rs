//! What needs attention in a deployment. One list of findings is what `bucketry doctor`, notifications, metrics and
//! the dashboard show.
//!
//! A finding is a condition that lasts, not an event: it appears when something is wrong and disappears when it is
//! right again. Two findings with the same [`FindingKey`] are the same condition.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::WorkspaceId;

/// The stable code of a kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FindingCode {
    /// No node reaches the bucket.
    BucketOffline,
    /// Several buckets at one endpoint are OFFLINE for the same reason, which is one of the endpoint.
    EndpointOffline,
    /// The node reports, but reaches none of its buckets, at several endpoints.
    NodeIsolated,
    /// The node hasn't reported for longer than the deployment's limit.
    NodeSilent,
    /// Several processes report as one node.
    NodeDuplicated,
    /// None of the nodes that buckets are pinned to is connected.
    PinnedNodesMissing,
    /// The node holds measurements that it could not report.
    ReportsWaiting,
    /// No key in the vault opens the bucket's stored secret.
    SecretUnreadable,
    /// The credential ends soon.
    CredentialExpiring,
    /// The credential has ended.
    CredentialExpired,
    /// Two registrations share a bucket or a folder of one at the provider.
    BucketsOverlap,
    /// The bucket's key opens other buckets at its provider, too.
    KeyTooBroad,
    /// Multipart uploads that nobody completed take up space.
    UploadsAbandoned,
    /// The newest object under a prefix is older than the rule for it allows.
    ObjectsStale,
    /// Nobody has used the bucket for longer than the organization's limit.
    BucketUnused,
    /// The last inventory is older than its schedule allows.
    InventoryOld,
    /// A limit is nearly reached or exceeded.
    QuotaNear,
    /// More of a bucket's requests fail than the rule for it allows.
    ErrorRateHigh,
    /// The deployment's own backup is older than its setting allows.
    BackupOld,
    /// The disk of the data directory is nearly full.
    DiskFull,
    /// The certificate of a listener ends soon, or has ended.
    CertificateExpiring,
    /// The files of a listener's certificate contain something that can't be used.
    CertificateRefused,
    /// The certificate of a listener isn't valid for the name in a setting.
    CertificateName,
    /// The session or API token of the person who looks isn't valid.
    SessionInvalid,
}

impl FindingCode {
    /// All codes.
    pub const ALL: [Self; 24] = [
        Self::BucketOffline,
        Self::EndpointOffline,
        Self::NodeIsolated,
        Self::NodeSilent,
        Self::NodeDuplicated,
        Self::PinnedNodesMissing,
        Self::ReportsWaiting,
        Self::SecretUnreadable,
        Self::CredentialExpiring,
        Self::CredentialExpired,
        Self::BucketsOverlap,
        Self::KeyTooBroad,
        Self::UploadsAbandoned,
        Self::ObjectsStale,
        Self::BucketUnused,
        Self::InventoryOld,
        Self::QuotaNear,
        Self::ErrorRateHigh,
        Self::BackupOld,
        Self::DiskFull,
        Self::CertificateExpiring,
        Self::CertificateRefused,
        Self::CertificateName,
        Self::SessionInvalid,
    ];
}

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Worth knowing. Nothing fails because of it.
    Info,
    /// Something will fail if nobody acts.
    Warning,
    /// Something fails now.
    Critical,
}

/// The kind of thing that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubjectKind {
    /// The whole deployment, its data directory or its vault.
    Deployment,
    /// An organization.
    Organization,
    /// A host of a provider, by its name and port. Its id is that text.
    Endpoint,
    /// A node.
    Node,
    /// A bucket.
    Bucket,
    /// A repository.
    Repository,
    /// A workspace.
    Workspace,
    /// A person's session or API token.
    Session,
}

/// Identifies a condition: what is wrong with what. The same condition has the same key each time it is looked for,
/// so it can be remembered, silenced and depended on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// What is wrong.
    pub code: FindingCode,
    /// The kind of thing.
    pub subject: SubjectKind,
    /// The id of the thing, with a suffix where it can have several findings of one code, such as a prefix.
    pub id: String,
}

/// One condition that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which condition it is.
    pub key: FindingKey,
    /// How urgent it is.
    pub severity: Severity,
    /// The name of the thing, as people know it.
    pub name: String,
    /// The workspace whose readers may see the finding. `None` where it concerns the organization or deployment.
    pub workspace_id: Option<WorkspaceId>,
    /// A few words without the thing's name, such as `Bucket is OFFLINE`.
    pub title: String,
    /// One or two sentences: what is wrong, why, and what to do. Without secrets.
    pub sentence: String,
    /// A command that shows more or fixes it, without the name of the program: `bucket validate photos`.
    pub command: Option<String>,
    /// Since when the condition has lasted, as far as that is known.
    pub since: Option<Timestamp>,
    /// The condition that explains this one, such as the silent node of a bucket that no other node sees. A list
    /// shows only what isn't explained, and a notification is sent only for that.
    pub depends_on: Option<FindingKey>,
    /// How long the condition has to last until it is shown, so that a flap isn't.
    pub visible_after: SignedDuration,
}

impl Finding {
    /// Whether the condition has lasted long enough to be shown. One of unknown age has.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.since.is_none_or(|since| now.duration_since(since) >= self.visible_after)
    }
}

impl fmt::Display for FindingKey {
    /// `BUCKET_OFFLINE BUCKET 0190…`: unique, and stable between releases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: Result<serde_json::Value, _>| match value {
            Ok(serde_json::Value::String(word)) => word,
            _ => String::new(),
        };
        let code = word(serde_json::to_value(self.code));
        let subject = word(serde_json::to_value(self.subject));
        write!(f, "{code} {subject} {}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(since: Option<i64>) -> Finding {
        Finding {
            key: FindingKey {
                code: FindingCode::BucketOffline,
                subject: SubjectKind::Bucket,
                id: "1".to_owned(),
            },
            severity: Severity::Critical,
            name: "photos".to_owned(),
            workspace_id: None,
            title: "Bucket is OFFLINE".to_owned(),
            sentence: "No node reaches it.".to_owned(),
            command: None,
            since: since.map(|second| Timestamp::from_second(second).unwrap()),
            depends_on: None,
            visible_after: SignedDuration::from_secs(60),
        }
    }

    #[test]
    fn a_flap_is_not_shown() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!finding(Some(100)).is_visible(at(159)));
        assert!(finding(Some(100)).is_visible(at(160)));
        assert!(!finding(Some(100)).is_visible(at(50)), "a clock that jumped back");
        assert!(finding(None).is_visible(at(0)));
    }

    #[test]
    fn a_key_has_one_text() {
        assert_eq!(finding(None).key.to_string(), "BUCKET_OFFLINE BUCKET 1");
    }

    #[test]
    fn no_code_is_missing_in_the_list_of_all() {
        // The last one. A code after it must be added to the list, too.
        assert_eq!(FindingCode::ALL.len(), FindingCode::SessionInvalid as usize + 1);
        assert!(FindingCode::ALL.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn urgent_findings_sort_last_by_severity() {
        assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Critical);
    }
}
