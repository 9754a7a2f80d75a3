//! `/ui/buckets/add`: one page, no wizard. Paste anything, choose a provider, check, add.

use axum::response::Response;
use bucketry_control::{Error, FieldError};
use bucketry_model::diagnosis::Check;
use bucketry_model::id::ValidationId;
use http::StatusCode;
use maud::{Markup, html};

use super::bucket_form::{self, BucketValues, FieldProblems, ReadForm};
use super::bucket_rows;
use super::check_panel::{CheckPanel, live_region};
use super::least_privilege::least_privilege;
use super::{providers, validation};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::parts::field::paste_area;
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::notice;
use crate::parts::snippet::snippet;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording;

/// What the page shows beside the form.
#[derive(Default)]
struct CheckResult {
    made: Vec<Check>,
    /// Checks that are being made.
    followed: Option<ValidationId>,
    /// What is wrong, apart from fields and checks.
    general: Vec<String>,
    wrong: Vec<FieldError>,
    found: Vec<String>,
}

/// `GET`: the empty form.
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer, &BucketValues::default(), &CheckResult::default()).await;
    viewer.answer(result).await
}

/// `POST`: reads the paste, checks, or adds, by the button.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = act(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn act(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let form = ReadForm::of(fields);
    let mut shown = CheckResult { found: form.found.clone(), ..CheckResult::default() };
    let action = fields.text("action");
    if !form.problems.is_empty() && action != "read" {
        shown.wrong = form.problems;
        let screen = screen(viewer, &form.values, &shown).await?;
        return Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    // A script follows the checks. Without it, the page comes when they have ended.
    let follows = fields.has("follow");
    match action {
        "add" if follows => {
            match viewer.control().begin_bucket_creation(&viewer.caller, form.input()).await {
                Ok(id) => shown.followed = Some(id),
                Err(error) => shown.take(error)?,
            }
        }
        "check" if follows => {
            match viewer.control().begin_new_bucket_check(&viewer.caller, &form.input()).await {
                Ok(id) => shown.followed = Some(id),
                Err(error) => shown.take(error)?,
            }
        }
        "add" => match viewer.control().create_bucket(&viewer.caller, &form.input()).await {
            Ok(created) => {
                let path = format!("/buckets/{}", created.id);
                return Ok(FormOutcome::Moved(viewer.links().ui_with(path, &[("done", "bucket-added")])));
            }
            Err(error) => shown.take(error)?,
        },
        "check" => match viewer.control().check_new_bucket(&viewer.caller, &form.input()).await {
            Ok(validated) => shown.made = validated.diagnosis.checks,
            Err(error) => shown.take(error)?,
        },
        // A paste that could not be read says so at once; what is missing is asked for later.
        _ => shown.wrong = form.problems.into_iter().filter(|one| one.field == "paste").collect(),
    }
    let has_failed = !shown.wrong.is_empty() || !shown.general.is_empty();
    let status = if has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(screen(viewer, &form.values, &shown).await?.with_status(status).into())
}

impl CheckResult {
    /// Shows an error that the form can be corrected after. Returns any other.
    fn take(&mut self, error: Error) -> Result<(), PageError> {
        match error {
            Error::Invalid(wrong) => self.wrong = wrong,
            Error::ValidationFailed(diagnosis) => {
                self.general.push("The bucket was not added, because a check failed.".to_owned());
                self.made = diagnosis.checks;
            }
            error @ (Error::Unavailable(_) | Error::Internal(_) | Error::Unauthenticated(_)) => {
                return Err(error.into());
            }
            other => self.general.push(wording::message(&other)),
        }
        Ok(())
    }
}

async fn screen(viewer: &Viewer, values: &BucketValues, shown: &CheckResult) -> Result<Screen, PageError> {
    let workspaces = bucket_rows::writable_workspaces(viewer).await?;
    if workspaces.is_empty() {
        let message = "adding a bucket needs the role WRITE in a workspace: ask an ADMIN of a workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let heading = Heading {
        crumbs: &[("Buckets", viewer.links().ui("/buckets"))],
        title: "Add a bucket",
        about: Some(html! {
            "The bucket stays where it is. A node checks it with the key you enter, and seals the key so that only nodes can \
             read it."
        }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        div.two.wide-left {
            (form(viewer, values, shown, &workspaces))
            (beside(viewer, values, shown).await?)
        }
        (live_region())
    };
    Ok(Screen::new(Section::Buckets, "Add a bucket", body))
}

fn form(
    viewer: &Viewer,
    values: &BucketValues,
    shown: &CheckResult,
    workspaces: &[(String, String)],
) -> Markup {
    let wrong = &shown.wrong;
    let paste = bucket_form::problem(wrong, "paste");
    html! {
        form.panel method="post" action=(viewer.links().ui("/buckets/add")) data-inline data-follows {
            div.body.form {
                div #problems data-result {
                    @if !wrong.is_empty() || !shown.general.is_empty() {
                        (notice::problems("The bucket can’t be added yet", &shown.general, &bucket_form::listed(wrong)))
                    }
                }
                div {
                    (paste_area(
                        "paste",
                        "Paste anything",
                        "A web address, an s3:// or gs:// address, a connection string, a JSON key, or lines from a credentials \
                         file. It is read here and never sent back.",
                        paste.as_deref(),
                    ))
                    div.tools {
                        button.btn name="action" value="read" { "Read" }
                        div #found data-result { (bucket_form::found(&shown.found)) }
                    }
                }
                div.form #fields data-result {
                    (bucket_form::provider_cards(&values.card))
                    (bucket_form::location(values, &FieldProblems { wrong, made: &shown.made }))
                    (bucket_form::registration(values, workspaces, wrong))
                }
            }
            div.foot {
                button.btn.main-act name="action" value="add" data-working="Checking…" { "Add bucket" }
                button.btn name="action" value="check" data-working="Checking…" { (icon(Icon::Again)) "Check" }
                a.btn.plain.push href=(viewer.links().ui("/buckets")) { "Cancel" }
            }
        }
    }
}

async fn beside(viewer: &Viewer, values: &BucketValues, shown: &CheckResult) -> Result<Markup, PageError> {
    let card = providers::card_of(&values.card);
    let panel = match shown.followed {
        Some(id) => validation::new_bucket_panel(viewer, id, &FieldValues::default()).await?,
        None => CheckPanel::beside_form(shown.made.clone()),
    };
    Ok(html! {
        div.sticky.form #beside data-result {
            (panel.render())
            @if !values.card.is_empty() {
                div.quiet.small {
                    p { b { "Where to find the key: " } (card.where_to_find) }
                    p { b { "Enough permissions: " } (card.permissions) }
                    @if let Some(least) = least_privilege(card, values, viewer.frame.now) {
                        (snippet("least-privilege", least.label, &least.text))
                    }
                }
            }
        }
    })
}
