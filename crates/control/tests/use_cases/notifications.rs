//! What channels are notified about as nodes report and fall silent, and what becomes of the messages.

use bucketry_control::Settings;
use bucketry_control::notifications::{ChannelInput, RuleInput, SilenceInput};
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::{BucketId, ChannelId, NotificationId};
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::notification::{DeliveryState, Notification, NotificationKind};
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use bucketry_store::notification::{DeliveryAttempt, NewNotification};
use jiff::SignedDuration;

use crate::support::TestContext;

fn probe(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::BucketNotFound, message: "it is gone".to_owned() };
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: (status == ProbedStatus::Offline).then_some(failure),
        version: None,
    }
}

async fn beat(cx: &TestContext, ids: &[BucketId], status: ProbedStatus) {
    cx.node.beat(ids.iter().map(|id| probe(cx, *id, status)).collect()).await.unwrap();
}

async fn channel(cx: &TestContext, rules: Option<Vec<RuleInput>>) -> ChannelId {
    channel_of_kind(cx, "SLACK", rules).await
}

async fn channel_of_kind(cx: &TestContext, kind: &str, rules: Option<Vec<RuleInput>>) -> ChannelId {
    let input = ChannelInput {
        name: Some("on call".to_owned()),
        kind: Some(kind.to_owned()),
        url: Some(Secret::new("https://hooks.example.com/x")),
        rules,
        ..ChannelInput::default()
    };
    cx.control.create_channel(&cx.owner, &input).await.unwrap().id
}

fn offline_after(minutes: i64) -> Vec<RuleInput> {
    let code = "BUCKET_OFFLINE".to_owned();
    vec![RuleInput { code, after_minutes: Some(minutes), within_days: None }]
}

/// Looks for conditions every ten seconds, as the watch does. A node that beats does so before each look.
async fn pass(cx: &TestContext, seconds: i64, beating: Option<(&[BucketId], ProbedStatus)>) {
    for _ in 0..seconds / 10 {
        cx.clock.advance(SignedDuration::from_secs(10));
        if let Some((ids, status)) = beating {
            beat(cx, ids, status).await;
        }
        cx.control.look_for_conditions().await.unwrap();
    }
}

/// The titles of all messages, oldest first.
async fn titles(cx: &TestContext, channel: ChannelId) -> Vec<String> {
    titles_up_to(cx, channel, 100).await
}

async fn titles_up_to(cx: &TestContext, channel: ChannelId, limit: u32) -> Vec<String> {
    let mut found = cx.control.deliveries(&cx.owner, channel, None, limit).await.unwrap();
    found.reverse();
    found.into_iter().map(|one| one.title).collect()
}

#[tokio::test]
async fn a_silent_node_with_many_buckets_is_one_message_and_its_return_another() {
    let cx = TestContext::new().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(cx.unchecked(&format!("bucket-{number}")).await);
    }
    let channel = channel(&cx, None).await;
    pass(&cx, 120, Some((&ids, ProbedStatus::Online))).await;
    assert!(titles(&cx, channel).await.is_empty());
    pass(&cx, 900, None).await;
    let found = titles(&cx, channel).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].contains("bucket-"), "{found:?}");
    pass(&cx, 120, Some((&ids, ProbedStatus::Online))).await;
    let found = titles(&cx, channel).await;
    assert!(found.len() == 2 && found[1].starts_with("Resolved: "), "{found:?}");
}

#[tokio::test]
async fn an_outage_is_sent_after_its_time_and_a_flap_never() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let ids = [cx.unchecked("photos").await];
    let channel = channel(&cx, Some(offline_after(3))).await;
    pass(&cx, 60, Some((&ids, Online))).await;
    for _ in 0..5 {
        pass(&cx, 60, Some((&ids, Offline))).await;
        pass(&cx, 60, Some((&ids, Online))).await;
    }
    assert!(titles(&cx, channel).await.is_empty(), "it flaps");
    pass(&cx, 170, Some((&ids, Offline))).await;
    assert!(titles(&cx, channel).await.is_empty());
    pass(&cx, 70, Some((&ids, Offline))).await;
    assert_eq!(titles(&cx, channel).await, ["Bucket is OFFLINE: photos"]);
    pass(&cx, 60, Some((&ids, Online))).await;
    assert_eq!(titles(&cx, channel).await.last().unwrap(), "Resolved: Bucket is OFFLINE: photos");
}

#[tokio::test]
async fn a_silence_postpones_an_outage() {
    let cx = TestContext::new().await;
    let ids = [cx.unchecked("photos").await];
    let channel = channel(&cx, Some(offline_after(0))).await;
    let silence = SilenceInput {
        bucket_id: Some(ids[0]),
        ends_at: Some(cx.clock.now() + SignedDuration::from_mins(10)),
        ..SilenceInput::default()
    };
    cx.control.create_silence(&cx.owner, &silence).await.unwrap();
    pass(&cx, 590, Some((&ids, ProbedStatus::Offline))).await;
    assert!(titles(&cx, channel).await.is_empty());
    pass(&cx, 60, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(titles(&cx, channel).await, ["Bucket is OFFLINE: photos"]);
}

#[tokio::test]
async fn silences_of_other_times_and_channels_silence_nothing() {
    let cx = TestContext::new().await;
    let ids = [cx.unchecked("photos").await];
    let silenced = channel(&cx, Some(offline_after(0))).await;
    let channel = channel(&cx, Some(offline_after(0))).await;
    let tomorrow = cx.clock.now() + SignedDuration::from_hours(24);
    let until_tomorrow = SilenceInput { ends_at: Some(tomorrow), ..SilenceInput::default() };
    for silence in [
        SilenceInput {
            starts_at: Some(cx.clock.now() + SignedDuration::from_hours(1)),
            ..until_tomorrow.clone()
        },
        SilenceInput { window: Some("22:00-05:00".to_owned()), ..until_tomorrow.clone() },
        SilenceInput { channel_id: Some(silenced), ..until_tomorrow },
    ] {
        cx.control.create_silence(&cx.owner, &silence).await.unwrap();
    }
    pass(&cx, 120, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(titles(&cx, channel).await, ["Bucket is OFFLINE: photos"]);
    assert!(titles(&cx, silenced).await.is_empty());
}

#[tokio::test]
async fn only_an_alertmanager_is_reminded_every_hour_until_the_end() {
    use NotificationKind::{Alerting, Reminder, Resolved};
    let cx = TestContext::new().await;
    let ids = [cx.unchecked("photos").await];
    let chat = channel(&cx, Some(offline_after(0))).await;
    let forgetful = channel_of_kind(&cx, "ALERTMANAGER", Some(offline_after(0))).await;
    let kinds = async |channel| -> Vec<NotificationKind> {
        let found = cx.control.deliveries(&cx.owner, channel, None, 100).await.unwrap();
        found.iter().rev().map(|one| one.kind).collect()
    };
    pass(&cx, 120, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(kinds(forgetful).await, [Alerting]);
    // An hour after the first look, not after the message.
    pass(&cx, 3_400, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(kinds(forgetful).await, [Alerting]);
    pass(&cx, 100, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(kinds(forgetful).await, [Alerting, Reminder]);
    pass(&cx, 60, Some((&ids, ProbedStatus::Online))).await;
    assert_eq!(kinds(forgetful).await, [Alerting, Reminder, Resolved]);
    assert_eq!(kinds(chat).await, [Alerting, Resolved]);
}

#[tokio::test]
async fn a_process_whose_watch_another_has_taken_over_stores_nothing() {
    let settings = Settings {
        finding_delay: SignedDuration::ZERO,
        notification_window: SignedDuration::from_secs(1),
        ..Settings::default()
    };
    let cx = TestContext::with(settings.clone()).await;
    let other = cx.another_process(settings);
    let ids = [cx.unchecked("photos").await];
    let channel = channel(&cx, Some(offline_after(0))).await;
    beat(&cx, &ids, ProbedStatus::Offline).await;
    cx.control.look_for_conditions().await.unwrap();
    // With the embedded database, a process always takes over, because the former one can't be running.
    other.look_for_conditions().await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(2));
    cx.control.look_for_conditions().await.unwrap();
    assert!(titles(&cx, channel).await.is_empty(), "the first one doesn't watch any more");
    other.look_for_conditions().await.unwrap();
    assert_eq!(titles(&cx, channel).await, ["Bucket is OFFLINE: photos"]);
    for _ in 0..3 {
        cx.clock.advance(SignedDuration::from_secs(2));
        cx.control.look_for_conditions().await.unwrap();
        other.look_for_conditions().await.unwrap();
    }
    assert_eq!(titles(&cx, channel).await.len(), 1, "whoever watches, it is sent once");
}

#[tokio::test]
async fn a_channel_whose_receiver_is_away_has_a_bounded_number_of_messages_that_wait() {
    let cx = TestContext::new().await;
    let ids = [cx.unchecked("photos").await];
    let channel = channel(&cx, Some(offline_after(0))).await;
    // Long enough ago not to count for the limit per hour.
    let at = cx.clock.now() - SignedDuration::from_hours(3);
    for number in 0..200 {
        let message = Notification::about(NotificationKind::Alerting, Vec::new(), 0, None, at);
        let new = NewNotification { id: NotificationId::new(at, [number; 10]), message };
        assert!(cx.control.store().insert_notification(channel, &new).await.unwrap());
    }
    pass(&cx, 120, Some((&ids, ProbedStatus::Offline))).await;
    assert_eq!(titles_up_to(&cx, channel, 1_000).await.len(), 200);

    let lease = cx.clock.now() + SignedDuration::from_secs(60);
    let claimed = cx.control.claim_delivery(lease).await.unwrap().unwrap();
    let attempt = DeliveryAttempt {
        id: claimed.stored.id,
        state: DeliveryState::Delivered,
        status: Some(200),
        error: None,
        next_at: None,
        is_deferred: false,
    };
    assert!(cx.control.settle_delivery(&claimed.claim, &attempt).await.unwrap());
    // What couldn't be stored waits for the window again.
    pass(&cx, 70, Some((&ids, ProbedStatus::Offline))).await;
    let found = titles_up_to(&cx, channel, 1_000).await;
    assert_eq!((found.len(), found.last().unwrap().as_str()), (201, "Bucket is OFFLINE: photos"));
}

#[tokio::test]
async fn a_channel_has_a_bounded_number_of_messages_per_hour_and_loses_nothing() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let mut ids = Vec::new();
    for number in 0..90 {
        ids.push(cx.unchecked(&format!("bucket-{number:02}")).await);
    }
    let channel = channel(&cx, Some(offline_after(0))).await;
    beat(&cx, &ids, Online).await;
    // One more bucket goes down every 40 seconds, so each is a message of its own.
    for down in 1..=ids.len() {
        for _ in 0..4 {
            cx.clock.advance(SignedDuration::from_secs(10));
            beat(&cx, &ids[..down], Offline).await;
            beat(&cx, &ids[down..], Online).await;
            cx.control.look_for_conditions().await.unwrap();
        }
    }
    let found = cx.control.deliveries(&cx.owner, channel, None, 1_000).await.unwrap();
    assert!((55..=65).contains(&found.len()), "{} messages", found.len());
    pass(&cx, 3_700, Some((&ids, Offline))).await;
    let found = titles(&cx, channel).await;
    let named = |id: usize| found.iter().any(|title| title.contains(&format!("bucket-{id:02}")));
    assert!((0..60).all(named), "{found:?}");
    assert!(found.last().unwrap().contains(" more"), "the others are in one message: {found:?}");
}

#[tokio::test]
async fn a_test_tells_what_became_of_it() {
    let cx = TestContext::new().await;
    let channel = channel(&cx, None).await;
    let control = cx.control.clone();
    let sender = tokio::spawn(async move {
        loop {
            let lease = control.clock().now() + SignedDuration::from_secs(60);
            if let Some(claimed) = control.claim_delivery(lease).await.unwrap() {
                assert_eq!(claimed.message.kind, NotificationKind::Test);
                let attempt = DeliveryAttempt {
                    id: claimed.stored.id,
                    state: DeliveryState::Failed,
                    status: Some(404),
                    error: Some("the receiver answered 404".to_owned()),
                    next_at: None,
                    is_deferred: false,
                };
                return control.settle_delivery(&claimed.claim, &attempt).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    let tested = cx.control.test_channel(&cx.owner, channel).await.unwrap();
    assert!(sender.await.unwrap());
    assert_eq!((tested.state, tested.status), (DeliveryState::Failed, Some(404)));
}
