//! `POST /ui/buckets/selected`: what is done with the rows that somebody selected in the list of buckets: check, move, remove.
//! Moving and removing ask first, on a separate page.

use axum::response::Response;
use bucketry_control::buckets::{BucketInput, BucketView};
use bucketry_control::{Error, Result as ControlResult};
use bucketry_model::id::BucketId;
use bucketry_model::role::WorkspaceRole;
use futures_util::stream::{StreamExt as _, iter};
use http::StatusCode;
use maud::{Markup, html};

use super::bucket_rows::writable_workspaces;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::human;
use crate::parts::field::{TextField, select};
use crate::parts::heading::Heading;
use crate::parts::notice;
use crate::parts::state::{self, Mark};
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording;

/// The most buckets that can be selected: a page of the list.
const MOST: usize = 50;
/// The most buckets that are checked with one form, because the page waits for all of them.
const MOST_CHECKS: usize = 10;
/// How many of them are checked at the same time.
const CHECKS_AT_ONCE: usize = 4;

/// What is to be done with the selected buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SelectionAction {
    Check,
    Move,
    Remove,
}

impl SelectionAction {
    fn named(name: &str) -> Option<Self> {
        match name {
            "check" => Some(Self::Check),
            "move" => Some(Self::Move),
            "remove" => Some(Self::Remove),
            _ => None,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Move => "move",
            Self::Remove => "remove",
        }
    }

    /// The title of the page that asks, and the label of its button: `Move 3 buckets`.
    fn title(self, number: usize) -> String {
        let verb = match self {
            Self::Check => "Check",
            Self::Move => "Move",
            Self::Remove => "Remove",
        };
        format!("{verb} {}", buckets(number))
    }
}

fn buckets(number: usize) -> String {
    human::plural(number as u64, "bucket", "buckets")
}

/// The bar below a list of buckets with what can be done with those that are selected.
pub(super) fn actions() -> Markup {
    html! {
        div.selection data-selection {
            span.quiet.small data-selected { "With the selected buckets" }
            button.btn name="action" value="check" data-working="Checking…" { "Check" }
            button.btn name="action" value="move" { "Move" }
            button.btn.danger name="action" value="remove" { "Remove" }
        }
    }
}

/// `POST`
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = act(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn act(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let Some(action) = SelectionAction::named(fields.text("action")) else {
        return Err(PageError::NoSuchPage);
    };
    let selected = selected(viewer, fields).await?;
    let most = if action == SelectionAction::Check { MOST_CHECKS } else { MOST };
    if selected.is_empty() || selected.len() > most {
        let text = if selected.is_empty() {
            "Select at least one bucket that you may change.".to_owned()
        } else {
            format!("Select at most {most} buckets: the page waits until all of them are checked.")
        };
        return Ok(refused(viewer, fields, &text).into());
    }
    match action {
        SelectionAction::Check => Ok(checked(viewer, fields, &selected).await.into()),
        SelectionAction::Move => moved(viewer, fields, &selected).await,
        SelectionAction::Remove => removed(viewer, fields, &selected).await,
    }
}

/// The selected buckets that the viewer may change.
async fn selected(viewer: &Viewer, fields: &FieldValues) -> Result<Vec<BucketView>, PageError> {
    let mut ids: Vec<BucketId> = fields.all("id", MOST + 1).filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut views = viewer.control().buckets_named(&viewer.caller, &ids).await?;
    views.retain(|view| viewer.caller.may(WorkspaceRole::Write, view.bucket.workspace_id));
    views.sort_by_key(|view| view.bucket.name.as_str().to_lowercase());
    Ok(views)
}

/// The list from which the form was sent.
fn list_link(viewer: &Viewer, fields: &FieldValues) -> String {
    let wanted = fields.text("back");
    let list = viewer.links().ui("/buckets");
    let is_list = wanted == list || wanted.strip_prefix(&list).is_some_and(|rest| rest.starts_with('?'));
    if is_list { viewer.frame.own_page(wanted) } else { list }
}

fn page(viewer: &Viewer, fields: &FieldValues, title: &str, body: Markup) -> Screen {
    let crumbs = [("Buckets", list_link(viewer, fields))];
    let heading = Heading { crumbs: &crumbs, title, ..Heading::default() };
    Screen::new(Section::Buckets, title, html! { (heading.render()) (body) })
}

fn refused(viewer: &Viewer, fields: &FieldValues, text: &str) -> Screen {
    let body = html! {
        (notice::problems("Nothing was done", &[text.to_owned()], &[]))
        p { a.btn href=(list_link(viewer, fields)) { "Back to the list" } }
    };
    page(viewer, fields, "Selected buckets", body).with_status(StatusCode::UNPROCESSABLE_ENTITY)
}

async fn checked(viewer: &Viewer, fields: &FieldValues, selected: &[BucketView]) -> Screen {
    let input = BucketInput::default();
    let check = |view: &BucketView| {
        let (control, input, id) = (viewer.control(), &input, view.bucket.id);
        async move {
            let validated = control.validate_bucket(&viewer.caller, id, input).await?;
            let failed = validated.diagnosis.checks.into_iter().find(|check| !check.ok);
            Ok::<_, Error>(failed.map(|check| check.message))
        }
    };
    let checks: Vec<_> = selected.iter().map(check).collect();
    let results: Vec<_> = iter(checks).buffered(CHECKS_AT_ONCE).collect().await;
    let passed = results.iter().filter(|result| matches!(result, Ok(None))).count();
    let title = format!("{passed} of {} passed", buckets(selected.len()));
    let body = html! {
        section.panel aria-label="Results" {
            ul.body.log { @for (view, result) in selected.iter().zip(&results) {
                li {
                    span {
                        (bucket_link(viewer, view))
                        @match result {
                            Ok(None) => {},
                            Ok(Some(message)) => { br; span.quiet.small { (message) } },
                            Err(error) => { br; span.quiet.small { (wording::message(error)) } },
                        }
                    }
                    @match result {
                        Ok(None) => (state::state(Mark::Good, "Passed")),
                        Ok(Some(_)) => (state::state(Mark::Bad, "Failed")),
                        Err(_) => (state::state(Mark::Mute, "Not checked")),
                    }
                }
            } }
        }
        p { a.btn href=(list_link(viewer, fields)) { "Back to the list" } }
    };
    page(viewer, fields, &title, body)
}

fn bucket_link(viewer: &Viewer, view: &BucketView) -> Markup {
    html! { a.link href=(viewer.links().ui(format_args!("/buckets/{}", view.bucket.id))) { (view.bucket.name.as_str()) } }
}

async fn moved(
    viewer: &Viewer,
    fields: &FieldValues,
    selected: &[BucketView],
) -> Result<FormOutcome, PageError> {
    let to = fields.text("workspaceId");
    if to.is_empty() {
        let workspaces = writable_workspaces(viewer).await?;
        let question = html! { (select("workspaceId", "To the workspace", &workspaces, "", None)) };
        return Ok(asked(viewer, fields, SelectionAction::Move, selected, question).into());
    }
    let mut failed = Vec::new();
    for view in selected {
        let input = BucketInput { workspace_id: Some(to.to_owned()), ..BucketInput::default() };
        let result = viewer.control().update_bucket(&viewer.caller, view.bucket.id, &input).await;
        keep_failure(&mut failed, view, result.map(drop))?;
    }
    Ok(done(viewer, fields, SelectionAction::Move, selected.len(), &failed, "buckets-moved"))
}

async fn removed(
    viewer: &Viewer,
    fields: &FieldValues,
    selected: &[BucketView],
) -> Result<FormOutcome, PageError> {
    let number = selected.len().to_string();
    if fields.text("confirm") != number {
        let problem =
            fields.has("confirm").then(|| format!("Enter {number} to remove {}.", buckets(selected.len())));
        let question = html! {
            p.quiet { "Their objects stay at the providers. Statistics and events are retained." }
            (TextField {
                id: "confirm",
                label: &format!("Type {number} to confirm"),
                placeholder: &number,
                problem: problem.as_deref(),
                ..TextField::default()
            }.render())
        };
        let screen = asked(viewer, fields, SelectionAction::Remove, selected, question);
        let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        return Ok(screen.with_status(status).into());
    }
    let mut failed = Vec::new();
    for view in selected {
        let result = viewer.control().delete_bucket(&viewer.caller, view.bucket.id).await;
        keep_failure(&mut failed, view, result)?;
    }
    Ok(done(viewer, fields, SelectionAction::Remove, selected.len(), &failed, "buckets-removed"))
}

/// A failure of one bucket doesn't stop the others. One of the server does.
fn keep_failure(
    failed: &mut Vec<String>,
    view: &BucketView,
    result: ControlResult<()>,
) -> Result<(), PageError> {
    match result {
        Ok(()) => Ok(()),
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error.into()),
        Err(error) => {
            failed.push(format!("{}: {}", view.bucket.name.as_str(), wording::message(&error)));
            Ok(())
        }
    }
}

/// Asks before something is done.
fn asked(
    viewer: &Viewer,
    fields: &FieldValues,
    action: SelectionAction,
    selected: &[BucketView],
    question: Markup,
) -> Screen {
    let title = action.title(selected.len());
    let is_removal = action == SelectionAction::Remove;
    let body = html! {
        section.panel.danger[is_removal] aria-label=(title) {
            form method="post" action=(viewer.links().ui("/buckets/selected")) {
                input type="hidden" name="action" value=(action.id());
                input type="hidden" name="back" value=(list_link(viewer, fields));
                div.body.form {
                    ul.log { @for view in selected { li {
                        span {
                            (bucket_link(viewer, view))
                            @if is_removal && !view.repositories.is_empty() {
                                br; span.quiet.small {
                                    "Used by "
                                    @for (index, repository) in view.repositories.iter().enumerate() {
                                        @if index > 0 { ", " } (repository.name.as_str())
                                    }
                                    ", so it can’t be removed"
                                }
                            }
                            input type="hidden" name="id" value=(view.bucket.id);
                        }
                        (state::status(view.status))
                    } } }
                    (question)
                }
                div.foot {
                    button.btn.danger[is_removal].main-act[!is_removal] { (title) }
                    a.btn.plain.push href=(list_link(viewer, fields)) { "Cancel" }
                }
            }
        }
    };
    page(viewer, fields, &title, body)
}

/// Where the form leads: to the list if everything was done, otherwise to what was not.
fn done(
    viewer: &Viewer,
    fields: &FieldValues,
    action: SelectionAction,
    number: usize,
    failed: &[String],
    message: &str,
) -> FormOutcome {
    let list = list_link(viewer, fields);
    if failed.is_empty() {
        let separator = if list.contains('?') { '&' } else { '?' };
        return FormOutcome::Moved(format!("{list}{separator}done={message}"));
    }
    let title = action.title(number);
    let text = format!("{} of {} could not be changed", failed.len(), buckets(number));
    let body = html! {
        (notice::problems(&text, failed, &[]))
        p { a.btn href=(list) { "Back to the list" } }
    };
    page(viewer, fields, &title, body).with_status(StatusCode::UNPROCESSABLE_ENTITY).into()
}
