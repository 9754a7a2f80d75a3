//! Validations that a caller follows check by check.

use bucketry_model::diagnosis::{Check, CheckCode, CheckName, CheckScope};
use bucketry_model::id::{BucketId, ValidationId};
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::bucket::{AlsoRegistered, ReadField};

/// A validation that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ValidationBegun {
    /// Always true.
    pub success: bool,
    /// The id with which to read the progress.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub validation_id: ValidationId,
}

/// How far one check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckState {
    /// It has not been tried. At the end: it would have proved nothing.
    NotTried,
    /// The node has begun it.
    InProgress,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
}

/// A check of a validation in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckLine {
    /// Which check: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read` or `delete`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "bucket"))]
    pub name: CheckName,
    /// How far it has come.
    pub state: CheckState,
    /// How long it took, in milliseconds. Absent until it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 12))]
    pub latency_ms: Option<u64>,
    /// The outcome in one sentence. Absent until it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "The bucket exists."))]
    pub message: Option<String>,
    /// Why it failed, as a stable code. Absent where it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "BUCKET_NOT_FOUND"))]
    pub error_code: Option<CheckCode>,
    /// What to change, in the provider's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl CheckLine {
    /// All checks of a scope: those that have ended, the one in progress, and those not tried.
    pub fn all(scope: CheckScope, ended: &[Check], running: Option<CheckName>) -> Vec<Self> {
        let line = |name: CheckName| match ended.iter().find(|check| check.name == name) {
            Some(check) => Self::ended(check),
            None => Self {
                name,
                state: if running == Some(name) { CheckState::InProgress } else { CheckState::NotTried },
                latency_ms: None,
                message: None,
                error_code: None,
                hint: None,
            },
        };
        CheckName::ALL.into_iter().filter(|name| scope.includes(*name)).map(line).collect()
    }

    fn ended(check: &Check) -> Self {
        Self {
            name: check.name,
            state: if check.ok { CheckState::Passed } else { CheckState::Failed },
            latency_ms: Some(check.latency_ms),
            message: Some(check.message.clone()),
            error_code: check.error_code,
            hint: check.hint.clone(),
        }
    }

    /// The check, if it has ended.
    pub fn check(&self) -> Option<Check> {
        Some(Check {
            name: self.name,
            ok: self.state == CheckState::Passed,
            latency_ms: self.latency_ms?,
            message: self.message.clone()?,
            error_code: self.error_code,
            hint: self.hint.clone(),
        })
    }
}

/// Why the checks could not be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidationFailure {
    /// A stable code, as in error responses.
    #[cfg_attr(feature = "openapi", schema(example = "NODE_TIMEOUT"))]
    pub error_code: String,
    /// What is wrong and what to do about it, in one sentence.
    pub message: String,
}

/// How far a validation has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ValidationState {
    /// Always true, also for a validation whose checks failed.
    pub success: bool,
    /// The validation.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub validation_id: ValidationId,
    /// Raised by every change. Send it as `after` to wait for the next one.
    pub revision: u64,
    /// Whether the validation has ended.
    pub done: bool,
    /// ONLINE if every check passed, otherwise OFFLINE. Absent until the validation has ended, and if the checks could
    /// not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// All checks, in the order in which they are made. A node of an older version reports them only at the end.
    pub checks: Vec<CheckLine>,
    /// Why the checks could not be made. Absent unless that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ValidationFailure>,
    /// The fields that were read from pasted text. Absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub read: Vec<ReadField>,
    /// The bucket that was registered. Absent for validations of a registered bucket, and until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub bucket_id: Option<BucketId>,
    /// Other registrations of the same bucket that the caller may see. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub also_registered: Vec<AlsoRegistered>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_checks_of_the_scope_are_listed_from_the_start() {
        let dns = Check {
            name: CheckName::Dns,
            ok: true,
            latency_ms: 2,
            message: "It resolves.".to_owned(),
            error_code: None,
            hint: None,
        };
        let lines = CheckLine::all(CheckScope::Full, std::slice::from_ref(&dns), Some(CheckName::Connect));
        let states: Vec<_> = lines.iter().map(|line| line.state).collect();
        assert_eq!(states[..3], [CheckState::Passed, CheckState::InProgress, CheckState::NotTried]);
        assert_eq!((lines.len(), lines[0].check()), (9, Some(dns)));
        let names = CheckLine::all(CheckScope::ReadOnly, &[], None);
        assert!(names.iter().all(|line| line.name != CheckName::Write && line.name != CheckName::Delete));
    }
}
