//! The tab *Settings* of a bucket: change it, check it, remove it.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::{BucketInput, BucketView};
use bucketry_control::{Error, FieldError};
use bucketry_model::diagnosis::Check;
use http::StatusCode;
use maud::{Markup, html};

use super::super::bucket_form::{self, BucketValues, FieldProblems, ReadForm};
use super::super::bucket_rows::writable_workspaces;
use super::super::providers;
use super::{path, read, stale, top, update};
use crate::digest::digest;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::parts::checks;
use crate::parts::field::TextField;
use crate::parts::notice;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording;

/// What is wrong with what was sent.
#[derive(Default)]
struct Wrong {
    general: Vec<String>,
    fields: Vec<FieldError>,
    made: Vec<Check>,
    /// Whether somebody else has saved a change since the form was opened.
    is_stale: bool,
}

impl Wrong {
    fn set_stale(&mut self) {
        self.is_stale = true;
        self.general.push(
            "Somebody else has changed this bucket in the meantime. The fields show your values. Save again to replace what is \
             stored now."
                .to_owned(),
        );
    }
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = page(&viewer, &id).await;
    viewer.answer(result).await
}

async fn page(viewer: &Viewer, id: &str) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    screen(viewer, &view, &stored(&view), &Wrong::default()).await
}

/// `POST`: stores the changes, after a check if location or secret have changed.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = change(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn change(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let mut view = read(viewer, id).await?;
    let mut form = ReadForm::of(fields);
    form.values.has_secret |= view.has_secret;
    let mut wrong = Wrong { fields: form.problems.clone(), ..Wrong::default() };
    // Somebody else's change in the meantime would be overwritten with what this form showed before.
    let shown = fields.text("shown");
    if shown != shown_values(&view) {
        wrong.set_stale();
    }
    if wrong.fields.is_empty() && wrong.general.is_empty() {
        let is_as_shown = |now: &BucketView| shown_values(now) == shown;
        match update(viewer, view.bucket.id, &form.changes(), is_as_shown).await {
            Ok(_) => {
                let to = format!("/buckets/{}", view.bucket.id);
                return Ok(FormOutcome::Moved(viewer.links().ui_with(to, &[("done", "bucket-changed")])));
            }
            Err(Error::Invalid(fields)) => wrong.fields = fields,
            Err(Error::ValidationFailed(diagnosis)) => {
                wrong.general.push("Nothing was changed, because a check failed.".to_owned());
                wrong.made = diagnosis.checks;
            }
            Err(Error::Conflict) => {
                view = read(viewer, id).await?;
                wrong.set_stale();
            }
            Err(error @ (Error::NameTaken(_) | Error::Rule { .. } | Error::NodeTimeout)) => {
                wrong.general.push(wording::message(&error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let screen = screen(viewer, &view, &form.values, &wrong).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

/// `POST /check`: runs the checks with what is stored.
pub(crate) async fn check(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = run_checks(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn run_checks(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let id = view.bucket.id;
    // A script follows the checks on a separate page. Without it, the bucket's page comes when they have ended.
    if fields.has("follow") {
        let validation =
            viewer.control().begin_validation(&viewer.caller, id, &BucketInput::default()).await?;
        return Ok(FormOutcome::Moved(path(viewer, id, &format!("/check/{validation}"))));
    }
    viewer.control().validate_bucket(&viewer.caller, id, &BucketInput::default()).await?;
    let to = viewer.links().ui_with(format!("/buckets/{id}"), &[("done", "bucket-checked")]);
    Ok(FormOutcome::Moved(format!("{to}#diagnosis")))
}

/// `POST /delete`: removes the bucket from the registry, if its name was typed.
pub(crate) async fn delete(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = remove(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn remove(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let mut wrong = Wrong::default();
    if fields.text("confirm") == view.bucket.name.as_str() {
        match viewer.control().delete_bucket(&viewer.caller, view.bucket.id).await {
            Ok(()) => {
                let to = viewer.links().ui_with("/buckets", &[("done", "bucket-deleted")]);
                return Ok(FormOutcome::Moved(to));
            }
            Err(error @ (Error::InUse(_) | Error::Rule { .. })) => {
                wrong.general.push(wording::message(&error));
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        wrong.fields.push(FieldError::new("confirm", "is not the name of this bucket"));
    }
    let screen = screen(viewer, &view, &stored(&view), &wrong).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

/// The form's values of a stored bucket.
fn stored(view: &BucketView) -> BucketValues {
    let location = &view.bucket.location;
    BucketValues {
        card: providers::card_for(view.provider, location.storage_type).id.to_owned(),
        bucket: location.bucket.clone(),
        key: location.key.clone().unwrap_or_default(),
        region: location.region.clone().unwrap_or_default(),
        endpoint: location.endpoint.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: view.bucket.name.as_str().to_owned(),
        workspace: view.bucket.workspace_id.to_string(),
        is_read_only: false,
        has_secret: view.has_secret,
        kind: String::new(),
    }
}

/// A digest of what the form shows of a stored bucket, to notice if that is something else when the form is sent. The version
/// doesn't say that: it also grows when the secret is sealed again.
fn shown_values(view: &BucketView) -> String {
    let stored = stored(view);
    let secret_set_at = view.bucket.credential.set_at.map(|at| at.to_string()).unwrap_or_default();
    let has_secret = if view.has_secret { "secret" } else { "" };
    digest([
        view.bucket.location.storage_type.as_str(),
        &stored.bucket,
        &stored.key,
        &stored.region,
        &stored.endpoint,
        &stored.name,
        &stored.workspace,
        has_secret,
        &secret_set_at,
    ])
}

async fn screen(
    viewer: &Viewer,
    view: &BucketView,
    values: &BucketValues,
    wrong: &Wrong,
) -> Result<Screen, PageError> {
    if !super::may_change(viewer, view) {
        let message =
            "changing this bucket needs the role WRITE in its workspace: ask an ADMIN of the workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let workspaces = writable_workspaces(viewer).await?;
    let body = html! {
        (top(viewer, view, "Settings"))
        @if !wrong.general.is_empty() || !wrong.fields.is_empty() {
            (notice::problems("Nothing was changed", &wrong.general, &bucket_form::listed(&wrong.fields)))
        }
        @if wrong.is_stale { (stale::panel(values, &stored(view), &workspaces)) }
        div.two.wide-left {
            (form(viewer, view, values, wrong, &workspaces))
            div.sticky.form {
                @if !wrong.made.is_empty() {
                    section.panel aria-labelledby="ck" {
                        header { h2 #ck { "Checks" } }
                        div.body { (checks::checks_in_progress(&wrong.made, None, true)) }
                    }
                }
                (removal(viewer, view, wrong))
            }
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Settings of {}", view.bucket.name.as_str()), body))
}

fn form(
    viewer: &Viewer,
    view: &BucketView,
    values: &BucketValues,
    wrong: &Wrong,
    workspaces: &[(String, String)],
) -> Markup {
    let help = if view.has_secret { "Leave empty to keep the stored one." } else { "None is stored." };
    let problems = FieldProblems { wrong: &wrong.fields, made: &wrong.made };
    html! {
        form.panel method="post" action=(path(viewer, view.bucket.id, "/settings")) {
            div.body.form {
                input type="hidden" name="shown" value=(shown_values(view));
                (bucket_form::provider_cards(&values.card))
                (bucket_form::stored_location(values, &problems, help))
                (bucket_form::registration(values, workspaces, &wrong.fields))
            }
            div.foot {
                button.btn.main-act data-working="Checking…" { "Save" }
                a.btn.plain.push href=(path(viewer, view.bucket.id, "")) { "Cancel" }
            }
        }
    }
}

fn removal(viewer: &Viewer, view: &BucketView, wrong: &Wrong) -> Markup {
    let problem = bucket_form::problem(&wrong.fields, "confirm");
    html! {
        section.panel.danger aria-labelledby="rm" {
            header { h2 #rm { "Remove from the registry" } }
            form.body.form method="post" action=(path(viewer, view.bucket.id, "/delete")) {
                p.quiet { "Its objects stay at the provider. Statistics and events are retained." }
                @if !view.repositories.is_empty() {
                    p {
                        "First take it out of "
                        @for (index, repository) in view.repositories.iter().enumerate() {
                            @if index > 0 { ", " }
                            a.link href=(viewer.links().ui(format_args!("/repositories/{}/settings", repository.id))) {
                                (repository.name.as_str())
                            }
                        }
                        "."
                    }
                } @else {
                    (TextField {
                        id: "confirm",
                        label: "Type the bucket’s name to confirm",
                        placeholder: view.bucket.name.as_str(),
                        problem: problem.as_deref(),
                        ..TextField::default()
                    }.render())
                    div { button.btn.danger { "Remove bucket" } }
                }
            }
        }
    }
}
