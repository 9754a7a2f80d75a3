//! Change events, and the buckets that nodes serve.

use bucketry_model::id::BucketId;

use super::fixture::{TestContext, at, audit, fresh, secret};
use crate::Store;
use crate::bucket::{BucketUpdate, SecretUpdate};
use crate::sync::{Changes, Subject};

async fn since(
    store: &dyn Store,
    context: Option<&TestContext<'_>>,
    sequence: i64,
    limit: u32,
) -> Vec<(i64, BucketId)> {
    match store.changes_after(context.map(|context| context.org), sequence, limit).await.unwrap() {
        Changes::Since(changes) => changes
            .iter()
            .map(|one| match one.subject {
                Subject::Bucket(id) => (one.sequence, id),
                Subject::Repository(id) => panic!("nothing was done to the repository {id}"),
            })
            .collect(),
        Changes::TooOld => panic!("{sequence} is too old"),
    }
}

pub async fn every_change_of_a_bucket_is_announced_in_order(store: &dyn Store) {
    let context = TestContext::new(store).await;
    assert_eq!(store.latest_change().await.unwrap(), 0);
    assert!(since(store, None, 0, 10).await.is_empty());
    let a = context.bucket("a").await;
    let b = context.bucket("b").await;
    let update = BucketUpdate {
        secret: SecretUpdate::Replace { secret: secret("another"), expires_at: None },
        record_change: true,
        ..context.update_of(a).await
    };
    store.update_bucket(&update, &audit(at(1))).await.unwrap();
    store.delete_bucket(context.org, b, &audit(at(2))).await.unwrap();

    let response = since(store, None, 0, 10).await;
    assert_eq!(response.iter().map(|(_, bucket)| *bucket).collect::<Vec<_>>(), [a, b, a, b]);
    assert!(response.is_sorted());
    assert_eq!(store.latest_change().await.unwrap(), response[3].0);
    assert_eq!(since(store, None, response[1].0, 1).await, response[2..3]);
    assert!(since(store, None, response[3].0, 10).await.is_empty());
}

pub async fn nodes_of_an_organization_see_its_changes_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let own = context.bucket("own").await;
    let foreign = other.bucket("foreign").await;
    let response = |events: Vec<(i64, BucketId)>| events.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(response(since(store, Some(&context), 0, 10).await), [own]);
    assert_eq!(response(since(store, Some(&other), 0, 10).await), [foreign]);
    assert_eq!(response(since(store, None, 0, 10).await), [own, foreign]);
    let Changes::Since(all) = store.changes_after(None, 0, 10).await.unwrap() else { panic!() };
    assert_eq!(all.iter().map(|change| change.org_id).collect::<Vec<_>>(), [context.org, other.org]);
}

pub async fn removed_events_ask_for_a_new_start(store: &dyn Store) {
    let context = TestContext::new(store).await;
    for seconds in 0..5 {
        context.bucket_in(context.workspace, &format!("bucket {seconds}"), at(seconds)).await;
    }
    let latest = store.latest_change().await.unwrap();
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 2);
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 1);
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 0);
    for org in [None, Some(context.org)] {
        assert_eq!(store.changes_after(org, latest - 3, 10).await.unwrap(), Changes::TooOld);
        assert_eq!(store.changes_after(org, latest + 1, 10).await.unwrap(), Changes::TooOld);
    }
    assert_eq!(since(store, Some(&context), latest - 2, 10).await.len(), 2);

    // Even when all events are removed, the number of the newest one is still known.
    assert_eq!(store.purge_changes(at(100), 10).await.unwrap(), 2);
    assert_eq!(store.latest_change().await.unwrap(), latest);
    assert!(since(store, None, latest, 10).await.is_empty());
    context.bucket("next").await;
    assert_eq!(since(store, None, latest, 10).await.len(), 1);
}

pub async fn buckets_are_walked_by_id(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let mut own = Vec::new();
    for number in 0..5 {
        own.push(context.bucket(&format!("bucket {number}")).await);
    }
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    let foreign = other.bucket("foreign").await;
    let mut all = own.clone();
    all.push(foreign);
    for (org, mut expected) in [(Some(context.org), own), (None, all), (Some(other.org), vec![foreign])] {
        expected.sort();
        let mut walked = Vec::new();
        loop {
            let page = store.node_buckets_after(org, walked.last().copied(), 2).await.unwrap();
            if page.is_empty() {
                break;
            }
            walked.extend(page.iter().map(|bucket| bucket.id));
        }
        assert_eq!(walked, expected);
    }
}

pub async fn single_buckets_are_given_where_they_are_served(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let new = context.new_bucket("photos");
    store.insert_bucket(&new, &audit(at(1))).await.unwrap();
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(2))).await.unwrap();
    let asked = [removed, fresh(BucketId::new), new.id];
    let given = store.node_buckets(Some(context.org), &asked).await.unwrap().found;
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].id, given[0].org_id, given[0].version), (new.id, context.org, 1));
    assert_eq!((&given[0].location, &given[0].secret), (&new.location, &new.secret.map(|one| one.sealed)));
    assert_eq!(store.node_buckets(None, &asked).await.unwrap().found, given);
    assert!(store.node_buckets(Some(other.org), &asked).await.unwrap().found.is_empty());
}
