//! Reads buckets from the files of other tools: configurations of rclone, credentials files of AWS with a list of buckets,
//! and Terraform's states and plans. Files are read by the caller, who passes text or a reader.
//!
//! **Invariant:** a message says what can't be used and what to do, and never repeats a value that may be a secret.

pub mod bucket_list;
mod remote_credential;
pub mod remotes;
pub mod sections;
pub mod terraform;

use crate::paste::fields::PastedFields;

/// A bucket as a file describes it.
#[derive(Debug, Clone)]
pub struct ImportedBucket {
    /// What to call it.
    pub name: String,
    /// What tells it from others of its name: a remote, or an address of Terraform. May be empty.
    pub origin: String,
    /// Its fields as they are written in the file.
    pub fields: PastedFields,
    /// The folder that the file names beside the bucket; empty for none. It isn't stored with a bucket.
    pub folder: String,
    /// The file with the JSON of a Google service account that is the secret, on the computer of the caller.
    pub secret_file: Option<String>,
}

/// What a line or an element of a file is.
#[derive(Debug, Clone)]
pub enum ImportEntry {
    /// A bucket.
    Bucket(Box<ImportedBucket>),
    /// Something else, which is left out: why.
    LeftOut(String),
    /// Something that should be a bucket and isn't usable: why.
    Wrong(String),
}
