//! `/ui/tokens`: the viewer's sessions and API tokens.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::{Error, FieldError, ResourceKind};
use bucketry_model::id::TokenId;
use bucketry_store::token::{TokenKind, TokenRecord};
use http::StatusCode;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::parts::field::TextField;
use crate::parts::heading;
use crate::parts::notice;
use crate::parts::snippet;
use crate::parts::state::Mark;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::{self, Labels};

const LABELS: &Labels = &[("name", "Name"), ("expiresAt", "Expiry")];
/// The most tokens that are listed.
const MOST: usize = 200;

/// `GET`
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer, &[]).await;
    viewer.answer(result).await
}

/// `POST`: creates an API token. It is in the response and nowhere else.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let input = NewApiToken {
        name: fields.text("name").to_owned(),
        expires_at: None,
        workspace_id: None,
        role: None,
    };
    match viewer.control().create_token(&viewer.caller, input).await {
        Ok(created) => {
            let body = html! {
                (heading::plain("The token was created"))
                (notice::notice(
                    Mark::Warn,
                    "Store the token now",
                    html! { "It is shown only this once, and can’t be read again." },
                    None,
                ))
                section.panel aria-label="The token" {
                    div.body.form {
                        (snippet::value("token", "API token", created.token.expose()))
                        div { a.btn.main-act href=(viewer.links().ui("/tokens")) { "I have stored it" } }
                    }
                }
            };
            Ok(Screen::new(Section::Tokens, "The token was created", body).into())
        }
        Err(Error::Invalid(wrong)) => {
            Ok(screen(viewer, &wrong).await?.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /{token}/revoke`
pub(crate) async fn revoke(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = end(&viewer, &id).await;
    viewer.answer_form(outcome).await
}

async fn end(viewer: &Viewer, id: &str) -> Result<FormOutcome, PageError> {
    let id: TokenId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Token))?;
    viewer.control().revoke_token(&viewer.caller, id).await?;
    Ok(FormOutcome::Moved(viewer.links().ui_with("/tokens", &[("done", "token-revoked")])))
}

async fn screen(viewer: &Viewer, wrong: &[FieldError]) -> Result<Screen, PageError> {
    let all = viewer.control().tokens(&viewer.caller).await?;
    let listed: Vec<(&str, String)> =
        wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect();
    let body = html! {
        (heading::plain("Tokens"))
        @if !listed.is_empty() { (notice::problems("The token was not created", &[], &listed)) }
        section.panel aria-labelledby="tk" {
            header { h2 #tk { "Sessions and API tokens" } }
            table.table {
                thead { tr {
                    th scope="col" { "Name" } th.c2 scope="col" { "Last used" }
                    th.c2 scope="col" { "Expires" } th.r scope="col" { span.vh { "Actions" } }
                } }
                tbody { @for token in all.iter().take(MOST) { (row(viewer, token)) } }
            }
        }
        section.panel aria-labelledby="nt" {
            header { h2 #nt { "Create an API token" } }
            form.body.form method="post" action=(viewer.links().ui("/tokens")) {
                p.quiet { "For programs that call the API. It has all your rights; the API and the command line can restrict it." }
                (TextField {
                    id: "name", label: "Name", is_required: true, placeholder: "backup script",
                    problem: listed.first().map(|(_, text)| text.as_str()), ..TextField::default()
                }.render())
                div { button.btn.main-act { "Create token" } }
            }
        }
    };
    Ok(Screen::new(Section::Tokens, "Tokens", body))
}

fn row(viewer: &Viewer, token: &TokenRecord) -> Markup {
    let now = viewer.frame.now;
    let is_this = token.id == viewer.caller.token_id;
    let kind = match token.kind {
        TokenKind::Browser => "Browser",
        TokenKind::Session => "Command line",
        TokenKind::Api => "API token",
    };
    let name = if token.name.is_empty() { "(no name)" } else { token.name.as_str() };
    html! {
        tr {
            td.name {
                b { (name) }
                span {
                    (kind)
                    @if let Some(scope) = token.scope { ", " (scope.role.as_str()) }
                    @if is_this { " · This browser" }
                }
            }
            td.c2 { (time::ago(token.last_used_at.unwrap_or(token.created_at), now)) }
            td.c2 { @match token.expires_at { Some(at) => (time::distance(at, now)), None => "never" } }
            td.r {
                form method="post" action=(viewer.links().ui(format_args!("/tokens/{}/revoke", token.id))) {
                    button.btn.danger { (if is_this { "Sign out" } else { "Revoke" }) span.vh { " " (name) } }
                }
            }
        }
    }
}
