//! Sealed secrets and their rotation.

use bucketry_model::id::BucketId;
use bucketry_model::secret::SealedSecret;

use super::fixture::{World, at, fresh, secret};
use crate::Store;
use crate::bucket::StoredSecret;
use crate::vault::{RotationPhase, RotationState};

pub async fn secrets_are_walked_by_id(store: &dyn Store) {
    let world = World::new(store).await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(world.bucket(&format!("bucket {number}")).await);
    }
    let mut bare = world.new_bucket("bare");
    bare.secret = None;
    store.insert_bucket(&bare, at(1)).await.unwrap();
    made.sort();
    assert_eq!(store.count_secrets().await.unwrap(), 5);
    let mut walked = Vec::new();
    loop {
        let page = store.secrets_after(walked.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        for (bound, sealed_to) in &page {
            assert_eq!((bound.org_id, sealed_to.as_str()), (world.org, "recipients-1"));
            let bucket = store.bucket(world.org, bound.bucket_id).await.unwrap().unwrap();
            assert_eq!(bucket.secret.as_ref(), Some(&bound.secret));
        }
        walked.extend(page.iter().map(|(bound, _)| bound.bucket_id));
    }
    assert_eq!(walked, made);
}

pub async fn a_secret_is_replaced_only_where_the_old_one_is_in_place(store: &dyn Store) {
    let world = World::new(store).await;
    let [a, b] = [world.bucket("a").await, world.bucket("b").await];
    let removed = world.bucket("removed").await;
    store.delete_bucket(world.org, removed, at(1)).await.unwrap();
    let anew = |text: &str| StoredSecret { sealed_to: "recipients-2".to_owned(), ..secret(text) };
    let replacements = [
        (a, SealedSecret::from_text("sealed a"), anew("resealed a")),
        (b, SealedSecret::from_text("another one"), anew("resealed b")),
        (removed, SealedSecret::from_text("sealed removed"), anew("resealed removed")),
        (fresh(BucketId::new), SealedSecret::from_text("x"), anew("y")),
    ];
    let before = store.latest_change().await.unwrap();
    assert_eq!(store.replace_secrets(&replacements, at(2)).await.unwrap(), 1);
    assert_eq!(store.latest_change().await.unwrap(), before + 1);
    let found = store.bucket(world.org, a).await.unwrap().unwrap();
    assert_eq!((found.secret, found.version), (Some(SealedSecret::from_text("resealed a")), 2));
    assert_eq!(found.updated_at, at(0));
    let found = store.bucket(world.org, b).await.unwrap().unwrap();
    assert_eq!((found.secret, found.version), (Some(SealedSecret::from_text("sealed b")), 1));
    let sealed_to: Vec<_> =
        store.secrets_after(None, 10).await.unwrap().into_iter().map(|(_, to)| to).collect();
    assert_eq!(sealed_to.iter().filter(|to| *to == "recipients-2").count(), 1);
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
        (state.cursor, state.done, state.failed) = (Some(fresh(BucketId::new)), 9, 1);
        state.finished_at = Some(at(9));
    }
}
