//! Stored responses for requests that may arrive twice.

use bucketry_model::id::TokenId;
use futures_util::future::join;
use jiff::Timestamp;

use super::fixture::{TestContext, at, fresh};
use crate::Store;
use crate::idempotency::{Begun, RequestName};

async fn request(store: &dyn Store) -> RequestName {
    TestContext::new(store).await;
    RequestName { token_id: fresh(TokenId::new), route: "POST /bucket".to_owned(), key: "key-1".to_owned() }
}

async fn begin(store: &dyn Store, name: &RequestName, body: u8, now: Timestamp) -> Begun {
    store.begin_request(name, &[body; 32], at(-60), now).await.unwrap()
}

fn answered(status: u16, body: &str) -> Begun {
    Begun::Answered { status, body: body.to_owned() }
}

pub async fn an_answer_is_given_again(store: &dyn Store) {
    let name = request(store).await;
    assert_eq!(begin(store, &name, 1, at(0)).await, Begun::New);
    assert_eq!(begin(store, &name, 1, at(1)).await, Begun::InProgress);
    store.complete_request(&name, 200, "{}").await.unwrap();
    assert_eq!(begin(store, &name, 1, at(2)).await, answered(200, "{}"));

    for other in [
        RequestName { token_id: fresh(TokenId::new), ..name.clone() },
        RequestName { route: "POST /token".to_owned(), ..name.clone() },
        RequestName { key: "key-2".to_owned(), ..name.clone() },
    ] {
        assert_eq!(begin(store, &other, 1, at(3)).await, Begun::New);
    }
}

pub async fn one_key_with_another_body_is_told(store: &dyn Store) {
    let name = request(store).await;
    begin(store, &name, 1, at(0)).await;
    assert_eq!(begin(store, &name, 2, at(1)).await, Begun::OtherBody);
    store.complete_request(&name, 400, "no").await.unwrap();
    assert_eq!(begin(store, &name, 2, at(2)).await, Begun::OtherBody);
    assert_eq!(begin(store, &name, 1, at(3)).await, answered(400, "no"));
}

pub async fn an_abandoned_request_can_be_tried_again(store: &dyn Store) {
    let name = request(store).await;
    begin(store, &name, 1, at(0)).await;
    store.abandon_request(&name).await.unwrap();
    assert_eq!(begin(store, &name, 2, at(1)).await, Begun::New);
    store.complete_request(&name, 200, "{}").await.unwrap();
    // A request that was answered stays answered.
    store.abandon_request(&name).await.unwrap();
    assert_eq!(begin(store, &name, 2, at(2)).await, answered(200, "{}"));
}

pub async fn of_two_requests_at_once_one_is_new(store: &dyn Store) {
    let name = request(store).await;
    let (a, b) = join(begin(store, &name, 1, at(0)), begin(store, &name, 1, at(0))).await;
    let outcomes = [a, b];
    assert!(outcomes.contains(&Begun::New) && outcomes.contains(&Begun::InProgress));
}

pub async fn a_stale_reservation_is_taken_over(store: &dyn Store) {
    let name = request(store).await;
    begin(store, &name, 1, at(0)).await;
    let take_over = |body: u8, stale, now| {
        let name = name.clone();
        async move { store.begin_request(&name, &[body; 32], stale, now).await.unwrap() }
    };
    assert_eq!(take_over(2, at(1), at(100)).await, Begun::New);
    assert_eq!(take_over(2, at(1), at(101)).await, Begun::InProgress);
    store.complete_request(&name, 200, "{}").await.unwrap();
    assert_eq!(take_over(2, at(1_000), at(1_000)).await, answered(200, "{}"));
}

pub async fn a_reservation_from_the_future_is_taken_over_and_an_answer_stays(store: &dyn Store) {
    let name = request(store).await;
    let two_days = 2 * 86_400;
    assert_eq!(begin(store, &name, 1, at(two_days)).await, Begun::New);
    assert_eq!(begin(store, &name, 1, at(two_days - 300)).await, Begun::InProgress);
    assert_eq!(begin(store, &name, 1, at(0)).await, Begun::New, "the process that reserved it is gone");
    assert_eq!(begin(store, &name, 1, at(two_days)).await, Begun::InProgress);
    store.complete_request(&name, 200, "{}").await.unwrap();
    // A request that was answered must not run again because of a wrong clock.
    assert_eq!(begin(store, &name, 1, at(-two_days)).await, answered(200, "{}"));
}

pub async fn old_answers_are_purged(store: &dyn Store) {
    let name = request(store).await;
    begin(store, &name, 1, at(0)).await;
    store.complete_request(&name, 200, "{}").await.unwrap();
    assert_eq!(store.purge_requests(at(0)).await.unwrap(), 0);
    assert_eq!(store.purge_requests(at(1)).await.unwrap(), 1);
    assert_eq!(begin(store, &name, 2, at(2)).await, Begun::New);
}
