//! `/ui/password`: changes one's own password. Somebody who has signed in with a one-time password sees nothing else until
//! it is changed.

use axum::response::{IntoResponse as _, Redirect, Response};
use bucketry_control::accounts::AccountInput;
use bucketry_control::browser_sessions::LONGEST;
use bucketry_control::{Error, FieldError};
use bucketry_model::secret::Secret;
use http::StatusCode;
use http::header::SET_COOKIE;
use jiff::SignedDuration;
use maud::{Markup, html};

use crate::cookie;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::layout;
use crate::links::query_text;
use crate::parts::brand::brand;
use crate::parts::field::{FieldKind, TextField};
use crate::parts::notice;
use crate::screen::{Screen, Section};
use crate::viewer::{OneTimeViewer, Viewer};
use crate::wording::{self, Labels};

const LABELS: &Labels = &[("password", "New password"), ("currentPassword", "Current password")];
/// Somebody who signed in less than this ago need not enter the current password again.
const RECENT: SignedDuration = SignedDuration::from_mins(4);

/// `GET`: the form.
pub(crate) async fn show(OneTimeViewer(viewer): OneTimeViewer, SentQuery(query): SentQuery) -> Response {
    screen(&viewer, query.text("to"), StatusCode::OK, &[])
}

/// `POST`: changes the password, and gives the browser a new session value.
pub(crate) async fn submit(OneTimeViewer(viewer): OneTimeViewer, SentForm(fields): SentForm) -> Response {
    match change(&viewer, &fields).await {
        Ok(value) => {
            let to = viewer.frame.own_page(fields.text("to"));
            let home = viewer.links().ui("");
            let said = if to == home { query_text(&[("done", "password-changed")]) } else { String::new() };
            let mut response = Redirect::to(&format!("{to}{said}")).into_response();
            let header =
                cookie::set_session(&value, LONGEST.as_secs(), viewer.frame.is_https, viewer.links());
            if let Some(header) = header {
                response.headers_mut().insert(SET_COOKIE, header);
            }
            response
        }
        Err(PageError::Control(Error::Invalid(wrong))) => {
            screen(&viewer, fields.text("to"), StatusCode::UNPROCESSABLE_ENTITY, &wrong)
        }
        Err(PageError::Control(Error::CurrentPasswordWrong)) => {
            let wrong = [FieldError::new("currentPassword", "is not right")];
            screen(&viewer, fields.text("to"), StatusCode::UNPROCESSABLE_ENTITY, &wrong)
        }
        Err(error) => viewer.answer(Err(error)).await,
    }
}

async fn change(viewer: &Viewer, fields: &FieldValues) -> Result<Secret, PageError> {
    let caller = &viewer.caller;
    let current = fields.secret("currentPassword");
    let attempt = match &current {
        Some(_) => viewer.frame.app.limits().admit_password_change(caller.user_id).await?,
        None => None,
    };
    let Some(new) = fields.secret("password") else {
        return Err(Error::field("password", "is required").into());
    };
    let input = AccountInput { password: Some(new), current_password: current, ..AccountInput::default() };
    let changed = viewer.control().update_account(caller, caller.user_id, input).await;
    match attempt {
        Some(attempt) if matches!(changed, Err(Error::CurrentPasswordWrong)) => attempt.fail().await,
        Some(attempt) => attempt.refund(),
        None => {}
    }
    changed?;
    Ok(viewer.control().renew_browser_value(caller).await?)
}

fn screen(viewer: &Viewer, to: &str, status: StatusCode, wrong: &[FieldError]) -> Response {
    let body = form(viewer, to, wrong);
    let title = if viewer.caller.must_change_password { "Choose a password" } else { "Change your password" };
    layout::document(&viewer.frame, None, Screen::new(Section::Elsewhere, title, body).with_status(status))
}

fn form(viewer: &Viewer, to: &str, wrong: &[FieldError]) -> Markup {
    let is_one_time = viewer.caller.must_change_password;
    let age = viewer.caller.signed_in_at.map(|at| viewer.frame.now.duration_since(at));
    let is_recent = age.is_some_and(|age| age.abs() < RECENT);
    let problem = |field: &str| {
        wrong.iter().find(|one| one.field == field).map(|one| wording::field_sentence(one, LABELS))
    };
    let (new, current) = (problem("password"), problem("currentPassword"));
    let asks_current = !is_one_time || !is_recent || current.is_some();
    let listed: Vec<(&str, String)> =
        wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect();
    html! {
        div.brand { (brand()) }
        div.panel { form.body.form method="post" action=(viewer.links().ui("/password")) {
            div {
                h1 { (if is_one_time { "Choose a password" } else { "Change your password" }) }
                p.quiet {
                    @if is_one_time { "You signed in with a one-time password. Choose your own before you continue." }
                    @else { "Your other sessions end. API tokens stay valid." }
                }
            }
            @if !listed.is_empty() { (notice::problems("The password was not changed", &[], &listed)) }
            input type="hidden" name="email" value=(viewer.person.email) autocomplete="username";
            @if asks_current {
                (TextField {
                    id: "currentPassword",
                    label: "Current password",
                    kind: FieldKind::Password,
                    is_required: true,
                    problem: current.as_deref(),
                    ..TextField::default()
                }.render())
            }
            (TextField {
                id: "password",
                label: "New password",
                kind: FieldKind::NewPassword,
                is_required: true,
                has_focus: !asks_current,
                help: Some("At least 8 characters, with upper and lower case letters and digits."),
                problem: new.as_deref(),
                ..TextField::default()
            }.render())
            input type="hidden" name="to" value=(viewer.frame.own_page(to));
            button.btn.main-act { "Change password" }
        } }
        @if !is_one_time { p.small.centre { a.link href=(viewer.links().ui("/settings")) { "Back to the settings" } } }
        @else {
            form.centre method="post" action=(viewer.links().ui("/sign-out")) { button.btn.plain { "Sign out" } }
        }
    }
}
