//! Why a repository is not stored, as the codes of the public contract.

use bucketry_model::attachment::AttachmentRefused;

use crate::Error;

/// Error codes for repositories in the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoErrorCode {
    /// A listed bucket doesn't exist.
    NotFound,
    /// The name is taken, or two buckets of the repository have the same name.
    NameAlreadyUsed,
    /// A repository of mode MIRROR has several master buckets.
    MirrorMasterUnitCountInvalid,
    /// A repository of mode MIRROR has no master bucket.
    MirrorMasterUnitMissing,
    /// A bucket of a repository of mode MIRROR is in another repository.
    MirrorUnitAlreadyInOtherRepo,
    /// The folder of a bucket, its parent or a subfolder is used already.
    NormalUnitFolderAlreadyUsed,
    /// An attached bucket would get another folder.
    NormalUnitCannotEditFolder,
    /// The organization has the maximum number of repositories.
    QuotaExceeded,
}

impl RepoErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::NameAlreadyUsed => "NAME_ALREADY_USED",
            Self::MirrorMasterUnitCountInvalid => "MIRROR_MASTER_UNIT_COUNT_INVALID",
            Self::MirrorMasterUnitMissing => "MIRROR_MASTER_UNIT_MISSING",
            Self::MirrorUnitAlreadyInOtherRepo => "MIRROR_UNIT_ALREADY_IN_OTHER_REPO",
            Self::NormalUnitFolderAlreadyUsed => "NORMAL_UNIT_FOLDER_ALREADY_USED",
            Self::NormalUnitCannotEditFolder => "NORMAL_UNIT_CANNOT_EDIT_FOLDER",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
        }
    }
}

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
