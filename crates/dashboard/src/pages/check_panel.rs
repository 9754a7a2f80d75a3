//! The panel of checks beside a form: before they run, while a node makes them, and afterwards. A script follows a
//! validation in progress at the address in `data-follow`.

use bucketry_control::Error;
use bucketry_control::validations::{ValidationEnd, ValidationProgress};
use bucketry_model::diagnosis::{Check, CheckName};
use maud::{Markup, html};

use crate::parts::checks;
use crate::viewer::Viewer;
use crate::wording;

/// What the panel shows.
#[derive(Default)]
pub(super) struct CheckPanel {
    pub(super) made: Vec<Check>,
    running: Option<CheckName>,
    /// Where to read how far the checks have come. `None` if none are being made.
    follow: Option<String>,
    /// Where to go, because the bucket was added.
    moved: Option<String>,
    /// Why the checks could not be made, or what did not happen because of them.
    problem: Option<String>,
    /// Whether failed checks name fields of a form on the same page.
    in_form: bool,
}

impl CheckPanel {
    /// Beside a form.
    pub(super) fn beside_form(made: Vec<Check>) -> Self {
        Self { made, in_form: true, ..Self::default() }
    }

    /// A validation that is followed at `address`.
    pub(super) fn of(
        viewer: &Viewer,
        progress: ValidationProgress,
        address: impl Fn(u64) -> String,
        in_form: bool,
    ) -> Self {
        let mut panel = Self { made: progress.checks, running: progress.running, in_form, ..Self::default() };
        match progress.end {
            None => panel.follow = Some(address(progress.revision)),
            Some(ValidationEnd::Validated(_)) => {}
            Some(ValidationEnd::Created(created)) => {
                let path = format!("/buckets/{}", created.id);
                panel.moved = Some(viewer.links().ui_with(path, &[("done", "bucket-added")]));
            }
            Some(ValidationEnd::Failed(error)) => {
                panel.problem = Some(match &*error {
                    Error::ValidationFailed(_) => {
                        "The bucket was not added, because a check failed.".to_owned()
                    }
                    other => wording::message(other),
                });
            }
        }
        panel
    }

    /// Whether checks are being made.
    pub(super) fn is_followed(&self) -> bool {
        self.follow.is_some()
    }

    fn word(&self) -> String {
        if self.is_followed() { "in progress".to_owned() } else { checks::summary(&self.made) }
    }

    /// What a screen reader is told: failures, and the end.
    fn news(&self) -> String {
        let has_ended = !self.is_followed() && !self.made.is_empty();
        let end = if has_ended { format!("Checks: {}.", self.word()) } else { String::new() };
        let parts = [checks::failures(&self.made), self.problem.clone().unwrap_or_default(), end];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether the key works, except for writing and deleting.
    fn may_be_read_only(&self) -> bool {
        let mut failed = self.made.iter().filter(|check| !check.ok).peekable();
        let is_about_writing = |check: &Check| matches!(check.name, CheckName::Write | CheckName::Delete);
        !self.is_followed() && failed.peek().is_some() && failed.all(is_about_writing)
    }

    pub(super) fn render(&self) -> Markup {
        html! {
            section.panel #checks aria-labelledby="ck" data-follow=[&self.follow] data-moved=[&self.moved]
                data-news=(self.news()) {
                header { h2 #ck { "Checks" } span.faint.small { (self.word()) } }
                div.body {
                    @if let Some(problem) = &self.problem { p.strong { (problem) } }
                    (checks::checks_in_progress(&self.made, self.running, self.in_form))
                    @if self.in_form && self.may_be_read_only() {
                        p.quiet.small {
                            "Everything else works. To use the bucket without writing, select "
                            a.link href="#readOnly" { "Read-only" } "."
                        }
                    }
                }
            }
        }
    }
}

/// Where the script puts the news of a panel. It stays in the page while the panel is replaced.
pub(super) fn live_region() -> Markup {
    html! { div.vh #check-news role="status" {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: CheckName, ok: bool) -> Check {
        Check { name, ok, latency_ms: 3, message: "Looked.".to_owned(), error_code: None, hint: None }
    }

    #[test]
    fn read_only_is_offered_where_only_writing_fails() {
        let panel = |made: &[Check]| CheckPanel::beside_form(made.to_vec()).render().into_string();
        let (list, write) = (check(CheckName::List, true), check(CheckName::Write, false));
        assert!(panel(&[list.clone(), write.clone()]).contains("#readOnly"));
        assert!(!panel(&[check(CheckName::List, false), write]).contains("#readOnly"));
        assert!(!panel(&[list]).contains("#readOnly") && !panel(&[]).contains("#readOnly"));
    }

    #[test]
    fn what_is_announced_are_failures_and_the_end() {
        let made = vec![check(CheckName::Dns, true), check(CheckName::Connect, false)];
        let mut panel = CheckPanel { follow: Some("/x".to_owned()), ..CheckPanel::beside_form(made) };
        assert_eq!(panel.news(), "Connection opens failed: Looked.");
        panel.follow = None;
        assert_eq!(panel.news(), "Connection opens failed: Looked. Checks: 1 check failed.");
    }
}
