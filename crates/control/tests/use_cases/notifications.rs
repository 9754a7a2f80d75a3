//! What becomes of messages.

use bucketry_control::notifications::ChannelInput;
use bucketry_model::id::ChannelId;
use bucketry_model::notification::{DeliveryState, NotificationKind};
use bucketry_model::secret::Secret;
use bucketry_model::time::Clock as _;
use bucketry_store::notification::DeliveryAttempt;
use jiff::SignedDuration;

use crate::support::TestContext;

async fn channel(cx: &TestContext) -> ChannelId {
    let input = ChannelInput {
        name: Some("on call".to_owned()),
        kind: Some("SLACK".to_owned()),
        url: Some(Secret::new("https://hooks.example.com/x")),
        ..ChannelInput::default()
    };
    cx.control.create_channel(&cx.owner, &input).await.unwrap().id
}

#[tokio::test]
async fn a_test_tells_what_became_of_it() {
    let cx = TestContext::new().await;
    let channel = channel(&cx).await;
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
