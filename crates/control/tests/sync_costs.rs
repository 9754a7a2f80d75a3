//! What nodes that wait for changes cost, in statements that are sent to the database.
//!
//! The tests have their own file, and so their own process, because they count all statements of the process.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "use_cases/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the use cases")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bucketry_control::Settings;
use bucketry_model::node_protocol::SyncAnswer;
use tokio::task::JoinSet;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use support::{FakeNode, TestContext};

/// How many requests wait at the same time.
const MANY: usize = 200;
/// What may be read once for all of them, again and again while they wait.
const SHARED: usize = MANY;
const SOON: Duration = Duration::from_mins(1);

/// Counts the statements that the driver logs.
#[derive(Clone, Default)]
struct QueryCount(Arc<AtomicUsize>);

impl QueryCount {
    /// The number since the last call.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }

    /// Waits until there are this many.
    async fn reach(&self, number: usize) {
        while self.0.load(Ordering::SeqCst) < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for QueryCount {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Many requests of some nodes, which wait for at most `wait` seconds.
fn wait_many(nodes: &[(&FakeNode, &'static str)], cursor: &str, wait: u64) -> JoinSet<SyncAnswer> {
    let mut waiting = JoinSet::new();
    for (node, name) in nodes.iter().cycle().take(MANY) {
        let (node, name, cursor) = ((*node).clone(), *name, cursor.to_owned());
        waiting.spawn(async move { node.sync_as(name, &cursor, wait).await.unwrap() });
    }
    waiting
}

async fn all(waiting: JoinSet<SyncAnswer>) -> Vec<SyncAnswer> {
    tokio::time::timeout(SOON, waiting.join_all()).await.unwrap()
}

async fn nothing_new_costs_many_requests_as_much_as_one(queries: &QueryCount) {
    let cx = TestContext::new().await;
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    queries.take();
    cx.node.sync(&cursor, 0).await.unwrap();
    let arrival = queries.take();
    let answers = all(wait_many(&[(&cx.node, "node-1")], &cursor, 3)).await;
    assert!(answers.iter().all(|answer| answer.buckets.is_empty() && !answer.snapshot));
    let cost = queries.take();
    assert!(cost <= MANY * arrival + SHARED, "{cost} statements, {arrival} of them per arrival");
}

async fn a_change_is_read_once_for_all_nodes(queries: &QueryCount) {
    let cx = TestContext::new().await;
    cx.node.register_as("node-2").await.unwrap();
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    queries.take();
    cx.node.sync(&cursor, 0).await.unwrap();
    let arrival = queries.take();
    cx.unchecked("An earlier one").await;
    let registration = queries.take();
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    queries.take();

    let waiting = wait_many(&[(&cx.node, "node-1"), (&cx.node, "node-2")], &cursor, 25);
    // Two statements of an arrival look for changes, and are shared.
    queries.reach(MANY * (arrival - 2)).await;
    let photos = cx.unchecked("Photos").await;
    for answer in all(waiting).await {
        assert_eq!(answer.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [photos]);
    }
    let cost = queries.take();
    let delivery = 1;
    let most = MANY * (arrival + delivery) + registration + SHARED;
    assert!(cost <= most, "{cost} statements, {arrival} per arrival");
}

async fn changes_of_others_cost_a_waiting_node_nothing(queries: &QueryCount) {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let other = cx.another_owner().await;
    let private = cx.node.of_one_of_several(&other, "a-private-node").await;
    let cursor = private.sync_as("a-private-node", "", 0).await.unwrap().cursor;
    queries.take();
    private.sync_as("a-private-node", &cursor, 0).await.unwrap();
    let arrival = queries.take();
    cx.unchecked("An earlier one").await;
    let registration = queries.take();

    let waiting = wait_many(&[(&private, "a-private-node")], &cursor, 4);
    queries.reach(MANY * (arrival - 2)).await;
    for number in 0..5 {
        cx.unchecked(&format!("Bucket {number}")).await;
    }
    for answer in all(waiting).await {
        assert!(answer.buckets.is_empty() && answer.removed.is_empty() && !answer.snapshot);
    }
    let cost = queries.take();
    assert!(cost <= MANY * arrival + 5 * registration + SHARED, "{cost} statements, {arrival} per arrival");
}

async fn the_list_of_nodes_is_read_once_for_all(queries: &QueryCount) {
    let cx = TestContext::new().await;
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    queries.take();
    cx.node.sync(&cursor, 0).await.unwrap();
    let arrival = queries.take();
    let waiting = wait_many(&[(&cx.node, "node-1")], &cursor, 3);
    queries.reach(MANY * (arrival - 2)).await;
    // The cached list is too old now.
    cx.clock.advance(jiff::SignedDuration::from_secs(2));
    all(waiting).await;
    let cost = queries.take();
    assert!(cost <= MANY * arrival + SHARED, "{cost} statements, {arrival} per arrival");
}

#[tokio::test]
async fn a_thousand_waiting_requests_cost_about_as_much_as_one() {
    let queries = QueryCount::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(queries.clone())).unwrap();
    nothing_new_costs_many_requests_as_much_as_one(&queries).await;
    a_change_is_read_once_for_all_nodes(&queries).await;
    changes_of_others_cost_a_waiting_node_nothing(&queries).await;
    the_list_of_nodes_is_read_once_for_all(&queries).await;
}
