//! Slack's incoming webhooks, and those of services that accept the same.

use bucketry_model::notification::{Notification, NotificationKind, clean};
use serde_json::json;

use crate::text::paragraphs;

/// The longest text, in characters. Slack cuts longer ones.
const LONGEST: usize = 3_500;

/// The body of a message.
pub(crate) fn body(message: &Notification) -> Vec<u8> {
    let sign = match message.kind {
        NotificationKind::Alerting | NotificationKind::Reminder => ":rotating_light:",
        NotificationKind::Resolved => ":white_check_mark:",
        NotificationKind::Test => ":wave:",
    };
    let lines: Vec<String> = paragraphs(message).lines().map(|line| clean(line, LONGEST)).collect();
    let mut text = format!("{sign} *{}*\n{}", escaped(&message.title), escaped(&lines.join("\n")));
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    json!({ "text": text.trim_end() }).to_string().into_bytes()
}

/// Escapes the characters with which links and mentions begin and end.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::text::tests::message;

    #[test]
    fn a_name_mentions_nobody_and_a_text_is_bounded() {
        let names: Vec<String> = (0..100).map(|n| format!("<!channel> & {}{n}", "x".repeat(190))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let body: Value =
            serde_json::from_slice(&body(&message(NotificationKind::Alerting, &names, 100))).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.chars().count() <= LONGEST && text.contains("&lt;!channel&gt; &amp; x"), "{text}");
        assert!(!text.contains('<'), "{text}");
    }
}
