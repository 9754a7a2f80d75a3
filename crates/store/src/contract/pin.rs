//! Buckets that are pinned to nodes and regions.

use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::pinning::BucketPins;

use super::fixture::{TestContext, at, audit, fresh, location, online};
use crate::Store;
use crate::bucket::{BucketUpdate, BucketUpdated, FirstReport, NewBucket};
use crate::sync::{Changes, Subject};

fn pins(nodes: &[NodeId], regions: &[&str]) -> BucketPins {
    BucketPins::new(nodes.iter().copied(), regions.iter().map(|name| (*name).to_owned())).unwrap()
}

async fn pin(context: &TestContext<'_>, id: BucketId, pinned_to: BucketPins, seconds: i64) {
    let update = BucketUpdate { pinned_to, ..context.update_of(id).await };
    let updated = context.store.update_bucket(&update, &audit(at(seconds))).await.unwrap();
    assert_eq!(updated, BucketUpdated::Updated);
}

async fn reporters(store: &dyn Store, id: BucketId) -> Vec<NodeId> {
    store.node_statuses(id).await.unwrap().into_iter().map(|(node, _)| node.id).collect()
}

pub async fn pins_read_back_until_they_are_cleared(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let pinned_to = pins(&[node], &["eu-west-1", "M\u{fc}nchen \"1\" \\ %"]);
    let new = NewBucket { pinned_to: pinned_to.clone(), ..context.new_bucket("pinned") };
    store.insert_bucket(&new, &audit(at(1))).await.unwrap();
    let free = context.bucket("free").await;
    let stored = async || store.bucket(context.org, new.id).await.unwrap().unwrap().pinned_to;
    assert_eq!(stored().await, pinned_to);
    let ever = store.buckets_ever(context.org, &[new.id]).await.unwrap();
    assert_eq!(ever[0].pinned_to, pinned_to);
    let asked = [new.id, free, fresh(BucketId::new)];
    let found = store.pins_of(&asked).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(new.id, pinned_to.clone())]);
    let served = store.node_buckets(None, &[new.id, free]).await.unwrap().found;
    assert!(served.iter().all(|one| one.pinned_to.is_empty() == (one.id == free)));

    pin(&context, new.id, BucketPins::default(), 2).await;
    assert!(stored().await.is_empty());
    assert!(store.pins_of(&asked).await.unwrap().is_empty());
    pin(&context, new.id, pinned_to, 3).await;
    store.delete_bucket(context.org, new.id, &audit(at(4))).await.unwrap();
    assert!(store.pins_of(&asked).await.unwrap().is_empty(), "nobody serves it any more");
}

pub async fn a_change_of_pins_is_announced_with_the_repositories_and_is_no_other_configuration(
    store: &dyn Store,
) {
    let context = TestContext::new(store).await;
    let (id, node) = (context.bucket("photos").await, context.node("node-1").await);
    let repository = context.repository("media", &[(id, "")]).await;
    let before = store.latest_change().await.unwrap();
    let served = async || {
        let bucket = store.node_buckets(None, &[id]).await.unwrap().found.remove(0);
        let repository = store.node_repositories(None, &[repository]).await.unwrap().found.remove(0);
        (bucket.version, bucket.config_version, repository.version)
    };
    let (version, config_version, repository_version) = served().await;
    pin(&context, id, pins(&[node], &[]), 1).await;
    let Changes::Since(changes) = store.changes_after(None, before, 10).await.unwrap() else { panic!() };
    let changed: Vec<Subject> = changes.into_iter().map(|change| change.subject).collect();
    assert_eq!(changed, [Subject::Bucket(id), Subject::Repository(repository)]);
    assert_eq!(served().await, (version + 1, config_version, repository_version + 1));

    let latest = store.latest_change().await.unwrap();
    pin(&context, id, pins(&[node], &[]), 2).await;
    assert_eq!(store.latest_change().await.unwrap(), latest, "the same pins are no change");
}

pub async fn reports_of_nodes_that_serve_a_bucket_no_longer_do_not_count(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    let [one, two] = [context.node("node-1").await, context.node("node-2").await];
    for node in [one, two] {
        assert_eq!(context.probe(node, id, &[online(10, 5)]).await, 1);
    }
    let generation = store.bucket_generation(context.org).await.unwrap();
    pin(&context, id, pins(&[one], &[]), 20).await;
    assert_eq!(reporters(store, id).await, [one]);
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), generation);
    let withdrawn = store.report_withdrawals(id, at(0), 10).await.unwrap();
    assert_eq!(withdrawn.iter().map(|one| (one.node_id, one.from)).collect::<Vec<_>>(), [(two, at(20))]);

    assert_eq!(context.probe(two, id, &[online(30, 5)]).await, 0, "a late heartbeat");
    assert_eq!(context.probe(one, id, &[online(30, 5)]).await, 1);
    let update = BucketUpdate {
        location: location("elsewhere"),
        record_change: true,
        first_report: Some(FirstReport { node_id: two, sample: online(40, 5) }),
        ..context.update_of(id).await
    };
    store.update_bucket(&update, &audit(at(40))).await.unwrap();
    assert!(reporters(store, id).await.is_empty(), "a validation of a node that isn't pinned");

    // The nodes of the stories are in the region `eu`.
    pin(&context, id, pins(&[], &["EU"]), 50).await;
    for node in [one, two] {
        assert_eq!(context.probe(node, id, &[online(60, 5)]).await, 1);
    }
    pin(&context, id, pins(&[], &["us"]), 70).await;
    assert!(reporters(store, id).await.is_empty());
    pin(&context, id, BucketPins::default(), 80).await;
    assert_eq!(context.probe(two, id, &[online(90, 5)]).await, 1, "everybody serves it again");
}

pub async fn walks_of_buckets_that_are_pinned_to_others_are_left_out(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [one, two] = [context.node("node-1").await, context.node("node-2").await];
    let mut buckets = Vec::new();
    for (seconds, pinned_to) in [
        (1, BucketPins::default()),
        (2, pins(&[one], &[])),
        (3, pins(&[], &["EU-West"])),
        (4, pins(&[two], &["us"])),
        (5, pins(&[], &["a\\b\"c%"])),
    ] {
        let new = NewBucket { pinned_to, ..context.new_bucket(&format!("bucket {seconds}")) };
        store.insert_bucket(&new, &audit(at(0))).await.unwrap();
        assert!(store.request_walk(context.org, new.id, &audit(at(seconds))).await.unwrap());
        buckets.push(new.id);
    }
    let due = async |org, node, limit| -> Vec<usize> {
        let due = store.due_walks(org, node, at(10), limit).await.unwrap();
        let number = |id| buckets.iter().position(|bucket| *bucket == id).unwrap() + 1;
        due.iter().map(|plan| number(plan.bucket_id)).collect()
    };
    assert_eq!(due(None, None, 10).await, [1, 2, 3, 4, 5]);
    for org in [None, Some(context.org)] {
        assert_eq!(due(org, Some((one, "")), 10).await, [1, 2]);
        assert_eq!(due(org, Some((one, "eu-WEST")), 10).await, [1, 2, 3]);
        assert_eq!(due(org, Some((two, "eu-west-1")), 10).await, [1, 4]);
        assert_eq!(due(org, Some((two, "A\\B\"c%")), 10).await, [1, 4, 5]);
    }
    assert_eq!(due(None, Some((two, "ap")), 2).await, [1, 4], "what isn't served doesn't fill the result");
}
