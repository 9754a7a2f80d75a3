//! What the rules find, by the situations in which people look.

mod error_rate;
mod pinned_nodes;

use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode, Severity, SubjectKind};
use bucketry_model::freshness::FreshnessRule;
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node::WaitingBatches;
use bucketry_model::node_processes::NodeProcesses;
use bucketry_model::pinning::BucketPins;
use bucketry_model::provider::Provider;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::Day;
use bucketry_store::bucket::CredentialEnd;
use bucketry_store::freshness::{AbandonedUploads, StoredFreshness};
use bucketry_store::key_check::BroadKey;
use bucketry_store::listing::FacetCount;
use bucketry_store::organization::Organization;
use bucketry_store::usage::FailingMinute;
use jiff::{SignedDuration, Timestamp};

use super::evaluate;
use crate::findings::observations::{
    DeploymentState, DiskSpace, FailingBucket, Observations, ObservedBucket, ObservedNode, TroubledInventory,
    UnreachableBucket,
};
use crate::findings::outcome::FindingScan;

const NOW: i64 = 10_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn node_id(n: u8) -> NodeId {
    NodeId::new(at(0), [n; 10])
}

fn node(n: u8, silent_for: i64) -> ObservedNode {
    ObservedNode {
        id: node_id(n),
        name: format!("node-{n}"),
        region: format!("region-{n}"),
        connected: silent_for < 60,
        last_seen: at(NOW - silent_for),
        waiting: None,
        processes: None,
        clock: None,
    }
}

fn bucket(n: u16, code: CheckCode, nodes: &[u8]) -> UnreachableBucket {
    let [high, low] = n.to_be_bytes();
    UnreachableBucket {
        id: BucketId::new(at(0), [0, 0, 0, 0, 0, 0, 0, 0, high, low]),
        name: format!("bucket-{n}"),
        workspace_id: WorkspaceId::new(at(0), [1; 10]),
        provider: Provider::Other,
        storage_type: StorageType::S3,
        status: Status::Offline,
        since: Some(at(NOW - 600)),
        updated_at: at(0),
        failure: Some(ProbeFailure { code, message: "The server refused the connection.".to_owned() }),
        reports: nodes.iter().map(|n| (node_id(*n), ProbedStatus::Offline)).collect(),
        endpoint: "minio:9000".to_owned(),
        repositories: Vec::new(),
        pinned_to: BucketPins::default(),
    }
}

fn disconnected(n: u16, nodes: &[u8]) -> UnreachableBucket {
    UnreachableBucket {
        status: Status::Disconnected,
        since: None,
        failure: None,
        ..bucket(n, CheckCode::ConnectTimeout, nodes)
    }
}

fn kind(nodes: &[u8], buckets: u64) -> FacetCount {
    FacetCount {
        provider: Provider::Other,
        storage_type: StorageType::S3,
        reports: nodes.iter().map(|n| (node_id(*n), ProbedStatus::Offline)).collect(),
        buckets,
    }
}

fn observations(nodes: Vec<ObservedNode>, unreachable: Vec<UnreachableBucket>) -> Observations {
    Observations {
        now: at(NOW),
        delay: SignedDuration::from_secs(30),
        nodes,
        unreachable,
        ..Observations::default()
    }
}

fn shown(scan: &FindingScan) -> Vec<Finding> {
    scan.shown(at(NOW), |_| true).findings
}

/// The codes and names of what is shown.
fn list(scan: &FindingScan) -> Vec<(FindingCode, String)> {
    shown(scan).into_iter().map(|one| (one.key.code, one.name)).collect()
}

fn quota(used: u64, quota: u64) -> Organization {
    Organization {
        id: OrgId::new(at(0), [1; 10]),
        name: Name::parse("Observatory").unwrap(),
        bucket_quota: Some(quota),
        bucket_count: used,
        repo_quota: None,
        repo_count: 0,
        created_at: at(0),
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let scan = evaluate(&observations(vec![node(1, 5)], vec![]));
    assert_eq!(scan, FindingScan::default());
}

#[test]
fn an_offline_bucket_is_named_with_reason_age_and_repositories() {
    let repositories = ["backup", "media", "web", "archive"].map(str::to_owned).to_vec();
    let offline = UnreachableBucket {
        name: "Holiday photos".to_owned(),
        repositories,
        ..bucket(1, CheckCode::BucketNotFound, &[1])
    };
    let scan = evaluate(&observations(vec![node(1, 5)], vec![offline]));
    let [found] = &shown(&scan)[..] else { panic!("{scan:?}") };
    assert_eq!((found.key.code, found.severity), (FindingCode::BucketOffline, Severity::Critical));
    assert_eq!(found.since, Some(at(NOW - 600)));
    assert_eq!(
        found.sentence,
        "The server refused the connection. The repositories backup, media, web and 1 other use it."
    );
    assert_eq!(found.command.as_deref(), Some("bucket validate 'Holiday photos'"));
}

#[test]
fn a_flap_is_not_shown() {
    let flapping =
        UnreachableBucket { since: Some(at(NOW - 29)), ..bucket(1, CheckCode::ConnectTimeout, &[1]) };
    let scan = evaluate(&observations(vec![node(1, 5)], vec![flapping]));
    assert!(shown(&scan).is_empty());
    assert_eq!(scan.shown(at(NOW + 1), |_| true).findings.len(), 1);
}

#[test]
fn a_silent_node_explains_the_buckets_that_only_it_served() {
    let lost = vec![disconnected(1, &[1]), disconnected(2, &[1])];
    let mut seen = observations(vec![node(1, 300), node(2, 5)], lost);
    seen.counts = vec![kind(&[1], 2), kind(&[1, 2], 7)];
    let scan = evaluate(&seen);
    assert_eq!(list(&scan), [(FindingCode::NodeSilent, "node-1".to_owned())]);
    let found = &shown(&scan)[0];
    assert_eq!(found.severity, Severity::Critical);
    assert_eq!(found.since, Some(at(NOW - 240)), "it counts as silent after a minute");
    assert!(found.sentence.contains("2 buckets that no connected node serves"), "{}", found.sentence);
    assert_eq!(scan.findings.len(), 3, "the buckets are there, with their cause");
}

#[test]
fn a_node_that_nobody_needs_any_more_is_only_mentioned() {
    let found =
        |silent_for| shown(&evaluate(&observations(vec![node(1, 5), node(2, silent_for)], vec![]))).remove(0);
    assert_eq!(found(3_600).severity, Severity::Warning);
    assert_eq!(found(8 * 86_400).severity, Severity::Info);
}

#[test]
fn a_storm_of_a_hundred_thousand_buckets_is_one_finding() {
    // The node is gone.
    let sample: Vec<_> = (0..1_000).map(|n| disconnected(n, &[1])).collect();
    let mut seen = observations(vec![node(1, 300)], sample);
    seen.counts = vec![kind(&[1], 100_000)];
    let scan = evaluate(&seen);
    assert_eq!(list(&scan), [(FindingCode::NodeSilent, "node-1".to_owned())]);
    assert_eq!(scan.more, 0);
    assert!(shown(&scan)[0].sentence.contains("100,000 or more buckets"), "{:?}", shown(&scan));

    // The node lost its network, but not the control plane.
    let sample = |n: u16| UnreachableBucket {
        endpoint: format!("server-{}", n % 7),
        ..bucket(n, CheckCode::ConnectTimeout, &[1])
    };
    let mut seen = observations(vec![node(1, 5)], (0..1_000).map(sample).collect());
    seen.counts = vec![kind(&[1], 100_000)];
    let scan = evaluate(&seen);
    assert_eq!(list(&scan), [(FindingCode::NodeIsolated, "node-1".to_owned())]);
    assert_eq!(scan.more, 0);
}

#[test]
fn an_endpoint_explains_its_buckets_and_no_others() {
    let mut all: Vec<_> = (1..=3).map(|n| bucket(n, CheckCode::ConnectionRefused, &[1])).collect();
    all.push(bucket(4, CheckCode::AccessDeniedList, &[1]));
    all.push(UnreachableBucket {
        endpoint: "other:9000".to_owned(),
        ..bucket(5, CheckCode::ConnectionRefused, &[1])
    });
    let mut seen = observations(vec![node(1, 5)], all);
    seen.reaching.insert(node_id(1));
    let scan = evaluate(&seen);
    assert_eq!(
        list(&scan),
        [
            (FindingCode::BucketOffline, "bucket-4".to_owned()),
            (FindingCode::BucketOffline, "bucket-5".to_owned()),
            (FindingCode::EndpointOffline, "minio:9000".to_owned()),
        ]
    );
    let endpoint = &shown(&scan)[2];
    assert!(
        endpoint.sentence.contains("3 buckets there: bucket-1, bucket-2 and bucket-3."),
        "{}",
        endpoint.sentence
    );
    assert_eq!(endpoint.key.subject, SubjectKind::Endpoint);
}

#[test]
fn two_buckets_of_an_endpoint_are_two_findings_and_three_are_one_of_the_endpoint() {
    let found = |number| {
        let all = (1..=number).map(|n| bucket(n, CheckCode::ConnectionRefused, &[1])).collect();
        list(&evaluate(&observations(vec![node(1, 5)], all)))
    };
    let single = |n| (FindingCode::BucketOffline, format!("bucket-{n}"));
    assert_eq!(found(2), [single(1), single(2)]);
    assert_eq!(
        found(3),
        [(FindingCode::EndpointOffline, "minio:9000".to_owned())],
        "the node isn't isolated"
    );
}

#[test]
fn an_isolated_node_does_not_explain_what_another_node_misses_too() {
    let at = |n, endpoint: &str, nodes| UnreachableBucket {
        endpoint: endpoint.to_owned(),
        ..bucket(n, CheckCode::ConnectTimeout, nodes)
    };
    let all = vec![at(1, "a", &[1]), at(2, "b", &[1]), at(3, "c", &[1]), at(4, "d", &[1, 2])];
    let mut seen = observations(vec![node(1, 5), node(2, 5)], all);
    seen.reaching.insert(node_id(2));
    let mut found = list(&evaluate(&seen));
    found.sort();
    assert_eq!(
        found,
        [
            (FindingCode::BucketOffline, "bucket-4".to_owned()),
            (FindingCode::NodeIsolated, "node-1".to_owned())
        ]
    );
}

#[test]
fn an_old_outage_stays_while_its_neighbours_flap() {
    let flapping =
        |n| UnreachableBucket { since: Some(at(NOW - 5)), ..bucket(n, CheckCode::ConnectionRefused, &[1]) };
    let all = vec![bucket(1, CheckCode::ConnectionRefused, &[1]), flapping(2), flapping(3)];
    let scan = evaluate(&observations(vec![node(1, 5)], all));
    assert_eq!(list(&scan), [(FindingCode::BucketOffline, "bucket-1".to_owned())]);
}

#[test]
fn buckets_that_were_only_counted_are_mentioned() {
    let sample: Vec<_> = (0..1_000).map(|n| bucket(n, CheckCode::AccessDeniedList, &[1])).collect();
    let mut seen = observations(vec![node(1, 5)], sample);
    seen.counts = vec![kind(&[1], 1_234)];
    assert_eq!(evaluate(&seen).more, 234);
    seen.nodes.push(node(2, 300));
    seen.counts.push(kind(&[2], 50));
    assert_eq!(evaluate(&seen).more, 234, "a silent node explains those that weren't looked at");
}

#[test]
fn a_secret_that_no_key_opens_is_told_apart_and_a_lost_key_is_one_finding() {
    let unopened = |n| bucket(n, CheckCode::NotOpened, &[1]);
    let scan = evaluate(&observations(vec![node(1, 5)], vec![unopened(1)]));
    assert_eq!(list(&scan), [(FindingCode::SecretUnreadable, "bucket-1".to_owned())]);
    let scan = evaluate(&observations(vec![node(1, 5)], (1..=4).map(unopened).collect()));
    assert_eq!(list(&scan), [(FindingCode::SecretUnreadable, "node-1".to_owned())]);
    assert!(shown(&scan)[0].sentence.contains("vault.key"));
}

#[test]
fn a_bucket_without_any_node_or_report_is_found_after_a_while() {
    let fresh = UnreachableBucket { updated_at: at(NOW - 299), ..disconnected(1, &[]) };
    let scan = evaluate(&observations(vec![node(1, 5)], vec![fresh]));
    assert!(shown(&scan).is_empty(), "the first probe may take five minutes");
    assert_eq!(scan.shown(at(NOW + 1), |_| true).findings[0].sentence, "No node has probed it yet.");

    let scan = evaluate(&observations(vec![], vec![disconnected(1, &[])]));
    assert_eq!(shown(&scan)[0].title, "No node is registered");
    assert_eq!(shown(&scan).len(), 1);
}

#[test]
fn credentials_are_found_two_weeks_before_their_end_and_explain_what_they_break() {
    let end = |n, seconds| CredentialEnd {
        id: bucket(n, CheckCode::TokenExpired, &[]).id,
        name: Name::parse(&format!("bucket-{n}")).unwrap(),
        workspace_id: WorkspaceId::new(at(0), [1; 10]),
        expires_at: at(NOW + seconds),
    };
    let mut seen = observations(vec![node(1, 5)], vec![bucket(1, CheckCode::TokenExpired, &[1])]);
    seen.credentials = vec![end(1, 0), end(2, 14 * 86_400), end(3, 14 * 86_400 + 1)];
    let scan = evaluate(&seen);
    assert_eq!(
        list(&scan),
        [
            (FindingCode::CredentialExpired, "bucket-1".to_owned()),
            (FindingCode::CredentialExpiring, "bucket-2".to_owned()),
        ]
    );
    assert_eq!(shown(&scan)[1].since, Some(at(NOW)));
}

#[test]
fn a_quota_is_found_from_nine_tenths_on() {
    let found = |used, limit| {
        let organization = Some(quota(used, limit));
        shown(&evaluate(&Observations { organization, ..observations(vec![node(1, 5)], vec![]) }))
    };
    assert!(found(89, 100).is_empty());
    assert_eq!(found(90, 100)[0].title, "Quota is nearly used up");
    assert!(found(1_000, 1_000)[0].sentence.contains("1,000 of 1,000 buckets. No further buckets"));
}

#[test]
fn traffic_that_waits_for_ten_minutes_is_found() {
    let waits = |seconds, silent_for| {
        let waiting = Some(WaitingBatches { number: 1_200, since: Some(at(NOW - seconds)) });
        shown(&evaluate(&observations(vec![ObservedNode { waiting, ..node(1, silent_for) }], vec![])))
    };
    assert!(waits(599, 5).is_empty());
    assert!(waits(600, 5)[0].sentence.contains("1,200 batches"));
    assert_eq!(waits(600, 300)[0].key.code, FindingCode::NodeSilent, "what a silent node said is old");
}

#[test]
fn two_processes_that_report_as_one_node_are_found_and_a_restart_is_not() {
    let reported = |heartbeats: &[(&str, i64)]| {
        let processes = heartbeats.iter().fold(None, |known, (process, ago)| {
            NodeProcesses::reported(Some((*process).to_owned()), known, at(NOW - ago))
        });
        shown(&evaluate(&observations(vec![ObservedNode { processes, ..node(1, 5) }], vec![])))
    };
    let in_turn = [("a", 140), ("b", 125), ("a", 110), ("b", 95), ("a", 80), ("b", 60), ("a", 40), ("b", 5)];
    let found = reported(&in_turn);
    assert_eq!((found[0].key.code, found[0].since), (FindingCode::NodeDuplicated, Some(at(NOW - 110))));
    assert!(found[0].sentence.contains("Stop one of them"), "{}", found[0].sentence);
    assert!(reported(&[("a", 200), ("b", 100), ("b", 5)]).is_empty(), "it was restarted");
    let overlap = [("a", 100), ("b", 95), ("a", 80), ("b", 75), ("a", 65), ("b", 44), ("b", 24), ("b", 4)];
    assert!(reported(&overlap).is_empty(), "it was replaced slowly");
}

fn observed(n: u8) -> ObservedBucket {
    ObservedBucket {
        id: BucketId::new(at(0), [n; 10]),
        name: format!("bucket-{n}"),
        workspace_id: WorkspaceId::new(at(0), [1; 10]),
    }
}

fn inventory(n: u8, last_start: Option<i64>, error: Option<&str>) -> TroubledInventory {
    TroubledInventory {
        bucket: observed(n),
        last_start: last_start.map(|ago| at(NOW - ago)),
        due_at: Some(at(NOW - 7 * 3_600)),
        every_hours: 24,
        error: error.map(|reason| (reason.to_owned(), at(NOW - 60))),
    }
}

#[test]
fn an_inventory_is_old_when_it_is_later_than_its_schedule_and_some_hours() {
    let found = |all: Vec<TroubledInventory>| {
        let organization = Some(quota(0, 100));
        shown(&evaluate(&Observations {
            organization,
            inventories: all,
            ..observations(vec![node(1, 5)], vec![])
        }))
    };
    assert!(found(vec![inventory(1, Some(30 * 3_600 - 1), None)]).is_empty());
    let old = found(vec![inventory(1, Some(30 * 3_600), Some("Access is denied."))]);
    assert_eq!(old[0].key.code, FindingCode::InventoryOld);
    assert!(old[0].sentence.ends_with("couldn't be listed: Access is denied."), "{}", old[0].sentence);
    assert!(found(vec![inventory(1, None, Some("No."))]).is_empty(), "a first failure may pass");
    assert!(found(vec![inventory(1, None, None)])[0].sentence.starts_with("There is no inventory yet"));

    let several = (1..=5).map(|n| inventory(n, Some(40 * 3_600), None)).collect();
    let [group] = &found(several)[..] else { panic!("one finding") };
    assert!(group.sentence.starts_with("The inventories of 5 buckets are overdue"), "{}", group.sentence);
}

#[test]
fn operators_are_warned_before_the_disk_is_full_and_backups_are_old() {
    const GIB: u64 = 1 << 30;
    let found = |deployment: DeploymentState| {
        let deployment = Some(deployment);
        shown(&evaluate(&Observations { deployment, ..observations(vec![node(1, 5)], vec![]) }))
    };
    let disk_with = |free_bytes, all_bytes, enough_bytes| {
        let disk = Some(DiskSpace { directory: "/data".to_owned(), free_bytes, all_bytes, enough_bytes });
        found(DeploymentState { disk, ..DeploymentState::default() })
    };
    let disk = |free_bytes, all_bytes| disk_with(free_bytes, all_bytes, 10 * GIB);
    assert!(disk(2 * GIB, 20 * GIB).is_empty());
    assert!(disk(11 * GIB, 1_000 * GIB).is_empty(), "a small share of a large disk is enough");
    assert_eq!(disk(9 * GIB, 1_000 * GIB)[0].severity, Severity::Warning);
    assert_eq!(disk(GIB - 1, 4 * GIB)[0].severity, Severity::Warning);
    assert_eq!(disk(GIB / 8, 4 * GIB)[0].severity, Severity::Critical);
    assert!(disk_with(4 * GIB, 1_000 * GIB, 2 * GIB).is_empty(), "its operator says how much is enough");
    assert!(disk_with(1, 4 * GIB, 0).is_empty());

    let backup = |max_age: Option<i64>, last: Option<i64>| {
        found(DeploymentState {
            backup_max_age: max_age.map(SignedDuration::from_hours),
            last_backup: last.map(|ago| at(NOW - ago)),
            created_at: at(NOW - 90_000),
            ..DeploymentState::default()
        })
    };
    assert!(backup(None, None).is_empty());
    assert!(backup(Some(24), Some(86_399)).is_empty());
    assert_eq!(backup(Some(24), Some(86_400))[0].since, Some(at(NOW)));
    assert!(backup(Some(24), None)[0].sentence.starts_with("No backup was ever made"));
    assert!(backup(Some(48), None).is_empty(), "a new deployment has time");

    let scheduled = found(DeploymentState {
        backup_max_age: Some(SignedDuration::from_hours(49)),
        backup_interval: Some(SignedDuration::from_hours(24)),
        backup_failure: Some("the disk of /backups is full".to_owned()),
        created_at: at(NOW - 200_000),
        ..DeploymentState::default()
    });
    assert_eq!(
        scheduled[0].sentence,
        "No backup was ever made; --backup-interval is 24 h. The last attempt failed: the disk of /backups is full."
    );
}

#[test]
fn a_stale_prefix_is_found_with_its_rule() {
    let stale = |newest: Option<i64>, error: Option<&str>, min_bytes| {
        let stored = StoredFreshness {
            bucket_id: observed(1).id,
            org_id: OrgId::new(at(0), [1; 10]),
            rule: FreshnessRule::new("backups/", min_bytes, 93_600).unwrap(),
            set_at: at(0),
            due_at: at(NOW),
            checked_at: Some(at(NOW)),
            newest_at: newest.map(at),
            stale_since: Some(at(NOW - 60)),
            error: error.map(str::to_owned),
        };
        let seen = observations(vec![node(1, 5)], vec![]);
        shown(&evaluate(&Observations { stale: vec![(observed(1), stored)], ..seen })).remove(0)
    };
    let found = stale(Some(1_000), None, 1_000_000);
    assert_eq!((found.key.code, &*found.name), (FindingCode::ObjectsStale, "bucket-1"));
    assert_eq!(found.since, Some(at(NOW - 60)));
    assert_eq!(
        found.sentence,
        "The newest object under backups/ of at least 1,000,000 bytes is from 1970-01-01T00:16:40.000Z. It must not be \
         older than 26 h."
    );
    assert!(stale(None, None, 1).sentence.starts_with("There is no object under backups/. It"));
    assert!(
        stale(Some(1_000), Some("Access is denied."), 1)
            .sentence
            .ends_with("The last check failed: Access is denied.")
    );
    assert!(stale(None, None, 1).key.id.ends_with(" backups/"), "a bucket can have several rules");
}

#[test]
fn abandoned_uploads_are_found_with_their_number_size_and_age() {
    let found = |count, bytes, complete| {
        let uploads = AbandonedUploads {
            bucket_id: observed(1).id,
            count,
            oldest: at(1_000),
            bytes,
            complete,
            found_at: at(NOW),
        };
        let seen = observations(vec![node(1, 5)], vec![]);
        shown(&evaluate(&Observations { uploads: vec![(observed(1), uploads)], ..seen })).remove(0)
    };
    let one = found(1, Some(5 << 20), true);
    assert_eq!((one.key.code, one.severity), (FindingCode::UploadsAbandoned, Severity::Warning));
    assert!(
        one.sentence.starts_with("1 multipart upload was never completed and uses 5 MiB"),
        "{}",
        one.sentence
    );
    assert!(one.sentence.contains("began at 1970-01-01T00:16:40.000Z"));
    assert_eq!(one.command.as_deref(), Some("bucket clean bucket-1 --uploads-older-than 7d --dry-run"));
    assert!(
        found(10_000, None, false)
            .sentence
            .starts_with("At least 10,000 multipart uploads were never completed.")
    );
}

#[test]
fn a_bucket_that_is_registered_twice_is_mentioned_once() {
    let registrations = vec![vec![observed(1), observed(2), observed(3)]];
    let seen = observations(vec![node(1, 5)], vec![]);
    let [found] = &shown(&evaluate(&Observations { registrations, ..seen }))[..] else {
        panic!("one finding")
    };
    assert_eq!((found.key.code, found.severity), (FindingCode::BucketsOverlap, Severity::Info));
    assert!(found.sentence.contains("as bucket-2 and bucket-3."), "{}", found.sentence);
}

#[test]
fn unused_buckets_are_mentioned_together() {
    let found = |number: u8| {
        let unused = (1..=number).map(|n| (observed(n), (n == 1).then(|| Day::of(at(0))))).collect();
        let seen = Observations {
            unused,
            unused_count: 1_234,
            unused_after_days: 90,
            organization: Some(quota(0, 100)),
            ..observations(vec![node(1, 5)], vec![])
        };
        shown(&evaluate(&seen))
    };
    assert!(found(2)[0].sentence.starts_with("It last had traffic on 1970-01-01"), "{:?}", found(2));
    assert!(found(2)[1].sentence.starts_with("It never had traffic"));
    let [group] = &found(3)[..] else { panic!("one finding") };
    assert!(group.sentence.starts_with("1,234 buckets had no traffic through the gateway for 90 days: "));
}

#[test]
fn keys_that_open_other_buckets_are_mentioned_together() {
    let broad = |n: u8, others| {
        let found = BroadKey { bucket_id: observed(n).id, others, since: at(NOW - 100 + i64::from(n)) };
        (observed(n), found)
    };
    let found = |broad_keys: Vec<_>| {
        let organization = Some(quota(0, 100));
        let seen = observations(vec![node(1, 5)], vec![]);
        shown(&evaluate(&Observations { organization, broad_keys, ..seen }))
    };
    let [one] = &found(vec![broad(1, 1)])[..] else { panic!("one finding") };
    assert_eq!((one.key.code, one.severity), (FindingCode::KeyTooBroad, Severity::Info));
    assert_eq!(one.since, Some(at(NOW - 99)));
    assert!(
        one.sentence.starts_with("The key also lists 1 other bucket at the provider."),
        "{}",
        one.sentence
    );
    assert!(found(vec![broad(1, 1_000)])[0].sentence.contains("at least 1,000 other buckets"));
    let [group] = &found((1..=4).map(|n| broad(n, 7)).collect())[..] else { panic!("one finding") };
    assert_eq!((group.key.subject, group.since), (SubjectKind::Organization, Some(at(NOW - 97))));
    assert!(
        group.sentence.starts_with("The keys of 4 buckets open others at the provider too: bucket-1, "),
        "{}",
        group.sentence
    );
}
