//! Traffic by minute and by day.

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageCounts, UsageRow};

use super::fixture::{TestContext, at, audit, fresh};
use super::usage::{batch, row};
use crate::Store;
use crate::usage::{SeriesPoint, SeriesQuery};

const DAY: i64 = 86_400;

impl TestContext<'_> {
    fn all(&self, resolution: Resolution) -> SeriesQuery {
        SeriesQuery {
            resolution,
            org_id: self.org,
            visible: Visibility::Organization,
            buckets: Vec::new(),
            repositories: Vec::new(),
            hosts: Vec::new(),
            first: 0,
            last: 10 * DAY,
            after: None,
            limit: 1_000,
        }
    }
}

async fn read(store: &dyn Store, query: &SeriesQuery) -> Vec<SeriesPoint> {
    store.usage_series(query).await.unwrap()
}

/// The time and the number of requests of each entry. Within one period, the largest number first.
async fn response(store: &dyn Store, query: &SeriesQuery) -> Vec<(i64, i64)> {
    let points = read(store, query).await;
    assert!(points.is_sorted_by_key(|point| std::cmp::Reverse(point.position)));
    let mut response: Vec<_> =
        points.iter().map(|point| (point.position.at, point.counts.requests)).collect();
    response.sort_unstable_by_key(|point| std::cmp::Reverse(*point));
    response
}

pub async fn a_series_tells_minutes_and_days_newest_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let repo_id = Some(fresh(RepoId::new));
    let full = UsageRow {
        repo_id,
        errors: 4,
        reads: 1,
        writes: 2,
        lists: 3,
        provider_errors: 2,
        latency_sum_ms: 70,
        first_byte_sum_ms: 30,
        ..row(bucket, DAY + 120, 7)
    };
    let rows = vec![row(bucket, 60, 1), row(bucket, DAY, 2), full.clone(), row(bucket, 2 * DAY, 3)];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    store.add_usage(node, None, &batch(2, vec![full]), at(0)).await.unwrap();

    let minutes = context.all(Resolution::Minute);
    assert_eq!(response(store, &minutes).await, [(2 * DAY, 3), (DAY + 120, 14), (DAY, 2), (60, 1)]);
    let point = &read(store, &minutes).await[1];
    assert_eq!((point.bucket_id, point.node_id, point.repo_id), (bucket, node, repo_id));
    assert_eq!(point.host, "node-1");
    let expected = UsageCounts {
        requests: 14,
        errors: 8,
        reads: 2,
        writes: 4,
        lists: 6,
        provider_errors: 4,
        upload_bytes: 200,
        download_bytes: 2_000,
        size_change: -20,
        latency_sum_ms: 140,
        first_byte_sum_ms: 60,
    };
    assert_eq!(point.counts, expected);

    let days = context.all(Resolution::Day);
    assert_eq!(response(store, &days).await, [(2 * DAY, 3), (DAY, 14), (DAY, 2), (0, 1)]);
    assert_eq!(read(store, &days).await[1].counts, expected);

    // The first and the last period are both included.
    let part = |resolution, first, last| SeriesQuery { first, last, ..context.all(resolution) };
    assert_eq!(response(store, &part(Resolution::Minute, DAY, DAY + 120)).await, [(DAY + 120, 14), (DAY, 2)]);
    assert_eq!(response(store, &part(Resolution::Day, DAY, DAY)).await, [(DAY, 14), (DAY, 2)]);
}

pub async fn traffic_is_counted_in_its_minute_after_a_minute_of_the_future(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let (minutes, days) = (context.all(Resolution::Minute), context.all(Resolution::Day));
    let add = async |number, rows| {
        store.add_usage(node, None, &batch(number, rows), at(0)).await.unwrap();
        (response(store, &minutes).await, response(store, &days).await)
    };
    add(1, vec![row(bucket, 60, 1)]).await;
    // For a moment the clock is two days ahead.
    add(2, vec![row(bucket, 2 * DAY + 60, 10)]).await;
    let (of_minutes, of_days) = add(3, vec![row(bucket, 60, 2), row(bucket, 120, 4)]).await;
    assert_eq!(of_minutes, [(2 * DAY + 60, 10), (120, 4), (60, 3)]);
    assert_eq!(of_days, [(2 * DAY, 10), (0, 7)]);
    // Later, the real time gets there.
    let (of_minutes, of_days) = add(4, vec![row(bucket, 2 * DAY + 60, 20)]).await;
    assert_eq!(of_minutes, [(2 * DAY + 60, 30), (120, 4), (60, 3)]);
    assert_eq!(of_days, [(2 * DAY, 30), (0, 7)]);
}

pub async fn a_day_that_has_ended_stays_and_may_still_grow(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let days = context.all(Resolution::Day);
    let add = async |number, rows| {
        store.add_usage(node, None, &batch(number, rows), at(0)).await.unwrap();
        response(store, &days).await
    };
    assert_eq!(add(1, vec![row(a, 60, 1), row(b, 60, 10)]).await, [(0, 10), (0, 1)]);
    assert_eq!(add(2, vec![row(a, DAY, 2)]).await, [(DAY, 2), (0, 10), (0, 1)]);
    // Late, and in the same report as a new day.
    assert_eq!(add(3, vec![row(a, 120, 3)]).await, [(DAY, 2), (0, 10), (0, 4)]);
    let told_last = add(4, vec![row(a, 3 * DAY, 5), row(a, 60, 4), row(a, DAY, 6), row(b, 60, 10)]).await;
    assert_eq!(told_last, [(3 * DAY, 5), (DAY, 8), (0, 20), (0, 8)]);

    let of_a = SeriesQuery { buckets: vec![a], ..days.clone() };
    assert_eq!(response(store, &of_a).await, [(3 * DAY, 5), (DAY, 8), (0, 8)]);
    let two = SeriesQuery { limit: 2, ..of_a.clone() };
    assert_eq!(response(store, &two).await, [(3 * DAY, 5), (DAY, 8)]);
    let after = read(store, &two).await.last().map(|point| point.position);
    assert_eq!(response(store, &SeriesQuery { after, ..two }).await, [(0, 8)]);
    let part = SeriesQuery { first: DAY, last: 2 * DAY, ..of_a };
    assert_eq!(response(store, &part).await, [(DAY, 8)]);
    let totals = store.usage_totals_of(&[a, b]).await.unwrap();
    assert_eq!(totals.iter().map(|(_, totals)| totals.requests).collect::<Vec<_>>(), [21, 20]);
    let minutes = response(store, &context.all(Resolution::Minute)).await;
    assert_eq!(minutes, [(3 * DAY, 5), (DAY, 8), (120, 3), (60, 20), (60, 5)]);
}

pub async fn a_report_of_more_rows_than_a_statement_takes_counts_as_a_whole(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let minutes = 9_000;
    // Every minute twice, the second time in reverse order, so that rows of the same minute are far apart.
    let there_and_back = (0..minutes).chain((0..minutes).rev());
    let rows = there_and_back.map(|minute| row(bucket, minute * 60, 1)).collect();
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    store.add_usage(node, None, &batch(2, vec![row(bucket, 60, 5)]), at(0)).await.unwrap();

    let first = SeriesQuery { last: 120, ..context.all(Resolution::Minute) };
    assert_eq!(response(store, &first).await, [(120, 2), (60, 7), (0, 2)]);
    let last = SeriesQuery { first: (minutes - 1) * 60, ..context.all(Resolution::Minute) };
    assert_eq!(response(store, &last).await, [((minutes - 1) * 60, 2)]);
    let days = response(store, &context.all(Resolution::Day)).await;
    assert_eq!(days.len(), 7);
    assert_eq!(days.iter().map(|(_, requests)| requests).sum::<i64>(), 2 * minutes + 5);
    let totals = store.usage_totals_of(&[bucket]).await.unwrap();
    assert_eq!(totals[0].1.requests, 2 * minutes + 5);
}

pub async fn a_series_is_cut_down_to_buckets_repositories_and_hosts(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (near, far) = (context.node("near").await, context.node("far").await);
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let [first, second] = [fresh(RepoId::new), fresh(RepoId::new)];
    let through = |repo_id, bucket, minute, requests| UsageRow {
        repo_id: Some(repo_id),
        ..row(bucket, minute, requests)
    };
    let rows = vec![through(first, a, 60, 1), through(second, a, 120, 2), through(second, b, 180, 3)];
    store.add_usage(near, None, &batch(1, rows), at(0)).await.unwrap();
    let rows = vec![through(first, b, 240, 4), row(b, 300, 5)];
    store.add_usage(far, None, &batch(1, rows), at(0)).await.unwrap();

    for resolution in [Resolution::Minute, Resolution::Day] {
        let all = context.all(resolution);
        let requests = async |query: SeriesQuery| {
            let mut found: Vec<i64> =
                response(store, &query).await.iter().map(|(_, requests)| *requests).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(requests(SeriesQuery { buckets: vec![a], ..all.clone() }).await, [1, 2]);
        assert_eq!(requests(SeriesQuery { buckets: vec![b, a, b], ..all.clone() }).await, [1, 2, 3, 4, 5]);
        assert_eq!(requests(SeriesQuery { repositories: vec![first], ..all.clone() }).await, [1, 4]);
        let both = SeriesQuery { buckets: vec![b], repositories: vec![first, second], ..all.clone() };
        assert_eq!(requests(both).await, [3, 4]);
        assert_eq!(requests(SeriesQuery { hosts: vec!["far".to_owned()], ..all.clone() }).await, [4, 5]);
        let nowhere = vec!["nowhere".to_owned()];
        assert_eq!(requests(SeriesQuery { hosts: nowhere, ..all.clone() }).await, [0_i64; 0]);
        let hosts = vec!["far".to_owned()];
        assert_eq!(requests(SeriesQuery { hosts, repositories: vec![first], ..all }).await, [4]);
    }
}

pub async fn a_series_holds_what_is_visible_and_what_was_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let elsewhere = context.another_workspace(1).await;
    let here = context.bucket("here").await;
    let there = context.bucket_in(elsewhere, "there", at(0)).await;
    let repo_id = Some(fresh(RepoId::new));
    let rows = [(here, 1), (there, 2)].map(|(bucket, count)| UsageRow { repo_id, ..row(bucket, 60, count) });
    store.add_usage(node, None, &batch(1, rows.to_vec()), at(0)).await.unwrap();
    store.delete_bucket(context.org, here, &audit(at(1))).await.unwrap();
    store.unregister_node(node, &audit(at(2))).await.unwrap();

    let repositories: Vec<RepoId> = repo_id.into_iter().collect();
    let buckets = vec![here, there];
    let all = context.all(Resolution::Minute);
    for query in
        [all.clone(), SeriesQuery { repositories, ..all.clone() }, SeriesQuery { buckets, ..all.clone() }]
    {
        let within =
            |workspaces| SeriesQuery { visible: Visibility::Workspaces(workspaces), ..query.clone() };
        assert_eq!(response(store, &within(vec![context.workspace])).await, [(60, 1)]);
        assert_eq!(response(store, &within(vec![elsewhere])).await, [(60, 2)]);
        assert_eq!(response(store, &within(Vec::new())).await, []);
        assert_eq!(read(store, &query).await.len(), 2);
    }
    assert_eq!(read(store, &all).await[0].host, "node-1", "even if the node is gone");
}

pub async fn a_series_of_another_organization_is_not_told(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let repo = fresh(RepoId::new);
    let rows = vec![UsageRow { repo_id: Some(repo), ..row(bucket, 60, 1) }];
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    let all = other.all(Resolution::Minute);
    for query in [
        all.clone(),
        SeriesQuery { buckets: vec![bucket], ..all.clone() },
        SeriesQuery { repositories: vec![repo], ..all },
    ] {
        assert_eq!(response(store, &query).await, []);
    }
}

pub async fn a_cursor_walks_a_series_without_gap_or_repetition(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let mut buckets: Vec<BucketId> = Vec::new();
    let mut rows = Vec::new();
    let repo_id = Some(fresh(RepoId::new));
    for number in 0..70 {
        let bucket = context.bucket(&format!("bucket-{number}")).await;
        rows.extend((0..3).map(|minute| UsageRow { repo_id, ..row(bucket, minute * 60, 1) }));
        rows.push(row(bucket, 0, 1));
        buckets.push(bucket);
    }
    store.add_usage(node, None, &batch(1, rows), at(0)).await.unwrap();
    let repositories: Vec<RepoId> = repo_id.into_iter().collect();
    let all = SeriesQuery { limit: 37, ..context.all(Resolution::Minute) };
    for (query, expected) in [
        (all.clone(), 280),
        (SeriesQuery { buckets, ..all.clone() }, 280),
        (SeriesQuery { repositories, ..all.clone() }, 210),
        (SeriesQuery { resolution: Resolution::Day, ..all }, 140),
    ] {
        let whole = read(store, &SeriesQuery { limit: 1_000, ..query.clone() }).await;
        assert_eq!(whole.len(), expected);
        assert!(whole.is_sorted_by_key(|point| std::cmp::Reverse(point.position.at)));
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let mut page = read(store, &SeriesQuery { after, ..query.clone() }).await;
            after = page.last().map(|last| last.position);
            walked.append(&mut page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(walked, whole);
    }
}
