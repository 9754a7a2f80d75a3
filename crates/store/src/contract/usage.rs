//! Traffic.

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::Day;
use bucketry_model::usage::{UsageRow, UsageTotals};
use futures_util::future::join;

use super::fixture::{TestContext, at, audit, fresh};
use crate::Store;
use crate::usage::BatchCounted;

pub(super) fn row(bucket_id: BucketId, minute: i64, requests: u32) -> UsageRow {
    UsageRow {
        minute,
        bucket_id,
        repo_id: None,
        requests,
        errors: 0,
        upload_bytes: 100,
        download_bytes: 1_000,
        size_change: -10,
        latency_sum_ms: 5,
        ..UsageRow::empty(minute, bucket_id, None)
    }
}

pub(super) fn batch(number: u64, rows: Vec<UsageRow>) -> UsageBatch {
    UsageBatch { spool: "spool-1".to_owned(), number, rows }
}

async fn totals(store: &dyn Store, bucket: BucketId) -> UsageTotals {
    store.usage_totals_of(&[bucket]).await.unwrap()[0].1
}

pub async fn a_batch_is_added_to_the_totals(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let through_repository = UsageRow { repo_id: Some(fresh(RepoId::new)), ..row(a, 60, 4) };
    let rows = vec![row(a, 60, 1), row(a, 60, 2), row(a, 120, 3), through_repository];
    assert_eq!(
        store.add_usage(node, Some(context.org), &batch(1, rows), at(0)).await.unwrap(),
        BatchCounted::Counted
    );
    let expected = UsageTotals { requests: 10, upload_bytes: 400, download_bytes: 4_000, size_change: -40 };
    let response = store.usage_totals_of(&[b, a]).await.unwrap();
    assert_eq!(response, [(b, UsageTotals::default()), (a, expected)]);
    let last = store.last_days_of_use(&[a, b]).await.unwrap();
    assert_eq!(last, [(a, Day::from_number(0))], "one that was never used has no last day");

    store.add_usage(node, None, &batch(2, vec![row(a, 120, 5)]), at(0)).await.unwrap();
    assert_eq!(totals(store, a).await.requests, 15);
}

pub async fn a_batch_that_arrives_twice_counts_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let first = batch(1, vec![row(bucket, 60, 1)]);
    let add = |batch| async move { store.add_usage(node, None, batch, at(0)).await.unwrap() };
    assert_eq!(add(&first).await, BatchCounted::Counted);
    assert_eq!(add(&first).await, BatchCounted::Duplicate);
    let second = batch(2, vec![row(bucket, 60, 1)]);
    assert_eq!(add(&second).await, BatchCounted::Counted);
    assert_eq!(add(&first).await, BatchCounted::Duplicate);
    assert_eq!(totals(store, bucket).await.requests, 2);

    // Another spool, or another node's spool of the same name, has separate numbers.
    let other_spool = UsageBatch { spool: "spool-2".to_owned(), ..first.clone() };
    assert_eq!(add(&other_spool).await, BatchCounted::Counted);
    let other_node = context.node("node-2").await;
    let counted = store.add_usage(other_node, None, &first, at(0)).await.unwrap();
    assert_eq!(counted, BatchCounted::Counted);
    assert_eq!(totals(store, bucket).await.requests, 4);
}

pub async fn a_batch_that_arrives_twice_at_once_counts_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let first = batch(1, vec![row(bucket, 60, 1)]);
    let (a, b) =
        join(store.add_usage(node, None, &first, at(0)), store.add_usage(node, None, &first, at(0))).await;
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(outcomes.contains(&BatchCounted::Counted) && outcomes.contains(&BatchCounted::Duplicate));
    assert_eq!(totals(store, bucket).await.requests, 1);
}

pub async fn reports_of_two_nodes_at_once_are_both_counted(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let nodes = [context.node("node-1").await, context.node("node-2").await];
    let mut buckets = Vec::new();
    for number in 0..40 {
        buckets.push(context.bucket(&format!("bucket {number}")).await);
    }
    let repo_id = fresh(RepoId::new);
    let rows: Vec<UsageRow> =
        buckets.iter().map(|bucket| UsageRow { repo_id: Some(repo_id), ..row(*bucket, 60, 1) }).collect();
    let mut back = rows.clone();
    back.reverse();
    for number in 1..=20 {
        // Two transactions that lock the same totals in different orders would deadlock.
        let [there, back] = [batch(number, rows.clone()), batch(number, back.clone())];
        let (a, b) = join(
            store.add_usage(nodes[0], None, &there, at(0)),
            store.add_usage(nodes[1], None, &back, at(0)),
        )
        .await;
        assert_eq!([a.unwrap(), b.unwrap()], [BatchCounted::Counted; 2]);
    }
    let response = store.usage_totals_of(&buckets).await.unwrap();
    assert!(response.iter().all(|(_, totals)| totals.requests == 40), "{response:?}");
    let response = store.usage_totals_of_repositories(context.org, &[repo_id]).await.unwrap();
    assert_eq!(response[0].1.requests, 40 * 40);
}

pub async fn a_gap_in_the_numbers_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    for (number, outcome) in [
        (2, BatchCounted::OutOfOrder { expected: 1 }),
        (1, BatchCounted::Counted),
        (3, BatchCounted::OutOfOrder { expected: 2 }),
        (2, BatchCounted::Counted),
    ] {
        let batch = batch(number, vec![row(bucket, 60, 1)]);
        assert_eq!(store.add_usage(node, None, &batch, at(0)).await.unwrap(), outcome);
    }
    assert_eq!(totals(store, bucket).await.requests, 2);
}

pub async fn rows_of_foreign_and_unknown_buckets_are_passed_over(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let (own, foreign, unknown) =
        (context.bucket("own").await, other.bucket("foreign").await, fresh(BucketId::new));
    let rows = [own, foreign, unknown].map(|bucket| row(bucket, 60, 1)).to_vec();
    let counted = store.add_usage(node, Some(context.org), &batch(1, rows), at(0)).await.unwrap();
    assert_eq!(counted, BatchCounted::Counted);
    let response = store.usage_totals_of(&[own, foreign, unknown]).await.unwrap();
    assert_eq!(response.iter().map(|(_, totals)| totals.requests).collect::<Vec<_>>(), [1, 0, 0]);
}

pub async fn rows_that_cannot_be_added_up_are_passed_over(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let huge = UsageRow { upload_bytes: u64::MAX, ..row(bucket, 60, 1) };
    let rows = vec![huge, row(bucket, 61, 1), row(bucket, 120, 1)];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    assert_eq!(totals(store, bucket).await.requests, 1);
}

pub async fn removed_buckets_still_count(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    store.add_usage(node, None, &batch(1, vec![row(bucket, 60, 1)]), at(0)).await.unwrap();
    store.delete_bucket(context.org, bucket, &audit(at(1))).await.unwrap();
    store.add_usage(node, Some(context.org), &batch(2, vec![row(bucket, 60, 1)]), at(2)).await.unwrap();
    assert_eq!(totals(store, bucket).await.requests, 2);
}

pub async fn old_minutes_are_purged_and_totals_stay(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let rows = (0..5).map(|minute| row(bucket, minute * 60, 1)).collect();
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    for removed in [2, 1, 0] {
        assert_eq!(store.purge_usage_minutes(180, 2).await.unwrap(), removed);
    }
    assert_eq!(store.purge_usage_minutes(10_000, 10).await.unwrap(), 2);
    assert_eq!(totals(store, bucket).await.requests, 5);
}

pub async fn sizes_beyond_all_measure_stop_no_counting(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let (lying, honest) = (context.bucket("lying").await, context.bucket("honest").await);
    let largest = UsageRow { size_change: 1 << 50, ..row(lying, 60, 1) };
    for number in 1..=6 {
        let mut rows = vec![largest.clone(); 2_000];
        rows.push(row(honest, 60, 1));
        assert_eq!(
            store.add_usage(node, None, &batch(number, rows), at(0)).await.unwrap(),
            BatchCounted::Counted
        );
    }
    assert_eq!(totals(store, honest).await.requests, 6);
    let response = totals(store, lying).await;
    assert_eq!(response.requests, 12_000);
    assert!(response.size_change >= 1 << 62, "{}", response.size_change);
}

pub async fn spools_that_ended_long_ago_are_forgotten(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let of = |spool: &str| UsageBatch { spool: spool.to_owned(), ..batch(1, vec![row(bucket, 60, 1)]) };
    let year = 366 * 86_400;
    store.add_usage(node, None, &of("old"), at(0)).await.unwrap();
    store.add_usage(node, None, &of("new"), at(10)).await.unwrap();
    store.add_usage(node, None, &of("newest"), at(year + 5)).await.unwrap();
    let again = async |spool| store.add_usage(node, None, &of(spool), at(year + 6)).await.unwrap();
    assert_eq!(again("new").await, BatchCounted::Duplicate);
    assert_eq!(again("old").await, BatchCounted::Counted, "its number is no longer stored");
}

pub async fn totals_of_repositories_are_kept_by_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let foreign = other.bucket("foreign").await;
    let [first, second] = [fresh(RepoId::new), fresh(RepoId::new)];
    let through = |repo_id, bucket| UsageRow { repo_id: Some(repo_id), ..row(bucket, 60, 1) };
    let rows = vec![through(first, a), through(first, b), through(first, foreign), row(a, 60, 1)];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    store.add_usage(node, None, &batch(2, vec![through(first, a)]), at(0)).await.unwrap();

    let response = store.usage_totals_of_repositories(context.org, &[second, first]).await.unwrap();
    let expected = UsageTotals { requests: 3, upload_bytes: 300, download_bytes: 3_000, size_change: -30 };
    assert_eq!(response, [(second, UsageTotals::default()), (first, expected)]);
    let response = store.usage_totals_of_repositories(other.org, &[first]).await.unwrap();
    assert_eq!(response[0].1.requests, 1, "only traffic to the organization's own buckets");
}

pub async fn the_minutes_of_failing_buckets_are_found(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let [a, b, c] = [context.bucket("a").await, context.bucket("b").await, context.bucket("c").await];
    let elsewhere = other.bucket("a").await;
    let failed =
        |bucket, minute, errors| UsageRow { errors, provider_errors: errors, ..row(bucket, minute, 10) };
    let through_repository = UsageRow { repo_id: Some(fresh(RepoId::new)), ..failed(a, 600, 3) };
    let refused = UsageRow { errors: 9, ..row(b, 600, 10) };
    let rows = vec![
        failed(a, 540, 2),
        failed(a, 600, 1),
        through_repository,
        row(a, 660, 10),
        refused,
        failed(c, 540, 10),
        failed(elsewhere, 600, 10),
    ];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    let found = async |first, limit| {
        let minutes = store.failing_minutes(context.org, first, limit).await.unwrap();
        let mut found: Vec<_> =
            minutes.iter().map(|one| (one.bucket_id, one.minute, one.requests, one.failed)).collect();
        found.sort_unstable();
        found
    };
    let of_a = [(a, 600, 10, 1), (a, 600, 10, 3), (a, 660, 10, 0)];
    assert_eq!(found(600, 10).await, of_a, "refusals aren't failures, and c failed before");
    assert_eq!(found(540, 10).await.len(), 5);
    assert_eq!(found(540, 1).await.len(), 4, "the bucket that failed last");
    assert_eq!(found(720, 10).await, []);
}
