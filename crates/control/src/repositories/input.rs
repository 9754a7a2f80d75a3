//! What people send about a repository, and the reading of it. Every wrong field is told, not just the first.

use bucketry_model::attachment::MAX_BUCKETS;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::WorkspaceId;
use bucketry_model::name::Name;
use bucketry_model::repository::{Folder, Repository, RepositoryBucket, RepositoryMode};

use crate::error::{Error, FieldError, Result};

/// The fields of a repository as they were sent. `None` is a field that was absent: required on creation, unchanged on
/// update.
#[derive(Debug, Clone, Default)]
pub struct RepositoryInput {
    /// What people call it.
    pub name: Option<String>,
    /// The protocol that applications are to speak to it.
    pub storage_type: Option<StorageType>,
    /// NORMAL or MIRROR.
    pub mode: Option<String>,
    /// The workspace.
    pub workspace_id: Option<String>,
    /// Its buckets. Absent on creation means none.
    pub buckets: Option<Vec<RepositoryBucketInput>>,
}

/// A bucket's place as it was sent.
#[derive(Debug, Clone, Default)]
pub struct RepositoryBucketInput {
    /// The bucket.
    pub bucket_id: Option<String>,
    /// Where in it the objects lie; absent or empty for the whole bucket.
    pub folder: Option<String>,
    /// Whether it is the master; absent for no.
    pub master: Option<bool>,
}

/// A repository's fields, read.
#[derive(Debug)]
pub(super) struct RepositoryFields {
    pub(super) name: Name,
    pub(super) storage_type: StorageType,
    pub(super) mode: RepositoryMode,
    pub(super) workspace_id: WorkspaceId,
    pub(super) buckets: Vec<RepositoryBucket>,
}

impl RepositoryInput {
    /// Reads the fields of a new repository.
    pub(super) fn read_new(&self) -> Result<RepositoryFields> {
        let mut wrong = Vec::new();
        for (field, absent) in [
            ("name", self.name.is_none()),
            ("storageType", self.storage_type.is_none()),
            ("mode", self.mode.is_none()),
            ("workspaceId", self.workspace_id.is_none()),
        ] {
            if absent {
                wrong.push(FieldError::new(field, "is required"));
            }
        }
        let (name, mode, workspace_id) =
            (self.read_name(&mut wrong), self.read_mode(&mut wrong), self.read_workspace(&mut wrong));
        let buckets = self.read_buckets(&mut wrong).unwrap_or_default();
        self.check_storage_type(&mut wrong);
        match (name, self.storage_type, mode, workspace_id, wrong.as_slice()) {
            (Some(name), Some(storage_type), Some(mode), Some(workspace_id), []) => {
                Ok(RepositoryFields { name, storage_type, mode, workspace_id, buckets })
            }
            _ => Err(Error::Invalid(wrong)),
        }
    }

    /// Reads what was sent over an existing repository.
    pub(super) fn read_changes(&self, stored: &Repository) -> Result<RepositoryFields> {
        let mut wrong = Vec::new();
        self.check_storage_type(&mut wrong);
        let fields = RepositoryFields {
            name: self.read_name(&mut wrong).unwrap_or_else(|| stored.name.clone()),
            storage_type: self.storage_type.unwrap_or(stored.storage_type),
            mode: self.read_mode(&mut wrong).unwrap_or(stored.mode),
            workspace_id: self.read_workspace(&mut wrong).unwrap_or(stored.workspace_id),
            buckets: self.read_buckets(&mut wrong).unwrap_or_else(|| stored.buckets.clone()),
        };
        if wrong.is_empty() { Ok(fields) } else { Err(Error::Invalid(wrong)) }
    }

    /// Reads what a validation without a repository takes.
    pub(super) fn read_proposal(
        &self,
    ) -> Result<(RepositoryMode, Vec<RepositoryBucket>, Option<WorkspaceId>)> {
        let mut wrong = Vec::new();
        if self.mode.is_none() {
            wrong.push(FieldError::new("mode", "is required"));
        }
        let (mode, workspace_id) = (self.read_mode(&mut wrong), self.read_workspace(&mut wrong));
        let buckets = self.read_buckets(&mut wrong).unwrap_or_default();
        match (mode, wrong.as_slice()) {
            (Some(mode), []) => Ok((mode, buckets, workspace_id)),
            _ => Err(Error::Invalid(wrong)),
        }
    }

    /// The name, if one was given.
    pub(super) fn read_name_alone(&self) -> Result<Option<Name>> {
        let mut wrong = Vec::new();
        let name = self.read_name(&mut wrong);
        if wrong.is_empty() { Ok(name) } else { Err(Error::Invalid(wrong)) }
    }

    fn read_name(&self, wrong: &mut Vec<FieldError>) -> Option<Name> {
        let text = self.name.as_deref()?;
        Name::parse(text).map_err(|why| wrong.push(FieldError::new("name", why))).ok()
    }

    fn read_mode(&self, wrong: &mut Vec<FieldError>) -> Option<RepositoryMode> {
        let text = self.mode.as_deref()?;
        text.trim().parse().map_err(|why| wrong.push(FieldError::new("mode", why))).ok()
    }

    fn read_workspace(&self, wrong: &mut Vec<FieldError>) -> Option<WorkspaceId> {
        let text = self.workspace_id.as_deref()?;
        let read = text.trim().parse();
        read.map_err(|_| wrong.push(FieldError::new("workspaceId", "must be the id of a workspace"))).ok()
    }

    fn check_storage_type(&self, wrong: &mut Vec<FieldError>) {
        if self.storage_type.is_some_and(|storage_type| storage_type != StorageType::S3) {
            let message = "must be S3: nodes speak no other protocol to applications yet; the repository's buckets may \
                           be of any storage type";
            wrong.push(FieldError::new("storageType", message));
        }
    }

    fn read_buckets(&self, wrong: &mut Vec<FieldError>) -> Option<Vec<RepositoryBucket>> {
        let places = self.buckets.as_ref()?;
        if places.len() > MAX_BUCKETS {
            wrong.push(FieldError::new("repoBuckets", format!("must be at most {MAX_BUCKETS}")));
            return None;
        }
        Some(places.iter().zip(0..).filter_map(|(place, index)| read_place(place, index, wrong)).collect())
    }
}

fn read_place(
    place: &RepositoryBucketInput,
    index: usize,
    wrong: &mut Vec<FieldError>,
) -> Option<RepositoryBucket> {
    let bucket_id = place.bucket_id.as_deref().and_then(|text| text.trim().parse().ok());
    if bucket_id.is_none() {
        let message = format!("number {} must have a bucketId that is the id of a bucket", index + 1);
        wrong.push(FieldError::new("repoBuckets", message));
    }
    let folder = Folder::parse(place.folder.as_deref().unwrap_or_default());
    let folder = folder.map_err(|why| {
        wrong.push(FieldError::new("repoBuckets", format!("number {}: the folder {why}", index + 1)));
    });
    let (Some(bucket_id), Ok(folder)) = (bucket_id, folder) else { return None };
    Some(RepositoryBucket { bucket_id, folder, master: place.master.unwrap_or_default() })
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
        let place = RepositoryBucketInput {
            bucket_id: Some(ID.into()),
            folder: Some("/team/a/".into()),
            master: None,
        };
        let fields = RepositoryInput { buckets: Some(vec![place]), ..complete() }.read_new().unwrap();
        assert_eq!((fields.name.as_str(), fields.mode), ("Main", RepositoryMode::Normal));
        assert_eq!((fields.buckets[0].folder.as_str(), fields.buckets[0].master), ("team/a", false));
        assert!(complete().read_new().unwrap().buckets.is_empty());
    }

    #[test]
    fn every_missing_and_every_wrong_field_is_told() {
        let missing = wrong_fields(RepositoryInput::default().read_new());
        assert_eq!(missing, ["name", "storageType", "mode", "workspaceId"]);
        let place = RepositoryBucketInput { folder: Some("../x".into()), ..RepositoryBucketInput::default() };
        let wrong = RepositoryInput {
            name: Some(" ".into()),
            storage_type: Some(StorageType::Gcs),
            mode: Some("BACKUP".into()),
            workspace_id: Some("x".into()),
            buckets: Some(vec![place]),
        };
        assert_eq!(
            wrong_fields(wrong.read_new()),
            ["name", "mode", "workspaceId", "repoBuckets", "repoBuckets", "storageType"]
        );
        let many = vec![RepositoryBucketInput::default(); MAX_BUCKETS + 1];
        let many = RepositoryInput { buckets: Some(many), ..complete() };
        assert_eq!(wrong_fields(many.read_new()), ["repoBuckets"]);
    }

    #[test]
    fn the_mode_backup_is_answered_with_the_modes_that_there_are() {
        let input = RepositoryInput { mode: Some("BACKUP".into()), ..complete() };
        let told = input.read_new().unwrap_err().to_string();
        assert!(told.contains("NORMAL") && told.contains("MIRROR"), "{told}");
    }
}
