//! Checks of keys, and keys that open more than their buckets.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::CheckedKey;

use super::fixture::{TestContext, at, audit, fresh, location};
use crate::Store;
use crate::bucket::{BucketUpdate, NewBucket};

const DAY: i64 = 24 * 3_600;

async fn claim(store: &dyn Store, seconds: i64, limit: u32) -> Vec<BucketId> {
    let due = store.claim_key_checks(at(seconds), limit).await.unwrap();
    due.iter().map(|one| one.bucket_id).collect()
}

pub async fn each_key_is_checked_once_a_day(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    assert_eq!(claim(store, 0, 10).await, []);
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let [c, removed] = [other.bucket("c").await, context.bucket("removed").await];
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    assert_eq!(claim(store, 4, 10).await, [], "nodes may not have them yet");
    assert_eq!(claim(store, 10, 2).await, [a, b]);
    let due = store.claim_key_checks(at(20), 2).await.unwrap();
    assert_eq!(due.iter().map(|one| (one.bucket_id, one.org_id)).collect::<Vec<_>>(), [(c, other.org)]);
    assert_eq!(claim(store, 30, 2).await, [], "the round is over");
    assert_eq!(claim(store, DAY + 9, 10).await, []);
    assert_eq!(claim(store, DAY + 10, 10).await, [a, b, c], "the next round");
    assert_eq!(claim(store, DAY + 11, 10).await, []);
    assert_eq!(claim(store, -3 * DAY, 10).await, [], "a clock that was set back");
}

pub async fn a_new_bucket_is_checked_soon_and_not_again_in_the_next_round(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let old = context.bucket("old").await;
    assert_eq!(claim(store, 10, 10).await, [old]);
    let created_at = async |seconds, label: &str| {
        let id = BucketId::new(at(seconds), [9; 10]);
        let new = NewBucket { id, ..context.new_bucket(label) };
        store.insert_bucket(&new, &audit(at(seconds))).await.unwrap();
        id
    };
    let [early, late] = [created_at(60, "early").await, created_at(DAY - 60, "late").await];
    assert_eq!(claim(store, 100, 10).await, [early]);
    assert_eq!(claim(store, DAY - 30, 10).await, [late], "in the same round");
    assert_eq!(claim(store, DAY + 20, 10).await, [old], "the others were checked less than a day ago");
    assert_eq!(claim(store, 2 * DAY + 30, 10).await, [old, early, late]);
    assert!(fresh(BucketId::new) < early, "ids are in the order of their times");
}

pub async fn a_broad_key_is_known_until_it_is_narrow_replaced_or_gone(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let checked = |bucket_id, others| CheckedKey { bucket_id, config_version: 1, other_buckets: others };
    let record = async |keys: &[CheckedKey], seconds| {
        store.record_key_checks(context.org, keys, at(seconds)).await.unwrap();
    };
    let known = async || {
        let keys = store.broad_keys(context.org, 10).await.unwrap();
        keys.iter().map(|one| (one.bucket_id, one.others)).collect::<Vec<_>>()
    };
    let generation = store.bucket_generation(context.org).await.unwrap();
    record(&[checked(b, 0)], 10).await;
    assert_eq!(store.bucket_generation(context.org).await.unwrap(), generation, "nothing changed");
    record(&[checked(a, 12)], 10).await;
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), generation);
    record(&[checked(b, 1), checked(a, 13)], 20).await;
    assert_eq!(known().await, [(a, 13), (b, 1)]);
    assert_eq!(store.broad_keys(context.org, 1).await.unwrap()[0].since, at(10), "when it was first found");
    store.record_key_checks(other.org, &[checked(a, 0)], at(30)).await.unwrap();
    assert_eq!(known().await.len(), 2, "it belongs to another organization");

    record(&[checked(b, 0)], 40).await;
    assert_eq!(known().await, [(a, 13)]);
    let location = location("elsewhere");
    let moved = BucketUpdate { location, record_change: true, ..context.update_of(a).await };
    store.update_bucket(&moved, &audit(at(50))).await.unwrap();
    assert_eq!(known().await, []);
    record(&[checked(a, 5)], 60).await;
    assert_eq!(known().await, [], "that was found with the earlier key");
    record(&[checked(b, 5)], 70).await;
    store.delete_bucket(context.org, b, &audit(at(80))).await.unwrap();
    assert_eq!(known().await, []);
}
