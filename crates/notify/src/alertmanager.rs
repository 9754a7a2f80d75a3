//! The API of Prometheus' Alertmanager, version 2: each condition is an alert, which Alertmanager groups and routes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::finding::Severity;
use bucketry_model::notification::{NotificationItem, NotificationKind, code_text};
use bucketry_model::secret::Secret;
use bucketry_model::time::to_wire;
use bucketry_store::notification::ClaimedDelivery;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::failure::SendFailure;
use crate::text::command;

/// The path of the call, below the URL of the Alertmanager.
pub(crate) const PATH: &str = "/api/v2/alerts";
/// When an alert ends that isn't repeated. Every hour, the control plane repeats what lasts.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(4);
/// How long a test is shown.
const TEST_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// The alerts of a message.
pub(crate) fn body(delivery: &ClaimedDelivery, now: Timestamp) -> Vec<u8> {
    let message = &delivery.message;
    let organization = delivery.channel.org_id.to_string();
    let ends_at = match message.kind {
        NotificationKind::Resolved => message.at,
        NotificationKind::Alerting | NotificationKind::Reminder => later(now, FORGOTTEN_AFTER),
        NotificationKind::Test => later(now, TEST_LASTS),
    };
    let mut alerts: Vec<Value> =
        message.items.iter().map(|item| alert(item, &organization, message.at, ends_at)).collect();
    let left_out = message.total.saturating_sub(message.items.len() as u64);
    if alerts.is_empty() || left_out > 0 {
        alerts.push(json!({
            "labels": {
                "alertname": if alerts.is_empty() { "BUCKETRY_TEST".to_owned() } else { message.code.map(code_text).unwrap_or_default() },
                "severity": if alerts.is_empty() { "info" } else { severity_word(message.severity) },
                "organization_id": organization,
                "name": if alerts.is_empty() { String::new() } else { format!("{left_out} more") },
            },
            "annotations": { "summary": message.title },
            "startsAt": to_wire(message.at),
            "endsAt": to_wire(ends_at),
        }));
    }
    Value::Array(alerts).to_string().into_bytes()
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// The labels identify an alert, so they are the same when it is resolved.
fn alert(item: &NotificationItem, organization: &str, at: Timestamp, ends_at: Timestamp) -> Value {
    let mut labels = json!({
        "alertname": code_text(item.code),
        "severity": severity_word(item.severity),
        "subject": item.subject,
        "id": item.id,
        "name": item.name,
        "organization_id": organization,
    });
    if let Some(workspace_id) = item.workspace_id {
        labels["workspace_id"] = workspace_id.to_string().into();
    }
    let mut annotations = json!({ "summary": item.title, "description": item.sentence });
    if let Some(command) = command(item) {
        annotations["command"] = command.into();
    }
    // An alert that ends before it starts is refused.
    let starts_at = item.since.unwrap_or(at).min(ends_at);
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": to_wire(starts_at),
        "endsAt": to_wire(ends_at),
    })
}

/// The headers: with a name, basic authentication; with a secret only, a bearer token.
pub(crate) fn headers(username: Option<&str>, secret: Option<&Secret>) -> Result<HeaderMap, SendFailure> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(secret) = secret {
        let value = match username {
            Some(name) => format!("Basic {}", STANDARD.encode(format!("{name}:{}", secret.expose()))),
            None => format!("Bearer {}", secret.expose()),
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| SendFailure::new("the secret contains characters that a header can't have"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use bucketry_model::notification::{ChannelTarget, Notification};

    use super::*;
    use crate::text::tests::{delivery, message};

    fn alerts(kind: NotificationKind, names: &[&str], total: u64, now: Timestamp) -> Vec<Value> {
        let target = ChannelTarget::Alertmanager { origin: "http://am:9093".to_owned(), username: None };
        let mut message = message(kind, names, total);
        if kind == NotificationKind::Test {
            message = Notification::test("on call", message.at);
        }
        serde_json::from_slice(&body(&delivery(target, message), now)).unwrap()
    }

    #[test]
    fn an_alert_lasts_until_it_is_resolved_or_nobody_repeats_it() {
        let now = Timestamp::from_second(3_600).unwrap();
        let end = |kind| alerts(kind, &["photos"], 1, now)[0]["endsAt"].as_str().unwrap().to_owned();
        assert_eq!(end(NotificationKind::Alerting), "1970-01-01T05:00:00.000Z");
        assert_eq!(end(NotificationKind::Reminder), "1970-01-01T05:00:00.000Z", "it is repeated every hour");
        assert_eq!(
            end(NotificationKind::Resolved),
            "1970-01-01T00:01:00.000Z",
            "when it was found to be over"
        );
        assert_eq!(end(NotificationKind::Test), "1970-01-01T01:05:00.000Z");
    }

    #[test]
    fn conditions_that_a_message_only_counts_are_one_alert() {
        let now = Timestamp::from_second(60).unwrap();
        let all = alerts(NotificationKind::Alerting, &["photos"], 200, now);
        assert_eq!(all.len(), 2);
        let labels = &all[1]["labels"];
        assert_eq!((&labels["alertname"], &labels["name"]), (&"BUCKET_OFFLINE".into(), &"199 more".into()));
        assert_eq!(labels["severity"], "critical");
        let test = alerts(NotificationKind::Test, &[], 0, now);
        assert_eq!((test.len(), &test[0]["labels"]["alertname"]), (1, &"BUCKETRY_TEST".into()));
        assert_eq!(test[0]["labels"]["severity"], "info");
    }

    #[test]
    fn an_alert_is_resolved_under_the_labels_it_began_with() {
        let item = &message(NotificationKind::Alerting, &["photos"], 1).items[0];
        let (at, later) = (Timestamp::from_second(60).unwrap(), Timestamp::from_second(90).unwrap());
        let (begun, ended) = (alert(item, "org", at, later), alert(item, "org", at, at));
        assert_eq!(begun["labels"], ended["labels"]);
        assert_eq!(begun["labels"]["alertname"], "BUCKET_OFFLINE");
        assert_eq!(
            (&begun["startsAt"], &begun["endsAt"]),
            (&"1970-01-01T00:00:00.000Z".into(), &"1970-01-01T00:01:30.000Z".into())
        );
        let clock_ahead = NotificationItem { since: Some(later), ..item.clone() };
        assert_eq!(alert(&clock_ahead, "org", at, at)["startsAt"], "1970-01-01T00:01:00.000Z");
    }

    #[test]
    fn a_secret_with_a_name_is_a_password_and_without_one_a_token() {
        let header = |name| {
            let headers = headers(name, Some(&Secret::new("s"))).unwrap();
            headers[AUTHORIZATION].to_str().unwrap().to_owned()
        };
        assert_eq!((header(Some("u")).as_str(), header(None).as_str()), ("Basic dTpz", "Bearer s"));
        assert!(headers(None, Some(&Secret::new("a\nb"))).is_err());
        assert!(!headers(None, None).unwrap().contains_key(AUTHORIZATION));
    }
}
