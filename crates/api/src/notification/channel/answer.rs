//! Channels and deliveries in responses.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::notification::{ChannelInfo, DeliveryInfo, RuleInfo};
use bucketry_model::notification::{ChannelRule, ChannelTarget, code_text};
use bucketry_store::notification::StoredNotification;
use bucketry_store::notification_channel::NotificationChannel;

/// A channel in its wire format.
pub(super) fn channel_info(channel: &NotificationChannel) -> ChannelInfo {
    let rule = |rule: ChannelRule| RuleInfo {
        code: code_text(rule.code),
        after_minutes: Some(rule.after_minutes.into()),
        within_days: rule.within_days.map(i64::from),
    };
    let (mut origin, mut username, mut mail) = (None, None, None);
    match &channel.target {
        ChannelTarget::Webhook { origin: at } | ChannelTarget::Slack { origin: at } => origin = Some(at),
        ChannelTarget::Alertmanager { origin: at, username: name } => {
            (origin, username) = (Some(at), name.as_ref());
        }
        ChannelTarget::Email(target) => (username, mail) = (target.username.as_ref(), Some(target)),
    }
    ChannelInfo {
        id: channel.id,
        name: channel.name.to_string(),
        kind: channel.target.kind(),
        workspace_id: channel.workspace_id,
        enabled: channel.enabled,
        origin: origin.cloned(),
        username: username.cloned(),
        host: mail.map(|mail| mail.host.clone()),
        port: mail.map(|mail| mail.port),
        security: mail.map(|mail| mail.security),
        from: mail.map(|mail| mail.from.clone()),
        to: mail.map(|mail| mail.to.clone()),
        has_secret: channel.has_secret,
        rules: channel.rules.all().into_iter().map(rule).collect(),
        usual_rules: channel.rules.are_usual(),
        send_resolved: channel.rules.send_resolved,
        created_at: Moment(channel.created_at),
        updated_at: Moment(channel.updated_at),
    }
}

/// A message with the state of its delivery.
pub(super) fn delivery_info(stored: &StoredNotification) -> DeliveryInfo {
    DeliveryInfo {
        id: stored.id,
        kind: stored.kind,
        title: stored.title.clone(),
        state: stored.state,
        attempts: stored.attempts,
        status: stored.status,
        error: stored.error.clone(),
        created_at: Moment(stored.created_at),
        tried_at: stored.tried_at.map(Moment),
        next_at: stored.next_at.map(Moment),
    }
}
