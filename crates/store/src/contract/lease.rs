//! Leases, and writes that their former holders can't make any more.

use jiff::SignedDuration;

use super::fixture::{TestContext, at};
use crate::lease::{Lease, LeaseName};
use crate::{Store, StoreError};

const LASTS: SignedDuration = SignedDuration::from_mins(5);

async fn acquire(store: &dyn Store, name: LeaseName, holder: &str) -> Lease {
    store.acquire_lease(name, holder, LASTS).await.unwrap().unwrap()
}

pub async fn a_token_grows_whenever_a_lease_changes_hands(store: &dyn Store) {
    let first = acquire(store, LeaseName::Maintenance, "a").await;
    assert_eq!(acquire(store, LeaseName::Maintenance, "a").await, first, "it was renewed");
    store.release_lease(&first).await.unwrap();
    let second = acquire(store, LeaseName::Maintenance, "b").await;
    assert!(second.token > first.token);
    store.release_lease(&first).await.unwrap();
    assert_eq!(acquire(store, LeaseName::Maintenance, "b").await, second, "only its holder can release it");
    store.release_lease(&second).await.unwrap();
    assert!(acquire(store, LeaseName::Maintenance, "a").await.token > second.token);
    assert_eq!(acquire(store, LeaseName::VaultRotation, "b").await.token, 1, "each lease has its own tokens");
}

pub async fn a_former_holder_stores_nothing(store: &dyn Store) {
    TestContext::new(store).await;
    let first = acquire(store, LeaseName::ConditionWatch, "a").await;
    let of_first = store.fenced(&first);
    of_first.record_backup(at(1)).await.unwrap();
    store.release_lease(&first).await.unwrap();
    of_first.record_backup(at(2)).await.unwrap();
    assert_eq!(store.last_backup().await.unwrap(), Some(at(2)), "nobody else has the lease");

    let second = acquire(store, LeaseName::ConditionWatch, "b").await;
    acquire(store, LeaseName::Maintenance, "a").await;
    let late = of_first.record_backup(at(3)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(LeaseName::ConditionWatch))), "{late:?}");
    assert_eq!(store.last_backup().await.unwrap(), Some(at(2)));
    assert_eq!(of_first.last_backup().await.unwrap(), Some(at(2)), "it may still read");
    store.fenced(&second).record_backup(at(4)).await.unwrap();
    store.record_backup(at(5)).await.unwrap();
    assert_eq!(store.last_backup().await.unwrap(), Some(at(5)));
}
