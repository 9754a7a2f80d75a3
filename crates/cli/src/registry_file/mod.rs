//! The file that `bucketry apply` and `bucketry export` work with, and that `bucketry import` can read: workspaces,
//! buckets and repositories as YAML. It contains no secrets, only where to find them.
//!
//! **Invariant:** a field that the file leaves out is `None`: it is not compared, and stays as it is.

pub(crate) mod bucket_items;
mod decode;
mod problem;
mod write;
mod yaml;

use std::path::PathBuf;

use bucketry_model::repository::{Folder, RepositoryMode};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::storage_name::StorageName;

pub(crate) use decode::{decode_bucket_item, decode_file};
pub(crate) use problem::FileProblems;
pub(crate) use write::FileWriter;

/// The version of the format that this program reads and writes.
pub(crate) const FORMAT_VERSION: &str = "1";
/// The key at the beginning of a file that must end with [`END`]. A file written by hand needs neither.
pub(crate) const HAS_END: &str = "hasEnd";
/// The last key of an exported file: without it, the export was interrupted, or the rest of the file was lost.
pub(crate) const END: &str = "end";
/// The longest file that is read as a whole, in bytes: some 200,000 buckets.
pub(crate) const MAX_FILE_BYTES: usize = 64 << 20;

/// Why a part of an exported file is refused, as a phrase that continues its position.
pub(crate) fn problem_of_missing_end() -> String {
    format!(
        "ends too early: `{END}: true` is missing at its end, so this is only a part of an exported file. Export again, or \
         remove `{HAS_END}` if the rest was left out on purpose"
    )
}

/// The contents of a file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RegistryFile {
    pub(crate) scope: Option<FileScope>,
    pub(crate) workspaces: Option<Vec<FileWorkspace>>,
    pub(crate) buckets: Option<Vec<FileBucket>>,
    pub(crate) repositories: Option<Vec<FileRepository>>,
}

/// The only workspace that a file is about: nothing outside of it is deleted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileScope {
    pub(crate) line: usize,
    /// The name of the workspace.
    pub(crate) name: String,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileWorkspace {
    /// The line on which it begins.
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) members: Option<Vec<FileMember>>,
}

/// A member of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileMember {
    /// The e-mail address.
    pub(crate) user: String,
    pub(crate) role: WorkspaceRole,
}

/// A bucket, with its fields as people enter them. An empty text removes a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FileBucket {
    /// The line on which it begins.
    pub(crate) line: usize,
    pub(crate) name: String,
    /// The name of the workspace.
    pub(crate) workspace: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) storage_type: Option<StorageName>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) secret: Option<SecretSource>,
    /// Whether validations of this bucket write nothing.
    pub(crate) read_only: bool,
    pub(crate) pinned_to: Option<FilePins>,
}

/// What a bucket is pinned to. Empty if it isn't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FilePins {
    /// Names of nodes.
    pub(crate) nodes: Vec<String>,
    pub(crate) regions: Vec<String>,
}

impl FilePins {
    /// The pins in one text, which is equal for equal pins.
    pub(crate) fn text(&self) -> String {
        let sorted = |names: &[String]| {
            let mut names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let regions = sorted(&self.regions).into_iter().map(|name| format!("region {name}"));
        sorted(&self.nodes).into_iter().chain(regions).collect::<Vec<_>>().join(", ")
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A file; a relative path begins in the folder of the registry file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

/// A repository.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileRepository {
    /// The line on which it begins.
    pub(crate) line: usize,
    pub(crate) name: String,
    /// The name of the workspace. `None`: that of its buckets.
    pub(crate) workspace: Option<String>,
    pub(crate) mode: Option<RepositoryMode>,
    pub(crate) buckets: Option<Vec<FileAttachment>>,
}

/// A bucket of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileAttachment {
    /// The bucket's name in the registry.
    pub(crate) bucket: String,
    pub(crate) folder: Folder,
    pub(crate) master: bool,
}
