//! Messages, and what became of them.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, FindingCode, Severity, SubjectKind};
use crate::id::WorkspaceId;

/// How many conditions a message describes. It counts the others.
pub const MAX_ITEMS: usize = 100;
/// The longest name in a message, in characters.
const MAX_NAME: usize = 200;
/// The longest title of a condition, in characters.
const MAX_TITLE: usize = 200;
/// The longest description and command, in characters.
const MAX_SENTENCE: usize = 500;
/// How many names the title of a message has.
const NAMED: usize = 3;

/// Whether a message reports conditions that began or ended, or is a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotificationKind {
    /// Conditions last long enough to be sent.
    Alerting,
    /// Conditions have ended.
    Resolved,
    /// Conditions still last. Only for receivers that forget what isn't repeated.
    Reminder,
    /// Somebody tries a channel.
    Test,
}

/// The text is not the name of a kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of message")]
pub struct UnknownNotificationKind;

impl NotificationKind {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerting => "ALERTING",
            Self::Resolved => "RESOLVED",
            Self::Reminder => "REMINDER",
            Self::Test => "TEST",
        }
    }
}

impl FromStr for NotificationKind {
    type Err = UnknownNotificationKind;
    fn from_str(text: &str) -> Result<Self, UnknownNotificationKind> {
        let all = [Self::Alerting, Self::Resolved, Self::Reminder, Self::Test];
        all.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownNotificationKind)
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryState {
    /// It waits for its first or next attempt.
    Pending,
    /// The receiver accepted it.
    Delivered,
    /// It wasn't accepted in time and is no longer tried.
    Failed,
}

/// The text is not the name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the state of a message")]
pub struct UnknownDeliveryState;

impl DeliveryState {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Failed => "FAILED",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = UnknownDeliveryState;
    fn from_str(text: &str) -> Result<Self, UnknownDeliveryState> {
        let all = [Self::Pending, Self::Delivered, Self::Failed];
        all.into_iter().find(|state| state.as_str() == text).ok_or(UnknownDeliveryState)
    }
}

/// A condition as a message describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationItem {
    /// What is wrong.
    pub code: FindingCode,
    /// The kind of thing.
    pub subject: SubjectKind,
    /// The id of the thing.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How urgent it is.
    pub severity: Severity,
    /// A few words without the name.
    pub title: String,
    /// What is wrong, why, and what to do.
    pub sentence: String,
    /// A command that shows more or fixes it.
    pub command: Option<String>,
    /// Since when it has lasted.
    pub since: Option<Timestamp>,
    /// The workspace, if the thing is in one.
    pub workspace_id: Option<WorkspaceId>,
}

impl NotificationItem {
    /// Describes a finding. Texts are cut, and have no control characters, so that none can change the meaning of a
    /// mail or a terminal's screen.
    pub fn of(finding: &Finding) -> Self {
        Self {
            code: finding.key.code,
            subject: finding.key.subject,
            id: clean(&finding.key.id, MAX_NAME),
            name: clean(&finding.name, MAX_NAME),
            severity: finding.severity,
            title: clean(&finding.title, MAX_TITLE),
            sentence: clean(&finding.sentence, MAX_SENTENCE),
            command: finding.command.as_deref().map(|command| clean(command, MAX_SENTENCE)),
            since: finding.since,
            workspace_id: finding.workspace_id,
        }
    }
}

/// A message as it is stored until every receiver has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// What it says.
    pub kind: NotificationKind,
    /// When it was written.
    pub at: Timestamp,
    /// One line: what happened to what.
    pub title: String,
    /// What all conditions in it have in common. `None` for a test.
    pub code: Option<FindingCode>,
    /// The most urgent of the conditions.
    pub severity: Severity,
    /// What explains all of them, in the words of its title and name.
    pub cause: Option<String>,
    /// How many conditions it is about.
    pub total: u64,
    /// The first [`MAX_ITEMS`] of them.
    pub items: Vec<NotificationItem>,
}

impl Notification {
    /// Writes the message about conditions of one code. `total` counts all, of which `items` may be the first.
    pub fn about(
        kind: NotificationKind,
        items: Vec<NotificationItem>,
        total: u64,
        cause: Option<String>,
        at: Timestamp,
    ) -> Self {
        let title = headline(kind, &items, total, cause.as_deref());
        Self {
            kind,
            at,
            title,
            code: items.first().map(|item| item.code),
            severity: items.iter().map(|item| item.severity).max().unwrap_or(Severity::Info),
            cause,
            total,
            items: items.into_iter().take(MAX_ITEMS).collect(),
        }
    }

    /// Writes a message that says nothing but that the channel works.
    pub fn test(channel: &str, at: Timestamp) -> Self {
        Self {
            kind: NotificationKind::Test,
            at,
            title: format!("Test of the notification channel {}", clean(channel, MAX_NAME)),
            code: None,
            severity: Severity::Info,
            cause: None,
            total: 0,
            items: Vec::new(),
        }
    }
}

fn headline(kind: NotificationKind, items: &[NotificationItem], total: u64, cause: Option<&str>) -> String {
    let title = items.first().map_or("", |item| item.title.as_str());
    let names: Vec<&str> = items.iter().take(NAMED).map(|item| item.name.as_str()).collect();
    let others = total.saturating_sub(names.len() as u64);
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let ended = if kind == NotificationKind::Resolved { "Resolved: " } else { "" };
    let because = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{ended}{title}: {}{more}{because}", names.join(", "))
}

/// A text of at most so many characters, with a space for each control character. What is left out is shown by `…`.
pub fn clean(text: &str, most: usize) -> String {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut clean: String = text.chars().take(most).map(|c| if is_plain(c) { c } else { ' ' }).collect();
    if text.chars().nth(most).is_some() {
        clean.pop();
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::finding::FindingKey;

    fn item(name: &str) -> NotificationItem {
        NotificationItem {
            code: FindingCode::BucketOffline,
            subject: SubjectKind::Bucket,
            id: "1".to_owned(),
            name: name.to_owned(),
            severity: Severity::Critical,
            title: "Bucket is OFFLINE".to_owned(),
            sentence: "No node reaches it.".to_owned(),
            command: None,
            since: None,
            workspace_id: None,
        }
    }

    fn about(kind: NotificationKind, names: &[&str], total: u64, cause: Option<&str>) -> String {
        let items = names.iter().map(|name| item(name)).collect();
        Notification::about(kind, items, total, cause.map(str::to_owned), Timestamp::UNIX_EPOCH).title
    }

    #[test]
    fn a_title_names_a_few_and_counts_the_others() {
        use NotificationKind::{Alerting, Resolved};
        assert_eq!(about(Alerting, &["a"], 1, None), "Bucket is OFFLINE: a");
        assert_eq!(about(Resolved, &["a", "b"], 2, None), "Resolved: Bucket is OFFLINE: a, b");
        assert_eq!(
            about(Alerting, &["a", "b", "c", "d"], 200, Some("Node is silent: eu-1")),
            "Bucket is OFFLINE: a, b, c and 197 more (Node is silent: eu-1)"
        );
    }

    #[test]
    fn texts_are_cut_and_have_no_control_characters() {
        assert_eq!(clean("a\r\nBcc: x\u{1b}[31m\u{202e}", 100), "a  Bcc: x [31m ");
        assert_eq!(clean("ääää", 3), "ää…");
        assert_eq!(clean("äää", 3), "äää");
    }

    #[test]
    fn a_message_is_as_urgent_as_its_most_urgent_condition() {
        let of = |severity| NotificationItem { severity, ..item("a") };
        let items = [Severity::Warning, Severity::Critical, Severity::Info].map(of).to_vec();
        let about =
            |items| Notification::about(NotificationKind::Alerting, items, 3, None, Timestamp::UNIX_EPOCH);
        assert_eq!(about(items).severity, Severity::Critical);
        assert_eq!(about(Vec::new()).severity, Severity::Info);
    }

    #[test]
    fn a_condition_has_no_text_of_a_finding_as_it_was_entered() {
        let evil = |most: usize| format!("a\r\nb{}", "x".repeat(most));
        let finding = Finding {
            key: FindingKey {
                code: FindingCode::ObjectsStale,
                subject: SubjectKind::Bucket,
                id: evil(MAX_NAME),
            },
            severity: Severity::Warning,
            name: evil(MAX_NAME),
            workspace_id: None,
            title: evil(MAX_TITLE),
            sentence: evil(MAX_SENTENCE),
            command: Some(evil(MAX_SENTENCE)),
            since: None,
            depends_on: None,
            visible_after: SignedDuration::ZERO,
        };
        let item = NotificationItem::of(&finding);
        for (text, most) in [
            (item.id, MAX_NAME),
            (item.name, MAX_NAME),
            (item.title, MAX_TITLE),
            (item.sentence, MAX_SENTENCE),
            (item.command.unwrap(), MAX_SENTENCE),
        ] {
            assert!(text.starts_with("a  b") && text.chars().count() == most, "{text}");
        }
    }

    #[test]
    fn a_message_has_a_bounded_number_of_items_and_reads_back() {
        let items = (0..500).map(|_| item("a")).collect();
        let message =
            Notification::about(NotificationKind::Alerting, items, 500, None, Timestamp::UNIX_EPOCH);
        assert_eq!((message.items.len(), message.total), (MAX_ITEMS, 500));
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Notification>(&text).unwrap(), message);
    }
}
