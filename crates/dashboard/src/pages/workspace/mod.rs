//! `/ui/workspaces/{id}`: one workspace, what it contains, and its members.

mod contents;
mod members;

pub(crate) use members::{add, change, remove};

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_control::workspaces::WorkspaceView;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use http::StatusCode;
use maud::{Markup, html};

use self::contents::Contents;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::form_problems::FormProblems;
use crate::parts::field::TextField;
use crate::parts::heading::Heading;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

/// Members per page.
const PER_PAGE: u32 = 50;

const LABELS: &Labels =
    &[("name", "Name"), ("confirm", "Name"), ("email", "E-mail address"), ("role", "Role")];

/// What was sent and is shown again, with what is wrong with it.
#[derive(Default)]
struct WorkspaceForm {
    title: &'static str,
    name: Option<String>,
    email: String,
    role: String,
    problems: FormProblems,
}

/// The id in an address. A malformed one is treated as not found.
fn parsed(id: &str) -> Result<WorkspaceId, Error> {
    id.parse().map_err(|_| Error::NotFound(ResourceKind::Workspace))
}

fn path(viewer: &Viewer, id: WorkspaceId, rest: &str) -> String {
    viewer.links().ui(format_args!("/workspaces/{id}{rest}"))
}

/// The page after a change.
fn changed(viewer: &Viewer, id: WorkspaceId, done: &str) -> FormOutcome {
    FormOutcome::Moved(viewer.links().ui_with(format_args!("/workspaces/{id}"), &[("done", done)]))
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    let after = query.get("after").and_then(UserId::from_text);
    let result = page(&viewer, &id, after, &WorkspaceForm::default()).await;
    viewer.answer(result).await
}

/// `POST`: renames the workspace.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = rename(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn rename(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let workspace = parsed(id)?;
    let name = fields.text("name");
    match viewer.control().rename_workspace(&viewer.caller, workspace, Some(name)).await {
        Ok(_) => Ok(changed(viewer, workspace, "workspace-changed")),
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let sent = WorkspaceForm {
                title: "The workspace was not renamed",
                name: Some(name.to_owned()),
                problems,
                ..WorkspaceForm::default()
            };
            again(viewer, id, &sent).await
        }
    }
}

/// `POST /delete`: deletes the workspace, if its name was typed.
pub(crate) async fn delete(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = end(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn end(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let workspace = parsed(id)?;
    let view = viewer.control().workspace_with_members(&viewer.caller, workspace, None, 1).await?;
    let title = "The workspace was not deleted";
    let problems = if fields.text("confirm") == view.workspace.name.as_str() {
        match viewer.control().delete_workspace(&viewer.caller, workspace).await {
            Ok(()) => {
                let to = viewer.links().ui_with("/workspaces", &[("done", "workspace-deleted")]);
                return Ok(FormOutcome::Moved(to));
            }
            Err(error) => FormProblems::of(error, LABELS)?,
        }
    } else {
        administers(viewer, workspace)?;
        FormProblems::of_field("confirm", "is not the name of this workspace", LABELS)
    };
    again(viewer, id, &WorkspaceForm { title, problems, ..WorkspaceForm::default() }).await
}

/// Refuses a viewer who isn't an ADMIN of the workspace.
fn administers(viewer: &Viewer, id: WorkspaceId) -> Result<(), PageError> {
    if viewer.caller.may(WorkspaceRole::Admin, id) {
        return Ok(());
    }
    let message = "changing a workspace needs the role ADMIN in it: ask an ADMIN of the workspace";
    Err(Error::Forbidden(message.to_owned()).into())
}

/// The page with what is wrong.
async fn again(viewer: &Viewer, id: &str, sent: &WorkspaceForm) -> Result<FormOutcome, PageError> {
    let screen = page(viewer, id, None, sent).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn page(
    viewer: &Viewer,
    id: &str,
    after: Option<UserId>,
    sent: &WorkspaceForm,
) -> Result<Screen, PageError> {
    let id = parsed(id)?;
    let control = viewer.control();
    let view = control.workspace_with_members(&viewer.caller, id, after, PER_PAGE + 1).await?;
    let contents = contents::read(viewer, id).await?;
    let is_admin = viewer.caller.may(WorkspaceRole::Admin, id);
    let role = viewer.caller.role_in(id).map_or("none", WorkspaceRole::as_str);
    let name = view.workspace.name.as_str();
    let heading = Heading {
        crumbs: &[("Workspaces", viewer.links().ui("/workspaces"))],
        title: name,
        about: Some(
            html! { "Your role: " (role) ". Created on " (time::date(view.workspace.created_at)) "." },
        ),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (sent.problems.list(sent.title))
        div.two.wide-left {
            div.form {
                (members::panel(viewer, &view, after, is_admin))
                @if is_admin { (members::form(viewer, id, sent)) }
            }
            div.form {
                (contents.panels(viewer, id))
                @if is_admin {
                    (renaming(viewer, &view, sent))
                    (removal(viewer, &view, &contents, sent))
                }
            }
        }
    };
    Ok(Screen::new(Section::Workspaces, name, body))
}

fn renaming(viewer: &Viewer, view: &WorkspaceView, sent: &WorkspaceForm) -> Markup {
    let name = sent.name.as_deref().unwrap_or(view.workspace.name.as_str());
    html! {
        section.panel aria-labelledby="rn" {
            header { h2 #rn { "Rename" } }
            form.body.form method="post" action=(path(viewer, view.workspace.id, "")) {
                (TextField {
                    id: "name", label: "Name", value: name, is_required: true,
                    problem: sent.problems.at("name"), ..TextField::default()
                }.render())
                div { button.btn { "Save" } }
            }
        }
    }
}

fn removal(viewer: &Viewer, view: &WorkspaceView, contents: &Contents, sent: &WorkspaceForm) -> Markup {
    html! {
        section.panel.danger aria-labelledby="rm" {
            header { h2 #rm { "Delete" } }
            form.body.form method="post" action=(path(viewer, view.workspace.id, "/delete")) {
                @if contents.is_empty() {
                    p.quiet { "It is empty. Its members lose access to it, and API tokens that are limited to it end." }
                    (TextField {
                        id: "confirm",
                        label: "Type the workspace’s name to confirm",
                        placeholder: view.workspace.name.as_str(),
                        problem: sent.problems.at("confirm"),
                        ..TextField::default()
                    }.render())
                    div { button.btn.danger { "Delete workspace" } }
                } @else {
                    p.quiet { "Only an empty workspace can be deleted. First move or remove " (contents.names()) "." }
                }
            }
        }
    }
}
