//! Freshness rules, their checks, and abandoned uploads.

use bucketry_model::freshness::{FreshnessRule, MAX_RULES};
use bucketry_model::id::BucketId;

use super::fixture::{TestContext, at, audit, location};
use crate::Store;
use crate::bucket::BucketUpdate;
use crate::freshness::{AbandonedUploads, FreshnessCheck, FreshnessSet, StoredFreshness};

fn rule(prefix: &str, seconds: i64) -> FreshnessRule {
    FreshnessRule::new(prefix, 1_000, seconds).unwrap()
}

async fn set(context: &TestContext<'_>, id: BucketId, rule: &FreshnessRule, seconds: i64) -> FreshnessSet {
    context.store.set_freshness_rule(context.org, id, rule, &audit(at(seconds))).await.unwrap()
}

fn check(seconds: i64, stale_since: Option<i64>, due: i64) -> FreshnessCheck {
    FreshnessCheck {
        at: at(seconds),
        newest_at: Some(at(5)),
        stale_since: stale_since.map(at),
        error: None,
        due_at: at(due),
    }
}

async fn only(context: &TestContext<'_>, id: BucketId) -> StoredFreshness {
    context.store.freshness_rules(id).await.unwrap().remove(0)
}

pub async fn a_rule_is_set_replaced_and_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let id = context.bucket("photos").await;
    assert_eq!(set(&context, id, &rule("backups/", 3_600), 10).await, FreshnessSet::Set);
    assert_eq!(set(&context, id, &rule("a/", 600), 20).await, FreshnessSet::Set);
    let rules = store.freshness_rules(id).await.unwrap();
    assert_eq!((rules[0].rule.clone(), rules[1].rule.clone()), (rule("a/", 600), rule("backups/", 3_600)));
    assert_eq!((rules[1].set_at, rules[1].due_at, rules[1].checked_at), (at(10), at(10), None));

    assert!(store.record_freshness(&rules[1], &check(30, Some(7), 90)).await.unwrap());
    assert_eq!(set(&context, id, &rule("backups/", 7_200), 40).await, FreshnessSet::Set);
    let replaced = store.freshness_rules(id).await.unwrap().remove(1);
    assert_eq!(
        (replaced.rule, replaced.stale_since, replaced.due_at),
        (rule("backups/", 7_200), None, at(40))
    );

    assert_eq!(set(&other, id, &rule("x/", 600), 50).await, FreshnessSet::NotFound);
    let remove = async |of: &TestContext<'_>, prefix: &str| {
        store.remove_freshness_rule(of.org, id, prefix, &audit(at(60))).await.unwrap()
    };
    assert!(!remove(&other, "a/").await);
    assert!(remove(&context, "a/").await);
    assert!(!remove(&context, "a/").await);
    assert_eq!(store.freshness_rules(id).await.unwrap().len(), 1);
}

pub async fn a_bucket_has_a_limited_number_of_rules(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    for number in 0..MAX_RULES {
        assert_eq!(set(&context, id, &rule(&format!("{number}/"), 600), 0).await, FreshnessSet::Set);
    }
    assert_eq!(set(&context, id, &rule("more/", 600), 0).await, FreshnessSet::TooMany);
    assert_eq!(set(&context, id, &rule("0/", 900), 0).await, FreshnessSet::Set, "one is replaced");
}

pub async fn a_due_check_is_made_by_one_process_and_recorded(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    set(&context, id, &rule("backups/", 3_600), 10).await;
    assert!(store.due_freshness(at(9), 10).await.unwrap().is_empty());
    let due = store.due_freshness(at(10), 10).await.unwrap().remove(0);
    assert!(store.claim_freshness(&due, at(100)).await.unwrap());
    assert!(!store.claim_freshness(&due, at(100)).await.unwrap(), "another process has it");
    assert!(store.due_freshness(at(99), 10).await.unwrap().is_empty());

    let generation = store.bucket_generation(context.org).await.unwrap();
    assert!(store.record_freshness(&due, &check(20, Some(15), 300)).await.unwrap());
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), generation);
    let stale = store.stale_prefixes(context.org, 10).await.unwrap();
    assert_eq!((stale.len(), stale[0].stale_since, stale[0].newest_at), (1, Some(at(15)), Some(at(5))));
    assert_eq!(stale[0].due_at, at(300));
    let failed = FreshnessCheck { error: Some("No.".to_owned()), ..check(30, None, 400) };
    assert!(store.record_freshness(&stale[0], &failed).await.unwrap());
    let late = store.record_freshness(&due, &check(40, Some(15), 400)).await.unwrap();
    assert!(!late, "another process has checked it since");
    assert_eq!(only(&context, id).await.error.as_deref(), Some("No."));
    assert!(store.stale_prefixes(context.org, 10).await.unwrap().is_empty());

    set(&context, id, &rule("backups/", 7_200), 50).await;
    assert!(
        !store.record_freshness(&due, &check(60, Some(15), 500)).await.unwrap(),
        "the rule is another one"
    );
}

pub async fn what_was_found_in_a_bucket_goes_with_its_place(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    set(&context, id, &rule("backups/", 3_600), 10).await;
    let stored = only(&context, id).await;
    store.record_freshness(&stored, &check(20, Some(15), 300)).await.unwrap();
    let found = AbandonedUploads {
        bucket_id: id,
        count: 3,
        oldest: at(1),
        bytes: None,
        complete: true,
        found_at: at(20),
    };
    store.set_abandoned_uploads(id, Some(&found)).await.unwrap();
    let again = AbandonedUploads { count: 4, bytes: Some(7), ..found };
    store.set_abandoned_uploads(id, Some(&again)).await.unwrap();
    assert_eq!(store.abandoned_uploads(context.org, 10).await.unwrap(), [again]);

    let moved = BucketUpdate { location: location("elsewhere"), ..context.update_of(id).await };
    store.update_bucket(&moved, &audit(at(30))).await.unwrap();
    assert!(store.abandoned_uploads(context.org, 10).await.unwrap().is_empty());
    let reset = only(&context, id).await;
    assert_eq!((reset.stale_since, reset.checked_at, reset.due_at), (None, None, at(30)));

    store.set_abandoned_uploads(id, Some(&found)).await.unwrap();
    store.set_abandoned_uploads(id, None).await.unwrap();
    assert!(store.abandoned_uploads(context.org, 10).await.unwrap().is_empty());
    store.set_abandoned_uploads(id, Some(&found)).await.unwrap();
    store.delete_bucket(context.org, id, &audit(at(40))).await.unwrap();
    store.set_abandoned_uploads(id, Some(&found)).await.unwrap();
    assert!(store.abandoned_uploads(context.org, 10).await.unwrap().is_empty());
    assert!(store.freshness_rules(id).await.unwrap().is_empty());
}
