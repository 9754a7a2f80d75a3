//! Times. The server writes UTC, and a script rewrites them in the reader's zone.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::human;

/// A time within the last day is shown as an age.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// `12 Nov 2026, 14:55 UTC`.
fn utc(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// A point in time with date and time of day.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-as="moment" { (utc(at)) } }
}

/// A day.
pub(crate) fn date(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-as="date" { (at.strftime("%-d %B %Y").to_string()) } }
}

/// `12 minutes ago` within a day, otherwise date and time.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let age = now.duration_since(at);
    if age.abs() >= RECENT {
        return moment(at);
    }
    html! {
        time datetime=(at) data-as="ago" title=(utc(at)) {
            @if age < SignedDuration::from_secs(-5) { "in " (human::duration(age)) }
            @else if age < SignedDuration::from_secs(5) { "just now" }
            @else { (human::duration(age)) " ago" }
        }
    }
}

/// `for 24 minutes`: how long something has lasted.
pub(crate) fn lasting(since: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(since) data-as="ago" title=(utc(since)) { "for " (human::duration(now.duration_since(since))) }
    }
}

/// `in 6 days`, or `3 days ago`.
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> Markup {
    let age = now.duration_since(at);
    html! {
        time datetime=(at) title=(utc(at)) {
            @if age.is_negative() { "in " (human::duration(age)) } @else { (human::duration(age)) " ago" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable_without_scripts() {
        let now: Timestamp = "2026-11-29T15:00:00Z".parse().unwrap();
        let html = ago("2026-11-29T14:36:00Z".parse().unwrap(), now).into_string();
        assert!(
            html.contains("24 minutes ago") && html.contains("datetime=\"2026-11-29T14:36:00Z\""),
            "{html}"
        );
        let html = ago("2026-11-12T14:36:00Z".parse().unwrap(), now).into_string();
        assert!(html.contains("12 Nov 2026, 14:36 UTC"), "{html}");
        assert!(distance("2026-12-05T15:00:00Z".parse().unwrap(), now).into_string().contains("in 6 days"));
    }
}
