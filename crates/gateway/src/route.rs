//! From the names that clients use to buckets and the keys within them.
//!
//! In mode NORMAL a client names a bucket as its provider does, and its keys lie under a folder of the bucket that it
//! never sees. In mode MIRROR the name of any attached bucket, or the repository's own, leads to the master.

use std::collections::HashMap;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::NodeRepositoryBucket;
use bucketry_model::repository::{Folder, RepositoryMode};

use crate::error::{Code, Result, S3Error};
use crate::operation::ObjectKey;

/// Where a repository's names lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    repository: RepoId,
    names: Vec<String>,
    routes: HashMap<String, Route>,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The bucket.
    pub bucket: BucketId,
    /// The part of it that the client sees.
    pub folder: KeyFolder,
}

impl Routes {
    /// Those of a repository: its name, its mode and its buckets.
    pub fn new(
        repository: RepoId,
        name: &str,
        mode: RepositoryMode,
        places: &[NodeRepositoryBucket],
    ) -> Self {
        let mut routes = Self { repository, names: Vec::new(), routes: HashMap::new() };
        match mode {
            RepositoryMode::Normal => {
                for place in places {
                    routes.add(&place.bucket, place.bucket_id, &place.folder);
                }
            }
            RepositoryMode::Mirror => {
                if let Some(master) = places.iter().find(|place| place.master).or(places.first()) {
                    let names = std::iter::once(master.bucket.as_str())
                        .chain(places.iter().map(|place| place.bucket.as_str()))
                        .chain(std::iter::once(name));
                    for name in names {
                        routes.add(name, master.bucket_id, &master.folder);
                    }
                }
            }
        }
        routes
    }

    fn add(&mut self, name: &str, bucket: BucketId, folder: &Folder) {
        if !self.routes.contains_key(name) {
            self.names.push(name.to_owned());
            self.routes.insert(name.to_owned(), Route { bucket, folder: KeyFolder(folder.prefix()) });
        }
    }

    /// The repository.
    pub fn repository(&self) -> RepoId {
        self.repository
    }

    /// The names that lead somewhere, in the repository's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a name leads.
    pub fn find(&self, name: &str) -> Result<&Route> {
        self.routes.get(name).ok_or_else(|| {
            S3Error::new(
                Code::NoSuchBucket,
                "The repository that this key belongs to has no bucket of that name.",
            )
        })
    }
}

/// The answer where the node doesn't have a bucket (yet), or couldn't open it.
pub fn not_served() -> S3Error {
    S3Error {
        retry_after: Some(2),
        ..S3Error::new(
            Code::ServiceUnavailable,
            "This node does not serve the bucket yet, or can't open it with the credential that is stored for it. \
             Try again soon, or validate the bucket in Bucketry.",
        )
    }
}

/// Maps keys into the folder that they lie in, and back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFolder(String);

impl KeyFolder {
    /// The key in the bucket. [`ObjectKey`] made sure that no server's reading of it leads out of the folder.
    pub fn key(&self, key: &ObjectKey, max_bytes: usize) -> Result<String> {
        let whole = format!("{}{}", self.0, key.as_str());
        if whole.len() > max_bytes {
            let message = format!(
                "The key is too long for this bucket: {} bytes with the repository's folder, {max_bytes} are allowed.",
                whole.len()
            );
            return Err(S3Error::new(Code::KeyTooLongError, message));
        }
        Ok(whole)
    }

    /// A text that keys are compared with: a prefix or a marker.
    pub fn text(&self, text: &str) -> String {
        format!("{}{text}", self.0)
    }

    /// The client's key of one in the bucket; `None` of one that lies elsewhere.
    pub fn strip<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)
    }
}
