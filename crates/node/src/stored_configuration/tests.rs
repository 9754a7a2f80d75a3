//! What is written and read again, by a clock that the tests set.

use std::fs;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::OrgId;
use bucketry_model::pinning::BucketPins;
use tempfile::TempDir;

use super::*;

/// A clock that stands still until it is set.
struct SetClock(Mutex<Timestamp>);

impl SetClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(text.parse().unwrap())))
    }

    fn set(&self, text: &str) {
        *self.0.lock() = text.parse().unwrap();
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

fn bucket(n: u8, version: i64) -> NodeBucket {
    let location = BucketLocation {
        storage_type: StorageType::S3,
        bucket: format!("b{n}"),
        key: None,
        endpoint: None,
        region: None,
    };
    let (id, org_id) =
        (BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]), OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]));
    NodeBucket {
        id,
        org_id,
        version,
        config_version: version,
        location,
        secret: None,
        pinned_to: BucketPins::default(),
    }
}

/// The disk and the keys of a node, which survive its restarts.
struct NodeDisk {
    directory: TempDir,
    clock: Arc<SetClock>,
}

impl NodeDisk {
    fn at(now: &str) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: SetClock::at(now) }
    }

    /// A start of the node. Its configuration may be a day old.
    fn start(&self, name: &str) -> (Arc<StoredConfiguration>, Arc<Metrics>) {
        let settings = ConfigurationSettings {
            file: self.directory.path().join("configuration.age"),
            control_plane: "https://storage.example.com".to_owned(),
            max_age: Duration::from_hours(24),
        };
        let node = NodeInfo {
            name: name.to_owned(),
            region: "eu".to_owned(),
            provider: "AWS".to_owned(),
            version: "1".to_owned(),
            id_org: None,
            gateway_url: None,
        };
        let identities = Identities::load_or_create(&self.directory.path().join("vault.key")).unwrap();
        let identities = Arc::new(RwLock::new(identities));
        let metrics = Arc::new(Metrics::default());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let stored = StoredConfiguration::new(settings, &node, clock, identities, Arc::clone(&metrics), None);
        (Arc::new(stored), metrics)
    }

    /// The buckets that the next start serves, with their versions.
    async fn loaded(&self) -> Option<Vec<(BucketId, i64)>> {
        let loaded = self.start("n1").0.load().await?;
        Some(loaded.buckets.iter().map(|bucket| (bucket.id, bucket.version)).collect())
    }
}

fn opened(buckets: &[(u8, i64)]) -> Changes {
    let open = buckets.iter().map(|(n, version)| bucket(*n, *version)).collect();
    Changes { open, ..Changes::default() }
}

fn served(buckets: &[(u8, i64)]) -> Vec<(BucketId, i64)> {
    buckets.iter().map(|(n, version)| (bucket(*n, 0).id, *version)).collect()
}

async fn write_due(stored: &Arc<StoredConfiguration>) -> bool {
    let Some(to_write) = stored.due() else { return false };
    stored.write(to_write).await;
    true
}

#[tokio::test]
async fn the_next_start_serves_what_was_confirmed_last() {
    let disk = NodeDisk::at("2026-03-01T10:00:00Z");
    let (stored, _) = disk.start("n1");
    assert!(stored.load().await.is_none());
    stored.note(&opened(&[(1, 1), (2, 1)]));
    assert!(!write_due(&stored).await, "half a snapshot is not stored");
    stored.confirm();
    assert!(write_due(&stored).await);
    assert_eq!(disk.loaded().await, Some(served(&[(1, 1), (2, 1)])));

    let gone = Changes { forget: vec![bucket(1, 0).id], ..opened(&[(2, 2)]) };
    stored.note(&gone);
    assert!(write_due(&stored).await);
    assert_eq!(disk.loaded().await, Some(served(&[(2, 2)])));
}

#[tokio::test]
async fn what_is_too_old_is_refused_and_a_running_node_notices_it_too() {
    let disk = NodeDisk::at("2026-03-01T10:00:00Z");
    let (stored, metrics) = disk.start("n1");
    stored.note(&opened(&[(1, 1)]));
    stored.confirm();
    assert!(write_due(&stored).await);
    let is_stale = |metrics: &Metrics| metrics.stale.load(Ordering::Relaxed);
    let look = || {
        stored.update_staleness(&stored.state.lock());
        is_stale(&metrics)
    };

    disk.clock.set("2026-03-02T10:00:00Z");
    assert!(!look());
    assert_eq!(disk.loaded().await, Some(served(&[(1, 1)])));
    disk.clock.set("2026-03-02T10:00:01Z");
    assert!(look(), "a day has passed");
    let (restarted, of_restarted) = disk.start("n1");
    assert!(restarted.load().await.is_none());
    assert!(is_stale(&of_restarted), "requests are refused, and not only asked to try again");
    restarted.confirm();
    stored.confirm();
    assert!(!is_stale(&of_restarted) && !look(), "the control plane is back");

    disk.clock.set("2026-03-01T09:50:00Z");
    assert_eq!(disk.loaded().await, None, "the file is from the future");
}

#[tokio::test]
async fn a_confirmation_alone_is_written_once_an_hour_and_at_the_end() {
    let disk = NodeDisk::at("2026-03-01T10:00:00Z");
    let (stored, _) = disk.start("n1");
    stored.confirm();
    assert!(write_due(&stored).await, "that there is nothing to serve is worth knowing, too");
    disk.clock.set("2026-03-01T10:59:59Z");
    stored.confirm();
    assert!(!write_due(&stored).await);
    assert!(stored.unwritten().is_some());
    disk.clock.set("2026-03-01T11:00:00Z");
    stored.confirm();
    assert!(write_due(&stored).await);
    assert!(stored.unwritten().is_none());
    stored.identities.write().add_new().unwrap();
    assert!(write_due(&stored).await, "the file is sealed to the key in use");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_ignored() {
    let disk = NodeDisk::at("2026-03-01T10:00:00Z");
    let (other, _) = disk.start("n2");
    other.note(&opened(&[(1, 1)]));
    other.confirm();
    assert!(write_due(&other).await);
    assert_eq!(disk.loaded().await, None, "it belongs to another node");
    let file = disk.directory.path().join("configuration.age");
    let sealed = fs::read(&file).unwrap();
    fs::write(&file, &sealed[..sealed.len() / 2]).unwrap();
    assert_eq!(disk.loaded().await, None, "it is truncated");
    let (stored, _) = disk.start("n1");
    stored.note(&opened(&[(3, 1)]));
    stored.confirm();
    assert!(write_due(&stored).await);
    assert_eq!(disk.loaded().await, Some(served(&[(3, 1)])), "it is replaced");
}
