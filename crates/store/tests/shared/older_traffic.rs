//! Traffic as versions before numbered series wrote it, and what must be returned of it after an upgrade.

use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageRow};
use bucketry_store::Store;
use bucketry_store::bucket::NewBucket;
use bucketry_store::usage::{BatchCounted, SeriesQuery};
use jiff::Timestamp;

const DAY: i64 = 86_400;
const NODE: [u8; 10] = [7; 10];
const REPOSITORY: [u8; 10] = [8; 10];

fn node() -> NodeId {
    NodeId::new(Timestamp::UNIX_EPOCH, NODE)
}

/// A bucket of another organization, with both their ids.
fn elsewhere() -> (BucketId, OrgId) {
    (BucketId::new(Timestamp::UNIX_EPOCH, [9; 10]), OrgId::new(Timestamp::UNIX_EPOCH, [9; 10]))
}

fn repository() -> RepoId {
    RepoId::new(Timestamp::UNIX_EPOCH, REPOSITORY)
}

/// Statements for a schema without traffic. They insert three minutes of two days through a repository, one minute
/// through none, and their days. They also insert a day of another organization whose minutes are gone.
pub(crate) fn statements(bucket: BucketId, org: OrgId) -> String {
    let (node, repository) = (node(), repository());
    let columns = "(bucket_id, node_id, repo_id, org_id, requests, errors, upload_bytes, download_bytes, size_change, \
                   latency_sum_ms";
    let row = |repository: &str, requests, period| {
        format!("('{bucket}', '{node}', '{repository}', '{org}', {requests}, 0, 1, 1, 1, 1, {period})")
    };
    let repository = repository.to_string();
    let (elsewhere, others) = elsewhere();
    format!(
        "INSERT INTO usage_minutes {columns}, minute) VALUES {}, {}, {}, {}; \
         INSERT INTO usage_days {columns}, day) VALUES {}, {}, {}, \
         ('{elsewhere}', '{node}', '', '{others}', 7, 0, 1, 1, 1, 1, 0);",
        row(&repository, 1, 60),
        row(&repository, 2, 120),
        row(&repository, 5, DAY + 60),
        row("", 4, 120),
        row(&repository, 3, 0),
        row(&repository, 5, 1),
        row("", 4, 0),
    )
}

/// Checks that the traffic counted before is there, and that new traffic is added to it.
pub(crate) async fn is_told_and_goes_on(store: &dyn Store, bucket: &NewBucket) {
    let row =
        |minute, requests, repo_id| UsageRow { requests, ..UsageRow::empty(minute, bucket.id, repo_id) };
    let through = Some(repository());
    // Late for a day that has ended, late within the latest day, and in the minute after the latest one.
    let rows = vec![
        row(120, 10, through),
        row(DAY + 60, 20, through),
        row(DAY + 120, 30, through),
        row(60, 40, None),
    ];
    let batch = UsageBatch { spool: "spool-1".to_owned(), number: 1, rows };
    let counted = store.add_usage(node(), None, &batch, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(counted, BatchCounted::Counted);
    let (elsewhere, _) = elsewhere();
    let totals = store.usage_totals_of(&[bucket.id, elsewhere]).await.unwrap();
    assert_eq!(totals.iter().map(|(_, totals)| totals.requests).collect::<Vec<_>>(), [112, 7]);
    for (resolution, expected) in [
        (
            Resolution::Minute,
            vec![
                (60, false, 40),
                (60, true, 1),
                (120, false, 4),
                (120, true, 12),
                (DAY + 60, true, 25),
                (DAY + 120, true, 30),
            ],
        ),
        (Resolution::Day, vec![(0, false, 44), (0, true, 13), (DAY, true, 55)]),
    ] {
        for buckets in [Vec::new(), vec![bucket.id]] {
            let query = SeriesQuery {
                resolution,
                org_id: bucket.org_id,
                visible: Visibility::Organization,
                buckets,
                repositories: Vec::new(),
                hosts: Vec::new(),
                first: 0,
                last: 2 * DAY,
                after: None,
                limit: 10,
            };
            let points = store.usage_series(&query).await.unwrap();
            let mut response: Vec<_> = points
                .iter()
                .map(|point| (point.position.at, point.repo_id == Some(repository()), point.counts.requests))
                .collect();
            response.sort_unstable();
            assert_eq!(response, expected);
        }
    }
}
