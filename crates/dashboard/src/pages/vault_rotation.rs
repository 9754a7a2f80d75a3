//! Rotation of the vault's keys, on the page of settings: for owners of the deployment's first organization.

use axum::response::Response;
use bucketry_control::Error;
use bucketry_store::vault::{RotationPhase, RotationState};
use maud::{Markup, html};

use crate::failure::PageError;
use crate::human;
use crate::parts::empty::failed_part;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::FormOutcome;
use crate::viewer::Viewer;

/// `POST`: starts a rotation, or continues to show the one in progress.
pub(crate) async fn start(viewer: Viewer) -> Response {
    let started = viewer.control().start_rotation(&viewer.caller).await;
    let to = viewer.links().ui_with("/settings", &[("done", "rotation-started")]);
    let outcome = started.map(|_| FormOutcome::Moved(format!("{to}#vault"))).map_err(PageError::from);
    viewer.answer_form(outcome).await
}

/// The panel. Nothing for those who may not rotate.
pub(super) async fn panel(viewer: &Viewer) -> Markup {
    let state = match viewer.control().rotation(&viewer.caller).await {
        Ok(state) => state,
        Err(Error::Forbidden(_)) => return html! {},
        Err(error) => {
            let error = PageError::from(error);
            error.log();
            return html! {
                section.panel #vault data-refresh aria-labelledby="vt" {
                    header { h2 #vt { "Vault" } }
                    div.body { (failed_part(&error.message())) }
                }
            };
        }
    };
    let is_running = state.as_ref().is_some_and(|state| state.phase != RotationPhase::Done);
    html! {
        section.panel #vault data-refresh aria-labelledby="vt" {
            header { h2 #vt { "Vault" } }
            div.body {
                p.quiet {
                    "Secrets are sealed so that only nodes can open them. A rotation has nodes create new keys, seal every secret \
                     again, and delete the old keys. Everything stays in use meanwhile."
                }
                @match &state {
                    None => p.quiet { "The keys have not been rotated yet." },
                    Some(state) => (progress(viewer, state)),
                }
                @if !is_running {
                    form method="post" action=(viewer.links().ui("/settings/rotation")) {
                        button.btn { "Rotate keys" }
                    }
                }
            }
        }
    }
}

fn number(count: u64) -> String {
    human::exact(i64::try_from(count).unwrap_or(i64::MAX))
}

fn progress(viewer: &Viewer, state: &RotationState) -> Markup {
    let now = viewer.frame.now;
    let (done, total) = (number(state.done), number(state.total));
    html! {
        @match state.phase {
            RotationPhase::NewIdentity => p { b { "Nodes are creating new keys." } " Started " (time::ago(state.started_at, now)) "." },
            RotationPhase::Resealing => {
                p { b { (done) " of " (total) " secrets are done." } " Started " (time::ago(state.started_at, now)) "." }
                progress max=(state.total.max(1)) value=(state.done.min(state.total)) aria-label="Secrets that have been sealed again" {}
            },
            RotationPhase::Retiring => p { b { "Nodes are deleting their old keys." } " Started " (time::ago(state.started_at, now)) "." },
            RotationPhase::Done if state.failed == 0 => p {
                (state::state(Mark::Good, "Rotated")) " "
                @if let Some(at) = state.finished_at { (time::ago(at, now)) }
                ", " (human::plural(state.done, "secret", "secrets")) "."
            },
            RotationPhase::Done => p {
                (state::state(Mark::Warn, "Incomplete")) " "
                @if let Some(at) = state.finished_at { (time::ago(at, now)) }
                ". No connected node could open " (human::plural(state.failed, "secret", "secrets"))
                ", so the old keys were not deleted. Connect the missing nodes and rotate again, or enter these secrets again."
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(number(12_345), "12,345");
        assert_eq!(number(u64::MAX), number(i64::MAX as u64));
    }
}
