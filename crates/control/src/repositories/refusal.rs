//! Why a repository is not stored, in the contract's words.

use bucketry_model::attachment::AttachmentRefused;

use crate::Error;

/// The contract's codes of repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoErrorCode {
    /// A bucket of the list is not there.
    NotFound,
    /// The name is taken, or two buckets of the repository have one name.
    NameAlreadyUsed,
    /// A repository of mode MIRROR has several masters.
    MirrorMasterUnitCountInvalid,
    /// A repository of mode MIRROR has no master.
    MirrorMasterUnitMissing,
    /// A bucket of a repository of mode MIRROR is in another one.
    MirrorUnitAlreadyInOtherRepo,
    /// The folder of a bucket, one above it or one below it is used already.
    NormalUnitFolderAlreadyUsed,
    /// The folder of an attached bucket would change.
    NormalUnitCannotEditFolder,
    /// The organization has as many repositories as it may.
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
            "there is a repository named \"{name}\" in this organization already (letter case doesn't count): choose \
             another name"
        ),
    }
}

pub(super) fn quota_exceeded(quota: u64) -> Error {
    Error::Repository {
        code: RepoErrorCode::QuotaExceeded,
        message: format!(
            "this organization has reached its limit of {quota} repositories: delete one, or ask the operator to raise \
             the limit"
        ),
    }
}
