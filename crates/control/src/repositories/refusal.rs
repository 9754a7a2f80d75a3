//! Why a repository is not stored.

use bucketry_model::attachment::AttachmentRefused;

use crate::error::{Error, RepoErrorCode};

impl From<AttachmentRefused> for Error {
    fn from(refused: AttachmentRefused) -> Self {
        let code = match &refused {
            AttachmentRefused::BucketNotFound(_) => RepoErrorCode::NotFound,
            AttachmentRefused::Repeated(_) | AttachmentRefused::SameName { .. } => {
                RepoErrorCode::NameAlreadyUsed
            }
            AttachmentRefused::MasterMissing => RepoErrorCode::MirrorMasterUnitMissing,
            AttachmentRefused::MastersMany(_) => RepoErrorCode::MirrorMasterUnitCountInvalid,
            AttachmentRefused::Mirrored { .. } => RepoErrorCode::MirrorUnitAlreadyInOtherRepo,
            AttachmentRefused::FolderUsed { .. } => RepoErrorCode::NormalUnitFolderAlreadyUsed,
            AttachmentRefused::FolderChanged(_) => RepoErrorCode::NormalUnitCannotEditFolder,
        };
        Self::Repository { code, message: refused.to_string() }
    }
}

pub(super) fn name_taken(name: &str) -> Error {
    Error::Repository {
        code: RepoErrorCode::NameAlreadyUsed,
        message: format!(
            "this organization already has a repository named \"{name}\" (letter case is ignored): choose \
             another name"
        ),
    }
}

pub(super) fn quota_exceeded(quota: u64) -> Error {
    Error::Repository {
        code: RepoErrorCode::QuotaExceeded,
        message: format!(
            "this organization can't have more repositories, because its limit is {quota}: delete one, or ask the operator \
             to raise the limit"
        ),
    }
}
