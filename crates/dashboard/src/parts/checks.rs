//! The checks of a validation, each with what is wrong and how to fix it.

use bucketry_model::diagnosis::{Check, CheckCode, CheckName};
use maud::{Markup, html};

use super::icon::{Icon, shape};
use super::time;
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
    checks_in_progress(made, None, false)
}

/// The same while they are made. In the page of a form, failed checks name its fields.
pub(crate) fn checks_in_progress(made: &[Check], running: Option<CheckName>, in_form: bool) -> Markup {
    html! {
        ol.checks {
            @for (name, label) in ALL {
                @match made.iter().find(|check| check.name == name) {
                    Some(check) => (line(check, label, in_form)),
                    None if running == Some(name) => li.run {
                        (shape(Icon::Again, "")) span { (label) } span.ms { "in progress" }
                    },
                    None => li.wait {
                        (shape(Icon::Wait, "")) span { (label) } span.ms { "not tried" }
                    },
                }
            }
        }
    }
}

/// How many failed, or that all passed.
pub(crate) fn summary(made: &[Check]) -> String {
    match made.iter().filter(|check| !check.ok).count() {
        0 if made.is_empty() => "not run yet".to_owned(),
        0 => "all passed".to_owned(),
        failed => human::plural(failed as u64, "check failed", "checks failed"),
    }
}

/// What a screen reader is told: the checks that have failed, without those that passed.
pub(crate) fn failures(made: &[Check]) -> String {
    let label = |name: CheckName| {
        ALL.iter().find(|(own, _)| *own == name).map_or("Another check", |(_, label)| label)
    };
    let failed = made.iter().filter(|check| !check.ok);
    failed
        .map(|check| format!("{} failed: {}", label(check.name), check.message))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The fields of a form that failed checks are about, each with what was found.
pub(crate) fn failed_fields(made: &[Check]) -> impl Iterator<Item = (&'static str, &str)> {
    let failed = made.iter().filter(|check| !check.ok);
    failed.filter_map(|check| field(check).map(|(id, _)| (id, check.message.as_str())))
}

fn line(check: &Check, label: &str, in_form: bool) -> Markup {
    let field = field(check).filter(|_| in_form);
    html! {
        li class=(if check.ok { "ok" } else { "no" }) {
            (shape(if check.ok { Icon::Good } else { Icon::Bad }, ""))
            span { @if check.ok { (label) } @else { b { (label) } } span.vh { (if check.ok { " passed" } else { " failed" }) } }
            span.ms { (human::latency(check.latency_ms as f64)) }
            @if !check.ok {
                p id=[field.map(|(id, _)| format!("{id}-check"))] {
                    (time::in_text(&check.message))
                    @if let Some((id, name)) = field { " " a.link href={ "#" (id) } data-field=(id) { "See " (name) "." } }
                }
            }
            @if let Some(hint) = &check.hint { div.hint { (time::in_text(hint)) } }
        }
    }
}

/// The field of the form that a failed check is about: its id and what it is called.
fn field(check: &Check) -> Option<(&'static str, &'static str)> {
    match (check.name, check.error_code?) {
        (_, CheckCode::WrongRegion) => Some(("region", "the region")),
        (_, CheckCode::NotAnObjectStore) | (CheckName::Dns | CheckName::Connect | CheckName::Tls, _) => {
            Some(("endpoint", "the endpoint"))
        }
        (CheckName::Bucket, _) => Some(("bucket", "the bucket")),
        (_, CheckCode::KeyUnknown | CheckCode::AccountNotFound) => Some(("key", "the key")),
        (_, CheckCode::SecretWrong | CheckCode::TokenExpired) => Some(("secret", "the secret")),
        _ => None,
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
