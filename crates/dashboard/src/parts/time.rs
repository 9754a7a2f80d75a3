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

/// The text of another part of the program, in which times are in RFC 3339, with these times as in the rest of the page.
pub(crate) fn in_text(text: &str) -> Markup {
    let mut parts: Vec<(&str, Option<Timestamp>)> = Vec::new();
    let (mut rest, mut plain) = (text, 0);
    while let Some(start) = rest[plain..].find(|letter: char| letter.is_ascii_digit()) {
        let start = plain + start;
        let length = rest[start..].find(|letter: char| !is_in_time(letter)).unwrap_or(rest.len() - start);
        let found = rest[start..start + length].trim_end_matches(['.', ':', '-', '+']);
        plain = start + length;
        if found.len() < SHORTEST {
            continue;
        }
        let Ok(at) = found.parse() else { continue };
        parts.push((&rest[..start], Some(at)));
        rest = &rest[start + found.len()..];
        plain = 0;
    }
    parts.push((rest, None));
    html! { @for (before, at) in parts { (before) @if let Some(at) = at { (moment(at)) } } }
}

/// The length of `2026-11-29T15:00:00Z`.
const SHORTEST: usize = 20;

fn is_in_time(letter: char) -> bool {
    letter.is_ascii_digit() || "T:.Z+-".contains(letter)
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
        let html = in_text("It expires at 2026-12-05T15:00:00.000Z. Use <2> of 10-12.").into_string();
        assert!(
            html.starts_with("It expires at <time datetime=\"2026-12-05T15:00:00Z\" data-as=\"moment\">"),
            "{html}"
        );
        assert!(html.ends_with(">5 Dec 2026, 15:00 UTC</time>. Use &lt;2&gt; of 10-12."), "{html}");
        let html = in_text(r#"["2026-12-05T15:00:00Z", "2026-12-06T15:00:00+01:00"]"#).into_string();
        assert!(html.contains("5 Dec 2026, 15:00 UTC") && html.contains("6 Dec 2026, 14:00 UTC"), "{html}");
        for plain in ["", "1.5 GiB in 3 objects", "99999999999999999999999", "2026-13-45T99:00:00Z"] {
            assert_eq!(in_text(plain).into_string(), plain);
        }
        assert!(distance("2026-12-05T15:00:00Z".parse().unwrap(), now).into_string().contains("in 6 days"));
    }
}
