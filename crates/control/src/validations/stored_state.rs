//! How far a validation has come, as other control planes read it from the database. It contains no secrets.

use std::sync::Arc;

use bucketry_model::diagnosis::{Check, CheckName, CheckScope, Diagnosis};
use bucketry_model::id::{BucketId, ValidationId};
use bucketry_model::name::Name;
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use super::ValidationProgress;
use super::end::ValidationEnd;
use super::registry::ValidationSubject;
use crate::Error;
use crate::buckets::{CreatedBucket, OtherRegistration, Validated};
use crate::check_progress::CheckProgress;

/// The fields that can be read from pasted ones.
const FIELDS: [&str; 7] = ["storageType", "bucket", "key", "secret", "region", "endpoint", "folder"];

/// The codes with which a validation can end.
const CODES: [&str; 14] = [
    "FORBIDDEN",
    "USER_NOT_VALIDATED",
    "NOT_FOUND",
    "INVALID_REQUEST",
    "NAME_ALREADY_USED",
    "BUCKET_IN_USE",
    "NODE_FAILED",
    "NO_NODE_ONLINE",
    "NODE_TIMEOUT",
    "TOO_MANY_VALIDATIONS",
    "QUOTA_EXCEEDED",
    "CONFLICT",
    "STORAGE_UNAVAILABLE",
    INTERNAL,
];
const INTERNAL: &str = "INTERNAL_ERROR";

/// A validation in progress, or its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredState {
    pub(super) subject: ValidationSubject,
    scope: CheckScope,
    checks: Vec<Check>,
    running: Option<CheckName>,
    end: Option<StoredEnd>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum StoredEnd {
    Validated {
        status: Status,
        diagnosis: Diagnosis,
        read: Vec<StoredReading>,
    },
    #[serde(rename_all = "camelCase")]
    Created {
        id: BucketId,
        diagnosis: Option<Diagnosis>,
        read: Vec<StoredReading>,
        also_registered: Vec<(BucketId, String)>,
    },
    /// A check failed, so the bucket was not registered.
    CheckFailed {
        diagnosis: Diagnosis,
    },
    /// The checks could not be made, or the bucket could not be registered.
    Failed {
        code: String,
        message: String,
    },
}

/// A field that was read from a pasted one. The value is never a secret's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredReading {
    field: String,
    from: String,
    value: Option<String>,
}

fn readings(read: &[PasteReading]) -> Vec<StoredReading> {
    let stored = |one: &PasteReading| StoredReading {
        field: one.field.to_owned(),
        from: one.from.to_owned(),
        value: one.value.clone(),
    };
    read.iter().map(stored).collect()
}

/// The readings of fields that this version knows.
fn known_readings(read: Vec<StoredReading>) -> Vec<PasteReading> {
    let field = |text: &str| FIELDS.into_iter().find(|field| *field == text);
    let known = |one: StoredReading| {
        Some(PasteReading { field: field(&one.field)?, from: field(&one.from)?, value: one.value })
    };
    read.into_iter().filter_map(known).collect()
}

impl StoredEnd {
    fn of(end: &ValidationEnd) -> Self {
        match end {
            ValidationEnd::Validated(validated) => Self::Validated {
                status: validated.status,
                diagnosis: validated.diagnosis.clone(),
                read: readings(&validated.read),
            },
            ValidationEnd::Created(created) => Self::Created {
                id: created.id,
                diagnosis: created.diagnosis.clone(),
                read: readings(&created.read),
                also_registered: created
                    .also_registered
                    .iter()
                    .map(|other| (other.id, other.name.to_string()))
                    .collect(),
            },
            ValidationEnd::Failed(error) => match &**error {
                Error::ValidationFailed(diagnosis) => Self::CheckFailed { diagnosis: diagnosis.clone() },
                error => Self::Failed { code: error.code().to_owned(), message: error.to_string() },
            },
        }
    }

    fn end(self) -> ValidationEnd {
        match self {
            Self::Validated { status, diagnosis, read } => {
                let read = known_readings(read);
                ValidationEnd::Validated(Arc::new(Validated { status, diagnosis, read }))
            }
            Self::Created { id, diagnosis, read, also_registered } => {
                let other = |(id, name): (BucketId, String)| {
                    Some(OtherRegistration { id, name: Name::parse(&name).ok()? })
                };
                ValidationEnd::Created(Arc::new(CreatedBucket {
                    id,
                    diagnosis,
                    read: known_readings(read),
                    also_registered: also_registered.into_iter().filter_map(other).collect(),
                }))
            }
            Self::CheckFailed { diagnosis } => {
                ValidationEnd::Failed(Arc::new(Error::ValidationFailed(diagnosis)))
            }
            Self::Failed { code, message } => {
                let code = CODES.into_iter().find(|known| *known == code).unwrap_or(INTERNAL);
                ValidationEnd::Failed(Arc::new(Error::Rule { code, message }))
            }
        }
    }
}

impl StoredState {
    pub(super) fn of(
        subject: ValidationSubject,
        scope: CheckScope,
        progress: CheckProgress,
        end: Option<&ValidationEnd>,
    ) -> Self {
        let CheckProgress { checks, running, .. } = progress;
        Self { subject, scope, checks, running, end: end.map(StoredEnd::of) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// The state after the process died that made the validation.
    pub(super) fn given_up(self) -> Self {
        let end = StoredEnd::of(&ValidationEnd::Failed(Arc::new(Error::NodeTimeout)));
        Self { running: None, end: Some(end), ..self }
    }

    pub(super) fn progress(self, id: ValidationId, revision: u64) -> ValidationProgress {
        let Self { scope, checks, running, end, .. } = self;
        ValidationProgress { id, revision, scope, checks, running, end: end.map(StoredEnd::end) }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::UserId;
    use jiff::Timestamp;

    use super::*;

    fn read_back(end: ValidationEnd) -> ValidationEnd {
        let now = Timestamp::UNIX_EPOCH;
        let subject = ValidationSubject::NewBucket(UserId::new(now, [1; 10]));
        let state = StoredState::of(subject, CheckScope::Full, CheckProgress::default(), Some(&end));
        let text = serde_json::to_string(&state).unwrap();
        let read: StoredState = serde_json::from_str(&text).unwrap();
        assert_eq!(read, state);
        read.progress(ValidationId::new(now, [2; 10]), 3).end.unwrap()
    }

    #[test]
    fn every_end_reads_back() {
        let now = Timestamp::UNIX_EPOCH;
        let id = BucketId::new(now, [1; 10]);
        let read = vec![PasteReading { field: "region", from: "endpoint", value: Some("eu-1".to_owned()) }];
        let diagnosis = Diagnosis::new(Vec::new());
        let validated =
            Validated { status: Status::Offline, diagnosis: diagnosis.clone(), read: read.clone() };
        let ValidationEnd::Validated(seen) = read_back(ValidationEnd::Validated(Arc::new(validated))) else {
            panic!()
        };
        assert_eq!((seen.status, &seen.read), (Status::Offline, &read));
        let also_registered = vec![OtherRegistration { id, name: Name::parse("Films").unwrap() }];
        let created = CreatedBucket { id, diagnosis: Some(diagnosis.clone()), read, also_registered };
        let ValidationEnd::Created(seen) = read_back(ValidationEnd::Created(Arc::new(created))) else {
            panic!()
        };
        assert_eq!((seen.id, seen.also_registered[0].name.as_str(), seen.read.len()), (id, "Films", 1));
        let failed = ValidationEnd::Failed(Arc::new(Error::ValidationFailed(diagnosis)));
        let ValidationEnd::Failed(seen) = read_back(failed) else { panic!() };
        assert!(matches!(&*seen, Error::ValidationFailed(_)));
    }

    #[test]
    fn a_failure_keeps_its_code_and_its_message() {
        for error in [
            Error::NodeTimeout,
            Error::NoNodeOnline,
            Error::NoPinnedNodeOnline,
            Error::NameTaken("Photos is taken".to_owned()),
            Error::TooManyValidations(3),
            Error::Conflict,
            Error::internal("a bug"),
        ] {
            let (code, message) = (error.code(), error.to_string());
            let ValidationEnd::Failed(seen) = read_back(ValidationEnd::Failed(Arc::new(error))) else {
                panic!()
            };
            assert_eq!((seen.code(), seen.to_string()), (code, message));
        }
    }
}
