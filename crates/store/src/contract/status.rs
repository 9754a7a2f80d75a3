//! What nodes report about buckets.

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::hours::{DAYS_WITH_HOURS, HourRecord};
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::role::Visibility;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Day;
use bucketry_model::uptime::{DayRecord, ProbeSample};

use super::fixture::{LONGEST_GAP, TestContext, at, audit, fresh, online};
use crate::Store;
use crate::bucket::{BucketInserted, NodeStatusRow};
use crate::node::NodeRegistration;
use crate::status::ProbeBatch;

fn failed(seconds: i64) -> ProbeSample {
    let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".to_owned() };
    ProbeSample {
        at: at(seconds),
        status: ProbedStatus::Offline,
        latency_ms: None,
        failure: Some(failure),
        version: None,
    }
}

async fn word(store: &dyn Store, bucket: BucketId) -> NodeStatusRow {
    store.node_statuses(bucket).await.unwrap().remove(0).1
}

async fn day(store: &dyn Store, bucket: BucketId, seconds: i64) -> DayRecord {
    store.day_records(bucket, Day::of(at(seconds))).await.unwrap().remove(0).1
}

pub async fn probes_become_last_words_and_days(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    assert!(store.node_statuses(bucket).await.unwrap().is_empty());
    assert_eq!(context.probe(node, bucket, &[online(0, 10), online(60, 30), failed(120)]).await, 3);

    let last = word(store, bucket).await;
    assert_eq!(
        last,
        NodeStatusRow {
            node_id: node,
            status: ProbedStatus::Offline,
            latency_ms: Some(30),
            at: at(120),
            failure: failed(120).failure,
            since: Some(at(120)),
        }
    );
    let (told_by, _) = store.node_statuses(bucket).await.unwrap().remove(0);
    assert_eq!((told_by.id, told_by.name.as_str()), (node, "node-1"));

    context.probe(node, bucket, &[failed(180), online(240, 20)]).await;
    let record = day(store, bucket, 0).await;
    assert_eq!((record.probes, record.failures, record.latency_sum_ms), (5, 2, 60));
    assert_eq!((record.observed_us, record.online_us), (240_000_000, 120_000_000));
    assert_eq!(record.latencies.count(), 3);
    assert_eq!(record.last, Some(online(240, 20)));
    assert_eq!(record.last_failure, failed(0).failure);
    assert!(store.day_records(bucket, Day::of(at(100_000))).await.unwrap().is_empty());
}

pub async fn a_failure_keeps_the_latency_of_the_last_success(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    context.probe(node, bucket, &[failed(0)]).await;
    assert_eq!(word(store, bucket).await.latency_ms, None);
    context.probe(node, bucket, &[online(60, 30)]).await;
    context.probe(node, bucket, &[failed(120)]).await;
    assert_eq!(word(store, bucket).await.latency_ms, Some(30));
}

pub async fn the_reason_is_kept_while_a_bucket_is_offline(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    context.probe(node, bucket, &[online(0, 10), failed(60)]).await;
    assert_eq!(word(store, bucket).await.failure, failed(60).failure);
    let listed = store.buckets(&context.query(Visibility::Organization, None, 1)).await.unwrap();
    assert_eq!(listed[0].nodes[0].failure, failed(60).failure);
    // The first failure of a bucket that is still ONLINE.
    let outlier = ProbeSample { status: ProbedStatus::Online, ..failed(180) };
    context.probe(node, bucket, &[online(120, 10), outlier]).await;
    assert_eq!(word(store, bucket).await.failure, None);
}

pub async fn late_and_repeated_samples_are_passed_over(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    assert_eq!(context.probe(node, bucket, &[online(60, 1)]).await, 1);
    assert_eq!(context.probe(node, bucket, &[failed(0), failed(60), online(120, 2), failed(90)]).await, 1);
    assert_eq!(context.probe(node, bucket, &[online(120, 3)]).await, 0);
    let record = day(store, bucket, 0).await;
    assert_eq!((record.probes, record.failures, record.latency_sum_ms), (2, 0, 3));
    // Later than the longest gap: the probe counts, but the time in between isn't observed.
    context.probe(node, bucket, &[online(120 + 151, 1)]).await;
    assert_eq!(day(store, bucket, 0).await.observed_us, 60_000_000);
}

pub async fn a_word_from_the_future_is_none(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let two_days = 2 * 86_400;
    context.probe(node, bucket, &[failed(two_days)]).await;
    // The clock is correct again. Nothing is known of the time in between, and nothing from the future remains.
    assert_eq!(context.probe(node, bucket, &[online(60, 5), failed(60), online(120, 6)]).await, 2);
    let last = word(store, bucket).await;
    assert_eq!((last.at, last.status, last.latency_ms), (at(120), ProbedStatus::Online, Some(6)));
    let record = day(store, bucket, 0).await;
    assert_eq!((record.probes, record.failures, record.online_us), (2, 0, 60_000_000));
    // Clocks may differ by this much.
    context.probe(node, bucket, &[online(120 + 299, 7)]).await;
    let batch = |now, sample| ProbeBatch {
        node_id: node,
        org_id: None,
        now: at(now),
        longest_gap: LONGEST_GAP,
        samples: vec![(bucket, sample)],
    };
    assert_eq!(store.record_probes(&batch(130, failed(130))).await.unwrap(), 0);
    // The day that was reached too early continues when it really comes.
    context.probe(node, bucket, &[online(two_days + 60, 8)]).await;
    assert_eq!(day(store, bucket, two_days).await.last, Some(online(two_days + 60, 8)));
}

pub async fn samples_of_unknown_foreign_and_removed_buckets_are_passed_over(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let foreign = other.bucket("foreign").await;
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    let own = context.bucket("own").await;
    let samples = [foreign, removed, fresh(BucketId::new), own].map(|id| (id, online(10, 1))).into();
    let (org_id, now) = (Some(context.org), at(10));
    let batch = ProbeBatch { node_id: node, org_id, now, longest_gap: LONGEST_GAP, samples };
    assert_eq!(store.record_probes(&batch).await.unwrap(), 1);
    assert!(store.node_statuses(foreign).await.unwrap().is_empty());

    // A node of the deployment serves all organizations.
    let shared = NodeRegistration { org_id: None, ..context.registration("shared") };
    store.register_node(&shared, &audit(at(1))).await.unwrap();
    let batch = ProbeBatch { node_id: shared.id, org_id: None, ..batch };
    assert_eq!(store.record_probes(&batch).await.unwrap(), 2);
    assert_eq!(store.node_statuses(foreign).await.unwrap().len(), 1);
    let empty = ProbeBatch { samples: vec![], ..batch };
    assert_eq!(store.record_probes(&empty).await.unwrap(), 0);
}

pub async fn a_node_that_is_not_registered_is_not_believed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    assert_eq!(context.probe(fresh(NodeId::new), bucket, &[online(10, 1)]).await, 0);
    let node = context.node("node-1").await;
    store.unregister_node(node, &audit(at(1))).await.unwrap();
    assert_eq!(context.probe(node, bucket, &[online(10, 1)]).await, 0);
    assert!(store.node_statuses(bucket).await.unwrap().is_empty());
}

pub async fn time_over_midnight_counts_for_both_days(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let midnight = 86_400;
    context.probe(node, bucket, &[online(midnight - 90, 1), online(midnight - 30, 1)]).await;
    context.probe(node, bucket, &[online(midnight + 30, 1)]).await;
    let before = day(store, bucket, midnight - 1).await;
    assert_eq!((before.probes, before.online_us), (2, 90_000_000));
    let after = day(store, bucket, midnight).await;
    assert_eq!((after.probes, after.online_us), (1, 30_000_000));
}

pub async fn a_heartbeat_of_five_thousand_samples_is_taken(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let mut buckets = Vec::new();
    for number in 0..50 {
        buckets.push(context.bucket(&format!("bucket {number}")).await);
    }
    let mut samples = Vec::new();
    for round in 0..100 {
        samples.extend(buckets.iter().map(|id| (*id, online(round * 60, 10))));
    }
    let now = at(100 * 60);
    let batch = ProbeBatch { node_id: node, org_id: None, now, longest_gap: LONGEST_GAP, samples };
    assert_eq!(store.record_probes(&batch).await.unwrap(), 5_000);
    assert_eq!(store.record_probes(&batch).await.unwrap(), 0);
    for bucket in buckets {
        let record = day(store, bucket, 0).await;
        assert_eq!((record.probes, record.online_us), (100, 99 * 60_000_000));
    }
}

pub async fn words_and_days_of_several_nodes_are_told_by_node_name(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    for name in ["c", "a", "b"] {
        let node = context.node(name).await;
        context.probe(node, bucket, &[online(10, 1)]).await;
    }
    let words = store.node_statuses(bucket).await.unwrap();
    assert_eq!(words.iter().map(|(node, _)| node.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let days = store.day_records(bucket, Day::of(at(0))).await.unwrap();
    assert_eq!(days.iter().map(|(node, _)| node.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

pub async fn old_days_are_purged_a_few_at_a_time(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let new = context.new_bucket("photos");
    assert_eq!(store.insert_bucket(&new, &audit(at(0))).await.unwrap(), BucketInserted::Inserted);
    for day in 0..5 {
        context.probe(node, new.id, &[online(day * 86_400, 1)]).await;
    }
    let before = Day::of(at(3 * 86_400));
    assert_eq!(store.purge_day_records(before, 2).await.unwrap(), 2);
    assert_eq!(store.purge_day_records(before, 2).await.unwrap(), 1);
    assert_eq!(store.purge_day_records(before, 2).await.unwrap(), 0);
    assert_eq!(store.day_records(new.id, before).await.unwrap().len(), 1);
}

pub async fn the_days_of_several_buckets_are_read_at_once(store: &dyn Store) {
    const DAY: i64 = 86_400;
    let context = TestContext::new(store).await;
    let (one, two) = (context.node("node-1").await, context.node("node-2").await);
    let (a, b, deleted) =
        (context.bucket("a").await, context.bucket("b").await, context.bucket("deleted").await);
    context.probe(one, a, &[online(0, 10), online(DAY, 20), failed(2 * DAY)]).await;
    context.probe(two, a, &[online(DAY, 30)]).await;
    context.probe(one, b, &[online(5 * DAY, 40)]).await;
    context.probe(one, deleted, &[online(DAY, 50)]).await;
    store.delete_bucket(context.org, deleted, &audit(at(DAY + 1))).await.unwrap();

    let read = async |ids: &[BucketId], first: i64, last: i64| {
        let (first, last) = (Day::of(at(first * DAY)), Day::of(at(last * DAY)));
        let mut found: Vec<_> = store
            .day_records_between(ids, first, last)
            .await
            .unwrap()
            .into_iter()
            .map(|one| (one.bucket_id, one.day, one.node_id, one.record.latency_sum_ms))
            .collect();
        found.sort();
        found
    };
    let day = |number: i64| Day::of(at(number * DAY));
    let mut expected = vec![(a, day(1), one, 20), (a, day(1), two, 30), (a, day(2), one, 0)];
    expected.sort();
    assert_eq!(read(&[a], 1, 2).await, expected);
    expected.extend([(b, day(5), one, 40), (deleted, day(1), one, 50)]);
    expected.sort();
    assert_eq!(read(&[a, b, deleted, fresh(BucketId::new)], 1, 5).await, expected);
    assert!(read(&[a, b], 3, 4).await.is_empty());
    assert!(read(&[a, b], 2, 1).await.is_empty());
    assert!(read(&[], 0, 9).await.is_empty());
}

const DAY: i64 = 86_400;

/// The stored hours of buckets in their order: the start in hours since the stories began, and the record.
async fn hours(store: &dyn Store, ids: &[BucketId]) -> Vec<(BucketId, NodeId, i64, HourRecord)> {
    let (first, last) = (Day::of(at(-100 * DAY)), Day::of(at(100 * DAY)));
    let mut found = Vec::new();
    for one in store.hours_between(ids, first, last).await.unwrap() {
        let start = (one.day.number() - Day::of(at(0)).number()) * 24;
        let hours = one.hours.records();
        found.extend(
            hours.map(|(hour, record)| (one.bucket_id, one.node_id, start + i64::from(hour), record)),
        );
    }
    found.sort_by_key(|(bucket, node, hour, _)| (*bucket, *node, *hour));
    found
}

pub async fn the_hours_of_the_latest_days_are_kept(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let midnight = DAY;
    // Before a full hour, and after it at midnight.
    context.probe(node, bucket, &[online(midnight - 90, 10), failed(midnight - 30)]).await;
    context.probe(node, bucket, &[online(midnight + 30, 20)]).await;
    let record = |observed_ms, offline_ms, probes, failures, latency| HourRecord {
        observed_ms,
        offline_ms,
        probes,
        failures,
        median_ms: Some(latency),
        p99_ms: Some(latency),
    };
    // A latency above 16 ms is reported as the upper end of its bucket.
    let expected = [
        (bucket, node, 23, record(90_000, 30_000, 2, 1, 10)),
        (bucket, node, 24, record(30_000, 30_000, 1, 0, 21)),
    ];
    assert_eq!(hours(store, &[bucket]).await, expected);

    let starts = async |expected: &[i64]| {
        let found: Vec<i64> = hours(store, &[bucket]).await.iter().map(|(_, _, hour, _)| *hour).collect();
        assert_eq!(found, expected);
    };
    for day in 2..DAYS_WITH_HOURS {
        context.probe(node, bucket, &[online(day * DAY, 1)]).await;
    }
    starts(&[23, 24, 48, 72, 96, 120, 144, 168]).await;
    context.probe(node, bucket, &[online(DAYS_WITH_HOURS * DAY, 1)]).await;
    starts(&[24, 48, 72, 96, 120, 144, 168, 192]).await;
    // The node was away. Afterwards, nothing older than the same number of days is left.
    context.probe(node, bucket, &[online((DAYS_WITH_HOURS + 3) * DAY, 1)]).await;
    starts(&[96, 120, 144, 168, 192, 264]).await;
    context.probe(node, bucket, &[online(60 * DAY, 1)]).await;
    starts(&[60 * 24]).await;
    assert_eq!(store.day_records(bucket, Day::of(at(0))).await.unwrap().len(), 1, "days remain");
}

pub async fn hours_of_several_buckets_are_read_at_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (one, two) = (context.node("node-1").await, context.node("node-2").await);
    let (a, b) = (context.bucket("a").await, context.bucket("b").await);
    context.probe(one, a, &[online(0, 1), online(3_600, 1)]).await;
    context.probe(two, a, &[online(7_200, 1)]).await;
    context.probe(one, b, &[online(10_800, 1)]).await;
    store.delete_bucket(context.org, b, &audit(at(10_801))).await.unwrap();
    let found: Vec<_> = hours(store, &[a, b, fresh(BucketId::new)])
        .await
        .into_iter()
        .map(|(bucket, node, hour, _)| (bucket, node, hour))
        .collect();
    assert_eq!(found, [(a, one, 0), (a, one, 1), (a, two, 2), (b, one, 3)]);
    assert_eq!(hours(store, &[b]).await.len(), 1);
    assert!(hours(store, &[]).await.is_empty());
    let day = |number: i64| Day::of(at(number * DAY));
    assert!(store.hours_between(&[a], day(1), day(9)).await.unwrap().is_empty());
    assert!(store.hours_between(&[a], day(1), day(0)).await.unwrap().is_empty());
}

pub async fn a_clock_that_was_ahead_ends_no_hours(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    context.probe(node, bucket, &[online(0, 1)]).await;
    let samples = vec![(bucket, online(300 * DAY, 1))];
    let batch = ProbeBatch { node_id: node, org_id: None, now: at(60), longest_gap: LONGEST_GAP, samples };
    assert_eq!(store.record_probes(&batch).await.unwrap(), 1);
    context.probe(node, bucket, &[online(120, 1)]).await;
    let found: Vec<_> =
        hours(store, &[bucket]).await.iter().map(|(_, _, hour, one)| (*hour, one.probes)).collect();
    assert_eq!(found, [(0, 2)], "the range of days ends before the wrong one");
}
