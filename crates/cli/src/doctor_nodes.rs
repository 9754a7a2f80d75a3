//! What `bucketry doctor` finds out about nodes that are missing: secrets that no node may open, and messages that no
//! server sends.

use bucketry_api_types::node::NodeApproval;
use bucketry_api_types::notification::DeliveryInfo;
use bucketry_client::ApiClient;
use bucketry_model::notification::DeliveryState;
use jiff::{SignedDuration, Timestamp};

use crate::doctor_findings::DoctorFinding;

/// How many channels and how many messages of each are looked at.
const LOOKED_AT: u32 = 20;
/// A message that was never tried after this time has no sender. Senders look every few seconds.
const TRIED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Names the nodes that wait for approval.
pub(crate) async fn pending(client: &ApiClient) -> Option<DoctorFinding> {
    let nodes = client.nodes().await.ok()?;
    let pending: Vec<_> = nodes.iter().filter(|node| node.approval == NodeApproval::Pending).collect();
    let first = pending.first()?;
    let names: Vec<_> = pending.iter().map(|node| node.ip.as_str()).collect();
    let message = format!(
        "no secrets are sealed to {}: compare the public key and run `bucketry nodes approve {}`, or remove the node",
        names.join(", "),
        first.ip
    );
    Some(DoctorFinding::new("node approval", false, message))
}

/// Names the channels whose messages aren't sent, because no server does it or none opens the channel's secret.
pub(crate) async fn unsent_messages(client: &ApiClient, now: Timestamp) -> Vec<DoctorFinding> {
    let (mut unsent, mut unopened) = (Vec::new(), Vec::new());
    let channels = client.notification_channels(None).await.unwrap_or_default();
    // Messages of a disabled channel wait until it is enabled.
    for channel in channels.into_iter().filter(|channel| channel.enabled).take(LOOKED_AT as usize) {
        let Ok(deliveries) = client.notification_deliveries(channel.id, LOOKED_AT).await else { continue };
        if has_no_sender(&deliveries, now) {
            unsent.push(channel.name);
        } else if is_unopened(&deliveries) {
            unopened.push(channel.name);
        }
    }
    let finding = |names: &[String], message: &str| {
        let message = message.replace("NAMES", &names.join(", "));
        (!names.is_empty()).then(|| DoctorFinding::new("notifications", false, message))
    };
    let no_sender = "messages to NAMES wait, because no server sends them: only servers with an embedded node do, so start one \
                     without --no-node";
    let no_key = "no key of the server that sends messages opens the address and secret of NAMES: enter them again with \
                  `bucketry notify update`";
    finding(&unsent, no_sender).into_iter().chain(finding(&unopened, no_key)).collect()
}

/// Whether nobody has tried to send a channel's oldest message that waits. The others wait for that one. They are sorted from
/// newest to oldest.
fn has_no_sender(deliveries: &[DeliveryInfo], now: Timestamp) -> bool {
    let oldest = deliveries.iter().rfind(|one| one.state == DeliveryState::Pending);
    oldest.is_some_and(|one| one.attempts == 0 && now.duration_since(one.created_at.0) > TRIED_WITHIN)
}

/// Whether the latest message that was tried couldn't be sent for want of a key.
fn is_unopened(deliveries: &[DeliveryInfo]) -> bool {
    let latest = deliveries.iter().find(|one| one.attempts > 0);
    latest.is_some_and(|one| {
        one.state != DeliveryState::Delivered && one.error.as_deref() == Some(bucketry_notify::UNOPENED)
    })
}

#[cfg(test)]
mod tests {
    use bucketry_api_types::moment::Moment;
    use bucketry_model::id::NotificationId;
    use bucketry_model::notification::NotificationKind;

    use super::*;

    fn delivery(state: DeliveryState, attempts: u32, error: Option<&str>, second: i64) -> DeliveryInfo {
        let at = Moment(Timestamp::from_second(second).unwrap());
        DeliveryInfo {
            id: NotificationId::new(at.0, [1; 10]),
            kind: NotificationKind::Test,
            title: "A message".to_owned(),
            state,
            attempts,
            status: None,
            error: error.map(str::to_owned),
            created_at: at,
            tried_at: None,
            next_at: None,
        }
    }

    #[test]
    fn a_message_that_waits_behind_one_that_is_tried_has_a_sender() {
        let now = Timestamp::from_second(1_000).unwrap();
        let waits = |attempts, second| delivery(DeliveryState::Pending, attempts, None, second);
        assert!(has_no_sender(&[waits(0, 500), waits(0, 400)], now));
        assert!(!has_no_sender(&[waits(0, 500), waits(3, 400)], now));
        assert!(!has_no_sender(&[waits(0, 950)], now), "it is new");
        assert!(has_no_sender(&[waits(0, 500), delivery(DeliveryState::Delivered, 1, None, 400)], now));
        assert!(!has_no_sender(&[], now));
    }

    #[test]
    fn a_channel_counts_as_unopened_until_a_message_is_delivered() {
        let unopened = |state| delivery(state, 1, Some(bucketry_notify::UNOPENED), 400);
        let delivered = delivery(DeliveryState::Delivered, 2, None, 500);
        assert!(is_unopened(&[
            delivery(DeliveryState::Pending, 0, None, 500),
            unopened(DeliveryState::Pending)
        ]));
        assert!(is_unopened(&[unopened(DeliveryState::Failed)]));
        assert!(!is_unopened(&[delivered, unopened(DeliveryState::Failed)]));
        assert!(!is_unopened(&[delivery(DeliveryState::Failed, 1, Some("it timed out"), 500)]));
    }
}
