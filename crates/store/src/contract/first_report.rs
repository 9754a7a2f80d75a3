//! The outcome of a validation as a node's first report, and reports on an earlier configuration of a bucket.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::Day;
use bucketry_model::uptime::ProbeSample;

use super::fixture::{TestContext, at, audit, location, name, online, secret};
use crate::Store;
use crate::bucket::{
    BucketInserted, BucketUpdate, BucketUpdated, FirstReport, NewBucket, SecretUpdate, StoredSecret,
};

fn report(node_id: NodeId, seconds: i64) -> FirstReport {
    FirstReport { node_id, sample: online(seconds, 12) }
}

fn of_version(version: i64, sample: ProbeSample) -> ProbeSample {
    ProbeSample { version: Some(version), ..sample }
}

/// What nodes report now: their ids, with latency.
async fn reports(store: &dyn Store, id: BucketId) -> Vec<(NodeId, ProbedStatus, Option<u32>)> {
    let words = store.node_statuses(id).await.unwrap();
    words.into_iter().map(|(node, word)| (node.id, word.status, word.latency_ms)).collect()
}

async fn probes_of_the_day(store: &dyn Store, id: BucketId) -> i64 {
    let records = store.day_records(id, Day::of(at(0))).await.unwrap();
    records.iter().map(|(_, record)| record.probes).sum()
}

pub async fn a_validated_bucket_has_a_status_and_a_day_from_the_start(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let new = NewBucket { first_report: Some(report(node, 10)), ..context.new_bucket("photos") };
    assert_eq!(store.insert_bucket(&new, &audit(at(11))).await.unwrap(), BucketInserted::Inserted);
    assert_eq!(reports(store, new.id).await, [(node, ProbedStatus::Online, Some(12))]);
    let (_, day) = store.day_records(new.id, Day::of(at(0))).await.unwrap().remove(0);
    assert_eq!((day.probes, day.failures, day.observed_us), (1, 0, 0));
    assert_eq!(day.last, Some(online(10, 12)));

    // The node's own probes continue from there.
    assert_eq!(context.probe(node, new.id, &[of_version(1, online(20, 8))]).await, 1);
    let (_, day) = store.day_records(new.id, Day::of(at(0))).await.unwrap().remove(0);
    assert_eq!((day.probes, day.observed_us, day.online_us), (2, 10_000_000, 10_000_000));
}

pub async fn a_refused_registration_reports_nothing(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    context.bucket("photos").await;
    let new = NewBucket { first_report: Some(report(node, 10)), ..context.new_bucket("PHOTOS") };
    assert_eq!(store.insert_bucket(&new, &audit(at(11))).await.unwrap(), BucketInserted::NameTaken);
    assert!(reports(store, new.id).await.is_empty());
    assert_eq!(probes_of_the_day(store, new.id).await, 0);
}

pub async fn a_node_that_was_removed_while_it_validated_reports_nothing(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    store.unregister_node(node, &audit(at(5))).await.unwrap();
    let new = NewBucket { first_report: Some(report(node, 10)), ..context.new_bucket("photos") };
    assert_eq!(store.insert_bucket(&new, &audit(at(11))).await.unwrap(), BucketInserted::Inserted);
    assert!(reports(store, new.id).await.is_empty());
}

pub async fn a_change_of_the_configuration_ends_what_nodes_reported_before(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (one, two) = (context.node("node-1").await, context.node("node-2").await);
    let id = context.bucket("photos").await;
    for node in [one, two] {
        context.probe(node, id, &[of_version(1, online(10, 5))]).await;
    }
    let generation = store.bucket_generation(context.org).await.unwrap();
    let elsewhere =
        BucketUpdate { location: location("elsewhere"), record_change: true, ..context.update_of(id).await };
    assert_eq!(store.update_bucket(&elsewhere, &audit(at(100))).await.unwrap(), BucketUpdated::Updated);
    assert!(reports(store, id).await.is_empty());
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), generation);
    assert_eq!(probes_of_the_day(store, id).await, 2, "what was observed is retained");

    // Late reports, and those of a node that hasn't heard of the change, whatever their time.
    for late in [of_version(1, online(99, 5)), of_version(1, online(130, 5)), online(99, 5)] {
        assert_eq!(context.probe(one, id, std::slice::from_ref(&late)).await, 0, "{late:?}");
    }
    assert_eq!(context.probe(one, id, &[of_version(2, online(101, 7))]).await, 1);
    assert_eq!(context.probe(two, id, &[online(100, 9)]).await, 1, "an older node, after the change");
    let expected = [(one, ProbedStatus::Online, Some(7)), (two, ProbedStatus::Online, Some(9))];
    assert_eq!(reports(store, id).await, expected);
}

pub async fn a_validated_change_leaves_the_report_of_the_node_that_validated(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (one, two) = (context.node("node-1").await, context.node("node-2").await);
    let id = context.bucket("photos").await;
    for node in [one, two] {
        context.probe(node, id, &[of_version(1, online(10, 5))]).await;
    }
    let secret = SecretUpdate::Replace { secret: secret("next"), expires_at: None };
    let update = context.update_of(id).await;
    let update = BucketUpdate { secret, record_change: true, first_report: Some(report(two, 50)), ..update };
    assert_eq!(store.update_bucket(&update, &audit(at(51))).await.unwrap(), BucketUpdated::Updated);
    assert_eq!(reports(store, id).await, [(two, ProbedStatus::Online, Some(12))]);
    let conflict = store.update_bucket(&update, &audit(at(52))).await.unwrap();
    assert_eq!(conflict, BucketUpdated::Conflict);
    assert_eq!(probes_of_the_day(store, id).await, 3, "a rejected update reports nothing");
}

pub async fn a_new_name_and_a_new_seal_leave_reports_as_they_are(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let id = context.bucket("photos").await;
    context.probe(node, id, &[of_version(1, online(10, 5))]).await;
    let renamed = BucketUpdate { name: name("Pictures"), ..context.update_of(id).await };
    assert_eq!(store.update_bucket(&renamed, &audit(at(20))).await.unwrap(), BucketUpdated::Updated);
    assert_eq!(reports(store, id).await.len(), 1);
    // Nodes aren't informed of a new name, so they continue with the version that they know.
    assert_eq!(context.probe(node, id, &[of_version(1, online(15, 6)), online(16, 7)]).await, 2);

    let new_seal = StoredSecret { sealed_to: "recipients-2".to_owned(), ..secret("resealed") };
    let replacement = (SecretOwner::Bucket(id), SealedSecret::from_text("sealed photos"), new_seal);
    assert_eq!(store.replace_secrets(&[replacement], at(30)).await.unwrap(), 1);
    assert_eq!(reports(store, id).await.len(), 1);
    assert_eq!(context.probe(node, id, &[of_version(1, online(25, 8)), online(26, 9)]).await, 2);
    let served = store.node_buckets(None, &[id]).await.unwrap().found.remove(0);
    assert_eq!((served.version, served.config_version), (3, 1));
}

pub async fn buckets_that_share_a_name_or_a_key_are_found_in_the_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let second = context.another_workspace(1).await;
    context.bucket("photos").await;
    context.bucket_in(second, "films", at(2)).await;
    other.bucket("photos").await;
    let removed = context.bucket("gone").await;
    store.delete_bucket(context.org, removed, &audit(at(3))).await.unwrap();
    let key = location("photos").key.unwrap();
    for (storage_type, bucket, key, found) in [
        (StorageType::S3, "photos", "", vec![context.workspace]),
        (StorageType::S3, "", key.as_str(), vec![context.workspace, second]),
        (StorageType::S3, "films", "other", vec![second]),
        (StorageType::S3, "gone", "", vec![]),
        (StorageType::Gcs, "photos", key.as_str(), vec![]),
    ] {
        let sharing = store.buckets_sharing(context.org, storage_type, bucket, key).await.unwrap();
        let mut workspaces: Vec<_> = sharing.into_iter().map(|one| one.workspace_id).collect();
        workspaces.sort_by_key(|id| *id != context.workspace);
        assert_eq!(workspaces, found, "{storage_type} {bucket} {key}");
    }
    for (storage_type, bucket, found) in [
        (StorageType::S3, "photos", vec![context.workspace]),
        (StorageType::S3, "gone", vec![]),
        (StorageType::Gcs, "photos", vec![]),
    ] {
        let named = store.buckets_named(context.org, storage_type, bucket).await.unwrap();
        let workspaces: Vec<_> = named.iter().map(|one| one.workspace_id).collect();
        assert_eq!(workspaces, found, "{storage_type} {bucket}");
        assert!(named.iter().all(|one| one.location.bucket == bucket && !one.name.as_str().is_empty()));
    }
}
