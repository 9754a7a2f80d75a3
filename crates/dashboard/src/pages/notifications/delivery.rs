//! What became of a message.

use bucketry_model::notification::{ChannelKind, DeliveryState, NotificationKind};
use bucketry_store::notification::StoredNotification;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::human;
use crate::parts::notice::notice;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::wording;

fn mark(state: DeliveryState) -> (Mark, &'static str) {
    match state {
        DeliveryState::Pending => (Mark::Mute, "Waiting"),
        DeliveryState::Delivered => (Mark::Good, "Delivered"),
        DeliveryState::Failed => (Mark::Bad, "Failed"),
    }
}

/// `HTTP 200`, `SMTP 250`.
fn status(stored: &StoredNotification, kind: ChannelKind) -> Option<String> {
    let protocol = if kind == ChannelKind::Email { "SMTP" } else { "HTTP" };
    stored.status.map(|status| format!("{protocol} {status}"))
}

/// State, and below it the age, for a table.
pub(super) fn summary(stored: &StoredNotification, kind: ChannelKind, now: Timestamp) -> Markup {
    let (mark, word) = mark(stored.state);
    html! {
        (state::state(mark, word))
        div.why {
            @if let Some(status) = status(stored, kind) { (status) ", " }
            (time::ago(stored.tried_at.unwrap_or(stored.created_at), now))
        }
    }
}

/// What is said above the page of a channel after a test.
pub(super) fn of_test(stored: &StoredNotification, kind: ChannelKind) -> Markup {
    let status = status(stored, kind);
    match stored.state {
        DeliveryState::Delivered => {
            let text =
                html! { "The receiver accepted it" @if let Some(status) = &status { " (" (status) ")" } "." };
            notice(Mark::Good, "The test was delivered", text, None)
        }
        DeliveryState::Failed => {
            let text = html! {
                (time::in_text(&wording::sentence(stored.error.as_deref().unwrap_or("the receiver did not accept it"))))
                @if let Some(status) = &status { " (" (status) ")" }
            };
            notice(Mark::Bad, "The test was not delivered", text, None)
        }
        DeliveryState::Pending => {
            let text = html! { "The receiver has not answered yet. The log below shows the result." };
            notice(Mark::Mute, "The test is on its way", text, None)
        }
    }
}

/// A line of the log.
pub(super) fn line(stored: &StoredNotification, kind: ChannelKind, now: Timestamp) -> Markup {
    let (mark, word) = mark(stored.state);
    let what = match stored.kind {
        NotificationKind::Alerting => "Began",
        NotificationKind::Resolved => "Ended",
        NotificationKind::Reminder => "Still lasts",
        NotificationKind::Test => "Test",
    };
    html! {
        div.line {
            span.what {
                b { bdi { (stored.title) } }
                span.quiet.small {
                    (what)
                    @if let Some(status) = status(stored, kind) { " · " (status) }
                    @if stored.attempts > 1 { " · " (human::plural(stored.attempts.into(), "attempt", "attempts")) }
                }
                @if let Some(error) = &stored.error { span.quiet.small { (time::in_text(&wording::sentence(error))) } }
                @if let Some(next) = stored.next_at.filter(|_| stored.state == DeliveryState::Pending && stored.attempts > 0) {
                    span.quiet.small { "Next attempt " (time::ago(next, now)) }
                }
            }
            (state::state(mark, word))
            span.when { (time::ago(stored.tried_at.unwrap_or(stored.created_at), now)) }
        }
    }
}
