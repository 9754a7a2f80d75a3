//! Walks through the lists of a real driver, which reads an S3 server that exists only for its lists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bucketry_faults::{ListingFault, ListingStub};
use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::inventory::WalkState;
use bucketry_model::node_protocol::{
    Heartbeat, InventoryOrders, InventoryReport, NodeBucket, Register, Report, SyncAnswer, WalkEnd,
    WalkOrder, WalkReport,
};
use bucketry_model::secret::Secret;
use bucketry_model::time::SystemClock;
use bucketry_node::{
    Agent, AgentConfig, AgentHandle, ControlPlane, ControlPlaneError, Dependencies, InventoryConfig,
    NodeInfo, Providers,
};
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::policy::EndpointPolicy;
use bucketry_vault::{Identities, SecretContext, seal};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::time::sleep;

fn org() -> OrgId {
    OrgId::new(Timestamp::UNIX_EPOCH, [1; 10])
}

fn bucket_id() -> BucketId {
    BucketId::new(Timestamp::UNIX_EPOCH, [2; 10])
}

/// A control plane with one bucket, which orders what a test sets and stores what is reported.
#[derive(Default)]
struct OneBucket {
    bucket: Mutex<Option<NodeBucket>>,
    order: Mutex<Option<WalkOrder>>,
    reports: Mutex<Vec<WalkReport>>,
    away: Mutex<bool>,
}

impl OneBucket {
    /// The latest state that was reported.
    fn state(&self) -> Option<String> {
        self.reports.lock().unwrap().iter().rev().find_map(|walk| walk.state.clone())
    }

    fn requests(&self) -> u64 {
        self.state().and_then(|text| WalkState::from_text(&text)).map_or(0, |state| state.requests)
    }

    async fn end(&self) -> (WalkEnd, WalkState) {
        loop {
            let ended = self.reports.lock().unwrap().iter().find_map(|walk| walk.end.clone());
            if let Some(end) = ended {
                return (end, WalkState::from_text(&self.state().unwrap()).unwrap());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[async_trait]
impl ControlPlane for OneBucket {
    async fn register(&self, _: &Register) -> Result<(), ControlPlaneError> {
        Ok(())
    }

    async fn heartbeat(&self, _: &Heartbeat) -> Result<(), ControlPlaneError> {
        Ok(())
    }

    async fn sync(&self, cursor: Option<&str>, wait: Duration) -> Result<SyncAnswer, ControlPlaneError> {
        let buckets: Vec<NodeBucket> = self.bucket.lock().unwrap().take().into_iter().collect();
        if buckets.is_empty() && cursor.is_some() {
            sleep(wait).await;
        }
        Ok(SyncAnswer {
            success: true,
            cursor: "c".to_owned(),
            snapshot: cursor.is_none(),
            more: false,
            buckets,
            removed: Vec::new(),
            repositories: Vec::new(),
            removed_repositories: Vec::new(),
            jobs: Vec::new(),
            probing: None,
        })
    }

    async fn report(&self, _: &Report) -> Result<(), ControlPlaneError> {
        Ok(())
    }

    async fn inventory(&self, message: &InventoryReport) -> Result<InventoryOrders, ControlPlaneError> {
        if *self.away.lock().unwrap() {
            return Err(ControlPlaneError::Unavailable("nobody there".to_owned()));
        }
        self.reports.lock().unwrap().extend(message.walks.clone());
        let walks =
            if message.free > 0 { self.order.lock().unwrap().take().into_iter().collect() } else { vec![] };
        Ok(InventoryOrders { success: true, walks, stop: Vec::new() })
    }
}

struct TestContext {
    control_plane: Arc<OneBucket>,
    agent: AgentHandle,
    _directory: TempDir,
}

fn order(state: Option<String>) -> WalkOrder {
    WalkOrder {
        bucket_id: bucket_id(),
        started_at: Timestamp::UNIX_EPOCH,
        requests_per_second: 10_000,
        state,
        for_seconds: None,
    }
}

fn start(stub: &ListingStub, order: WalkOrder) -> TestContext {
    let directory = TempDir::new().unwrap();
    let identities = Identities::load_or_create(&directory.path().join("vault.key")).unwrap();
    let context = SecretContext::of_bucket(org(), bucket_id());
    let secret = seal(&Secret::new("secret"), &context, &[identities.in_use()]).unwrap();
    let location = BucketLocation {
        storage_type: StorageType::S3,
        bucket: "photos".to_owned(),
        key: Some("AKID".to_owned()),
        endpoint: Some(Endpoint::parse(&stub.endpoint()).unwrap()),
        region: None,
    };
    let bucket = NodeBucket {
        id: bucket_id(),
        org_id: org(),
        version: 1,
        config_version: 1,
        location,
        secret: Some(secret),
        pinned_to: bucketry_model::pinning::BucketPins::default(),
    };
    let control_plane = Arc::new(OneBucket::default());
    *control_plane.bucket.lock().unwrap() = Some(bucket);
    let node = NodeInfo {
        gateway_url: None,
        name: "node-1".to_owned(),
        region: "eu".to_owned(),
        provider: "AWS".to_owned(),
        version: "1.0.0".to_owned(),
        id_org: None,
    };
    let mut config = AgentConfig::new(node, directory.path().join("spool"));
    config.inventory = InventoryConfig { report_interval: Duration::from_millis(50), max_walks: 2 };
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..ConnectionSettings::default() };
    let dependencies = Dependencies {
        control_plane: Arc::clone(&control_plane) as Arc<dyn ControlPlane>,
        cloud: Arc::new(Providers::new(Connections::new(settings).unwrap())),
        identities,
        clock: Arc::new(SystemClock),
        seed: 7,
        gateway: None,
        tracer: None,
    };
    let agent = Agent::start(config, dependencies).unwrap();
    let order_later = Arc::clone(&control_plane);
    // The order comes after the bucket, as with a real control plane.
    tokio::spawn(async move {
        sleep(Duration::from_millis(200)).await;
        *order_later.order.lock().unwrap() = Some(order);
    });
    TestContext { control_plane, agent, _directory: directory }
}

/// The largest memory that the process has used, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_million_keys_with_a_million_prefixes_are_counted_in_bounded_memory() {
    let stub = ListingStub::start(1_000_000).await.unwrap();
    let before = peak_memory();
    let context = start(&stub, order(None));
    let (end, state) = context.control_plane.end().await;
    assert_eq!((end, state.sum.objects, state.requests), (WalkEnd::Finished, 1_000_000, 1_000));
    assert_eq!((state.sum.bytes, state.sum.is_ordered), (999_999 * 500_000, true));
    let largest = state.sum.prefixes.largest(20, true);
    assert!(largest.len() == 20 && largest[0].prefix == "0999999/" && largest[19].bytes == 999_980);
    let grown = peak_memory() - before;
    assert!(grown < 64 << 10, "{grown} KiB");
    context.agent.stop().await;
}

#[tokio::test]
async fn a_walk_continues_where_the_last_report_was() {
    let stub = ListingStub::start(200_000).await.unwrap();
    let context = start(&stub, order(None));
    while context.control_plane.requests() < 40 {
        sleep(Duration::from_millis(5)).await;
    }
    // What a kill leaves: the state that was reported last.
    *context.control_plane.away.lock().unwrap() = true;
    let state = context.control_plane.state().unwrap();
    let saved = WalkState::from_text(&state).unwrap().requests;
    drop(context);
    sleep(Duration::from_millis(200)).await;
    let listed = stub.lists();
    assert!(saved < 200, "the walk was interrupted before its end");
    let context = start(&stub, order(Some(state)));
    let (end, state) = context.control_plane.end().await;
    assert_eq!((end, state.sum.objects, state.sum.bytes), (WalkEnd::Finished, 200_000, 199_999 * 100_000));
    assert_eq!(
        stub.lists() - listed,
        200 - saved,
        "no page is read twice, except those since the last report"
    );
    context.agent.stop().await;
}

#[tokio::test]
async fn an_orderly_stop_reports_the_last_page() {
    let stub = ListingStub::start(200_000).await.unwrap();
    let slow = WalkOrder { requests_per_second: 20, ..order(None) };
    let context = start(&stub, slow);
    while context.control_plane.requests() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    context.agent.stop().await;
    let (end, state) = context.control_plane.end().await;
    assert_eq!(end, WalkEnd::Paused);
    assert!(
        state.requests == stub.lists() || state.requests + 1 == stub.lists(),
        "{} requests",
        state.requests
    );
}

#[tokio::test]
async fn a_walk_stays_within_its_rate_and_its_time() {
    let stub = ListingStub::start(1_000_000).await.unwrap();
    let short = WalkOrder { requests_per_second: 10, for_seconds: Some(1), ..order(None) };
    let context = start(&stub, short);
    let (end, state) = context.control_plane.end().await;
    assert_eq!(end, WalkEnd::Paused);
    assert!((5..=11).contains(&state.requests), "{} requests", state.requests);
    context.agent.stop().await;
}

#[tokio::test]
async fn a_denied_list_says_what_to_grant() {
    let stub = ListingStub::start(100).await.unwrap();
    stub.set(ListingFault::Denied);
    let context = start(&stub, order(None));
    let (end, _) = context.control_plane.end().await;
    let WalkEnd::Failed { reason } = end else { panic!("{end:?}") };
    assert!(reason.contains("s3:ListBucket") && reason.contains("403"), "{reason}");
    context.agent.stop().await;
}

#[tokio::test]
async fn an_endless_list_is_abandoned() {
    let stub = ListingStub::start(100).await.unwrap();
    stub.set(ListingFault::Endless);
    let context = start(&stub, order(None));
    let (end, _) = context.control_plane.end().await;
    let WalkEnd::Abandoned { reason } = end else { panic!("{end:?}") };
    assert!(reason.contains("doesn't end") && stub.lists() < 20, "{reason} after {}", stub.lists());
    context.agent.stop().await;
}

#[tokio::test]
async fn a_token_that_expired_is_replaced_by_the_last_key() {
    let stub = ListingStub::start(20_000).await.unwrap();
    let context = start(&stub, WalkOrder { requests_per_second: 40, ..order(None) });
    while context.control_plane.requests() < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    stub.set(ListingFault::ExpiredTokens);
    let (end, state) = context.control_plane.end().await;
    assert_eq!((end, state.sum.objects, state.sum.bytes), (WalkEnd::Finished, 20_000, 19_999 * 10_000));
    assert_eq!((state.restarts, state.requests), (0, 21), "one request had the expired token");
    context.agent.stop().await;
}
