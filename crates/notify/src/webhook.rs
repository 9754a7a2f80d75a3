//! Webhooks: JSON with a signature.
//!
//! The signature is the HMAC-SHA256 of the timestamp, a full stop, and the body. Its receiver can tell that the message
//! is from somebody with the key, that it is recent, and by the event id whether it came before.

use bucketry_model::finding::{FindingCode, Severity, SubjectKind};
use bucketry_model::hex;
use bucketry_model::id::{ChannelId, NotificationId, OrgId, WorkspaceId};
use bucketry_model::notification::{Notification, NotificationItem};
use bucketry_model::secret::Secret;
use bucketry_model::time::to_wire;
use bucketry_store::notification::ClaimedDelivery;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ring::hmac;
use serde::Serialize;

use crate::failure::SendFailure;
use crate::text::command;

/// The id of the event, the same at every attempt.
pub const EVENT_ID_HEADER: &str = "bucketry-event-id";
/// When the attempt began, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "bucketry-timestamp";
/// `v1=` and the signature in hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "bucketry-signature";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookEvent<'a> {
    event_id: NotificationId,
    organization_id: OrgId,
    workspace_id: Option<WorkspaceId>,
    channel_id: ChannelId,
    channel_name: &'a str,
    #[serde(flatten)]
    message: WebhookMessage<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookMessage<'a> {
    kind: &'static str,
    at: String,
    title: &'a str,
    code: Option<FindingCode>,
    severity: Severity,
    cause: Option<&'a str>,
    total: u64,
    conditions: Vec<WebhookCondition<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookCondition<'a> {
    code: FindingCode,
    subject: SubjectKind,
    id: &'a str,
    name: &'a str,
    workspace_id: Option<WorkspaceId>,
    severity: Severity,
    title: &'a str,
    sentence: &'a str,
    command: Option<String>,
    since: Option<String>,
}

fn condition(item: &NotificationItem) -> WebhookCondition<'_> {
    WebhookCondition {
        code: item.code,
        subject: item.subject,
        id: &item.id,
        name: &item.name,
        workspace_id: item.workspace_id,
        severity: item.severity,
        title: &item.title,
        sentence: &item.sentence,
        command: command(item),
        since: item.since.map(to_wire),
    }
}

fn content(message: &Notification) -> WebhookMessage<'_> {
    WebhookMessage {
        kind: message.kind.as_str(),
        at: to_wire(message.at),
        title: &message.title,
        code: message.code,
        severity: message.severity,
        cause: message.cause.as_deref(),
        total: message.total,
        conditions: message.items.iter().map(condition).collect(),
    }
}

/// The body, which is the same at every attempt.
pub(crate) fn body(delivery: &ClaimedDelivery) -> Result<Vec<u8>, SendFailure> {
    let event = WebhookEvent {
        event_id: delivery.stored.id,
        organization_id: delivery.channel.org_id,
        workspace_id: delivery.channel.workspace_id,
        channel_id: delivery.channel.id,
        channel_name: delivery.channel.name.as_str(),
        message: content(&delivery.message),
    };
    serde_json::to_vec(&event).map_err(|_| SendFailure::new("the message can't be written as JSON"))
}

/// The signature of a body that is sent at a time.
fn signature(key: &Secret, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    format!("v1={}", hex::encode(context.sign().as_ref()))
}

/// The headers of an attempt.
pub(crate) fn headers(
    id: NotificationId,
    key: &Secret,
    body: &[u8],
    now: Timestamp,
) -> Result<HeaderMap, SendFailure> {
    let timestamp = now.as_second().to_string();
    let signature = signature(key, &timestamp, body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in
        [(EVENT_ID_HEADER, id.to_string()), (TIMESTAMP_HEADER, timestamp), (SIGNATURE_HEADER, signature)]
    {
        let value =
            HeaderValue::from_str(&value).map_err(|_| SendFailure::new("a header can't be written"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use bucketry_model::notification::NotificationKind;

    use super::*;
    use crate::text::tests::message;

    #[test]
    fn the_signature_is_that_of_the_guide() {
        let signed =
            signature(&Secret::new("a key that both sides know"), "1767225600", br#"{"kind":"TEST"}"#);
        assert_eq!(signed, "v1=666426a5d735ccef8402a14fc8e439c177204d2257a670a1960cb9c70f615ad8");
        assert!(include_str!("../../../docs/notifications.md").contains(&signed));
    }

    #[test]
    fn conditions_have_all_that_programs_need() {
        let message = message(NotificationKind::Alerting, &["photos"], 2);
        let json = serde_json::to_value(content(&message)).unwrap();
        assert_eq!((&json["kind"], &json["total"]), (&"ALERTING".into(), &2.into()));
        let condition = &json["conditions"][0];
        assert_eq!(condition["code"], "BUCKET_OFFLINE");
        assert_eq!(condition["command"], "bucketry bucket validate x");
        assert_eq!(condition["since"], "1970-01-01T00:00:00.000Z");
    }
}
