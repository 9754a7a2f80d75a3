//! Change events and the buckets that nodes serve.

use bucketry_model::id::BucketId;

use super::fixture::{World, at, fresh, secret};
use crate::Store;
use crate::bucket::{BucketUpdate, SecretUpdate};
use crate::sync::{Changes, Subject};

async fn since(
    store: &dyn Store,
    world: Option<&World<'_>>,
    sequence: i64,
    limit: u32,
) -> Vec<(i64, BucketId)> {
    match store.changes_after(world.map(|world| world.org), sequence, limit).await.unwrap() {
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
    let world = World::new(store).await;
    assert_eq!(store.latest_change().await.unwrap(), 0);
    assert!(since(store, None, 0, 10).await.is_empty());
    let a = world.bucket("a").await;
    let b = world.bucket("b").await;
    let update = BucketUpdate {
        secret: SecretUpdate::Replace { secret: secret("another"), expires_at: None },
        announce: true,
        ..world.update_of(a).await
    };
    store.update_bucket(&update, at(1)).await.unwrap();
    store.delete_bucket(world.org, b, at(2)).await.unwrap();

    let told = since(store, None, 0, 10).await;
    assert_eq!(told.iter().map(|(_, bucket)| *bucket).collect::<Vec<_>>(), [a, b, a, b]);
    assert!(told.is_sorted());
    assert_eq!(store.latest_change().await.unwrap(), told[3].0);
    assert_eq!(since(store, None, told[1].0, 1).await, told[2..3]);
    assert!(since(store, None, told[3].0, 10).await.is_empty());
}

pub async fn nodes_of_an_organization_see_its_changes_only(store: &dyn Store) {
    let world = World::new(store).await;
    let other = World::another(store).await;
    let own = world.bucket("own").await;
    let foreign = other.bucket("foreign").await;
    let told = |events: Vec<(i64, BucketId)>| events.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(told(since(store, Some(&world), 0, 10).await), [own]);
    assert_eq!(told(since(store, Some(&other), 0, 10).await), [foreign]);
    assert_eq!(told(since(store, None, 0, 10).await), [own, foreign]);
}

pub async fn removed_events_ask_for_a_new_start(store: &dyn Store) {
    let world = World::new(store).await;
    for seconds in 0..5 {
        world.bucket_in(world.workspace, &format!("bucket {seconds}"), at(seconds)).await;
    }
    let latest = store.latest_change().await.unwrap();
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 2);
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 1);
    assert_eq!(store.purge_changes(at(3), 2).await.unwrap(), 0);
    for org in [None, Some(world.org)] {
        assert_eq!(store.changes_after(org, latest - 3, 10).await.unwrap(), Changes::TooOld);
        assert_eq!(store.changes_after(org, latest + 1, 10).await.unwrap(), Changes::TooOld);
    }
    assert_eq!(since(store, Some(&world), latest - 2, 10).await.len(), 2);

    // Where all events are gone, the number of the newest one is still known.
    assert_eq!(store.purge_changes(at(100), 10).await.unwrap(), 2);
    assert_eq!(store.latest_change().await.unwrap(), latest);
    assert!(since(store, None, latest, 10).await.is_empty());
    world.bucket("next").await;
    assert_eq!(since(store, None, latest, 10).await.len(), 1);
}

pub async fn buckets_are_walked_by_id(store: &dyn Store) {
    let world = World::new(store).await;
    let other = World::another(store).await;
    let mut own = Vec::new();
    for number in 0..5 {
        own.push(world.bucket(&format!("bucket {number}")).await);
    }
    let removed = world.bucket("removed").await;
    store.delete_bucket(world.org, removed, at(1)).await.unwrap();
    let foreign = other.bucket("foreign").await;
    let mut all = own.clone();
    all.push(foreign);
    for (org, mut expected) in [(Some(world.org), own), (None, all), (Some(other.org), vec![foreign])] {
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
    let world = World::new(store).await;
    let other = World::another(store).await;
    let new = world.new_bucket("photos");
    store.insert_bucket(&new, at(1)).await.unwrap();
    let removed = world.bucket("removed").await;
    store.delete_bucket(world.org, removed, at(2)).await.unwrap();
    let asked = [removed, fresh(BucketId::new), new.id];
    let given = store.node_buckets(Some(world.org), &asked).await.unwrap();
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].id, given[0].org_id, given[0].version), (new.id, world.org, 1));
    assert_eq!((&given[0].location, &given[0].secret), (&new.location, &new.secret.map(|one| one.sealed)));
    assert_eq!(store.node_buckets(None, &asked).await.unwrap(), given);
    assert!(store.node_buckets(Some(other.org), &asked).await.unwrap().is_empty());
}
