//! Counts and sums for overviews and charts.

use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::time::Day;
use bucketry_model::usage::UsageRow;

use super::fixture::{TestContext, at, audit, online};
use super::inventory::{claimed, finished};
use super::listing::offline;
use super::usage::{batch, row};
use crate::Store;
use crate::overview::{BucketCounts, StoredSum};

const HOUR: i64 = 3_600;

pub async fn buckets_are_counted_by_status(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    other.bucket("foreign").await;
    let elsewhere = context.another_workspace(1).await;
    let (a, b) = (context.node("a").await, context.node("b").await);
    let up = context.bucket("up").await;
    let down = context.bucket_in(elsewhere, "down", at(0)).await;
    context.bucket("new").await;
    context.probe(a, up, &[online(1, 5)]).await;
    context.probe(b, up, &[offline(1)]).await;
    context.probe(a, down, &[offline(1)]).await;
    let count = async |visible: Visibility, connected: &[_]| {
        let BucketCounts { online, offline, disconnected } =
            store.count_buckets(context.org, &visible, connected).await.unwrap();
        (online, offline, disconnected)
    };
    assert_eq!(count(Visibility::Organization, &[a, b]).await, (1, 1, 1));
    assert_eq!(count(Visibility::Organization, &[b]).await, (0, 1, 2));
    assert_eq!(count(Visibility::Organization, &[]).await, (0, 0, 3));
    assert_eq!(count(Visibility::Workspaces(vec![elsewhere]), &[a]).await, (0, 1, 0));
    assert_eq!(count(Visibility::Workspaces(vec![context.workspace, elsewhere]), &[a]).await, (1, 1, 1));
    assert_eq!(count(Visibility::Workspaces(Vec::new()), &[a]).await, (0, 0, 0));
}

pub async fn hours_of_traffic_are_summed_over_workspaces_and_nodes(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let elsewhere = context.another_workspace(1).await;
    let (near, far) = (context.node("near").await, context.node("far").await);
    let here = context.bucket("here").await;
    let there = context.bucket_in(elsewhere, "there", at(0)).await;
    let minutes = |rows: Vec<UsageRow>| -> UsageBatch { batch(1, rows) };
    let first = vec![row(here, 60, 1), row(here, 120, 2), row(there, HOUR, 4)];
    store.add_usage(near, None, &minutes(first), at(0)).await.unwrap();
    store.add_usage(far, None, &minutes(vec![row(here, 180, 8)]), at(0)).await.unwrap();

    let sums = async |visible: Visibility, last: i64| {
        let found = store.traffic_hours(context.org, &visible, 0, last).await.unwrap();
        found.iter().map(|sum| (sum.at, sum.counts.requests)).collect::<Vec<_>>()
    };
    assert_eq!(sums(Visibility::Organization, HOUR).await, [(0, 11), (HOUR, 4)]);
    assert_eq!(sums(Visibility::Organization, 0).await, [(0, 11)]);
    let both = Visibility::Workspaces(vec![context.workspace, elsewhere]);
    assert_eq!(sums(both, HOUR).await, [(0, 11), (HOUR, 4)]);
    assert_eq!(sums(Visibility::Workspaces(vec![elsewhere]), HOUR).await, [(HOUR, 4)]);
    let of_bucket = store.traffic_hours_of_bucket(here, 0, 2 * HOUR).await.unwrap();
    assert_eq!(of_bucket.iter().map(|sum| (sum.at, sum.counts.requests)).collect::<Vec<_>>(), [(0, 11)]);
}

pub async fn the_busiest_buckets_come_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let elsewhere = context.another_workspace(1).await;
    let node = context.node("near").await;
    let [calm, busy] = [context.bucket("calm").await, context.bucket("busy").await];
    let there = context.bucket_in(elsewhere, "there", at(0)).await;
    let sized = |minute: i64, bucket, bytes: u64| UsageRow {
        upload_bytes: bytes,
        download_bytes: 0,
        ..row(bucket, minute, 1)
    };
    let day = 86_400;
    let rows = vec![
        sized(0, calm, 1_000),
        sized(day, busy, 60),
        sized(2 * day, busy, 60),
        sized(2 * day, calm, 100),
        sized(2 * day, there, 110),
    ];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    let busiest = async |visible: Visibility, since: i64, limit: u32| {
        let since = Day::from_number(since);
        let found = store.busiest_buckets(context.org, &visible, since, limit).await.unwrap();
        found.iter().map(|(id, counts)| (*id, counts.upload_bytes)).collect::<Vec<_>>()
    };
    assert_eq!(busiest(Visibility::Organization, 1, 9).await, [(busy, 120), (there, 110), (calm, 100)]);
    assert_eq!(busiest(Visibility::Organization, 0, 1).await, [(calm, 1_100)]);
    assert_eq!(busiest(Visibility::Workspaces(vec![elsewhere]), 0, 9).await, [(there, 110)]);
}

pub async fn sizes_of_measured_buckets_are_summed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let elsewhere = context.another_workspace(1).await;
    let node = context.node("near").await;
    let here = context.bucket("here").await;
    let there = context.bucket_in(elsewhere, "there", at(0)).await;
    context.bucket("never measured").await;
    let sum = async |visible: Visibility| {
        let StoredSum { measured, bytes } = store.stored_sum(context.org, &visible).await.unwrap();
        (measured, bytes)
    };
    assert_eq!(sum(Visibility::Organization).await, (0, 0));
    for (start, bucket, bytes) in [(100, here, 30), (200, there, 5), (300, there, 4)] {
        let owner = claimed(&context, bucket, node, start).await;
        let outcome = finished(bytes, start, start + 10);
        assert!(store.end_walk(&owner, &outcome, None, at(start + 10)).await.unwrap());
    }
    assert_eq!(sum(Visibility::Organization).await, (2, 34), "the latest size of each");
    assert_eq!(sum(Visibility::Workspaces(vec![elsewhere])).await, (1, 4));
    assert_eq!(sum(Visibility::Workspaces(vec![context.workspace, elsewhere])).await, (2, 34));
    assert_eq!(sum(Visibility::Workspaces(Vec::new())).await, (0, 0));
    store.delete_bucket(context.org, here, &audit(at(400))).await.unwrap();
    assert_eq!(sum(Visibility::Organization).await, (1, 4));
}
