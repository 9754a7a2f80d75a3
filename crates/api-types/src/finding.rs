//! Findings: what needs attention.

use bucketry_model::finding::{FindingCode, Severity, SubjectKind};
use bucketry_model::id::WorkspaceId;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A condition that needs attention.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = Finding))]
pub struct FindingInfo {
    /// What is wrong, as a stable code.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "BUCKET_OFFLINE"))]
    pub code: FindingCode,
    /// INFO: worth knowing. WARNING: something will fail if nobody acts. CRITICAL: something fails now.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "CRITICAL"))]
    pub severity: Severity,
    /// The kind of thing that the finding is about, such as BUCKET or NODE.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "BUCKET"))]
    pub subject: SubjectKind,
    /// The id of the thing. May have a suffix where the thing can have several findings of one code. Code, subject and
    /// this text together are the same as long as the condition lasts.
    #[cfg_attr(feature = "openapi", schema(example = "01900000-0000-7000-8000-000000000000"))]
    pub id: String,
    /// The name of the thing.
    #[cfg_attr(feature = "openapi", schema(example = "Holiday photos"))]
    pub name: String,
    /// The workspace that the thing belongs to. Absent where it belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub workspace_id: Option<WorkspaceId>,
    /// What is wrong, in a few words without the name.
    #[cfg_attr(feature = "openapi", schema(example = "Bucket is OFFLINE"))]
    pub title: String,
    /// What is wrong, why, and what to do, in one or two sentences.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "The server refused the connection. The repository media uses it.")
    )]
    pub message: String,
    /// A command that shows more or fixes it, without the name of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "bucket validate 'Holiday photos'"))]
    pub command: Option<String>,
    /// Since when the condition has lasted, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
}

/// What needs attention.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingList {
    /// Always true.
    pub success: bool,
    /// The findings, the most urgent first, then by age, oldest first. At most 1,000.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub findings: Vec<FindingInfo>,
    /// The number of findings that the list doesn't contain.
    pub more: u64,
}
