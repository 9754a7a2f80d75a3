//! Repositories: buckets that applications reach through one endpoint with one key.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bucket::StorageType;
use crate::id::{BucketId, OrgId, RepoId, RepoKeyId, WorkspaceId};
use crate::name::Name;

/// The maximum number of buckets in a repository.
pub const MAX_BUCKETS: usize = 100;
/// The maximum number of live keys of a repository.
pub const MAX_KEYS: u32 = 100;

/// How requests to a repository select a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ModeType))]
pub enum RepositoryMode {
    /// Independent buckets, each addressed by its name at the provider, with the objects in a folder of the bucket.
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

/// The text is not the name of a mode.
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

/// What an access key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyAccess {
    /// List and read objects.
    #[serde(rename = "READ")]
    Read,
    /// Also store and delete objects.
    #[serde(rename = "WRITE")]
    Write,
    /// Also change the bucket itself, where the gateway supports that.
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

/// The text is not the name of an access level.
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

/// The folder of a bucket that a repository uses: empty for the whole bucket, otherwise segments joined by `/`,
/// without a slash at either end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Folder(String);

/// Why a text is not a valid folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFolder {
    /// The folder leaves too little room for keys.
    #[error("must be at most 255 bytes long")]
    TooLong,
    /// A segment is empty, or one that some servers resolve.
    #[error("must not contain empty, '.' or '..' segments")]
    Segment,
    /// A character is invisible, or would change requests.
    #[error("must not contain control characters, '\\', '%', '?' or '#'")]
    Character,
}

impl Folder {
    /// The longest folder, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Parses a folder. One slash at each end is removed.
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

    /// The folder, without slashes at its ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix of keys in the folder: empty for the whole bucket, otherwise the folder and a slash.
    pub fn prefix(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Whether the folders overlap: they are equal, or one contains the other.
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

/// A bucket of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct RepositoryBucket {
    pub bucket_id: BucketId,
    /// Folder in the bucket that the repository uses.
    pub folder: Folder,
    /// Whether a MIRROR reads from and writes to this bucket first. Without effect in mode NORMAL.
    pub master: bool,
}

/// A stored repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Repository {
    pub id: RepoId,
    pub org_id: OrgId,
    /// Workspace whose members may see the repository, and which contains its buckets.
    pub workspace_id: WorkspaceId,
    /// Name, unique among the live repositories of the organization.
    pub name: Name,
    /// Protocol that applications use. Nodes currently offer S3.
    pub storage_type: StorageType,
    /// How requests are routed to the buckets.
    pub mode: RepositoryMode,
    /// Buckets in the order given.
    pub buckets: Vec<RepositoryBucket>,
    /// Incremented with every change of the repository, its buckets or its keys.
    pub version: i64,
    pub created_at: Timestamp,
    /// When a user last changed the repository.
    pub updated_at: Timestamp,
}

/// An access key of a repository, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct RepositoryKey {
    pub id: RepoKeyId,
    /// Repository that the key gives access to.
    pub repo_id: RepoId,
    pub name: Name,
    /// What the key may do.
    pub access: KeyAccess,
    /// Access key id that clients sign with.
    pub key: String,
    pub created_at: Timestamp,
    /// When a node last accepted a request with the key.
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
