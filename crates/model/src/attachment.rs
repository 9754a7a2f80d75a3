//! Which buckets a repository may use, given the buckets that other repositories use.

use std::collections::{HashMap, HashSet};

use crate::id::{BucketId, RepoId};
use crate::name::Name;
use crate::repository::{Folder, RepositoryBucket, RepositoryMode};

/// A bucket that another live repository uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Holding {
    pub bucket_id: BucketId,
    pub repo_id: RepoId,
    /// Name of that repository.
    pub repository: Name,
    pub mode: RepositoryMode,
    /// Folder in the bucket that it uses.
    pub folder: Folder,
}

/// Why a repository can't have the given buckets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentRefused {
    /// The repository's workspace has no such live bucket.
    #[error(
        "one of the buckets is not in the repository's workspace: register it there, or move it there first"
    )]
    BucketNotFound(BucketId),
    /// The bucket is listed twice.
    #[error("one of the buckets is listed twice: list it only once")]
    Repeated(BucketId),
    /// Two buckets have the same name at their providers, by which clients address them.
    #[error(
        "two of the buckets are called \"{bucket}\" at their providers, and clients address buckets by that name: put \
         them into different repositories"
    )]
    SameName {
        /// The name at the providers.
        bucket: String,
    },
    /// A repository of mode MIRROR has no master bucket.
    #[error(
        "a repository of mode MIRROR needs a master: set \"master\": true for the bucket that clients write to"
    )]
    MasterMissing,
    /// A repository of mode MIRROR has several master buckets.
    #[error(
        "a repository of mode MIRROR has one master, but {0} buckets are marked as master: mark only one of them"
    )]
    MastersMany(usize),
    /// One of the two repositories is of mode MIRROR, whose buckets can't be shared.
    #[error(
        "bucket {bucket} is already in the repository \"{repository}\", and a bucket of a repository of mode MIRROR can't \
         be in another one: remove it from that repository, or choose another bucket"
    )]
    Mirrored {
        /// The shared bucket.
        bucket: BucketId,
        /// Name of the other repository.
        repository: String,
    },
    /// The folder, its parent or a subfolder is used already.
    #[error("{}", match repository {
        Some(name) if folder.is_empty() => format!(
            "the repository \"{name}\" uses the whole bucket {bucket}: choose another bucket"
        ),
        Some(name) => format!(
            "the repository \"{name}\" uses the folder \"{folder}\" of bucket {bucket}: choose a folder that is neither \
             the same, nor its parent or a subfolder"
        ),
        None => "the same bucket is listed twice with overlapping folders: list it only once".to_owned(),
    })]
    FolderUsed {
        /// The bucket that is used.
        bucket: BucketId,
        /// Name of the other repository; `None` if the folder is used by the same one.
        repository: Option<String>,
        /// Folder that it uses; empty for the whole bucket.
        folder: String,
    },
    /// A bucket that is already attached would get another folder.
    #[error(
        "the folder of bucket {0} can't be changed while the bucket is attached, because its objects would become \
         inaccessible: remove the bucket from the repository and attach it again"
    )]
    FolderChanged(BucketId),
}

/// The buckets that a repository is to have, and everything that decides whether it may.
#[derive(Debug, Clone, Copy)]
pub struct Attachment<'a> {
    /// Mode of the repository.
    pub mode: RepositoryMode,
    /// The buckets that it is to have.
    pub wanted: &'a [RepositoryBucket],
    /// The buckets that it has now; empty for a new repository.
    pub present: &'a [RepositoryBucket],
    /// The wanted buckets that exist in the repository's workspace, with their names at the providers.
    pub known: &'a HashMap<BucketId, String>,
    /// The wanted buckets that other repositories use.
    pub held: &'a [Holding],
}

impl Attachment<'_> {
    /// Checks whether the repository may have the wanted buckets.
    pub fn check(&self) -> Result<(), AttachmentRefused> {
        check_marks(self.mode, self.wanted)?;
        self.check_known()?;
        self.check_folders_stay()?;
        self.check_names()?;
        self.held.iter().try_for_each(|holding| self.check_holding(holding))
    }

    fn check_known(&self) -> Result<(), AttachmentRefused> {
        let missing = self.wanted.iter().find(|attachment| !self.known.contains_key(&attachment.bucket_id));
        missing.map_or(Ok(()), |attachment| Err(AttachmentRefused::BucketNotFound(attachment.bucket_id)))
    }

    fn check_folders_stay(&self) -> Result<(), AttachmentRefused> {
        let changed = self.wanted.iter().find(|attachment| {
            self.present
                .iter()
                .any(|now| now.bucket_id == attachment.bucket_id && now.folder != attachment.folder)
        });
        changed.map_or(Ok(()), |attachment| Err(AttachmentRefused::FolderChanged(attachment.bucket_id)))
    }

    fn check_names(&self) -> Result<(), AttachmentRefused> {
        // All names that clients use lead to the one master.
        if self.mode == RepositoryMode::Mirror {
            return Ok(());
        }
        let mut names = HashSet::new();
        let twice = self.wanted.iter().filter_map(|attachment| self.known.get(&attachment.bucket_id));
        match twice.into_iter().find(|name| !names.insert(name.as_str())) {
            Some(name) => Err(AttachmentRefused::SameName { bucket: name.clone() }),
            None => Ok(()),
        }
    }

    fn check_holding(&self, holding: &Holding) -> Result<(), AttachmentRefused> {
        let Some(attachment) =
            self.wanted.iter().find(|attachment| attachment.bucket_id == holding.bucket_id)
        else {
            return Ok(());
        };
        let repository = || holding.repository.as_str().to_owned();
        if RepositoryMode::Mirror == self.mode || RepositoryMode::Mirror == holding.mode {
            return Err(AttachmentRefused::Mirrored {
                bucket: attachment.bucket_id,
                repository: repository(),
            });
        }
        if attachment.folder.overlaps(&holding.folder) {
            return Err(AttachmentRefused::FolderUsed {
                bucket: attachment.bucket_id,
                repository: Some(repository()),
                folder: holding.folder.to_string(),
            });
        }
        Ok(())
    }
}

/// Checks what depends only on the list: each bucket at most once, and the number of masters that the mode needs.
fn check_marks(mode: RepositoryMode, wanted: &[RepositoryBucket]) -> Result<(), AttachmentRefused> {
    let mut seen = HashSet::new();
    if let Some(attachment) = wanted.iter().find(|attachment| !seen.insert(attachment.bucket_id)) {
        let mut folders = wanted.iter().filter(|other| other.bucket_id == attachment.bucket_id);
        let first = folders.next().map(|first| &first.folder);
        return Err(match first {
            Some(folder) if mode == RepositoryMode::Normal && folder.overlaps(&attachment.folder) => {
                AttachmentRefused::FolderUsed {
                    bucket: attachment.bucket_id,
                    repository: None,
                    folder: folder.to_string(),
                }
            }
            _ => AttachmentRefused::Repeated(attachment.bucket_id),
        });
    }
    match (mode, wanted.iter().filter(|attachment| attachment.master).count()) {
        (RepositoryMode::Normal, _) | (RepositoryMode::Mirror, 1) => Ok(()),
        (RepositoryMode::Mirror, 0) => Err(AttachmentRefused::MasterMissing),
        (RepositoryMode::Mirror, many) => Err(AttachmentRefused::MastersMany(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    use RepositoryMode::{Mirror, Normal};

    fn id(n: u8) -> BucketId {
        BucketId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn attachment(n: u8, folder: &str, master: bool) -> RepositoryBucket {
        RepositoryBucket { bucket_id: id(n), folder: Folder::parse(folder).unwrap(), master }
    }

    fn held(n: u8, mode: RepositoryMode, folder: &str) -> Holding {
        Holding {
            bucket_id: id(n),
            repo_id: RepoId::new(Timestamp::UNIX_EPOCH, [9; 10]),
            repository: Name::parse("other").unwrap(),
            mode,
            folder: Folder::parse(folder).unwrap(),
        }
    }

    fn check(
        mode: RepositoryMode,
        wanted: &[RepositoryBucket],
        present: &[RepositoryBucket],
        held: &[Holding],
    ) -> Result<(), AttachmentRefused> {
        let known = (1..=5).map(|n| (id(n), format!("bucket-{n}"))).collect();
        Attachment { mode, wanted, present, known: &known, held }.check()
    }

    #[test]
    fn a_normal_repository_may_be_empty_and_may_share_buckets_in_other_folders() {
        assert_eq!(check(Normal, &[], &[], &[]), Ok(()));
        assert_eq!(check(Normal, &[attachment(1, "a", false)], &[], &[held(1, Normal, "b")]), Ok(()));
        assert_eq!(check(Normal, &[attachment(1, "a", false)], &[], &[held(2, Normal, "a")]), Ok(()));
    }

    #[test]
    fn an_equal_or_nested_folder_of_the_same_bucket_is_used_by_one_repository_only() {
        for (mine, theirs) in [("a", "a"), ("a/b", "a"), ("a", "a/b"), ("", "a"), ("a", "")] {
            let refused = check(Normal, &[attachment(1, mine, false)], &[], &[held(1, Normal, theirs)]);
            assert!(matches!(refused, Err(AttachmentRefused::FolderUsed { .. })), "{mine} {theirs}");
        }
        let twice = [attachment(1, "a", false), attachment(1, "a/b", false)];
        assert!(matches!(check(Normal, &twice, &[], &[]), Err(AttachmentRefused::FolderUsed { .. })));
        let apart = [attachment(1, "a", false), attachment(1, "b", false)];
        assert_eq!(check(Normal, &apart, &[], &[]), Err(AttachmentRefused::Repeated(id(1))));
    }

    #[test]
    fn a_mirror_has_one_master_and_shares_no_bucket() {
        let wanted = |masters: [bool; 2]| [attachment(1, "", masters[0]), attachment(2, "", masters[1])];
        assert_eq!(check(Mirror, &wanted([true, false]), &[], &[]), Ok(()));
        assert_eq!(check(Mirror, &wanted([false, false]), &[], &[]), Err(AttachmentRefused::MasterMissing));
        assert_eq!(check(Mirror, &wanted([true, true]), &[], &[]), Err(AttachmentRefused::MastersMany(2)));
        assert_eq!(check(Mirror, &[], &[], &[]), Err(AttachmentRefused::MasterMissing));
        for (mine, theirs) in [(Mirror, Normal), (Normal, Mirror), (Mirror, Mirror)] {
            let refused = check(mine, &wanted([true, false]), &[], &[held(2, theirs, "x")]);
            assert!(matches!(refused, Err(AttachmentRefused::Mirrored { .. })), "{mine:?} {theirs:?}");
        }
    }

    #[test]
    fn buckets_of_one_name_can_not_be_told_apart_in_a_normal_repository() {
        let known = HashMap::from([(id(1), "photos".to_owned()), (id(2), "photos".to_owned())]);
        let wanted = [attachment(1, "", true), attachment(2, "", false)];
        let check =
            |mode| Attachment { mode, wanted: &wanted, present: &[], known: &known, held: &[] }.check();
        assert_eq!(check(Normal), Err(AttachmentRefused::SameName { bucket: "photos".to_owned() }));
        assert_eq!(check(Mirror), Ok(()));
    }

    #[test]
    fn the_folder_of_an_attached_bucket_stays() {
        let present = [attachment(1, "a", false)];
        assert_eq!(check(Normal, &present, &present, &[]), Ok(()));
        assert_eq!(
            check(Normal, &[attachment(1, "b", false)], &present, &[]),
            Err(AttachmentRefused::FolderChanged(id(1)))
        );
        assert_eq!(check(Normal, &[attachment(2, "b", false)], &present, &[]), Ok(()), "detached");
    }

    #[test]
    fn an_unknown_bucket_is_named() {
        let refused = check(Normal, &[attachment(7, "", false)], &[], &[]);
        assert_eq!(refused, Err(AttachmentRefused::BucketNotFound(id(7))));
    }
}
