//! A node loses its network, and all of its buckets go OFFLINE at once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bucketry_control::buckets::EventFilter;
use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::name::Name;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use bucketry_store::bucket::{BucketInserted, NewBucket};
use bucketry_store::status_event::EventPosition;
use jiff::SignedDuration;

use crate::support::TestContext;

const BUCKETS: usize = 6_000;
/// Samples per heartbeat. Nodes send up to 5,000.
const SLICE: usize = 1_000;

/// Registers buckets past the API, because sealing secrets would take most of the time.
async fn buckets(cx: &TestContext) -> Vec<BucketId> {
    let first = cx.unchecked("first").await;
    let first = cx.control.store().bucket(cx.owner.org_id, first).await.unwrap().unwrap();
    let mut ids = Vec::new();
    for number in 0..BUCKETS {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let new = NewBucket {
            id: BucketId::new(cx.clock.now(), random),
            org_id: cx.owner.org_id,
            workspace_id: cx.workspace,
            name: Name::parse(&format!("bucket {number}")).unwrap(),
            location: first.location.clone(),
            secret: None,
            secret_expires_at: None,
            first_report: None,
            pinned_to: bucketry_model::pinning::BucketPins::default(),
        };
        let (kind, action) = (AuditKind::Bucket, AuditAction::Created);
        let audit = AuditEntry::new(cx.clock.now(), AuditActor::System, kind, action);
        let inserted = cx.control.store().insert_bucket(&new, &audit).await.unwrap();
        assert_eq!(inserted, BucketInserted::Inserted);
        ids.push(new.id);
    }
    ids
}

/// Sends the same status of all buckets, in several heartbeats, each of them twice: the first answer was lost.
async fn report(cx: &TestContext, ids: &[BucketId], status: ProbedStatus) {
    let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "no answer".to_owned() };
    for slice in ids.chunks(SLICE) {
        let sample = |id: &BucketId| BucketStatus {
            bucket_id: *id,
            status,
            latency_ms: (status == ProbedStatus::Online).then_some(5),
            created_at: cx.clock.now(),
            failure: (status == ProbedStatus::Offline).then(|| failure.clone()),
            version: None,
        };
        let samples: Vec<_> = slice.iter().map(sample).collect();
        cx.node.beat(samples.clone()).await.unwrap();
        cx.node.beat(samples).await.unwrap();
    }
}

/// The buckets of all events to a status, newest event first.
async fn events(cx: &TestContext, to: ProbedStatus) -> Vec<BucketId> {
    let filter = EventFilter { to: Some(to), ..EventFilter::default() };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = cx.control.events(&cx.owner, None, filter, after, 1_000).await.unwrap();
        let Some(last) = page.last() else { return found };
        after = Some(EventPosition::of(&last.event));
        found.extend(page.iter().map(|view| view.event.bucket_id));
    }
}

/// What people do meanwhile: look at a bucket and its history, and change something.
async fn work(cx: &TestContext, bucket: BucketId, number: usize) {
    cx.control.bucket(&cx.owner, bucket).await.unwrap();
    cx.control.bucket_events(&cx.owner, bucket, EventFilter::default(), None, 10).await.unwrap();
    cx.control.create_workspace(&cx.owner, &format!("Team {number}")).await.unwrap();
}

#[tokio::test]
async fn a_storm_of_events_is_stored_in_slices_while_the_api_answers() {
    let cx = TestContext::new().await;
    let ids = buckets(&cx).await;
    report(&cx, &ids, ProbedStatus::Online).await;
    cx.clock.advance(SignedDuration::from_secs(60));

    let start = Instant::now();
    let mut storm = std::pin::pin!(report(&cx, &ids, ProbedStatus::Offline));
    let (mut rounds, mut slowest) = (0, Duration::ZERO);
    loop {
        let began = Instant::now();
        let mut people = std::pin::pin!(work(&cx, ids[rounds], rounds));
        let over = tokio::select! {
            () = &mut storm => true,
            () = &mut people => false,
        };
        if over {
            break;
        }
        rounds += 1;
        slowest = slowest.max(began.elapsed());
    }
    let took = start.elapsed();
    eprintln!(
        "{BUCKETS} events in {took:?}, meanwhile {rounds} rounds of three calls, the slowest {slowest:?}"
    );
    assert!(rounds >= BUCKETS / SLICE, "people got through between the slices: {rounds} rounds");
    assert!(slowest < took / 2, "nobody waits for the storm to end: {slowest:?} of {took:?}");

    for status in [ProbedStatus::Offline, ProbedStatus::Online] {
        let found = events(&cx, status).await;
        assert_eq!(found.len(), BUCKETS, "{status:?}: nothing is lost or doubled");
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), BUCKETS, "{status:?}: one for each bucket");
    }
    let outages = cx.control.bucket_outages(&cx.owner, ids[BUCKETS / 2], None, None).await.unwrap();
    assert_eq!(outages.outages.len(), 1);
}
