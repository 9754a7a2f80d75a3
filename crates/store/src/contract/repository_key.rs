//! Access keys of repositories.

use bucketry_model::id::{RepoId, RepoKeyId};
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::repository::KeyAccess;

use super::fixture::{TestContext, at, audit, fresh, name};
use crate::Store;
use crate::repository_key::KeyInserted;

pub async fn a_key_reads_back_without_its_secret(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (a, b) = (context.repository("a", &[]).await, context.repository("b", &[]).await);
    let first = context.new_key(a, "first");
    assert_eq!(store.insert_repository_key(&first, 10, &audit(at(1))).await.unwrap(), KeyInserted::Inserted);
    let second = context.new_key(a, "second");
    store.insert_repository_key(&second, 10, &audit(at(2))).await.unwrap();
    let third = context.key(b, "third").await;
    let found = store.repository_keys(&[a]).await.unwrap();
    assert_eq!(found.iter().map(|key| key.id).collect::<Vec<_>>(), [second.id, first.id]);
    let read = &found[1];
    assert_eq!((read.repo_id, &read.name, read.access), (a, &first.name, KeyAccess::Write));
    assert_eq!((&read.key, read.created_at, read.last_used_at), (&first.key, at(1), None));
    let both: Vec<_> = store.repository_keys(&[b, a]).await.unwrap().into_iter().map(|key| key.id).collect();
    assert!(both.len() == 3 && both.contains(&third));
    assert!(store.repository_keys(&[]).await.unwrap().is_empty());
}

pub async fn keys_are_bounded_in_number(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let id = context.repository("main", &[]).await;
    let first = context.key(id, "first").await;
    let next = context.new_key(id, "next");
    assert_eq!(store.insert_repository_key(&next, 1, &audit(at(1))).await.unwrap(), KeyInserted::TooMany);
    assert!(store.revoke_repository_key(context.org, id, first, &audit(at(2))).await.unwrap());
    assert_eq!(store.insert_repository_key(&next, 1, &audit(at(3))).await.unwrap(), KeyInserted::Inserted);
    for wrong in [other.new_key(id, "foreign"), context.new_key(fresh(RepoId::new), "nowhere")] {
        let inserted = store.insert_repository_key(&wrong, 10, &audit(at(4))).await.unwrap();
        assert_eq!(inserted, KeyInserted::RepositoryNotFound);
    }
}

pub async fn a_key_is_changed_and_revoked_within_its_repository_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let (a, b) = (context.repository("a", &[]).await, context.repository("b", &[]).await);
    let key = context.key(a, "key").await;
    let new_name = name("renamed");
    for (org, repository, id, done) in [
        (other.org, a, key, false),
        (context.org, b, key, false),
        (context.org, a, fresh(RepoKeyId::new), false),
        (context.org, a, key, true),
    ] {
        let change = audit(at(1));
        let changed = store.update_repository_key(org, repository, id, &new_name, KeyAccess::Read, &change);
        assert_eq!(changed.await.unwrap(), done);
        if !done {
            assert!(!store.revoke_repository_key(org, repository, id, &audit(at(1))).await.unwrap());
        }
    }
    let found = store.repository_keys(&[a]).await.unwrap();
    assert_eq!((found[0].name.as_str(), found[0].access), ("renamed", KeyAccess::Read));
    assert!(store.revoke_repository_key(context.org, a, key, &audit(at(2))).await.unwrap());
    assert!(!store.revoke_repository_key(context.org, a, key, &audit(at(3))).await.unwrap());
    let change = audit(at(4));
    let changed = store.update_repository_key(context.org, a, key, &new_name, KeyAccess::Admin, &change);
    assert!(!changed.await.unwrap());
    assert!(store.repository_keys(&[a]).await.unwrap().is_empty());
    assert_eq!(store.count_secrets().await.unwrap(), 0);
}

pub async fn the_keys_of_a_removed_repository_are_revoked(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.repository("main", &[]).await;
    context.key(id, "key").await;
    assert_eq!(store.count_secrets().await.unwrap(), 1);
    store.delete_repository(context.org, id, &audit(at(1))).await.unwrap();
    assert!(store.repository_keys(&[id]).await.unwrap().is_empty());
    assert_eq!(store.count_secrets().await.unwrap(), 0);
    let late = context.new_key(id, "late");
    let inserted = store.insert_repository_key(&late, 10, &audit(at(2))).await.unwrap();
    assert_eq!(inserted, KeyInserted::RepositoryNotFound);
}

pub async fn the_latest_use_of_a_key_is_kept(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let id = context.repository("main", &[]).await;
    let (a, b) = (context.key(id, "a").await, context.key(id, "b").await);
    let used = |key_id, seconds| KeyUse { key_id, at: at(seconds) };
    let last = async || {
        let keys = store.repository_keys(&[id]).await.unwrap();
        [a, b].map(|id| keys.iter().find(|key| key.id == id).unwrap().last_used_at)
    };
    let uses = [used(a, 10), used(b, 20), used(a, 15), used(a, 12), used(fresh(RepoKeyId::new), 30)];
    store.note_key_uses(Some(context.org), &uses, at(100)).await.unwrap();
    assert_eq!(last().await, [Some(at(15)), Some(at(20))]);
    store.note_key_uses(None, &[used(a, 14), used(b, 25)], at(100)).await.unwrap();
    assert_eq!(last().await, [Some(at(15)), Some(at(25))]);
    store.note_key_uses(Some(other.org), &[used(a, 99)], at(100)).await.unwrap();
    store.note_key_uses(None, &[], at(100)).await.unwrap();
    assert_eq!(last().await, [Some(at(15)), Some(at(25))]);
}

pub async fn a_use_from_the_future_gives_way(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.repository("main", &[]).await;
    let key_id = context.key(id, "a").await;
    let note = async |used, now| {
        store.note_key_uses(None, &[KeyUse { key_id, at: at(used) }], at(now)).await.unwrap();
        store.repository_keys(&[id]).await.unwrap()[0].last_used_at
    };
    let two_days = 2 * 86_400;
    assert_eq!(note(two_days, two_days).await, Some(at(two_days)));
    assert_eq!(
        note(two_days - 300, two_days - 300).await,
        Some(at(two_days)),
        "clocks may differ by this much"
    );
    assert_eq!(note(10, 10).await, Some(at(10)));
    assert_eq!(note(5, 10).await, Some(at(10)));
}

pub async fn the_owner_of_a_key_is_found_even_if_it_was_revoked(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let id = context.repository("main", &[]).await;
    let (a, b) = (context.key(id, "a").await, context.key(id, "b").await);
    assert!(store.revoke_repository_key(context.org, id, b, &audit(at(5))).await.unwrap());
    let unknown = fresh(RepoKeyId::new);
    let mut owners = store.key_owners(Some(context.org), &[a, b, unknown]).await.unwrap();
    owners.sort_by(|one, other| one.name.cmp(&other.name));
    let [first, second] = owners.as_slice() else { panic!("{owners:?}") };
    assert_eq!((first.id, first.org_id, first.workspace_id), (a, context.org, context.workspace));
    assert_eq!((first.name.as_str(), second.id), ("a", b));
    assert_ne!(first.access_key, second.access_key);
    assert_eq!(store.key_owners(None, &[b]).await.unwrap(), std::slice::from_ref(second));
    assert_eq!(store.key_owners(Some(other.org), &[a, b]).await.unwrap(), []);
    assert_eq!(store.key_owners(None, &[]).await.unwrap(), []);
}
