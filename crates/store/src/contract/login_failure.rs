//! Failed attempts to enter a password.

use futures_util::future::join;
use jiff::SignedDuration;

use super::fixture::at;
use crate::Store;
use crate::login_failure::{AllowanceHash, FailedAttempt};

/// A failure that uses ten seconds of an allowance.
fn failure(hash: AllowanceHash) -> FailedAttempt {
    let seconds = SignedDuration::from_secs;
    FailedAttempt { hash, recovers_in: seconds(10), overdrawn_at_most: seconds(100) }
}

pub async fn failures_add_up_until_the_allowance_is_complete_again(store: &dyn Store) {
    let [network, account] = [[2; 32], [1; 32]];
    let read = async |now| store.login_failures(&[network, account], at(now)).await.unwrap();
    assert_eq!(read(0).await, []);
    store.record_login_failure(&[failure(network), failure(account)], at(0)).await.unwrap();
    store.record_login_failure(&[failure(account)], at(3)).await.unwrap();
    let mut used = read(5).await;
    used.sort_unstable();
    assert_eq!(used, [(account, at(20)), (network, at(10))]);
    assert_eq!(read(10).await, [(account, at(20))]);
    assert_eq!(read(20).await, []);
    store.record_login_failure(&[failure(account)], at(30)).await.unwrap();
    assert_eq!(read(31).await, [(account, at(40))], "what was complete counts no more");
    assert_eq!(store.login_failures(&[], at(0)).await.unwrap(), []);
}

pub async fn failures_at_once_are_all_counted(store: &dyn Store) {
    let [one, another] = [[1; 32], [2; 32]];
    for _ in 0..10 {
        let (there, back) = ([failure(one), failure(another)], [failure(another), failure(one)]);
        let record = async |all: &[FailedAttempt]| store.record_login_failure(all, at(0)).await.unwrap();
        join(record(&there[..]), record(&back[..])).await;
    }
    // The first sets the time, and each adds its own.
    let used = store.login_failures(&[one], at(0)).await.unwrap();
    assert_eq!(used, [(one, at(110))], "as far as it may be overdrawn");
    let used = store.login_failures(&[another], at(0)).await.unwrap();
    assert_eq!(used, [(another, at(110))]);
}

pub async fn an_allowance_is_never_overdrawn_by_more_than_its_limit(store: &dyn Store) {
    let hash = [1; 32];
    // A process whose clock is a day ahead.
    store.record_login_failure(&[failure(hash)], at(86_400)).await.unwrap();
    store.record_login_failure(&[failure(hash)], at(0)).await.unwrap();
    assert_eq!(store.login_failures(&[hash], at(0)).await.unwrap(), [(hash, at(110))]);
}

pub async fn failures_are_forgotten_when_the_allowance_is_complete(store: &dyn Store) {
    for number in 0..5 {
        store.record_login_failure(&[failure([number; 32])], at(i64::from(number))).await.unwrap();
    }
    assert_eq!(store.purge_login_failures(at(13), 2).await.unwrap(), 2);
    assert_eq!(store.purge_login_failures(at(13), 2).await.unwrap(), 1);
    assert_eq!(store.purge_login_failures(at(13), 2).await.unwrap(), 0);
    assert_eq!(store.login_failures(&[[4; 32]], at(13)).await.unwrap(), [([4; 32], at(14))]);
}
