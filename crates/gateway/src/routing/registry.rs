//! The configuration that requests are served by: repositories, their keys and their buckets.
//!
//! It changes one repository or bucket at a time. A request takes shared handles once and uses them until it ends,
//! so requests in flight finish with the configuration they started with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bucketry_model::id::{BucketId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::KeyAccess;
use bucketry_provider::driver::SharedDriver;
use foldhash::fast::RandomState;
use jiff::Timestamp;
use parking_lot::RwLock;

use crate::credential::Credential;
use crate::failure::Failure;
use crate::protection::{ConcurrencyLimit, Protection, ProtectionSettings};
use crate::routing::list_positions::ListPositions;
use crate::routing::route::Routes;
use crate::routing::seals::{Seals, no_sealing_key};

/// A repository key that the node has opened.
#[derive(Debug)]
pub struct OpenKey {
    /// The id of the key in the API. Clients sign with [`Self::access_key`].
    pub id: RepoKeyId,
    /// The access key id that clients sign with.
    pub access_key: String,
    /// Which operations the key allows.
    pub access: KeyAccess,
    /// What clients authenticate with.
    pub credential: Credential,
}

/// A key with the routes of its repository.
#[derive(Debug)]
pub struct ServedKey {
    /// The key that clients sign with.
    pub key: OpenKey,
    /// The buckets that the repository's names resolve to.
    pub routes: Arc<Routes>,
    /// `None` if the node doesn't have the repository's sealing key.
    seals: Option<Arc<Seals>>,
    /// Shared by all versions of the key's configuration.
    pub(crate) activity: Arc<KeyActivity>,
}

impl ServedKey {
    /// Seals what the repository's clients store for the gateway. Fails if the node doesn't have the sealing key.
    pub fn seals(&self) -> Result<&Seals, Failure> {
        self.seals.as_deref().ok_or_else(no_sealing_key)
    }
}

/// The current use of a key. It survives changes of the key's repository.
#[derive(Debug)]
pub(crate) struct KeyActivity {
    /// Counts the key's requests in flight.
    pub(crate) slots: ConcurrencyLimit,
    /// The minute since 1970 in which the key's use was last reported.
    last_reported: AtomicI64,
}

impl KeyActivity {
    /// Whether to report the key's use, which is done once per minute.
    pub(crate) fn is_news(&self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        self.last_reported.load(Ordering::Relaxed) != minute
            && self.last_reported.swap(minute, Ordering::Relaxed) != minute
    }
}

/// A bucket that the node serves.
pub struct ServedBucket {
    /// The id of the bucket.
    pub id: BucketId,
    /// Sends requests to the bucket's provider.
    pub driver: SharedDriver,
    /// The bucket's circuit breaker and concurrency limit.
    pub protection: Arc<Protection>,
}

impl fmt::Debug for ServedBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedBucket").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All repositories, keys and buckets that the node serves.
pub struct Registry {
    protection: ProtectionSettings,
    buckets: RwLock<HashMap<BucketId, Arc<ServedBucket>, RandomState>>,
    repositories: RwLock<Repositories>,
    pub(crate) list_positions: ListPositions,
    /// Whether all repositories have been loaded since the start.
    is_complete: AtomicBool,
    /// Whether the configuration is too old to be used.
    is_stale: AtomicBool,
}

#[derive(Default)]
struct Repositories {
    /// The access keys of each repository, to remove them with it.
    access_keys: HashMap<RepoId, Vec<String>>,
    keys: HashMap<String, Arc<ServedKey>, RandomState>,
}

impl Registry {
    /// An empty registry.
    pub fn new(protection: ProtectionSettings) -> Self {
        Self {
            protection,
            buckets: RwLock::default(),
            repositories: RwLock::default(),
            list_positions: ListPositions::new(),
            is_complete: AtomicBool::new(false),
            is_stale: AtomicBool::new(false),
        }
    }

    /// Finds a key by its access key id.
    pub fn key(&self, access_key: &str) -> Option<Arc<ServedKey>> {
        self.repositories.read().keys.get(access_key).cloned()
    }

    /// Finds a bucket. `None` if the node hasn't loaded it yet, or can't open it.
    pub fn bucket(&self, id: BucketId) -> Option<Arc<ServedBucket>> {
        self.buckets.read().get(&id).cloned()
    }

    /// The numbers of repositories, keys and buckets.
    pub fn sizes(&self) -> (usize, usize, usize) {
        let repositories = self.repositories.read();
        (repositories.access_keys.len(), repositories.keys.len(), self.buckets.read().len())
    }

    /// Adds or replaces a bucket.
    pub fn serve_bucket(&self, id: BucketId, driver: SharedDriver) {
        // The circuit breaker of a changed bucket starts closed: the change may have fixed what failed.
        let protection = Arc::new(Protection::new(&self.protection));
        let bucket = Arc::new(ServedBucket { id, driver, protection });
        self.buckets.write().insert(id, bucket);
    }

    /// Stops serving a bucket.
    pub fn forget_bucket(&self, id: BucketId) {
        self.buckets.write().remove(&id);
    }

    /// Marks the configuration as fully loaded. From now on an unknown key is refused.
    pub fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// Whether [`Registry::complete`] was called.
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Sets whether the configuration is too old to be used. While it is, every request is refused.
    pub fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Relaxed);
    }

    /// Whether the configuration is too old to be used.
    pub fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }

    /// Adds or replaces a repository with exactly these keys. The keys and the sealing key in `repository` are
    /// still encrypted and are ignored.
    pub fn serve_repository(&self, repository: &NodeRepository, keys: Vec<OpenKey>, seals: Option<Seals>) {
        let seals = seals.map(Arc::new);
        let id = repository.id;
        let routes = Arc::new(Routes::new(id, &repository.name, repository.mode, &repository.buckets));
        let mut all = self.repositories.write();
        let mut before = HashMap::new();
        for access_key in all.access_keys.remove(&id).unwrap_or_default() {
            if let Some(key) = all.keys.remove(&access_key) {
                before.insert(access_key, key);
            }
        }
        let mut access_keys = Vec::with_capacity(keys.len());
        for key in keys {
            let access_key = key.access_key.clone();
            let activity = before.get(&access_key).map_or_else(
                || {
                    Arc::new(KeyActivity {
                        slots: self.protection.slots_of_key(),
                        last_reported: AtomicI64::new(0),
                    })
                },
                |served| Arc::clone(&served.activity),
            );
            let served = ServedKey { key, routes: Arc::clone(&routes), seals: seals.clone(), activity };
            all.keys.insert(access_key.clone(), Arc::new(served));
            access_keys.push(access_key);
        }
        all.access_keys.insert(id, access_keys);
    }

    /// Stops serving a repository and its keys.
    pub fn forget_repository(&self, id: RepoId) {
        let mut all = self.repositories.write();
        for access_key in all.access_keys.remove(&id).unwrap_or_default() {
            all.keys.remove(&access_key);
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (repositories, keys, buckets) = self.sizes();
        let mut text = f.debug_struct("Registry");
        text.field("repositories", &repositories).field("keys", &keys).field("buckets", &buckets).finish()
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::StorageType;
    use bucketry_model::id::OrgId;
    use bucketry_model::repository::RepositoryMode;
    use bucketry_model::secret::Secret;

    use super::*;
    use crate::routing::page_token::{PagePosition, Scope};

    fn repository(n: u8) -> NodeRepository {
        NodeRepository {
            id: RepoId::new(Timestamp::UNIX_EPOCH, [n; 10]),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            version: 1,
            name: format!("r{n}"),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![],
            keys: vec![],
            sealing_key: None,
        }
    }

    fn key(n: u8, access_key: &str) -> OpenKey {
        let id = RepoKeyId::new(Timestamp::UNIX_EPOCH, [n; 10]);
        let credential = Credential::new(StorageType::S3, Secret::new("s")).unwrap();
        OpenKey { id, access_key: access_key.to_owned(), access: KeyAccess::Read, credential }
    }

    #[test]
    fn a_repository_is_served_with_exactly_the_keys_that_it_was_last_given() {
        let registry = Registry::new(ProtectionSettings::default());
        registry.serve_repository(&repository(1), vec![key(1, "A"), key(2, "B")], None);
        registry.serve_repository(&repository(2), vec![key(3, "C")], None);
        let in_flight = registry.key("B").unwrap();
        registry.serve_repository(&repository(1), vec![key(2, "B")], None);
        assert!(registry.key("A").is_none(), "a revoked key is not found");
        let now = registry.key("B").unwrap();
        assert!(Arc::ptr_eq(&now.activity, &in_flight.activity), "requests in flight still count");
        assert!(!Arc::ptr_eq(&now.routes, &in_flight.routes), "and use the routes they started with");
        registry.forget_repository(repository(1).id);
        assert!(registry.key("B").is_none());
        assert!(registry.key("C").is_some());
    }

    #[test]
    fn the_use_of_a_key_is_news_once_a_minute() {
        let activity = KeyActivity { slots: ConcurrencyLimit::new(1), last_reported: AtomicI64::new(0) };
        let at = |second| Timestamp::from_second(second).unwrap();
        let is_news: Vec<_> = [60, 61, 119, 120, 121].into_iter().map(|s| activity.is_news(at(s))).collect();
        assert_eq!(is_news, [true, false, false, true, false]);
    }

    #[test]
    fn a_list_that_began_with_one_key_continues_with_another_of_the_same_repository() {
        let registry = Registry::new(ProtectionSettings::default());
        let seals = |sealing_key: &str| Some(Seals::new(&Secret::new(sealing_key)).unwrap());
        registry.serve_repository(&repository(1), vec![key(1, "A"), key(2, "B")], seals("one"));
        registry.serve_repository(&repository(2), vec![key(3, "C")], seals("two"));
        registry.serve_repository(&repository(3), vec![key(4, "D")], None);
        let tokens = |access_key: &str| registry.key(access_key).unwrap();
        let bucket = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let scope = Scope { repository: repository(1).id, bucket, prefix: "", delimiter: None };
        let position = PagePosition { token: Some("t".to_owned()), after: None };
        let token = tokens("A").seals().unwrap().page_tokens.seal(scope, &position).unwrap();
        assert_eq!(tokens("B").seals().unwrap().page_tokens.open(scope, &token), Ok(position));
        let foreign = tokens("C").seals().unwrap().page_tokens.open(scope, &token).unwrap_err();
        assert!(foreign.message.contains("another list or repository"), "{foreign}");
        assert!(tokens("D").seals().unwrap_err().retry_after.is_some());
    }
}
