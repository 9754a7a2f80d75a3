//! What is read from a file, before it is compared with the registry.

use bucketry_model::import::{ImportEntry, ImportedBucket};
use bucketry_model::name::MAX_NAME_CHARS;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::storage_name::StorageName;

use crate::registry_file::{FileBucket, FilePins, SecretSource};

/// A line or an element of a file.
#[derive(Debug)]
pub(super) struct ReadEntry {
    /// Where in the file: `line 12`, or an address of Terraform.
    pub(super) at: String,
    pub(super) kind: ReadKind,
}

#[derive(Debug)]
pub(super) enum ReadKind {
    Bucket(Box<ImportCandidate>),
    /// Nothing that is imported: why.
    LeftOut(String),
    /// A bucket that can't be registered: why.
    Wrong(String),
}

/// A bucket to register.
#[derive(Debug, Clone)]
pub(super) struct ImportCandidate {
    /// The names to try, in this order.
    pub(super) names: Vec<String>,
    /// The name of the workspace, if the file has one.
    pub(super) workspace: Option<String>,
    /// As they are written in the file.
    pub(super) fields: PastedFields,
    pub(super) named: Option<StorageName>,
    pub(super) secret: Option<SecretSource>,
    pub(super) read_only: bool,
    pub(super) folder: String,
    pub(super) pinned_to: Option<FilePins>,
}

impl ReadEntry {
    pub(super) fn at_line(line: usize, entry: ImportEntry) -> Self {
        Self { at: format!("line {line}"), kind: entry.into() }
    }

    pub(super) fn wrong(line: usize, why: impl Into<String>) -> Self {
        Self { at: format!("line {line}"), kind: ReadKind::Wrong(why.into()) }
    }
}

impl From<ImportEntry> for ReadKind {
    fn from(entry: ImportEntry) -> Self {
        match entry {
            ImportEntry::Bucket(bucket) => Self::Bucket(Box::new((*bucket).into())),
            ImportEntry::LeftOut(why) => Self::LeftOut(why),
            ImportEntry::Wrong(why) => Self::Wrong(why),
        }
    }
}

impl From<ImportedBucket> for ImportCandidate {
    fn from(bucket: ImportedBucket) -> Self {
        let ImportedBucket { name, origin, fields, folder, secret_file } = bucket;
        let mut names = vec![name.clone()];
        if !origin.is_empty() {
            let whole = format!("{name} ({origin})");
            names.push(whole.chars().take(MAX_NAME_CHARS).collect());
        }
        let secret = secret_file.map(|path| SecretSource::File(in_home(&path).into()));
        let named = fields.storage_type.map(StorageName::from);
        Self { names, workspace: None, fields, named, secret, read_only: false, folder, pinned_to: None }
    }
}

impl From<FileBucket> for ImportCandidate {
    fn from(bucket: FileBucket) -> Self {
        let fields = PastedFields {
            storage_type: bucket.storage_type.map(|name| name.storage_type),
            bucket: bucket.bucket,
            key: bucket.key.filter(|key| !key.is_empty()),
            secret: None,
            region: bucket.region.filter(|region| !region.is_empty()),
            endpoint: bucket.endpoint.filter(|endpoint| !endpoint.is_empty()),
        };
        Self {
            names: vec![bucket.name],
            workspace: bucket.workspace,
            fields,
            named: bucket.storage_type,
            secret: bucket.secret,
            read_only: bucket.read_only,
            folder: String::new(),
            pinned_to: bucket.pinned_to,
        }
    }
}

/// The path with the home directory in place of `~`, as rclone reads it.
fn in_home(path: &str) -> String {
    match (path.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) if !home.is_empty() => format!("{home}/{rest}"),
        _ => path.to_owned(),
    }
}
