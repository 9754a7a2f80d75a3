//! Signatures of accepted messages of nodes.

use futures_util::future::join;

use super::fixture::at;
use crate::Store;

pub async fn a_signature_is_new_once_until_its_time_has_passed(store: &dyn Store) {
    let (hash, other) = ([1; 32], [2; 32]);
    let remember = async |hash, now| store.remember_signature(hash, at(now), at(now + 600)).await.unwrap();
    assert!(remember(&hash, 0).await && remember(&other, 0).await);
    assert!(!remember(&hash, 1).await);
    assert!(!remember(&hash, 599).await, "a repetition doesn't make it longer");
    assert!(remember(&hash, 600).await, "its message would be refused because of its time");
    assert!(!remember(&hash, 601).await);
}

pub async fn of_two_processes_that_get_one_signature_one_accepts_it(store: &dyn Store) {
    for number in 0..20 {
        let hash = [number; 32];
        let remember = async || store.remember_signature(&hash, at(0), at(600)).await.unwrap();
        let (one, another) = join(remember(), remember()).await;
        assert!(one != another);
    }
}

pub async fn signatures_are_forgotten_when_their_time_has_passed(store: &dyn Store) {
    for number in 0..5 {
        store.remember_signature(&[number; 32], at(0), at(i64::from(number))).await.unwrap();
    }
    assert_eq!(store.purge_signatures(at(3), 2).await.unwrap(), 2);
    assert_eq!(store.purge_signatures(at(3), 2).await.unwrap(), 1);
    assert_eq!(store.purge_signatures(at(3), 2).await.unwrap(), 0);
    assert!(!store.remember_signature(&[4; 32], at(3), at(9)).await.unwrap());
}
