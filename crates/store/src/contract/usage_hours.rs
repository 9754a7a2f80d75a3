//! Traffic by hour and workspace.

use bucketry_model::id::{NodeId, OrgId, WorkspaceId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::usage::{UsageCounts, UsageRow};
use futures_util::future::join;

use super::fixture::{TestContext, at, audit};
use super::usage::{batch, row};
use crate::Store;
use crate::bucket::{BucketUpdate, BucketUpdated};
use crate::usage::{HourPoint, HourQuery};

const HOUR: i64 = 3_600;

fn all(org_id: OrgId) -> HourQuery {
    HourQuery {
        org_id,
        visible: Visibility::Organization,
        first: 0,
        last: 1_000 * HOUR,
        after: None,
        limit: 1_000,
    }
}

fn within(org_id: OrgId, workspaces: &[WorkspaceId]) -> HourQuery {
    HourQuery { visible: Visibility::Workspaces(workspaces.to_vec()), ..all(org_id) }
}

async fn read(store: &dyn Store, query: &HourQuery) -> Vec<HourPoint> {
    let points = store.usage_hours(query).await.unwrap();
    assert!(points.is_sorted_by_key(|point| std::cmp::Reverse(point.position)));
    points
}

/// The hour, the workspace and the number of requests of each entry.
async fn requests(store: &dyn Store, query: &HourQuery) -> Vec<(i64, WorkspaceId, i64)> {
    let points = read(store, query).await;
    let entry =
        |point: &HourPoint| (point.position.at / HOUR, point.position.workspace_id, point.counts.requests);
    points.iter().map(entry).collect()
}

async fn add(store: &dyn Store, node: NodeId, number: u64, rows: Vec<UsageRow>) {
    store.add_usage(node, None, &batch(number, rows), at(0)).await.unwrap();
}

pub async fn traffic_is_summed_by_hour_and_workspace(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (near, far) = (context.node("near").await, context.node("far").await);
    let elsewhere = context.another_workspace(1).await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let there = context.bucket_in(elsewhere, "there", at(0)).await;
    let full = UsageRow {
        errors: 2,
        reads: 1,
        writes: 1,
        lists: 1,
        provider_errors: 1,
        first_byte_sum_ms: 3,
        ..row(b, HOUR - 60, 5)
    };
    add(store, near, 1, vec![row(a, 0, 1), full, row(a, HOUR, 7), row(there, 60, 10)]).await;
    add(store, near, 2, vec![row(a, 120, 100)]).await;
    add(store, far, 1, vec![row(a, 60, 1_000)]).await;
    // A batch that comes again isn't counted.
    add(store, near, 2, vec![row(a, 120, 100)]).await;

    let here = context.workspace;
    let found = requests(store, &within(context.org, &[here])).await;
    assert_eq!(found, [(1, here, 7), (0, here, 1_000), (0, here, 106)]);
    let points = read(store, &within(context.org, &[here])).await;
    assert_eq!((points[2].host.as_str(), points[2].position.node_id), ("near", near));
    let expected = UsageCounts {
        requests: 106,
        errors: 2,
        reads: 1,
        writes: 1,
        lists: 1,
        provider_errors: 1,
        upload_bytes: 300,
        download_bytes: 3_000,
        size_change: -30,
        latency_sum_ms: 15,
        first_byte_sum_ms: 3,
    };
    assert_eq!(points[2].counts, expected);
    for query in [all(context.org), within(context.org, &[elsewhere, here])] {
        let sum = |points: Vec<(i64, WorkspaceId, i64)>| points.iter().map(|point| point.2).sum::<i64>();
        assert_eq!(sum(requests(store, &query).await), 1_123);
        let first = HourQuery { first: HOUR, ..query.clone() };
        assert_eq!(requests(store, &first).await, [(1, here, 7)]);
        let last = HourQuery { last: 0, ..query };
        assert_eq!(requests(store, &last).await.len(), 3);
    }
    store.unregister_node(near, &audit(at(2))).await.unwrap();
    assert_eq!(read(store, &all(context.org)).await[0].host, "near", "even if the node is gone");
    let other = TestContext::another(store).await;
    assert!(read(store, &all(other.org)).await.is_empty());
    assert!(read(store, &within(context.org, &[])).await.is_empty());
}

pub async fn traffic_of_a_bucket_that_moved_counts_where_it_is(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let (bucket, here) = (context.bucket("photos").await, context.workspace);
    let there = context.another_workspace(1).await;
    add(store, node, 1, vec![row(bucket, 0, 1)]).await;
    let moved = BucketUpdate { workspace_id: there, ..context.update_of(bucket).await };
    assert_eq!(store.update_bucket(&moved, &audit(at(1))).await.unwrap(), BucketUpdated::Updated);
    add(store, node, 2, vec![row(bucket, HOUR, 2)]).await;
    assert_eq!(requests(store, &all(context.org)).await, [(1, there, 2), (0, here, 1)]);
    store.delete_bucket(context.org, bucket, &audit(at(2))).await.unwrap();
    add(store, node, 3, vec![row(bucket, HOUR, 4)]).await;
    assert_eq!(requests(store, &all(context.org)).await, [(1, there, 6), (0, here, 1)]);
}

pub async fn reports_and_a_move_at_once_are_all_counted(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let nodes = [context.node("node-1").await, context.node("node-2").await];
    let (bucket, here) = (context.bucket("photos").await, context.workspace);
    let there = context.another_workspace(1).await;
    for number in 1..=10 {
        let to = if number % 2 == 0 { here } else { there };
        let update = BucketUpdate { workspace_id: to, ..context.update_of(bucket).await };
        let record = audit(at(1));
        let reports = join(
            add(store, nodes[0], number, vec![row(bucket, 0, 1)]),
            add(store, nodes[1], number, vec![row(bucket, 0, 1)]),
        );
        let (_, moved) = join(reports, store.update_bucket(&update, &record)).await;
        assert_eq!(moved.unwrap(), BucketUpdated::Updated);
        // Whichever came first, the series of both nodes have the new workspace now.
        let before: i64 = requests(store, &within(context.org, &[to])).await.iter().map(|one| one.2).sum();
        let later = UsageBatch { spool: format!("later-{number}"), number: 1, rows: vec![row(bucket, 0, 1)] };
        for node in nodes {
            store.add_usage(node, None, &later, at(0)).await.unwrap();
        }
        let after: i64 = requests(store, &within(context.org, &[to])).await.iter().map(|one| one.2).sum();
        assert_eq!(after, before + 2);
    }
    let total: i64 = requests(store, &all(context.org)).await.iter().map(|one| one.2).sum();
    assert_eq!(total, 40);
}

pub async fn a_cursor_walks_hours_without_gap_or_repetition(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let nodes = [context.node("a").await, context.node("b").await];
    let mut workspaces = vec![context.workspace];
    for number in 0..70 {
        workspaces.push(context.another_workspace(number).await);
    }
    let mut rows = Vec::new();
    for (number, workspace) in workspaces.iter().enumerate() {
        let bucket = context.bucket_in(*workspace, &format!("bucket-{number}"), at(0)).await;
        rows.extend((0..3).map(|hour| row(bucket, hour * HOUR, 1)));
    }
    for node in nodes {
        add(store, node, 1, rows.clone()).await;
    }
    for (query, expected) in [
        (all(context.org), 426),
        (within(context.org, &workspaces), 426),
        (within(context.org, &workspaces[3..5]), 12),
        (within(context.org, &workspaces[..1]), 6),
    ] {
        let whole = read(store, &query).await;
        assert_eq!(whole.len(), expected);
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let mut page = read(store, &HourQuery { after, limit: 5, ..query.clone() }).await;
            after = page.last().map(|last| last.position);
            walked.append(&mut page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(walked, whole);
    }
}

pub async fn old_hours_are_purged_a_few_at_a_time(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    add(store, node, 1, (0..5).map(|hour| row(bucket, hour * HOUR, 1)).collect()).await;
    assert_eq!(store.purge_usage_hours(3 * HOUR, 2).await.unwrap(), 2);
    assert_eq!(store.purge_usage_hours(3 * HOUR, 2).await.unwrap(), 1);
    assert_eq!(store.purge_usage_hours(3 * HOUR, 2).await.unwrap(), 0);
    assert_eq!(read(store, &all(context.org)).await.len(), 2);
}
