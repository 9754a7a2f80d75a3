//! A repository: buckets behind one endpoint and one key.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bucket::StorageType;
use crate::id::{BucketId, OrgId, RepoId, RepoKeyId, WorkspaceId};
use crate::name::Name;

/// How a repository's requests find a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepositoryMode {
    /// Independent buckets, each addressed by its provider's name, the objects under a folder of it.
    #[serde(rename = "NORMAL")]
    Normal,
    /// One master bucket and its replicas, addressed by the name of any of them or of the repository.
    #[serde(rename = "MIRROR")]
    Mirror,
}

impl RepositoryMode {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Mirror => "MIRROR",
        }
    }
}

/// The text names no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be NORMAL or MIRROR")]
pub struct UnknownMode;

impl FromStr for RepositoryMode {
    type Err = UnknownMode;
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "NORMAL" => Ok(Self::Normal),
            "MIRROR" => Ok(Self::Mirror),
            _ => Err(UnknownMode),
        }
    }
}

/// What a repository's key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyAccess {
    /// Read and list.
    #[serde(rename = "READ")]
    Read,
    /// Also store and delete.
    #[serde(rename = "WRITE")]
    Write,
    /// Also what changes the bucket itself, where the gateway offers that.
    #[serde(rename = "ADMIN")]
    Admin,
}

impl KeyAccess {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Admin => "ADMIN",
        }
    }
}

/// The text names no access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of READ, WRITE, ADMIN")]
pub struct UnknownAccess;

impl FromStr for KeyAccess {
    type Err = UnknownAccess;
    fn from_str(text: &str) -> Result<Self, UnknownAccess> {
        match text {
            "READ" => Ok(Self::Read),
            "WRITE" => Ok(Self::Write),
            "ADMIN" => Ok(Self::Admin),
            _ => Err(UnknownAccess),
        }
    }
}

/// The part of a bucket that a repository's objects lie in: empty for the whole bucket, else segments joined by `/`,
/// without one at either end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Folder(String);

/// Why a text can't be a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFolder {
    /// Too little room would be left for keys.
    #[error("must be at most 255 bytes long")]
    TooLong,
    /// A segment that some servers resolve.
    #[error("must not hold empty, '.' or '..' segments")]
    Segment,
    /// A character that changes requests, or that no person can see.
    #[error("must not hold control characters, '\\', '%', '?' or '#'")]
    Character,
}

impl Folder {
    /// The longest folder in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads a folder; one slash at each end is taken off.
    pub fn parse(text: &str) -> Result<Self, InvalidFolder> {
        if matches!(text, "" | "/") {
            return Ok(Self::default());
        }
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.len() > Self::MAX_BYTES {
            return Err(InvalidFolder::TooLong);
        }
        if inner.chars().any(|c| c.is_control() || matches!(c, '\\' | '%' | '?' | '#')) {
            return Err(InvalidFolder::Character);
        }
        if inner.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(InvalidFolder::Segment);
        }
        Ok(Self(inner.to_owned()))
    }

    /// The text, without slashes at its ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What keys begin with: nothing for the whole bucket, else the folder and a slash.
    pub fn prefix(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Whether objects of one could lie in the other: equal, or one within the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.prefix(), other.prefix());
        mine.starts_with(&theirs) || theirs.starts_with(&mine)
    }
}

impl TryFrom<String> for Folder {
    type Error = InvalidFolder;
    fn try_from(text: String) -> Result<Self, InvalidFolder> {
        Self::parse(&text)
    }
}

impl From<Folder> for String {
    fn from(folder: Folder) -> Self {
        folder.0
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket's place in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryBucket {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Where in it the repository's objects lie.
    pub folder: Folder,
    /// Whether it is the one that a MIRROR reads and writes first; without meaning in mode NORMAL.
    pub master: bool,
}

/// A repository as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its id.
    pub id: RepoId,
    /// The organization it belongs to.
    pub org_id: OrgId,
    /// The workspace whose members may see it, and that its buckets are from.
    pub workspace_id: WorkspaceId,
    /// What people call it; unique among the organization's live repositories.
    pub name: Name,
    /// The protocol that applications speak to it. Nodes offer S3 today.
    pub storage_type: StorageType,
    /// How requests find a bucket.
    pub mode: RepositoryMode,
    /// Its buckets, in the order they were given.
    pub buckets: Vec<RepositoryBucket>,
    /// Raised by one with every change of the repository, its buckets or its keys.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a person last changed it.
    pub updated_at: Timestamp,
}

/// A repository's access key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryKey {
    /// Its id.
    pub id: RepoKeyId,
    /// The repository it opens.
    pub repo_id: RepoId,
    /// What people call it.
    pub name: Name,
    /// What it may do.
    pub access: KeyAccess,
    /// The access key id that clients sign with.
    pub key: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a node last let it in.
    pub last_used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> Folder {
        Folder::parse(text).unwrap()
    }

    #[test]
    fn a_folder_is_kept_without_slashes_at_its_ends() {
        for (given, kept, prefix) in
            [("", "", ""), ("/", "", ""), ("/a/b/", "a/b", "a/b/"), ("é x", "é x", "é x/")]
        {
            assert_eq!((folder(given).as_str(), folder(given).prefix().as_str()), (kept, prefix), "{given}");
        }
    }

    #[test]
    fn folders_that_a_server_could_resolve_to_another_are_refused() {
        for wrong in
            ["..", "a/../b", "./a", "a//b", "//", "a\\b", "%2e%2e", "a?b", "a#b", "a\nb", &"a".repeat(256)]
        {
            assert!(Folder::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn folders_overlap_where_one_holds_the_other_and_not_where_names_only_begin_alike() {
        assert!(folder("a").overlaps(&folder("a/b")));
        assert!(folder("a/b").overlaps(&folder("a")));
        assert!(folder("").overlaps(&folder("x")));
        assert!(folder("a").overlaps(&folder("a")));
        assert!(!folder("a").overlaps(&folder("ab")));
    }
}
