//! What looking for findings costs, in statements that are sent to the database.
//!
//! The test has its own file, and so its own process, because it counts all statements of the process.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "use_cases/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the use cases")]
mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::FindingCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use support::TestContext;

/// The statements that the driver logs, without those that set up a new connection.
#[derive(Clone, Default)]
struct LoggedStatements(Arc<Mutex<Vec<String>>>);

impl LoggedStatements {
    /// Those since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// The beginning of the statement that an event is about.
#[derive(Default)]
struct Summary(String);

impl Visit for Summary {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "summary" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for LoggedStatements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut summary = Summary::default();
            event.record(&mut summary);
            if !summary.0.trim_start_matches('"').starts_with("PRAGMA") {
                self.0.lock().unwrap().push(summary.0);
            }
        }
    }
}

fn refused(cx: &TestContext, bucket_id: BucketId) -> BucketStatus {
    BucketStatus {
        bucket_id,
        status: ProbedStatus::Offline,
        latency_ms: None,
        created_at: cx.clock.now(),
        failure: Some(ProbeFailure {
            code: CheckCode::ConnectionRefused,
            message: "The server refused the connection.".to_owned(),
        }),
        version: None,
    }
}

/// A deployment with this many OFFLINE buckets.
async fn with_outage(buckets: usize) -> (TestContext, Vec<BucketId>) {
    let cx = TestContext::new().await;
    let mut ids = Vec::new();
    for n in 0..buckets {
        ids.push(cx.bucket_called(&format!("bucket-{n}")).await);
    }
    cx.node.beat(ids.iter().map(|id| refused(&cx, *id)).collect()).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(30));
    cx.node.beat(vec![]).await.unwrap();
    (cx, ids)
}

#[tokio::test]
async fn findings_cost_nothing_between_changes_and_the_same_for_any_number_of_buckets() {
    let statements = LoggedStatements::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(statements.clone())).unwrap();

    let (cx, ids) = with_outage(3).await;
    let look = async || cx.control.findings(&cx.owner).await.unwrap();
    look().await;
    statements.take();
    for _ in 0..100 {
        assert_eq!(look().await.len(), 1);
    }
    assert_eq!(statements.take(), [""; 0], "nothing has changed");
    cx.control.all_findings().await.unwrap();
    statements.take();
    for _ in 0..100 {
        cx.control.all_findings().await.unwrap();
    }
    assert_eq!(statements.take(), [""; 0], "nothing has changed");

    for _ in 0..10 {
        cx.clock.advance(SignedDuration::from_secs(1));
        look().await;
    }
    let reads = statements.take();
    assert!(reads.len() <= 10, "with time alone, only the list of nodes is read again: {reads:#?}");

    cx.node.beat(vec![refused(&cx, ids[0])]).await.unwrap();
    statements.take();
    look().await;
    let few = statements.take().len();
    assert!((1..=20).contains(&few), "{few} statements after a change");

    let (cx, ids) = with_outage(120).await;
    let look = async || cx.control.findings(&cx.owner).await.unwrap();
    look().await;
    cx.node.beat(vec![refused(&cx, ids[0])]).await.unwrap();
    statements.take();
    let all = look().await;
    assert_eq!(statements.take().len(), few, "40 times the buckets cost the same statements");
    assert_eq!((all.len(), all[0].key.code), (1, FindingCode::EndpointOffline));
}
