//! The checks of a validation, each with what is wrong and how to fix it.

use bucketry_model::diagnosis::{Check, CheckName};
use maud::{Markup, html};

use super::icon::{Icon, shape};
use crate::human;

/// All checks in their order, with what each shows.
const ALL: [(CheckName, &str); 9] = [
    (CheckName::Dns, "Host name resolves"),
    (CheckName::Connect, "Connection opens"),
    (CheckName::Tls, "Certificate is trusted"),
    (CheckName::Authenticate, "Key and signature"),
    (CheckName::Bucket, "Bucket exists"),
    (CheckName::List, "Listing"),
    (CheckName::Write, "Writing"),
    (CheckName::Read, "Reading"),
    (CheckName::Delete, "Deleting"),
];

/// All nine checks: those that were made, and those that were not.
pub(crate) fn checks(made: &[Check]) -> Markup {
    html! {
        ol.checks {
            @for (name, label) in ALL {
                @match made.iter().find(|check| check.name == name) {
                    Some(check) => (line(check, label)),
                    None => li.wait {
                        (shape(Icon::Wait, "")) span { (label) } span.ms { "not tried" }
                    },
                }
            }
        }
    }
}

fn line(check: &Check, label: &str) -> Markup {
    html! {
        li class=(if check.ok { "ok" } else { "no" }) {
            (shape(if check.ok { Icon::Good } else { Icon::Bad }, ""))
            span { @if check.ok { (label) } @else { b { (label) } } span.vh { (if check.ok { " passed" } else { " failed" }) } }
            span.ms { (human::latency(check.latency_ms as f64)) }
            @if !check.ok { p { (check.message) } }
            @if let Some(hint) = &check.hint { div.hint { (hint) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tried_is_shown_as_such() {
        let made = [
            Check {
                name: CheckName::Dns,
                ok: true,
                latency_ms: 3,
                message: String::new(),
                error_code: None,
                hint: None,
            },
            Check {
                name: CheckName::Connect,
                ok: false,
                latency_ms: 24,
                message: "Nothing is listening.".into(),
                error_code: None,
                hint: Some("Check <the port>.".into()),
            },
        ];
        let html = checks(&made).into_string();
        assert_eq!(html.matches("not tried").count(), 7);
        assert!(html.contains("Nothing is listening.") && html.contains("Check &lt;the port&gt;."), "{html}");
    }
}
