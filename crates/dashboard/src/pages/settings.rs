//! `/ui/settings`: the viewer's names, password and theme.

use axum::response::Response;
use bucketry_control::accounts::AccountInput;
use bucketry_control::readiness::{DatabaseWrites, Readiness};
use bucketry_control::{Error, FieldError};
use http::StatusCode;
use maud::{Markup, html};

use super::vault_rotation;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::parts::field::{ChoiceCard, TextField, cards};
use crate::parts::heading;
use crate::parts::notice;
use crate::parts::state::{self, Mark};
use crate::screen::{FormOutcome, Screen, Section};
use crate::theme::Theme;
use crate::viewer::Viewer;
use crate::wording::{self, Labels};

const LABELS: &Labels = &[("name", "First name"), ("lastName", "Last name")];

/// `GET`
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer, None, &[]).await;
    viewer.answer(result).await
}

/// `POST`: changes the names.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = rename(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn rename(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let text = |name: &str| Some(fields.text(name).to_owned());
    let input =
        AccountInput { first_name: text("name"), last_name: text("lastName"), ..AccountInput::default() };
    match viewer.control().update_account(&viewer.caller, viewer.caller.user_id, input).await {
        Ok(()) => Ok(FormOutcome::Moved(viewer.links().ui_with("/settings", &[("done", "names-changed")]))),
        Err(Error::Invalid(wrong)) => {
            let screen = screen(viewer, Some(fields), &wrong).await?;
            Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn screen(
    viewer: &Viewer,
    sent: Option<&FieldValues>,
    wrong: &[FieldError],
) -> Result<Screen, PageError> {
    let user = viewer.control().profile(&viewer.caller).await?;
    let (first, last) = match sent {
        Some(fields) => (fields.text("name"), fields.text("lastName")),
        None => (user.first_name.as_str(), user.last_name.as_str()),
    };
    let body = html! {
        (heading::plain("Settings"))
        div.two { (names(viewer, first, last, wrong)) (password_and_theme(viewer)) }
        div.two {
            @if viewer.is_administrator() { (deployment(viewer.control().readiness().await)) }
            (vault_rotation::panel(viewer).await)
        }
        p.small.faint { "Bucketry " (env!("CARGO_PKG_VERSION")) }
    };
    Ok(Screen::new(Section::Settings, "Settings", body))
}

fn names(viewer: &Viewer, first: &str, last: &str, wrong: &[FieldError]) -> Markup {
    let problem = |field: &str| {
        wrong.iter().find(|one| one.field == field).map(|one| wording::field_sentence(one, LABELS))
    };
    let (first_problem, last_problem) = (problem("name"), problem("lastName"));
    let listed: Vec<(&str, String)> =
        wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect();
    html! {
        section.panel aria-labelledby="account" {
            header { h2 #account { "Account" } }
            form.body.form method="post" action=(viewer.links().ui("/settings")) {
                @if !listed.is_empty() { (notice::problems("Your names were not changed", &[], &listed)) }
                p.quiet.small { "You sign in as " b { (viewer.person.email) } "." }
                (TextField {
                    id: "name", label: "First name", value: first, is_required: true,
                    problem: first_problem.as_deref(), ..TextField::default()
                }.render())
                (TextField {
                    id: "lastName", label: "Last name", value: last, is_required: true,
                    problem: last_problem.as_deref(), ..TextField::default()
                }.render())
                div { button.btn.main-act { "Save" } }
            }
        }
    }
}

fn password_and_theme(viewer: &Viewer) -> Markup {
    let themes = Theme::ALL.map(|theme| ChoiceCard {
        value: theme.as_str(),
        mark: "",
        label: theme.label(),
        about: "",
    });
    html! {
        div.form {
            section.panel aria-labelledby="own-password" {
                header { h2 #own-password { "Password" } }
                div.body {
                    p.quiet { "Changing it ends your other sessions. API tokens stay valid." }
                    a.btn href=(viewer.links().ui("/password")) { "Change password" }
                }
            }
            section.panel aria-labelledby="own-theme" {
                header { h2 #own-theme { "Theme" } }
                form.body.form method="post" action=(viewer.links().ui("/theme")) data-themes {
                    (cards("theme", "In this browser", "three", &themes, viewer.frame.theme.as_str()))
                    div { button.btn { "Save" } }
                }
            }
        }
    }
}

/// What `/ready` reports.
fn deployment(readiness: Readiness) -> Markup {
    let line = |is_met: bool, met: &str, not_met: &str| {
        if is_met { state::state(Mark::Good, met) } else { state::state(Mark::Bad, not_met) }
    };
    let refused = if readiness.writes == DatabaseWrites::ReadOnly {
        "It is read-only: a standby, or writes are not permitted"
    } else {
        "It accepts no writes: its disk is full, or another program has locked it"
    };
    html! {
        section.panel aria-labelledby="deployment" {
            header { h2 #deployment { "Deployment" } }
            ul.body.ready {
                li { (line(readiness.database, "The database responds", "The database does not respond")) }
                li { (line(readiness.writes.are_accepted(), "It accepts writes", refused)) }
                li { (line(readiness.migrations, "This version can work with its schema", "This version can't work with its schema")) }
                li { (line(readiness.node, "A node is connected", "No node is connected")) }
            }
        }
    }
}
