//! Messages as plain text.

use std::fmt::Write as _;

use bucketry_model::notification::{Notification, NotificationItem, NotificationKind, clean};
use bucketry_model::time::to_wire;

/// How many conditions a text describes.
const DESCRIBED: usize = 20;
/// The longest subject of a mail, in characters.
const LONGEST_SUBJECT: usize = 150;

/// One line for the subject of a mail.
pub(crate) fn subject(message: &Notification) -> String {
    clean(&format!("[Bucketry] {}", message.title), LONGEST_SUBJECT)
}

/// The command that a condition names, as it is typed.
pub(crate) fn command(item: &NotificationItem) -> Option<String> {
    item.command.as_ref().map(|command| format!("bucketry {command}"))
}

/// The conditions, one paragraph each, without the title.
pub(crate) fn paragraphs(message: &Notification) -> String {
    let mut text = String::new();
    if message.kind == NotificationKind::Test {
        text.push_str("If you can read this, the channel works.\n");
    }
    // Writing to a string can't fail.
    for item in message.items.iter().take(DESCRIBED) {
        let since = item.since.map(|since| format!(", since {}", to_wire(since))).unwrap_or_default();
        _ = writeln!(text, "{}: {}{since}", item.name, item.title);
        if message.kind != NotificationKind::Resolved {
            _ = writeln!(text, "{}", item.sentence);
            if let Some(command) = command(item) {
                _ = writeln!(text, "  {command}");
            }
        }
        text.push('\n');
    }
    let described = message.items.len().min(DESCRIBED) as u64;
    if message.total > described {
        _ = writeln!(
            text,
            "… and {} more. `bucketry doctor` lists all that need attention.",
            message.total - described
        );
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use bucketry_model::finding::{FindingCode, Severity, SubjectKind};
    use bucketry_model::id::{ChannelId, NotificationId, OrgId};
    use bucketry_model::name::Name;
    use bucketry_model::notification::{ChannelRules, ChannelTarget, DeliveryState};
    use bucketry_store::notification::{ClaimedDelivery, DeliveryClaim, StoredNotification};
    use bucketry_store::notification_channel::NotificationChannel;
    use jiff::Timestamp;

    use super::*;

    pub(crate) fn message(kind: NotificationKind, names: &[&str], total: u64) -> Notification {
        let item = |name: &&str| NotificationItem {
            code: FindingCode::BucketOffline,
            subject: SubjectKind::Bucket,
            id: format!("id-of-{name}"),
            name: (*name).to_owned(),
            severity: Severity::Critical,
            title: "Bucket is OFFLINE".to_owned(),
            sentence: "No node reaches it.".to_owned(),
            command: Some("bucket validate x".to_owned()),
            since: Some(Timestamp::UNIX_EPOCH),
            workspace_id: None,
        };
        let items = names.iter().map(item).collect();
        Notification::about(kind, items, total, None, Timestamp::from_second(60).unwrap())
    }

    /// The first attempt to send a message.
    pub(crate) fn delivery(target: ChannelTarget, message: Notification) -> ClaimedDelivery {
        let now = message.at;
        let channel_id = ChannelId::new(now, [1; 10]);
        ClaimedDelivery {
            claim: DeliveryClaim { channel_id, number: 1 },
            channel: NotificationChannel {
                id: channel_id,
                org_id: OrgId::new(now, [3; 10]),
                workspace_id: None,
                name: Name::parse("on call").unwrap(),
                enabled: true,
                target,
                has_secret: false,
                rules: ChannelRules::default(),
                created_at: now,
                updated_at: now,
            },
            secret: None,
            stored: StoredNotification {
                id: NotificationId::new(now, [2; 10]),
                channel_id,
                kind: message.kind,
                title: message.title.clone(),
                created_at: now,
                state: DeliveryState::Pending,
                attempts: 0,
                status: None,
                error: None,
                tried_at: None,
                next_at: Some(now),
            },
            message,
        }
    }

    #[test]
    fn a_text_says_what_to_do_and_how_many_more_there_are() {
        let text = paragraphs(&message(NotificationKind::Alerting, &["photos"], 200));
        assert!(text.starts_with("photos: Bucket is OFFLINE, since 1970-01-01T00:00:00"), "{text}");
        assert!(
            text.contains("\n  bucketry bucket validate x\n") && text.contains("… and 199 more"),
            "{text}"
        );
        let resolved = paragraphs(&message(NotificationKind::Resolved, &["photos"], 1));
        assert!(!resolved.contains("No node reaches it"), "{resolved}");
        let many: Vec<String> = (0..100).map(|n| format!("b{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = paragraphs(&message(NotificationKind::Alerting, &many, 100));
        assert!(text.contains("… and 80 more"), "{text}");
        assert_eq!(text.matches("Bucket is OFFLINE").count(), DESCRIBED, "{text}");
    }

    #[test]
    fn a_subject_is_one_bounded_line() {
        let subject = subject(&message(NotificationKind::Alerting, &["x".repeat(500).as_str()], 1));
        assert!(subject.chars().count() <= LONGEST_SUBJECT && !subject.contains('\n'), "{subject}");
    }
}
