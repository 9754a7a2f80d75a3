//! Conditions, messages and deliveries.

use bucketry_model::finding::{FindingCode, Severity, SubjectKind};
use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::notification::{DeliveryState, Notification, NotificationItem, NotificationKind};
use jiff::Timestamp;

use super::fixture::{TestContext, at, audit};
use super::notification_channel::new_channel;
use crate::Store;
use crate::bucket::SecretUpdate;
use crate::notification::{
    ChannelLoad, ClaimedDelivery, DeliveryAttempt, NewNotification, StoredCondition, WaitingNotifications,
};
use crate::notification_channel::{ChannelUpdate, NewChannel};

async fn channel(context: &TestContext<'_>) -> NewChannel {
    let new = new_channel(context);
    context.store.insert_channel(&new, 10, &audit(at(0))).await.unwrap();
    new
}

fn item(name: &str) -> NotificationItem {
    NotificationItem {
        code: FindingCode::BucketOffline,
        subject: SubjectKind::Bucket,
        id: name.to_owned(),
        name: name.to_owned(),
        severity: Severity::Critical,
        title: "Bucket is OFFLINE".to_owned(),
        sentence: "No node reaches it.".to_owned(),
        command: Some("bucket validate x".to_owned()),
        since: Some(at(0)),
        workspace_id: None,
    }
}

fn condition(name: &str, seconds: i64) -> StoredCondition {
    StoredCondition {
        condition: name.to_owned(),
        code: FindingCode::BucketOffline,
        item: (name != "counted").then(|| item(name)),
        alerted_at: at(seconds),
        cleared_at: None,
    }
}

/// A message whose id sorts by the second.
fn message(seconds: i64) -> NewNotification {
    let message = Notification::about(NotificationKind::Alerting, vec![item("photos")], 1, None, at(seconds));
    NewNotification { id: NotificationId::new(at(seconds), [0; 10]), message }
}

async fn claim(store: &dyn Store, seconds: i64) -> Option<ClaimedDelivery> {
    store.claim_delivery(at(seconds), at(seconds + 60)).await.unwrap()
}

fn attempt(claimed: &ClaimedDelivery, state: DeliveryState, next_at: Option<Timestamp>) -> DeliveryAttempt {
    let is_done = state == DeliveryState::Delivered;
    DeliveryAttempt {
        id: claimed.stored.id,
        state,
        status: Some(if is_done { 200 } else { 500 }),
        error: (!is_done).then(|| "the receiver answered 500".to_owned()),
        next_at,
        is_deferred: false,
    }
}

pub async fn a_condition_and_its_message_are_stored_together_and_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel = channel(&context).await.id;
    let both = [condition("counted", 1), condition("photos", 1)];
    assert!(store.begin_conditions(channel, &both, Some(&message(1))).await.unwrap());
    assert!(!store.begin_conditions(channel, &both, Some(&message(2))).await.unwrap(), "another process");
    assert_eq!(store.conditions(channel).await.unwrap(), both);
    assert_eq!(store.notifications(channel, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.watched_channels(None, 10).await.unwrap()[0].conditions, 2);
    let third = [condition("films", 3), condition("photos", 3)];
    assert!(store.begin_conditions(channel, &third, None).await.unwrap());
    assert_eq!(store.conditions(channel).await.unwrap().len(), 3);
    assert_eq!(store.notifications(channel, None, 10).await.unwrap().len(), 1);
}

pub async fn a_condition_ends_once_and_only_if_it_was_cleared(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel = channel(&context).await.id;
    let names = ["films".to_owned(), "photos".to_owned()];
    store.begin_conditions(channel, &[condition("films", 1), condition("photos", 1)], None).await.unwrap();
    assert!(!store.end_conditions(channel, &names, Some(&message(2))).await.unwrap());
    store.mark_conditions(channel, &names, Some(at(5))).await.unwrap();
    store.mark_conditions(channel, &names[..1], None).await.unwrap();
    let cleared: Vec<_> = store.conditions(channel).await.unwrap().iter().map(|one| one.cleared_at).collect();
    assert_eq!(cleared, [None, Some(at(5))]);
    assert!(store.end_conditions(channel, &names, Some(&message(6))).await.unwrap());
    assert!(!store.end_conditions(channel, &names, Some(&message(7))).await.unwrap());
    assert_eq!(store.conditions(channel).await.unwrap(), [condition("films", 1)]);
    assert_eq!(store.notifications(channel, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.watched_channels(None, 10).await.unwrap()[0].conditions, 1);
}

pub async fn a_channel_has_a_bounded_number_of_conditions(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel = channel(&context).await.id;
    let many = |from: u32, to: u32| -> Vec<_> {
        (from..to).map(|n| StoredCondition { item: None, ..condition(&format!("{n:06}"), 1) }).collect()
    };
    assert!(store.begin_conditions(channel, &many(0, 5_000), None).await.unwrap());
    assert!(store.begin_conditions(channel, &many(5_000, 10_000), None).await.unwrap());
    assert!(!store.begin_conditions(channel, &many(10_000, 10_001), Some(&message(1))).await.unwrap());
    assert!(store.notifications(channel, None, 10).await.unwrap().is_empty());
}

pub async fn messages_are_claimed_in_order_by_one_process_at_a_time(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = channel(&context).await;
    assert_eq!(claim(store, 0).await, None);
    store.begin_conditions(new.id, &[condition("a", 1)], Some(&message(1))).await.unwrap();
    store.begin_conditions(new.id, &[condition("b", 2)], Some(&message(2))).await.unwrap();

    let first = claim(store, 10).await.unwrap();
    assert_eq!((first.stored.id, &first.message), (message(1).id, &message(1).message));
    assert_eq!((first.channel.id, first.secret.as_ref().unwrap().as_text()), (new.id, "sealed"));
    assert_eq!(claim(store, 69).await, None, "it is leased");
    let taken_over = claim(store, 70).await.unwrap();
    assert_eq!(taken_over.stored.id, first.stored.id, "a message that wasn't settled is sent again");
    let delivered = attempt(&first, DeliveryState::Delivered, None);
    assert!(!store.settle_delivery(&first.claim, &delivered, at(71)).await.unwrap(), "its lease has ended");
    assert!(store.settle_delivery(&taken_over.claim, &delivered, at(72)).await.unwrap());

    let second = claim(store, 73).await.unwrap();
    assert_eq!(second.stored.id, message(2).id);
    let delivered = attempt(&second, DeliveryState::Delivered, None);
    assert!(store.settle_delivery(&second.claim, &delivered, at(74)).await.unwrap());
    assert_eq!(claim(store, 75).await, None);
    let log = store.notifications(new.id, None, 10).await.unwrap();
    assert_eq!(log.iter().map(|one| one.id).collect::<Vec<_>>(), [message(2).id, message(1).id]);
    assert_eq!((log[1].state, log[1].attempts, log[1].status), (DeliveryState::Delivered, 1, Some(200)));
    assert_eq!((log[1].tried_at, log[1].next_at), (Some(at(72)), None));
    assert_eq!(store.notifications(new.id, Some(message(2).id), 10).await.unwrap(), log[1..]);
    assert_eq!(store.notification(new.id, message(1).id).await.unwrap().as_ref(), Some(&log[1]));
}

pub async fn later_messages_wait_for_one_that_fails_but_tests_do_not(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel = channel(&context).await.id;
    for n in [1, 2] {
        store.begin_conditions(channel, &[condition(&n.to_string(), n)], Some(&message(n))).await.unwrap();
    }
    let claimed = claim(store, 10).await.unwrap();
    let failed = attempt(&claimed, DeliveryState::Pending, Some(at(100)));
    assert!(store.settle_delivery(&claimed.claim, &failed, at(11)).await.unwrap());
    assert_eq!(claim(store, 99).await, None, "the receiver is tried again later");

    let test = NewNotification {
        id: NotificationId::new(at(50), [9; 10]),
        message: Notification::test("on call", at(50)),
    };
    assert!(store.insert_notification(channel, &test).await.unwrap());
    let claimed = claim(store, 51).await.unwrap();
    assert_eq!(claimed.stored.id, test.id);
    let refused = attempt(&claimed, DeliveryState::Failed, None);
    assert!(store.settle_delivery(&claimed.claim, &refused, at(52)).await.unwrap());
    assert_eq!(claim(store, 99).await, None);

    let again = claim(store, 100).await.unwrap();
    assert_eq!((again.stored.id, again.stored.attempts, again.stored.status), (message(1).id, 1, Some(500)));
    let deferred =
        DeliveryAttempt { is_deferred: true, ..attempt(&again, DeliveryState::Pending, Some(at(500))) };
    assert!(store.settle_delivery(&again.claim, &deferred, at(101)).await.unwrap());
    let next = claim(store, 102).await.unwrap();
    assert_eq!(next.stored.id, message(2).id, "the others don't wait for a message that is refused");
    let delivered = attempt(&next, DeliveryState::Delivered, None);
    assert!(store.settle_delivery(&next.claim, &delivered, at(103)).await.unwrap());
    assert_eq!(claim(store, 499).await, None);
    assert_eq!(claim(store, 500).await.unwrap().stored.id, message(1).id);
}

pub async fn a_message_that_is_stored_during_an_attempt_is_not_overlooked(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel = channel(&context).await.id;
    store.begin_conditions(channel, &[condition("a", 1)], Some(&message(1))).await.unwrap();
    let claimed = claim(store, 2).await.unwrap();
    store.begin_conditions(channel, &[condition("b", 3)], Some(&message(3))).await.unwrap();
    assert_eq!(claim(store, 4).await, None);
    let delivered = attempt(&claimed, DeliveryState::Delivered, None);
    let test =
        NewNotification { id: NotificationId::new(at(4), [9; 10]), message: Notification::test("x", at(4)) };
    let (settled, stored) = futures_util::future::join(
        store.settle_delivery(&claimed.claim, &delivered, at(5)),
        store.insert_notification(channel, &test),
    )
    .await;
    assert!(settled.unwrap() && stored.unwrap());
    assert_eq!(claim(store, 6).await.unwrap().stored.id, test.id);
}

pub async fn a_disabled_channel_sends_nothing_until_it_is_enabled(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = channel(&context).await;
    store.begin_conditions(new.id, &[condition("a", 1)], Some(&message(1))).await.unwrap();
    let set = |enabled, seconds| {
        let update = ChannelUpdate {
            name: new.name.clone(),
            enabled,
            target: new.target.clone(),
            secret: SecretUpdate::Keep,
            rules: new.rules.clone(),
        };
        async move { store.update_channel(context.org, new.id, &update, &audit(at(seconds))).await.unwrap() }
    };
    assert!(set(false, 2).await);
    assert_eq!(claim(store, 3).await, None);
    assert!(!store.begin_conditions(new.id, &[condition("b", 3)], Some(&message(3))).await.unwrap());
    assert!(!store.insert_notification(new.id, &message(3)).await.unwrap());
    assert!(set(true, 4).await);
    assert_eq!(claim(store, 5).await.unwrap().stored.id, message(1).id);
}

pub async fn messages_are_counted_and_pruned_once_they_no_longer_wait(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let channel: ChannelId = channel(&context).await.id;
    for n in 1..=3 {
        store.begin_conditions(channel, &[condition(&n.to_string(), n)], Some(&message(n))).await.unwrap();
    }
    let claimed = claim(store, 10).await.unwrap();
    let delivered = attempt(&claimed, DeliveryState::Delivered, None);
    store.settle_delivery(&claimed.claim, &delivered, at(11)).await.unwrap();
    let load = |since, most| store.channel_load(channel, NotificationId::new(at(since), [0; 10]), most);
    assert_eq!(load(2, 10).await.unwrap(), ChannelLoad { recent: 2, waiting: 2 });
    assert_eq!(load(0, 1).await.unwrap(), ChannelLoad { recent: 1, waiting: 1 });
    assert_eq!(store.outbox(10).await.unwrap(), WaitingNotifications { waiting: 2, oldest: Some(at(2)) });
    assert_eq!(store.outbox(1).await.unwrap().waiting, 1);
    assert_eq!(store.purge_notifications(at(100), 10).await.unwrap(), 1, "the others wait");
    store.delete_channel(context.org, channel, &audit(at(20))).await.unwrap();
    assert_eq!(claim(store, 30).await, None);
    assert_eq!(store.outbox(10).await.unwrap(), WaitingNotifications::default());
    let mut removed = 0;
    loop {
        match store.purge_channels(2).await.unwrap() {
            0 => break,
            some => removed += some,
        }
    }
    assert_eq!(removed, 3 + 2 + 1, "conditions, messages and the channel");
}
