//! Reads the fields of a repository from a request, and reports every wrong field, not just the first.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::WorkspaceId;
use bucketry_model::name::Name;
use bucketry_model::repository::{
    Folder, MAX_BUCKETS, Repository, RepositoryBucket, RepositoryMode, UnknownMode,
};

use crate::error::{Error, FieldError, RepoErrorCode, ResourceKind, Result};
use crate::ids::{is_absent, read_id};

/// The fields of a repository as sent. `None` is an absent field: required on creation, unchanged on update.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct RepositoryInput {
    pub name: Option<String>,
    /// Protocol that applications use. Only S3 is accepted.
    pub storage_type: Option<StorageType>,
    /// NORMAL or MIRROR.
    pub mode: Option<String>,
    pub workspace_id: Option<String>,
    /// Absent on creation means no buckets.
    pub buckets: Option<Vec<RepositoryBucketInput>>,
}

/// A bucket of a repository as sent.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct RepositoryBucketInput {
    pub bucket_id: Option<String>,
    /// Folder in the bucket; absent or empty means the whole bucket.
    pub folder: Option<String>,
    /// Absent means no.
    pub master: Option<bool>,
}

/// The parsed fields of a repository.
#[derive(Debug)]
pub(super) struct RepositoryFields {
    pub(super) name: Name,
    pub(super) storage_type: StorageType,
    pub(super) mode: RepositoryMode,
    pub(super) workspace_id: WorkspaceId,
    pub(super) buckets: Vec<RepositoryBucket>,
}

/// What is wrong with an input. Wrong fields are reported before ids that are not found. A malformed id is thus
/// treated like an unknown one, which is only looked up when all fields are valid.
#[derive(Default)]
struct Faults {
    fields: Vec<FieldError>,
    not_found: Option<Error>,
}

impl Faults {
    fn field(&mut self, field: &'static str, why: impl ToString) {
        self.fields.push(FieldError::new(field, why));
    }

    fn end(self) -> Result<()> {
        match (self.fields.is_empty(), self.not_found) {
            (false, _) => Err(Error::Invalid(self.fields)),
            (true, Some(error)) => Err(error),
            (true, None) => Ok(()),
        }
    }
}

impl RepositoryInput {
    /// Parses the fields of a new repository.
    pub(super) fn read_new(&self) -> Result<RepositoryFields> {
        let mut faults = Faults::default();
        for (field, absent) in [
            ("name", self.name.is_none()),
            ("storageType", self.storage_type.is_none()),
            ("mode", self.mode.is_none()),
            ("workspaceId", self.workspace_id.as_deref().is_none_or(is_absent)),
        ] {
            if absent {
                faults.field(field, "is required");
            }
        }
        let (name, mode) = (self.read_name(&mut faults), self.read_mode(&mut faults));
        let workspace_id = self.read_workspace(&mut faults);
        let buckets = self.read_buckets(&mut faults).unwrap_or_default();
        self.check_storage_type(&mut faults);
        faults.end()?;
        match (name, self.storage_type, mode, workspace_id) {
            (Some(name), Some(storage_type), Some(mode), Some(workspace_id)) => {
                Ok(RepositoryFields { name, storage_type, mode, workspace_id, buckets })
            }
            _ => Err(Error::internal("a required field was neither read nor refused")),
        }
    }

    /// Applies the sent fields to an existing repository.
    pub(super) fn read_changes(&self, stored: &Repository) -> Result<RepositoryFields> {
        let mut faults = Faults::default();
        self.check_storage_type(&mut faults);
        let fields = RepositoryFields {
            name: self.read_name(&mut faults).unwrap_or_else(|| stored.name.clone()),
            storage_type: self.storage_type.unwrap_or(stored.storage_type),
            mode: self.read_mode(&mut faults).unwrap_or(stored.mode),
            workspace_id: self.read_workspace(&mut faults).unwrap_or(stored.workspace_id),
            buckets: self.read_buckets(&mut faults).unwrap_or_else(|| stored.buckets.clone()),
        };
        faults.end().map(|()| fields)
    }

    /// Parses the fields for validating a repository that doesn't exist yet.
    pub(super) fn read_proposal(
        &self,
    ) -> Result<(RepositoryMode, Vec<RepositoryBucket>, Option<WorkspaceId>)> {
        let mut faults = Faults::default();
        let mode = self.read_mode(&mut faults);
        if self.mode.is_none() {
            faults.field("mode", "is required");
        }
        let workspace_id = self.read_workspace(&mut faults);
        let buckets = self.read_buckets(&mut faults).unwrap_or_default();
        faults.end()?;
        mode.map(|mode| (mode, buckets, workspace_id))
            .ok_or_else(|| Error::internal("a required field was neither read nor refused"))
    }

    /// Parses the name, if one was sent.
    pub(super) fn read_name_alone(&self) -> Result<Option<Name>> {
        let mut faults = Faults::default();
        let name = self.read_name(&mut faults);
        faults.end().map(|()| name)
    }

    fn read_name(&self, faults: &mut Faults) -> Option<Name> {
        let text = self.name.as_deref()?;
        Name::parse(text).map_err(|why| faults.field("name", why)).ok()
    }

    fn read_mode(&self, faults: &mut Faults) -> Option<RepositoryMode> {
        let text = self.mode.as_deref()?;
        text.trim().parse().map_err(|why: UnknownMode| faults.field("mode", why)).ok()
    }

    fn read_workspace(&self, faults: &mut Faults) -> Option<WorkspaceId> {
        let read = read_id(self.workspace_id.as_deref(), ResourceKind::Workspace);
        read.map_err(|error| faults.not_found = Some(error)).ok().flatten()
    }

    fn check_storage_type(&self, faults: &mut Faults) {
        if self.storage_type.is_some_and(|storage_type| storage_type != StorageType::S3) {
            let message = "must be S3, because nodes don't support other protocols for applications yet; the repository's \
                           buckets can be of any storage type";
            faults.field("storageType", message);
        }
    }

    fn read_buckets(&self, faults: &mut Faults) -> Option<Vec<RepositoryBucket>> {
        let attachments = self.buckets.as_ref()?;
        if attachments.len() > MAX_BUCKETS {
            faults.field("repoBuckets", format!("must have at most {MAX_BUCKETS} entries"));
            return None;
        }
        Some(
            attachments
                .iter()
                .zip(1..)
                .filter_map(|(attachment, number)| read_attachment(attachment, number, faults))
                .collect(),
        )
    }
}

fn read_attachment(
    attachment: &RepositoryBucketInput,
    number: usize,
    faults: &mut Faults,
) -> Option<RepositoryBucket> {
    let bucket_id = match read_id(attachment.bucket_id.as_deref(), ResourceKind::Bucket) {
        Ok(Some(id)) => Some(id),
        Ok(None) => {
            faults.field("repoBuckets", format!("needs a bucketId in entry {number}"));
            None
        }
        Err(_) => {
            faults.not_found = Some(Error::Repository {
                code: RepoErrorCode::NotFound,
                message: format!("the bucket in entry {number} of repoBuckets does not exist"),
            });
            None
        }
    };
    let folder = Folder::parse(attachment.folder.as_deref().unwrap_or_default());
    let folder =
        folder.map_err(|why| faults.field("repoBuckets", format!("entry {number}: the folder {why}")));
    let (Some(bucket_id), Ok(folder)) = (bucket_id, folder) else { return None };
    Some(RepositoryBucket { bucket_id, folder, master: attachment.master.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-7000-8000-000000000001";

    fn complete() -> RepositoryInput {
        RepositoryInput {
            name: Some(" Main ".into()),
            storage_type: Some(StorageType::S3),
            mode: Some("NORMAL".into()),
            workspace_id: Some(ID.into()),
            buckets: None,
        }
    }

    fn wrong_fields(read: Result<RepositoryFields>) -> Vec<&'static str> {
        match read {
            Err(Error::Invalid(fields)) => fields.iter().map(|field| field.field).collect(),
            other => panic!("expected wrong fields, not {other:?}"),
        }
    }

    #[test]
    fn a_complete_repository_is_read() {
        let attachment = RepositoryBucketInput {
            bucket_id: Some(ID.into()),
            folder: Some("/team/a/".into()),
            master: None,
        };
        let fields = RepositoryInput { buckets: Some(vec![attachment]), ..complete() }.read_new().unwrap();
        assert_eq!((fields.name.as_str(), fields.mode), ("Main", RepositoryMode::Normal));
        assert_eq!((fields.buckets[0].folder.as_str(), fields.buckets[0].master), ("team/a", false));
        assert!(complete().read_new().unwrap().buckets.is_empty());
    }

    #[test]
    fn every_missing_and_every_wrong_field_is_told() {
        let missing = wrong_fields(RepositoryInput::default().read_new());
        assert_eq!(missing, ["name", "storageType", "mode", "workspaceId"]);
        let attachment =
            RepositoryBucketInput { folder: Some("../x".into()), ..RepositoryBucketInput::default() };
        let wrong = RepositoryInput {
            name: Some(" ".into()),
            storage_type: Some(StorageType::Gcs),
            mode: Some("BACKUP".into()),
            workspace_id: Some("x".into()),
            buckets: Some(vec![attachment]),
        };
        assert_eq!(
            wrong_fields(wrong.read_new()),
            ["name", "mode", "repoBuckets", "repoBuckets", "storageType"],
            "a malformed id is not found, once the fields are valid"
        );
        let many = vec![RepositoryBucketInput::default(); MAX_BUCKETS + 1];
        let many = RepositoryInput { buckets: Some(many), ..complete() };
        assert_eq!(wrong_fields(many.read_new()), ["repoBuckets"]);
    }

    #[test]
    fn a_malformed_id_names_nothing_and_an_absent_one_is_required() {
        let workspace = |text: &str| RepositoryInput { workspace_id: Some(text.into()), ..complete() };
        assert!(matches!(workspace("x").read_new(), Err(Error::NotFound(ResourceKind::Workspace))));
        for absent in ["", "undefined"] {
            assert_eq!(wrong_fields(workspace(absent).read_new()), ["workspaceId"], "{absent}");
        }
        let bucket = |text: &str| {
            let attachment = RepositoryBucketInput { bucket_id: Some(text.into()), ..Default::default() };
            RepositoryInput { buckets: Some(vec![attachment]), ..complete() }
        };
        let refused = bucket("x").read_new().unwrap_err();
        assert!(matches!(refused, Error::Repository { code: RepoErrorCode::NotFound, .. }), "{refused}");
        assert_eq!(wrong_fields(bucket("undefined").read_new()), ["repoBuckets"]);
    }

    #[test]
    fn the_mode_backup_is_answered_with_the_modes_that_there_are() {
        let input = RepositoryInput { mode: Some("BACKUP".into()), ..complete() };
        let response = input.read_new().unwrap_err().to_string();
        assert!(response.contains("NORMAL") && response.contains("MIRROR"), "{response}");
    }
}
