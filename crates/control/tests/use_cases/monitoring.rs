//! What metrics and health checks read.

use std::time::Duration;

use bucketry_control::readiness::{DatabaseCheck, DatabaseWrites};
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

use crate::support::TestContext;

#[tokio::test]
async fn a_result_of_the_last_second_is_used_again() {
    let cx = TestContext::new().await;
    let up = DatabaseCheck { responds: true, writes: DatabaseWrites::Accepted, migrations: true };
    assert_eq!(cx.control.database_check().await, up);
    tokio::time::pause();
    // While a blocking task runs, the paused clock doesn't advance by itself.
    let (finish, finished) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || finished.recv());
    cx.control.store().close().await;
    assert_eq!(cx.control.database_check().await, up, "the database isn't asked again");
    assert!(cx.control.readiness().await.database);
    drop(finish);
    assert!(blocking.await.unwrap().is_err());
    tokio::time::advance(Duration::from_millis(1_001)).await;
    assert_eq!(cx.control.database_check().await, DatabaseCheck::default());
    assert!(!cx.control.readiness().await.database);
}

#[tokio::test]
async fn buckets_are_monitored_by_what_connected_nodes_report() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let report = |status| BucketStatus {
        bucket_id: id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: None,
        version: None,
    };
    let read = async || {
        // Results are cached for a second.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::time::resume();
        let read = cx.control.monitored_buckets(None, 10).await.unwrap();
        let reports = read.buckets[0].reports.iter().map(|report| (report.online, report.latency_ms));
        reports.collect::<Vec<_>>()
    };
    assert_eq!(read().await, [], "not probed yet");
    cx.node.beat(vec![report(ProbedStatus::Online)]).await.unwrap();
    assert_eq!(read().await, [(true, Some(5))]);
    cx.clock.advance(SignedDuration::from_secs(30));
    cx.node.beat(vec![report(ProbedStatus::Offline)]).await.unwrap();
    assert_eq!(read().await, [(false, None)]);
    cx.clock.advance(SignedDuration::from_secs(120));
    assert_eq!(read().await, [], "the node is silent");
    assert!(!cx.control.monitored_buckets(None, 1).await.unwrap().more);
    assert!(cx.control.monitored_buckets(None, 0).await.unwrap().more);
}
