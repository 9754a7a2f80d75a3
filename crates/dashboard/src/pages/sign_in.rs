//! `/ui/sign-in`: e-mail address and password, then the page that was requested.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use bucketry_control::Error;
use bucketry_control::browser_sessions::{LONGEST, OpenedBrowserSession};
use bucketry_web::login_guard::network;
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::client::ClientFrame;
use crate::cookie;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::layout;
use crate::parts::brand::brand;
use crate::parts::field::{FieldKind, TextField};
use crate::parts::notice;
use crate::screen::{Screen, Section};
use crate::state::Dashboard;

/// `GET`: the form, or the requested page for those who have signed in already.
pub(crate) async fn show(
    State(app): State<Dashboard>,
    frame: ClientFrame,
    SentQuery(query): SentQuery,
) -> Response {
    if let Err(error) = app.limits().check_address(frame.address) {
        return layout::bare_failure(&frame, &error);
    }
    if let Some(value) = &frame.session
        && app.control().authenticate_browser(value).await.is_ok()
    {
        return Redirect::to(&frame.own_page(query.text("to"))).into_response();
    }
    let screen = Screen::new(Section::Elsewhere, "Sign in", form(&frame, "", query.text("to"), None));
    layout::document(&frame, None, screen)
}

/// `POST`: signs in.
pub(crate) async fn submit(
    State(app): State<Dashboard>,
    frame: ClientFrame,
    SentForm(fields): SentForm,
) -> Response {
    match sign_in(&app, &frame, &fields).await {
        Ok(session) => {
            let to = frame.own_page(fields.text("to"));
            let mut response = Redirect::to(&to).into_response();
            if let Some(header) =
                cookie::set_session(&session.value, LONGEST.as_secs(), frame.is_https, frame.links())
            {
                response.headers_mut().insert(SET_COOKIE, header);
            }
            response
        }
        Err(error @ (PageError::Control(Error::Login(_)) | PageError::TooMany { .. })) => {
            let (message, status) = (error.message(), error.status());
            let body = form(&frame, fields.text("email"), fields.text("to"), Some(&message));
            let screen = Screen::new(Section::Elsewhere, "Sign in", body).with_status(status);
            let mut response = layout::document(&frame, None, screen);
            if let Some(seconds) = error.retry_after() {
                response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            // A 401 without a challenge would be against the protocol, and no challenge of it fits a form.
            if status == StatusCode::UNAUTHORIZED {
                *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            }
            response
        }
        Err(error) => layout::bare_failure(&frame, &error),
    }
}

async fn sign_in(
    app: &Dashboard,
    frame: &ClientFrame,
    fields: &FieldValues,
) -> Result<OpenedBrowserSession, PageError> {
    app.limits().check_address(frame.address)?;
    app.limits().check_sign_in(frame.address)?;
    let email = fields.text("email");
    let from = frame.address.map(network);
    let attempt = app.limits().admit_login(app.control(), email, from.as_deref()).await?;
    let password = fields.secret("password").unwrap_or_else(|| bucketry_model::secret::Secret::new(""));
    let session =
        app.control().sign_in_browser(email, password, Some(&frame.device), from, frame.origin()).await;
    match attempt {
        Some(attempt) if matches!(session, Err(Error::Login(_))) => attempt.fail().await,
        Some(attempt) => attempt.refund(),
        None => {}
    }
    Ok(session?)
}

fn form(frame: &ClientFrame, email: &str, to: &str, problem: Option<&str>) -> Markup {
    let to = frame.own_page(to);
    let is_elsewhere = to != frame.links().ui("");
    html! {
        div.brand { (brand()) }
        div.panel { form.body.form method="post" action=(frame.links().ui("/sign-in")) {
            h1 { "Sign in" }
            @if let Some(problem) = problem { (notice::problems(problem, &[], &[])) }
            (TextField {
                id: "email",
                label: "E-mail address",
                value: email,
                kind: FieldKind::Email,
                is_required: true,
                has_focus: email.is_empty(),
                ..TextField::default()
            }.render())
            (TextField {
                id: "password",
                label: "Password",
                kind: FieldKind::Password,
                is_required: true,
                ..TextField::default()
            }.render())
            @if is_elsewhere { input type="hidden" name="to" value=(to); }
            button.btn.main-act { "Sign in" }
        } }
        p.small.quiet.centre { "No password? Ask an administrator of your organization to reset it." }
    }
}
