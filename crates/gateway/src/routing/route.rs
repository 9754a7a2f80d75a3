//! Resolves the bucket names and keys that clients use to buckets and to keys in them.
//!
//! In mode NORMAL, a client uses the provider's bucket name, and its keys are in a folder of the bucket that
//! clients never see. In mode MIRROR, the name of any attached bucket and the name of the repository lead to the
//! master bucket.
//!
//! Keys can't leave the folder, because only a checked `ObjectKey` or `KeyText` (`operation`) can be added to it. The
//! tests here check it for all texts of a request that a provider could read as paths.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::NodeRepositoryBucket;
use bucketry_model::repository::{Folder, RepositoryMode};
use foldhash::fast::RandomState;

use crate::failure::{Failure, FailureKind};
use crate::routing::object_key::{KeyText, ObjectKey};

/// The bucket names of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    repository: RepoId,
    names: Vec<String>,
    by_name: HashMap<String, Arc<Route>, RandomState>,
}

/// What a bucket name resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The bucket name that the client uses.
    pub name: String,
    /// The registered bucket.
    pub bucket: BucketId,
    /// The folder of the bucket that the repository uses.
    pub folder: KeyPrefix,
}

impl Routes {
    /// Builds the routes of a repository from its name, mode and attached buckets.
    pub fn new(
        repository: RepoId,
        name: &str,
        mode: RepositoryMode,
        attachments: &[NodeRepositoryBucket],
    ) -> Self {
        let mut routes = Self { repository, names: Vec::new(), by_name: HashMap::default() };
        match mode {
            RepositoryMode::Normal => {
                for attachment in attachments {
                    routes.add(&attachment.bucket, attachment.bucket_id, &attachment.folder);
                }
            }
            RepositoryMode::Mirror => {
                if let Some(master) =
                    attachments.iter().find(|attachment| attachment.master).or(attachments.first())
                {
                    let names = std::iter::once(master.bucket.as_str())
                        .chain(attachments.iter().map(|attachment| attachment.bucket.as_str()))
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
        if !self.by_name.contains_key(name) {
            self.names.push(name.to_owned());
            let route = Route { name: name.to_owned(), bucket, folder: KeyPrefix(folder.prefix()) };
            self.by_name.insert(name.to_owned(), Arc::new(route));
        }
    }

    /// The id of the repository that the routes belong to.
    pub fn repository(&self) -> RepoId {
        self.repository
    }

    /// All names that resolve, in the order in which the buckets are attached.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Resolves a bucket name, or fails with `NoSuchBucket`.
    pub fn find(&self, name: &str) -> Result<&Arc<Route>, Failure> {
        self.by_name.get(name).ok_or_else(|| {
            Failure::new(
                FailureKind::BucketNotFound,
                "The repository of this access key has no bucket with this name, or the bucket is pinned to other nodes than \
                 this one. ListBuckets returns the names that this node serves.",
            )
        })
    }
}

/// The error for a bucket that the node hasn't loaded yet or couldn't open.
pub(crate) fn not_served() -> Failure {
    Failure::unavailable(
        2,
        "This node has not loaded the bucket yet, or can't open it with the stored credential. Try again in a few \
             seconds. If the error persists, validate the bucket in Bucketry.",
    )
}

/// Adds a repository's folder to keys, and removes it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// The key in the bucket, or `KeyTooLongError`. [`ObjectKey`] guarantees that no server resolves it to a path
    /// outside the folder.
    pub fn key(&self, key: &ObjectKey, max_bytes: usize) -> Result<String, Failure> {
        let whole = [&self.0, key.as_str()].concat();
        if whole.len() > max_bytes {
            let message = format!(
                "The key is too long for this bucket: it has {} bytes including the repository's folder, and at most \
                 {max_bytes} are allowed.",
                whole.len()
            );
            return Err(Failure::new(FailureKind::KeyTooLong, message));
        }
        Ok(whole)
    }

    /// Adds the folder to a prefix or a marker.
    pub fn add(&self, text: &KeyText) -> String {
        [&self.0, text.as_str()].concat()
    }

    /// The client's key for a key in the bucket. `None` if the key is outside the folder, or if it is the folder: some
    /// tools store an object with the folder's own name, which has no key for clients.
    pub fn strip<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0).filter(|key| !key.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::front::s3::operation::{Domains, GetObject, Marker, Operation, Query, Target, parse};

    fn attachment(n: u8, bucket: &str, folder: &str, master: bool) -> NodeRepositoryBucket {
        NodeRepositoryBucket {
            bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]),
            bucket: bucket.to_owned(),
            folder: Folder::parse(folder).unwrap(),
            master,
        }
    }

    fn routes(mode: RepositoryMode, attachments: &[NodeRepositoryBucket]) -> Routes {
        Routes::new(RepoId::new(Timestamp::UNIX_EPOCH, [9; 10]), "team files", mode, attachments)
    }

    #[test]
    fn a_normal_repository_leads_each_name_to_its_own_bucket_and_folder() {
        let attachments = [attachment(1, "photos", "a/b", false), attachment(2, "logs", "", false)];
        let routes = routes(RepositoryMode::Normal, &attachments);
        assert_eq!(routes.names(), ["photos", "logs"]);
        let route = routes.find("photos").unwrap();
        assert_eq!((route.bucket, &route.folder), (attachments[0].bucket_id, &KeyPrefix("a/b/".into())));
        assert_eq!(routes.find("logs").unwrap().folder, KeyPrefix::default());
        for unknown in ["team files", "Photos", "", "a/b"] {
            assert_eq!(routes.find(unknown).unwrap_err().kind, FailureKind::BucketNotFound, "{unknown}");
        }
    }

    #[test]
    fn every_name_of_a_mirror_leads_to_its_master() {
        let attachments = [attachment(1, "replica", "", false), attachment(2, "main", "x", true)];
        let routes = routes(RepositoryMode::Mirror, &attachments);
        assert_eq!(routes.names(), ["main", "replica", "team files"]);
        for name in routes.names() {
            let route = routes.find(name).unwrap();
            assert_eq!((route.bucket, &route.folder), (attachments[1].bucket_id, &KeyPrefix("x/".into())));
        }
        assert!(self::routes(RepositoryMode::Mirror, &[]).find("team files").is_err());
    }

    #[test]
    fn the_folder_counts_for_the_length_of_a_key() {
        let folder = KeyPrefix("folder/".into());
        let key = ObjectKey::new("k".repeat(1_017)).unwrap();
        assert_eq!(folder.key(&key, 1_024).unwrap().len(), 1_024);
        let key = ObjectKey::new("k".repeat(1_018)).unwrap();
        assert_eq!(folder.key(&key, 1_024).unwrap_err().kind, FailureKind::KeyTooLong);
    }

    /// Percent-decodes a text until nothing changes.
    fn undone(text: &str) -> String {
        let mut text = text.to_owned();
        loop {
            let again = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if again == text {
                return text;
            }
            text = again;
        }
    }

    /// Reads a key as the most careless server would: percent-decoded until nothing changes, with backslashes as
    /// slashes, and with dot segments resolved.
    fn careless(key: &str) -> Vec<String> {
        let mut path = Vec::new();
        for segment in undone(key).split(['/', '\\']) {
            match segment {
                "" | "." => {}
                ".." => drop(path.pop()),
                segment => path.push(segment.to_owned()),
            }
        }
        path
    }

    proptest! {
        #[test]
        fn no_key_leaves_its_folder(path in "(\\.|\\.\\.|/|%2e|%2E|%25|%2F|%5c|\\\\|a|b|%|2e){0,24}") {
            if let Ok(Target::Object(_, key)) = Target::parse(&format!("/b/{path}"), None, &Domains::default()) {
                let there = KeyPrefix("in/here/".into()).key(&key, 2_000).unwrap();
                prop_assert!(there.starts_with("in/here/"));
                let read = careless(&there);
                let inside = read.len() > 2 || !read_has_dots(key.as_str());
                prop_assert!(inside && read.starts_with(&["in".to_owned(), "here".to_owned()]), "{there:?} {read:?}");
                prop_assert_eq!(KeyPrefix("in/here/".into()).strip(&there), Some(key.as_str()));
            }
        }
    }

    /// All texts of a request that a provider could read as paths, each with the path that it must stay in.
    fn attachments(query: &str, copy_source: Option<&str>) -> Vec<(String, Vec<String>)> {
        let folder = KeyPrefix("in/here/".into());
        let inside = vec!["in".to_owned(), "here".to_owned()];
        let mut headers = http::HeaderMap::new();
        if let Some(source) = copy_source {
            let Ok(source) = source.parse() else { return vec![] };
            headers.insert("x-amz-copy-source", source);
        }
        let is_list = !query.contains("versionId") && copy_source.is_none();
        let method = if copy_source.is_some() { http::Method::PUT } else { http::Method::GET };
        let path = if is_list { "/b" } else { "/b/k" };
        let target = Target::parse(path, None, &Domains::default()).unwrap();
        let Ok(query) = Query::parse(Some(query)) else { return vec![] };
        let Ok(request) = parse(&method, &target, &query, &headers) else { return vec![] };
        let below = |text: &KeyText| (folder.add(text), inside.clone());
        let marker = |marker: &Option<Marker>| match marker {
            Some(Marker::Key(key)) => Some(below(key)),
            _ => None,
        };
        match request.operation {
            Operation::ListObjects(list)
            | Operation::ListObjectsV2(list)
            | Operation::ListObjectVersions(list) => {
                let delimiter = list.delimiter.as_ref().map(below);
                [Some(below(&list.prefix)), delimiter, marker(&list.start_after)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Operation::ListMultipartUploads(list) => {
                let delimiter = list.delimiter.as_ref().map(below);
                [Some(below(&list.prefix)), delimiter, marker(&list.key_marker)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Operation::GetObject(GetObject { version: Some(version), .. }) => {
                let attachment = format!("in/here/{}", version.as_str());
                let inside: Vec<_> = careless(&attachment);
                // It must not only stay inside: none of its segments may be resolved at all.
                assert_eq!(inside.len(), 2 + undone(version.as_str()).split('/').count(), "{version:?}");
                vec![(attachment, inside)]
            }
            Operation::CopyObject(copying) => {
                vec![(folder.key(&copying.source.key, 2_000).unwrap(), inside.clone())]
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_request_leaves_its_folder(
            text in "(\\.|\\.\\.|/|//|%2e|%2E|%25|%2F|%5c|\\\\|hash|b|%|\n){1,16}",
        ) {
            let escaped = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            let queries = ["prefix=", "delimiter=", "marker=", "list-type=2&start-after=", "versions&key-marker=",
                "uploads&prefix=", "uploads&delimiter=", "uploads&key-marker=", "versionId="];
            let mut all: Vec<_> =
                queries.iter().flat_map(|query| attachments(&format!("{query}{escaped}"), None)).collect();
            all.extend(attachments("", Some(&format!("b/{escaped}"))));
            all.extend(attachments("", Some(&format!("b/k?versionId={escaped}"))));
            for (attachment, inside) in all {
                prop_assert!(careless(&attachment).starts_with(&inside), "{attachment:?}");
            }
            if let Ok(folder) = Folder::parse(&text) {
                let plain: Vec<_> = folder.as_str().split('/').filter(|one| !one.is_empty()).collect();
                prop_assert_eq!(careless(&folder.prefix()), plain);
            }
        }
    }

    fn read_has_dots(key: &str) -> bool {
        key.contains('.') || key.contains("%2")
    }
}
