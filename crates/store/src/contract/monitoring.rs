//! What metrics say about buckets.

use bucketry_model::id::WorkspaceId;

use super::fixture::{TestContext, at, audit, fresh, online};
use crate::Store;
use crate::monitoring::MonitoredBucket;

fn labels(buckets: &[MonitoredBucket]) -> Vec<&str> {
    buckets.iter().map(|bucket| bucket.name.as_str()).collect()
}

pub async fn the_oldest_buckets_of_all_organizations_are_monitored(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let first = context.bucket("first").await;
    let removed = context.bucket("removed").await;
    other.bucket("foreign").await;
    context.bucket("last").await;
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    let node = context.node("node-1").await;
    context.probe(node, first, &[online(5, 40)]).await;

    let all = store.monitored_buckets(None, 10).await.unwrap();
    assert_eq!(labels(&all), ["first", "foreign", "last"]);
    assert_eq!(all[0].workspace.as_str(), "default");
    assert_eq!(all[0].endpoint.as_ref().unwrap().to_string(), "https://s3.example.com:9000");
    let reports: Vec<_> = all[0].nodes.iter().map(|row| (row.node_id, row.latency_ms)).collect();
    assert_eq!(reports, [(node, Some(40))]);
    assert_eq!(all[1].nodes, []);
    assert_eq!(labels(&store.monitored_buckets(None, 2).await.unwrap()), ["first", "foreign"]);
    assert_eq!(store.monitored_buckets(None, 0).await.unwrap(), []);
}

pub async fn buckets_of_one_workspace_are_monitored(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let workspace = context.another_workspace(1).await;
    context.bucket("elsewhere").await;
    context.bucket_in(workspace, "older", at(2)).await;
    context.bucket_in(workspace, "newer", at(3)).await;
    let found = store.monitored_buckets(Some(workspace), 10).await.unwrap();
    assert_eq!(labels(&found), ["older", "newer"]);
    assert_eq!(found[0].workspace.as_str(), "another");
    assert_eq!(labels(&store.monitored_buckets(Some(workspace), 1).await.unwrap()), ["older"]);

    assert!(store.has_workspace(workspace).await.unwrap());
    let unknown = fresh(WorkspaceId::new);
    assert!(!store.has_workspace(unknown).await.unwrap());
    assert_eq!(store.monitored_buckets(Some(unknown), 10).await.unwrap(), []);
}
