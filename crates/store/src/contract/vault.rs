//! Sealed secrets and their rotation.

use bucketry_model::id::{BucketId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::SealedSecret;

use super::fixture::{TestContext, at, audit, fresh, secret};
use crate::Store;
use crate::bucket::StoredSecret;
use crate::repository::{NewRepository, RepositoryInserted};
use crate::vault::{RotationPhase, RotationState};

pub async fn secrets_are_walked_by_id_buckets_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut made = Vec::new();
    let repository = context.repository("main", &[]).await;
    for number in 0..5 {
        made.push(SecretOwner::Bucket(context.bucket(&format!("bucket {number}")).await));
        made.push(SecretOwner::RepositoryKey(context.key(repository, &format!("key {number}")).await));
    }
    let revoked = context.key(repository, "revoked").await;
    assert!(store.revoke_repository_key(context.org, repository, revoked, &audit(at(1))).await.unwrap());
    let mut bare = context.new_bucket("bare");
    bare.secret = None;
    store.insert_bucket(&bare, &audit(at(1))).await.unwrap();
    for number in 0..3 {
        let sealing_key = Some(secret("sealing key"));
        let new =
            NewRepository { sealing_key, ..context.new_repository(&format!("repository {number}"), &[]) };
        assert_eq!(store.insert_repository(&new, &audit(at(1))).await.unwrap(), RepositoryInserted::Inserted);
        made.push(SecretOwner::Repository(new.id));
    }
    let deleted = NewRepository { sealing_key: Some(secret("gone")), ..context.new_repository("gone", &[]) };
    store.insert_repository(&deleted, &audit(at(1))).await.unwrap();
    assert!(store.delete_repository(context.org, deleted.id, &audit(at(1))).await.unwrap());
    made.sort();
    assert_eq!(store.count_secrets().await.unwrap(), 13);
    let mut walked = Vec::new();
    loop {
        let page = store.secrets_after(walked.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        for (bound, sealed_to) in &page {
            assert_eq!((bound.org_id, sealed_to.as_str()), (context.org, "recipients-1"));
            if let SecretOwner::Bucket(id) = bound.owner {
                let bucket = store.bucket(context.org, id).await.unwrap().unwrap();
                assert_eq!(bucket.secret.as_ref(), Some(&bound.secret));
            }
        }
        walked.extend(page.iter().map(|(bound, _)| bound.owner));
    }
    assert_eq!(walked, made);
}

pub async fn a_secret_is_replaced_only_where_the_old_one_is_in_place(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [a, b] = [context.bucket("a").await, context.bucket("b").await];
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    let repository = context.repository("main", &[]).await;
    let key = context.key(repository, "key").await;
    let anew = |text: &str| StoredSecret { sealed_to: "recipients-2".to_owned(), ..secret(text) };
    let replacements = [
        (SecretOwner::Bucket(a), SealedSecret::from_text("sealed a"), anew("resealed a")),
        (SecretOwner::Bucket(b), SealedSecret::from_text("another one"), anew("resealed b")),
        (SecretOwner::Bucket(removed), SealedSecret::from_text("sealed removed"), anew("resealed removed")),
        (SecretOwner::Bucket(fresh(BucketId::new)), SealedSecret::from_text("x"), anew("y")),
        (SecretOwner::RepositoryKey(key), SealedSecret::from_text("sealed key"), anew("resealed key")),
        (SecretOwner::RepositoryKey(key), SealedSecret::from_text("sealed key"), anew("too late")),
    ];
    let before = store.latest_change().await.unwrap();
    assert_eq!(store.replace_secrets(&replacements, at(2)).await.unwrap(), 2);
    assert_eq!(store.latest_change().await.unwrap(), before + 2);
    let found = store.bucket(context.org, a).await.unwrap().unwrap();
    assert_eq!((found.secret, found.version), (Some(SealedSecret::from_text("resealed a")), 2));
    assert_eq!(found.updated_at, at(0));
    let found = store.bucket(context.org, b).await.unwrap().unwrap();
    assert_eq!((found.secret, found.version), (Some(SealedSecret::from_text("sealed b")), 1));
    let sealed_to: Vec<_> =
        store.secrets_after(None, 10).await.unwrap().into_iter().map(|(_, to)| to).collect();
    assert_eq!(sealed_to.iter().filter(|to| *to == "recipients-2").count(), 1);
    let served = store.node_repositories(None, &[repository]).await.unwrap().found;
    assert_eq!((served[0].version, served[0].keys[0].secret.as_text()), (3, "resealed key"));
}

pub async fn a_repository_is_given_its_sealing_key_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [one, two, gone] = [
        context.repository("one", &[]).await,
        context.repository("two", &[]).await,
        context.repository("gone", &[]).await,
    ];
    assert!(store.delete_repository(context.org, gone, &audit(at(1))).await.unwrap());
    let without = async |after| {
        let page = store.repositories_without_sealing_key(after, 10).await.unwrap();
        page.into_iter().map(|(id, org)| (id, org == context.org)).collect::<Vec<_>>()
    };
    assert_eq!(without(None).await, [(one, true), (two, true)]);
    assert_eq!(without(Some(one)).await, [(two, true)]);
    assert!(store.lacks_sealing_key(context.org, one).await.unwrap());

    let before = store.latest_change().await.unwrap();
    assert!(store.set_sealing_key(context.org, one, &secret("first"), at(2)).await.unwrap());
    assert!(!store.set_sealing_key(context.org, one, &secret("second"), at(2)).await.unwrap());
    assert!(!store.set_sealing_key(context.org, gone, &secret("late"), at(2)).await.unwrap());
    assert!(!store.set_sealing_key(fresh(OrgId::new), two, &secret("foreign"), at(2)).await.unwrap());
    assert_eq!(store.latest_change().await.unwrap(), before + 1);
    assert!(!store.lacks_sealing_key(context.org, one).await.unwrap());
    assert!(!store.lacks_sealing_key(context.org, gone).await.unwrap());
    assert_eq!(without(None).await, [(two, true)]);
    let served = store.node_repositories(None, &[one]).await.unwrap().found;
    assert_eq!(
        (served[0].version, served[0].sealing_key.clone()),
        (2, Some(SealedSecret::from_text("first")))
    );

    let resealed = StoredSecret { sealed_to: "recipients-2".to_owned(), ..secret("resealed") };
    let replacement =
        |old: &str| [(SecretOwner::Repository(one), SealedSecret::from_text(old), resealed.clone())];
    assert_eq!(store.replace_secrets(&replacement("another"), at(3)).await.unwrap(), 0);
    assert_eq!(store.replace_secrets(&replacement("first"), at(3)).await.unwrap(), 1);
    let served = store.node_repositories_after(None, None, 10).await.unwrap();
    assert_eq!(
        (served[0].version, served[0].sealing_key.clone()),
        (3, Some(SealedSecret::from_text("resealed")))
    );
    assert_eq!(served[1].sealing_key, None);
}

pub async fn the_state_of_a_rotation_reads_back(store: &dyn Store) {
    assert_eq!(store.rotation().await.unwrap(), None);
    let mut state = RotationState {
        phase: RotationPhase::NewIdentity,
        cursor: None,
        total: 10,
        done: 0,
        failed: 0,
        started_at: at(1),
        finished_at: None,
    };
    for phase in
        [RotationPhase::NewIdentity, RotationPhase::Resealing, RotationPhase::Retiring, RotationPhase::Done]
    {
        state.phase = phase;
        store.set_rotation(&state).await.unwrap();
        assert_eq!(store.rotation().await.unwrap(), Some(state.clone()));
        let last = match phase {
            RotationPhase::NewIdentity => SecretOwner::Bucket(fresh(BucketId::new)),
            RotationPhase::Resealing => SecretOwner::RepositoryKey(fresh(RepoKeyId::new)),
            _ => SecretOwner::Repository(fresh(RepoId::new)),
        };
        (state.cursor, state.done, state.failed) = (Some(last), 9, 1);
        state.finished_at = Some(at(9));
    }
}
