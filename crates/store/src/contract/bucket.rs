//! Single buckets.

use std::future::poll_fn;
use std::task::Poll;

use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::node::HeartbeatReport;
use bucketry_model::node_protocol::StatusCounts;
use bucketry_model::role::Visibility;
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::uptime::ProbeSample;
use futures_util::future::{join, join_all};

use super::fixture::{TestContext, at, audit, fresh, location, name, online, secret};
use crate::Store;
use crate::bucket::{BucketDeleted, BucketInserted, BucketUpdate, BucketUpdated, NewBucket, SecretUpdate};

pub async fn a_bucket_reads_back(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let full = context.new_bucket("Photos Übersee");
    let mut bare = context.new_bucket("bare");
    bare.secret = None;
    (bare.location.key, bare.location.endpoint, bare.location.region) = (None, None, None);
    for new in [&full, &bare] {
        assert_eq!(store.insert_bucket(new, &audit(at(5))).await.unwrap(), BucketInserted::Inserted);
        let found = store.bucket(context.org, new.id).await.unwrap().unwrap();
        assert_eq!(
            (found.id, found.org_id, found.workspace_id, found.version),
            (new.id, context.org, new.workspace_id, 1)
        );
        assert_eq!((&found.name, &found.location), (&new.name, &new.location));
        assert_eq!(found.secret, new.secret.as_ref().map(|secret| secret.sealed.clone()));
        assert_eq!((found.created_at, found.updated_at), (at(5), at(5)));
    }
    assert!(store.bucket(other.org, full.id).await.unwrap().is_none());
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().bucket_count, 2);
}

pub async fn names_are_unique_without_letter_case_until_the_bucket_is_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let first = context.bucket("Übersee").await;
    let again = context.new_bucket("ÜBERSEE");
    assert_eq!(store.insert_bucket(&again, &audit(at(1))).await.unwrap(), BucketInserted::NameTaken);
    other.bucket("Übersee").await;

    let taken = |except| {
        let name = name("übersee");
        async move { store.bucket_name_taken(context.org, &name, except).await.unwrap() }
    };
    assert!(taken(None).await);
    assert!(!taken(Some(first)).await);
    assert!(taken(Some(again.id)).await);

    assert_eq!(store.delete_bucket(context.org, first, &audit(at(2))).await.unwrap(), BucketDeleted::Deleted);
    assert!(!taken(None).await);
    assert_eq!(store.insert_bucket(&again, &audit(at(3))).await.unwrap(), BucketInserted::Inserted);
}

pub async fn two_creations_of_one_name_give_one_bucket(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new: Vec<_> = ["photos", "Photos", "PHOTOS", "photos"].map(|label| context.new_bucket(label)).into();
    let change = audit(at(1));
    let outcomes = join_all(new.iter().map(|new| store.insert_bucket(new, &change))).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|one| **one == BucketInserted::Inserted).count(), 1);
    assert_eq!(outcomes.iter().filter(|one| **one == BucketInserted::NameTaken).count(), 3);
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().bucket_count, 1);
    assert_eq!(store.latest_change().await.unwrap(), 1);
}

pub async fn the_quota_holds_for_creations_at_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    store.set_bucket_quota(context.org, Some(2)).await.unwrap();
    let new: Vec<_> = ["a", "b", "c", "d"].map(|label| context.new_bucket(label)).into();
    let change = audit(at(1));
    let outcomes = join_all(new.iter().map(|new| store.insert_bucket(new, &change))).await;
    let refused = outcomes.into_iter().filter(|one| *one.as_ref().unwrap() == BucketInserted::QuotaExceeded);
    assert_eq!(refused.count(), 2);
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().bucket_count, 2);
    let visible = context.query(Visibility::Organization, None, 10);
    assert_eq!(store.buckets(&visible).await.unwrap().len(), 2);
}

pub async fn the_workspace_must_be_a_live_one_of_the_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let removed = context.another_workspace(1).await;
    store.delete_workspace(context.org, removed, &audit(at(2))).await.unwrap();
    for workspace_id in [other.workspace, removed, fresh(WorkspaceId::new)] {
        let new = NewBucket { workspace_id, ..context.new_bucket("photos") };
        assert_eq!(
            store.insert_bucket(&new, &audit(at(3))).await.unwrap(),
            BucketInserted::WorkspaceNotFound
        );
    }
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().bucket_count, 0);
}

pub async fn a_bucket_is_changed_from_the_version_that_was_read(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let second = context.another_workspace(1).await;
    let id = context.bucket("photos").await;
    let moved = BucketUpdate { workspace_id: second, name: name("Pictures"), ..context.update_of(id).await };
    assert_eq!(store.update_bucket(&moved, &audit(at(7))).await.unwrap(), BucketUpdated::Updated);
    let found = store.bucket(context.org, id).await.unwrap().unwrap();
    assert_eq!((found.workspace_id, found.name.as_str(), found.version), (second, "Pictures", 2));
    assert_eq!((found.created_at, found.updated_at), (at(0), at(7)));
    assert_eq!(store.latest_change().await.unwrap(), 1);

    let relocated =
        BucketUpdate { location: location("elsewhere"), record_change: true, ..context.update_of(id).await };
    assert_eq!(store.update_bucket(&relocated, &audit(at(8))).await.unwrap(), BucketUpdated::Updated);
    let found = store.bucket(context.org, id).await.unwrap().unwrap();
    assert_eq!((found.location.bucket.as_str(), found.version), ("elsewhere", 3));
    assert_eq!(store.latest_change().await.unwrap(), 2);
    assert!(!store.bucket_name_taken(context.org, &name("photos"), None).await.unwrap());
}

pub async fn of_two_changes_from_one_version_one_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    let update = BucketUpdate { record_change: true, ..context.update_of(id).await };
    let (a, b) =
        join(store.update_bucket(&update, &audit(at(1))), store.update_bucket(&update, &audit(at(1)))).await;
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(outcomes.contains(&BucketUpdated::Updated) && outcomes.contains(&BucketUpdated::Conflict));
    assert_eq!(store.bucket(context.org, id).await.unwrap().unwrap().version, 2);

    // A rename writes the workspace that its caller read. It must not undo a move in between.
    let second = context.another_workspace(2).await;
    let renamed = BucketUpdate { name: name("Pictures"), ..context.update_of(id).await };
    let moved = BucketUpdate { workspace_id: second, ..context.update_of(id).await };
    assert_eq!(store.update_bucket(&moved, &audit(at(3))).await.unwrap(), BucketUpdated::Updated);
    assert_eq!(store.update_bucket(&renamed, &audit(at(3))).await.unwrap(), BucketUpdated::Conflict);
    assert_eq!(store.bucket(context.org, id).await.unwrap().unwrap().workspace_id, second);
}

pub async fn a_change_to_a_taken_name_or_a_foreign_workspace_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    context.bucket("taken").await;
    let id = context.bucket("photos").await;
    let unchanged = context.update_of(id).await;
    for (update, outcome) in [
        (BucketUpdate { name: name("TAKEN"), ..unchanged.clone() }, BucketUpdated::NameTaken),
        (
            BucketUpdate { workspace_id: other.workspace, ..unchanged.clone() },
            BucketUpdated::WorkspaceNotFound,
        ),
        (BucketUpdate { org_id: other.org, ..unchanged.clone() }, BucketUpdated::NotFound),
        (BucketUpdate { id: fresh(BucketId::new), ..unchanged.clone() }, BucketUpdated::NotFound),
        (BucketUpdate { from_version: 9, ..unchanged.clone() }, BucketUpdated::Conflict),
        (BucketUpdate { name: name("Photos"), ..unchanged.clone() }, BucketUpdated::Updated),
    ] {
        assert_eq!(store.update_bucket(&update, &audit(at(1))).await.unwrap(), outcome);
    }
    let found = store.bucket(context.org, id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.workspace_id), ("Photos", context.workspace));
}

pub async fn a_secret_is_kept_replaced_or_cleared(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.bucket("photos").await;
    for (change, expected) in [
        (SecretUpdate::Keep, Some("sealed photos")),
        (SecretUpdate::Replace { secret: secret("another"), expires_at: None }, Some("another")),
        (SecretUpdate::Clear, None),
    ] {
        let update = BucketUpdate { secret: change, record_change: true, ..context.update_of(id).await };
        assert_eq!(store.update_bucket(&update, &audit(at(1))).await.unwrap(), BucketUpdated::Updated);
        let found = store.bucket(context.org, id).await.unwrap().unwrap().secret;
        assert_eq!(found, expected.map(SealedSecret::from_text));
    }
    assert_eq!(store.count_secrets().await.unwrap(), 0);
}

pub async fn a_removed_bucket_is_gone_and_frees_name_and_quota(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    store.set_bucket_quota(context.org, Some(1)).await.unwrap();
    let id = context.bucket("photos").await;
    let next = context.new_bucket("Photos");
    assert_eq!(store.delete_bucket(other.org, id, &audit(at(1))).await.unwrap(), BucketDeleted::NotFound);
    assert_eq!(store.delete_bucket(context.org, id, &audit(at(1))).await.unwrap(), BucketDeleted::Deleted);
    assert_eq!(store.delete_bucket(context.org, id, &audit(at(2))).await.unwrap(), BucketDeleted::NotFound);
    assert!(store.bucket(context.org, id).await.unwrap().is_none());
    assert_eq!(store.count_secrets().await.unwrap(), 0);
    assert!(store.secrets_after(None, 10).await.unwrap().is_empty());
    assert!(store.node_buckets(None, &[id]).await.unwrap().found.is_empty());
    assert!(store.buckets(&context.query(Visibility::Organization, None, 10)).await.unwrap().is_empty());
    assert_eq!(store.insert_bucket(&next, &audit(at(3))).await.unwrap(), BucketInserted::Inserted);
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().bucket_count, 1);
}

pub async fn workspaces_of_buckets_are_known_for_live_and_deleted_buckets_of_the_organization(
    store: &dyn Store,
) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let second = context.another_workspace(1).await;
    let a = context.bucket("a").await;
    let b = context.bucket_in(second, "b", at(1)).await;
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(2))).await.unwrap();
    let foreign = other.bucket("foreign").await;
    let asked = [b, a, removed, foreign, fresh(BucketId::new), a];
    let mut response = store.workspaces_of_buckets(context.org, &asked).await.unwrap();
    response.sort();
    let mut expected = [(a, context.workspace), (b, second), (removed, context.workspace)];
    expected.sort();
    assert_eq!(response, expected);
    assert!(store.workspaces_of_buckets(context.org, &[]).await.unwrap().is_empty());
}

pub async fn deleted_buckets_are_still_known_by_their_ids(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let (live, deleted) = (context.bucket("live").await, context.bucket("deleted").await);
    store.delete_bucket(context.org, deleted, &audit(at(2))).await.unwrap();
    let foreign = other.bucket("foreign").await;
    let asked = [deleted, foreign, fresh(BucketId::new), live];
    let found = store.buckets_ever(context.org, &asked).await.unwrap();
    let mut names: Vec<_> = found.iter().map(|bucket| (bucket.name.as_str(), bucket.workspace_id)).collect();
    names.sort_unstable();
    assert_eq!(names, [("deleted", context.workspace), ("live", context.workspace)]);
    assert!(found.iter().all(|bucket| bucket.secret.is_none()));
}

pub async fn the_generation_changes_with_the_organizations_buckets_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let mut last = store.bucket_generation(context.org).await.unwrap();
    let untouched = store.bucket_generation(other.org).await.unwrap();
    let mut changed = async |what: &str| {
        // In any order, and with an organization that has no bucket.
        let both = store.bucket_generations(&[other.org, context.org]).await.unwrap();
        let now = store.bucket_generation(context.org).await.unwrap();
        assert_eq!(both, [untouched, now]);
        assert_ne!(now, last, "{what} goes unnoticed");
        last = now;
    };
    let id = context.bucket("photos").await;
    changed("a registration").await;
    let update = BucketUpdate { name: name("Pictures"), ..context.update_of(id).await };
    store.update_bucket(&update, &audit(at(1))).await.unwrap();
    changed("a new name").await;
    let node = context.node("node-1").await;
    changed("a node").await;
    context.probe(node, id, &[online(10, 5)]).await;
    changed("a report of a node").await;
    store.unregister_node(node, &audit(at(20))).await.unwrap();
    changed("the removal of a node").await;
    store.delete_bucket(context.org, id, &audit(at(30))).await.unwrap();
    changed("a removal").await;
    assert_eq!(store.bucket_generation(other.org).await.unwrap(), untouched);
}

pub async fn reports_without_news_outdate_responses_and_are_not_shown_at_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let id = context.bucket("photos").await;
    let generations = async || {
        let response = store.bucket_generation(context.org).await.unwrap();
        (response, store.shown_generation(context.org).await.unwrap())
    };
    let url = "https://s3.example.com".parse().unwrap();
    let first = HeartbeatReport {
        census: StatusCounts { online: 1, offline: 0, unknown: 0 },
        gateway_url: Some(url),
        waiting_batches: None,
        process: None,
        leaving: false,
    };
    let mut last = generations().await;
    let mut changed = async |what: &str, is_shown: bool| {
        let now = generations().await;
        assert_ne!(now.0, last.0, "{what} leaves responses");
        assert_eq!(now.1 != last.1, is_shown, "{what}");
        last = now;
    };
    store.record_heartbeat(node, first.clone(), at(5)).await.unwrap();
    changed("the first heartbeat", true).await;
    context.probe(node, id, &[online(6, 5)]).await;
    changed("the first status", true).await;
    for second in [20, 40, 60] {
        store.record_heartbeat(node, first.clone(), at(second)).await.unwrap();
        changed("another heartbeat", false).await;
        context.probe(node, id, &[online(second, 7)]).await;
        changed("another probe", false).await;
    }
    let moved = HeartbeatReport { gateway_url: None, ..first };
    store.record_heartbeat(node, moved.clone(), at(80)).await.unwrap();
    changed("another address", true).await;
    store.record_heartbeat(node, moved, at(150)).await.unwrap();
    changed("the end of a silence", true).await;
    let offline = ProbeSample { status: ProbedStatus::Offline, latency_ms: None, ..online(151, 7) };
    context.probe(node, id, &[offline]).await;
    changed("another status", true).await;
}

pub async fn a_write_that_is_given_up_leaves_nothing_behind(store: &dyn Store) {
    let context = TestContext::new(store).await;
    // Cancelled after each possible number of steps, the write must have happened as a whole or not at all.
    for steps in 0..12 {
        let new = context.new_bucket(&format!("given up after {steps}"));
        let change = audit(at(1));
        let mut write = store.insert_bucket(&new, &change);
        let mut taken = 0;
        poll_fn(|context| {
            taken += 1;
            let given_up = taken > steps;
            if given_up || write.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(write);

        let next = context.bucket(&format!("after {steps}")).await;
        assert_eq!(
            store.delete_bucket(context.org, next, &audit(at(2))).await.unwrap(),
            BucketDeleted::Deleted
        );
        let stored = store.bucket(context.org, new.id).await.unwrap().is_some();
        let counted = store.organization(context.org).await.unwrap().unwrap().bucket_count;
        assert_eq!(counted, u64::from(stored));
        let expected = if stored { BucketDeleted::Deleted } else { BucketDeleted::NotFound };
        assert_eq!(store.delete_bucket(context.org, new.id, &audit(at(3))).await.unwrap(), expected);
    }
}
